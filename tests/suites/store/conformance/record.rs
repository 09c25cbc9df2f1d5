//! The record's text through the store: what is written, and what a change leaves alone.

use serde_json::Value;

use super::fixture::*;
use super::{Engine, Options, promises};

promises! {
    recorded_records_are_kept_byte_for_byte,
    a_change_leaves_the_text_of_every_field_that_it_does_not_set,
    text_of_every_kind_comes_back_as_it_was,
    large_values_come_back_as_they_were,
    updated_at_is_later_after_every_change_and_has_a_fraction,
    a_record_that_cannot_be_read_is_an_error_for_its_own_id_only,
}

/// The records that the Python package writes, by name.
fn recorded() -> Vec<(String, String)> {
    let all: Value = serde_json::from_str(include_str!("../../../vectors/records.json")).unwrap();
    let text = |vector: &Value, field: &str| vector[field].as_str().unwrap().to_owned();
    all["records"].as_array().unwrap().iter().map(|vector| (text(vector, "name"), text(vector, "wire"))).collect()
}

fn as_draft(record: &TaskRecord) -> Draft {
    let service = Service::stored(record.service()).unwrap();
    let mut draft = Draft::new(service, UserId::stored(record.user_id()).unwrap()).with_id(task_id(record.task_id()));
    draft.status = record.status();
    draft.parameters = json(record.parameters());
    draft.active_jobs = record.active_jobs();
    draft.created_at = Some(record.created_at().clone());
    draft.logs = record.logs();
    draft.result = record.result();
    draft.priority = record.priority();
    draft
}

async fn recorded_records_are_kept_byte_for_byte<E: Engine>() {
    let (_engine, store) = store::<E>().await;
    for (name, wire) in recorded() {
        let record = TaskRecord::decode(wire.as_bytes(), &TimeZone::utc()).unwrap();
        let id = save(&store, as_draft(&record)).await;
        let stored = get(&store, &id).await;
        let stamp = |time: &str| format!("\"updated_at\":\"{time}\"");
        let expected = wire.replace(&stamp(record.updated_at().as_str()), &stamp(stored.updated_at().as_str()));
        assert_eq!(stored.encode(), expected, "{name}");
    }
}

/// The raw text of each field of a record.
fn fields(record: &TaskRecord) -> std::collections::BTreeMap<String, Box<serde_json::value::RawValue>> {
    serde_json::from_str(&record.encode()).unwrap()
}

async fn a_change_leaves_the_text_of_every_field_that_it_does_not_set<E: Engine>() {
    let (_engine, store) = store::<E>().await;
    let mut odd = draft("1");
    odd.parameters =
        json(r#"{"n":123456789012345678901234567890,"f":1.50,"e":1E+2,"z":-0.0,"k":{"b":[],"a":"é\n\u0001"}}"#);
    odd.created_at = Some(time("2025-11-17T10:00:16+05:30"));
    odd.active_jobs = vec!["job \"1\"".to_owned()];
    odd.logs = vec!["no time,é\u{1}\n".to_owned()];
    odd.result = TaskResult { pod_status: Some("phase\t1".to_owned()), launcher_output: Some("\u{7f}".to_owned()) };
    let id = save(&store, odd).await;
    for (change, sets) in [
        (Change::logs(["entry"]), vec!["logs"]),
        (Change::status(Status::Running), vec!["status"]),
        (Change::status(Status::CancelRequested).log("stop"), vec!["status", "logs"]),
        (Change::active_jobs(vec!["job-2".to_owned()]), vec!["active_jobs"]),
        (pod("phase=2"), vec!["result"]),
        (Change::default(), vec![]),
    ] {
        let before = fields(&get(&store, &id).await);
        store.change(&id, change.clone(), &Access::ANY).await.unwrap();
        let after = fields(&get(&store, &id).await);
        for (name, text) in &before {
            let same = after[name].get() == text.get();
            let set = sets.contains(&name.as_str()) || name == "updated_at";
            assert_eq!(same, !set, "the field {name} after {change:?}: {}", after[name]);
        }
    }
    let result = get(&store, &id).await.result();
    assert_eq!(result.launcher_output.as_deref(), Some("\u{7f}"));
}

async fn text_of_every_kind_comes_back_as_it_was<E: Engine>() {
    let (_engine, store) = store::<E>().await;
    let id = save(&store, draft("1")).await;
    let control: String = (0..=0x20_u8).map(char::from).collect();
    let texts = [
        "",
        ",",
        "a,b,c",
        "\0",
        "a\0b",
        "\"\\/",
        "line 1\nline 2\r\n",
        "\u{7f}\u{80}\u{9f}",
        "\u{2028}\u{2029}\u{feff}",
        "\u{fffd}\u{fffe}\u{ffff}",
        "é한🦀\u{10ffff}",
        "],\"result\":{",
        "%s %d {} :x",
        &control,
    ];
    store.change(&id, Change::logs(texts), &Access::ANY).await.unwrap();
    for text in texts {
        store.change(&id, Change::default().log(text), &Access::ANY).await.unwrap();
        store.change(&id, pod(text), &Access::ANY).await.unwrap();
        store.change(&id, output(text), &Access::ANY).await.unwrap();
        store.change(&id, Change::active_jobs(vec![text.to_owned()]), &Access::ANY).await.unwrap();
        let task = get(&store, &id).await;
        assert_eq!(task.active_jobs(), [text]);
        assert_eq!(task.result().pod_status.as_deref(), Some(text));
        assert_eq!(task.result().launcher_output.as_deref(), Some(text));
    }
    let expected: Vec<&str> = texts.into_iter().chain(texts).collect();
    assert_eq!(messages(&get(&store, &id).await), expected);
    let listed = store.list(&Query::new(ids_scope(&["1"]))).await.unwrap();
    assert_eq!(messages(&listed.tasks[0]), expected);
}

async fn large_values_come_back_as_they_were<E: Engine>() {
    let (_engine, store) = store::<E>().await;
    let mega = |unit: &str| unit.repeat((1 << 20) / unit.len());
    let mut large = logged_draft("1", [mega("log ")]);
    large.parameters = json(&format!("{{\"p\":\"{}\"}}", mega("파")));
    let id = save(&store, large.clone()).await;
    let printed = mega("out\n").repeat(8);
    store.change(&id, output(&printed).log(mega("\"")), &Access::ANY).await.unwrap();
    store.change(&id, Change::logs([mega("\0")]), &Access::ANY).await.unwrap();
    let task = get(&store, &id).await;
    assert_eq!(task.parameters(), large.parameters.as_str());
    assert!(task.result().launcher_output.is_some_and(|kept| kept == printed));
    assert!(messages(&task) == [mega("log "), mega("\""), mega("\0")]);
}

async fn updated_at_is_later_after_every_change_and_has_a_fraction<E: Engine>() {
    let (_engine, store) = store_with::<E>(stuck_at("2025-11-17T10:00:16.999997+09:00")).await;
    let id = save(&store, draft("1")).await;
    let changes = [
        Change::logs(["one"]),
        Change::logs(["two", "three"]),
        Change::status(Status::Running),
        output("o"),
        Change::active_jobs(Vec::new()),
        Change::status(Status::Running),
        Change::default(),
    ];
    let mut last = get(&store, &id).await.updated_at().clone();
    assert_eq!(last.as_str(), "2025-11-17T10:00:16.999997+09:00");
    let mut check = |task: TaskRecord, what: &str| {
        let now = task.updated_at();
        assert!(*now > last, "{now} is not later than {last} after {what}");
        assert!(now.micros() % 1_000_000 != 0, "{now} has no fraction after {what}");
        assert_eq!(now.as_str().len(), last.as_str().len());
        last = now.clone();
    };
    for change in changes {
        store.change(&id, change.clone(), &Access::ANY).await.unwrap();
        check(get(&store, &id).await, &format!("{change:?}"));
    }
    save(&store, draft("1")).await;
    check(get(&store, &id).await, "a save");
    let unchanged = Precondition::UnchangedSince(get(&store, &id).await.updated_at().clone());
    store.save(draft("1"), unchanged, &Access::ANY).await.unwrap();
    check(get(&store, &id).await, "a save of an unchanged task");
    store.claim(claim("1")).await.unwrap();
    check(get(&store, &id).await, "a claim");
}

async fn a_record_that_cannot_be_read_is_an_error_for_its_own_id_only<E: Engine>() {
    let engine = E::fresh(Options::default()).await;
    let store = engine.open().await;
    for id in ["1", "2", "3"] {
        save(&store, draft(id)).await;
    }
    if !engine.spoil("2").await {
        return;
    }
    let id = task_id("2");
    assert_fails!(store.get(&id, &Access::ANY).await, Error::Unreadable { id, .. } if id == "2");
    let change = Change::status(Status::Running);
    assert_fails!(store.change(&id, change, &Access::ANY).await, Error::Unreadable { .. });
    for scope in scopes(&["1", "2", "3"]) {
        let pages = pages(&store, Query::new(scope)).await;
        assert_eq!(ids(&pages), ["1", "3"]);
        assert_eq!(skipped(&pages), ["2"]);
    }
    // It can be replaced, and it can be removed.
    save(&store, draft("2")).await;
    get(&store, &id).await;
    assert!(engine.spoil("2").await);
    assert!(store.delete(&id, &Access::ANY).await.unwrap());
    assert_fails!(store.get(&id, &Access::ANY).await, Error::NotFound);
}
