//! Listings: their order, their pages, and what they leave out.

use serde_json::Value;
use task_state_host::record::{Head, JsonObject, Priority, Progress, compare_ids};
use task_state_host::store::{Counts, MAX_PAGE_BYTES, MAX_PAGE_TASKS, Order};

use super::fixture::*;
use super::{Engine, promises};

promises! {
    ids_are_listed_in_the_recorded_order,
    each_scope_lists_its_own_tasks,
    an_ids_listing_leaves_out_what_is_not_there,
    an_empty_listing_is_one_last_page,
    pages_of_any_size_come_to_the_same_listing,
    a_limit_beyond_its_bounds_is_refused,
    the_largest_page_is_full_when_there_are_more_tasks,
    a_page_ends_at_its_bound_of_bytes,
    a_page_shows_a_task_that_is_larger_than_its_bound,
    only_tasks_in_the_status_asked_for_are_listed,
    heads_are_those_of_the_records,
    the_newest_come_first_if_asked_for,
    ids_that_hold_a_text_are_found,
    tasks_are_counted_by_owner,
    a_head_costs_nothing_of_a_long_record,
    a_listing_goes_on_when_tasks_come_and_go,
    a_cursor_that_was_made_up_only_says_where_to_begin,
    a_cursor_names_no_task_that_the_owners_do_not_cover,
    a_listing_shows_records_as_they_are,
    users_are_listed_once_each_by_code_point,
    tasks_are_counted_by_status,
}

fn recorded(name: &str) -> Vec<String> {
    let vector: Value = serde_json::from_str(include_str!("../../../vectors/listing-order.json")).unwrap();
    serde_json::from_value(vector[name].clone()).unwrap()
}

async fn save_all<I: AsRef<str>>(store: &SharedStore, ids: impl IntoIterator<Item = I>) {
    for id in ids {
        save(store, draft(id.as_ref())).await;
    }
}

async fn ids_are_listed_in_the_recorded_order<E: Engine>() {
    let (_engine, store) = store::<E>().await;
    // White space is recorded too, but not saved.
    let may_be_saved = |ids: Vec<String>| ids.into_iter().filter(|id| !id.contains(' '));
    save_all(&store, may_be_saved(recorded("input"))).await;
    let sorted: Vec<String> = may_be_saved(recorded("sorted")).collect();
    for scope in scopes(&sorted) {
        assert_eq!(listed_in(&store, scope).await, sorted);
    }
}

/// Ids that are hard to order.
fn odd_ids() -> Vec<String> {
    let short = "0 -0 +0 00 1 +1 01 1_0 -1 -10 -9 ٣ 3 1__0 _1 1_ １０ a A é 🦀 - + 1.0 ² 99999999999999999999 \
                 100000000000000000000 -100000000000000000000";
    let long = ["9".repeat(128), format!("-{}", "9".repeat(127)), "x".repeat(128)];
    short.split(' ').map(str::to_owned).chain(long).collect()
}

async fn pages_of_any_size_come_to_the_same_listing<E: Engine>() {
    let (_engine, store) = store::<E>().await;
    let mut sorted = odd_ids();
    save_all(&store, &sorted).await;
    sorted.sort_by(|a, b| compare_ids(a, b));
    for limit in [1, 2, 3, 7, sorted.len() - 1, sorted.len(), MAX_PAGE_TASKS] {
        for scope in scopes(&sorted) {
            assert_eq!(listed(&store, paged(scope, limit)).await, sorted, "in pages of {limit}");
        }
    }
}

async fn each_scope_lists_its_own_tasks<E: Engine>() {
    let (_engine, store) = store::<E>().await;
    for (id, service, user) in
        [("1", "analytics", "alice"), ("2", "analytics", "bob"), ("3", "sync", "alice"), ("4", "sync", "carol")]
    {
        save(&store, owned_draft(id, service, user)).await;
    }
    for (scope, ids) in [
        (Scope::All, vec!["1", "2", "3", "4"]),
        (service_scope("analytics"), vec!["1", "2"]),
        (service_scope("other"), vec![]),
        (user_scope("alice"), vec!["1", "3"]),
        (user_scope("carol"), vec!["4"]),
        (pair_scope("sync", "alice"), vec!["3"]),
        (pair_scope("analytics", "carol"), vec![]),
        (ids_scope(&["4", "1"]), vec!["1", "4"]),
    ] {
        assert_eq!(listed_in(&store, scope).await, ids);
    }
}

async fn an_ids_listing_leaves_out_what_is_not_there<E: Engine>() {
    let (_engine, store) = store::<E>().await;
    save_all(&store, ["1", "2"]).await;
    for (ids, shown) in [
        (vec!["1", "3"], vec!["1"]),
        (vec!["3"], vec![]),
        (vec![], vec![]),
        (vec!["", "a:b", "id:sequence", "2", "x y\n"], vec!["2"]),
    ] {
        assert_eq!(listed_in(&store, ids_scope(&ids)).await, shown);
        assert_eq!(listed(&store, paged(ids_scope(&ids), 1)).await, shown);
    }
}

async fn an_empty_listing_is_one_last_page<E: Engine>() {
    let (_engine, store) = store::<E>().await;
    for scope in [Scope::All, service_scope("s"), user_scope("u"), pair_scope("s", "u"), ids_scope::<&str>(&[])] {
        let page = store.list(&Query::new(scope)).await.unwrap();
        assert!(page.tasks.is_empty() && page.next.is_none() && page.skipped.is_empty());
    }
}

async fn a_limit_beyond_its_bounds_is_refused<E: Engine>() {
    let (_engine, store) = store::<E>().await;
    for limit in [0, MAX_PAGE_TASKS + 1, usize::MAX] {
        assert_fails!(store.list(&paged(Scope::All, limit)).await, Error::InvalidValue(_));
    }
}

async fn the_largest_page_is_full_when_there_are_more_tasks<E: Engine>() {
    let (_engine, store) = store::<E>().await;
    at_once(10, |group| {
        let store = store.clone();
        async move { save_all(&store, (0..101).map(|number| (group * 101 + number).to_string())).await }
    })
    .await;
    let first = store.list(&Query::new(Scope::All)).await.unwrap();
    assert_eq!((first.tasks.len(), first.next.as_deref()), (1_000, Some("999")));
    let mut rest = Query::new(Scope::All);
    rest.cursor = first.next;
    let last = store.list(&rest).await.unwrap();
    assert_eq!((last.tasks.len(), last.tasks[0].task_id(), last.next), (10, "1000", None));
}

async fn a_page_ends_at_its_bound_of_bytes<E: Engine>() {
    const LARGE: usize = 700 << 10;
    let (_engine, store) = store::<E>().await;
    let ids: Vec<String> = (1..=15).map(|number| number.to_string()).collect();
    for id in &ids {
        let mut large = draft(id);
        // Half in the log and half elsewhere: all of it counts.
        large.logs = vec![format!("t,{}", "x".repeat(LARGE / 2))];
        large.result.launcher_output = Some("x".repeat(LARGE / 2));
        save(&store, large).await;
    }
    for scope in scopes(&ids) {
        let pages = pages(&store, Query::new(scope)).await;
        for page in &pages {
            let bytes: usize = page.tasks.iter().map(|task| task.encode().len()).sum();
            assert!(bytes <= MAX_PAGE_BYTES + LARGE + 1_000, "a page of {bytes} bytes");
        }
        assert_eq!(task_state_tests::tasks::ids(&pages), ids);
    }
}

async fn a_page_shows_a_task_that_is_larger_than_its_bound<E: Engine>() {
    let (_engine, store) = store::<E>().await;
    for id in ["1", "2"] {
        let mut huge = draft(id);
        huge.result.launcher_output = Some("x".repeat(MAX_PAGE_BYTES + 1));
        save(&store, huge).await;
    }
    save_all(&store, ["3"]).await;
    assert_eq!(listed_in(&store, Scope::All).await, ["1", "2", "3"]);
}

async fn only_tasks_in_the_status_asked_for_are_listed<E: Engine>() {
    let (_engine, store) = store::<E>().await;
    for (number, status) in Status::ALL.into_iter().cycle().take(21).enumerate() {
        save(&store, draft_in(&number.to_string(), status)).await;
    }
    for (number, status) in Status::ALL.into_iter().enumerate() {
        let expected: Vec<String> = (0..3).map(|round| (round * 7 + number).to_string()).collect();
        let all: Vec<String> = (0..21).map(|number| number.to_string()).collect();
        for scope in scopes(&all) {
            for limit in [1, 2, 1_000] {
                let mut query = paged(scope.clone(), limit);
                query.statuses = [status].into();
                assert_eq!(listed(&store, query).await, expected);
            }
        }
    }
}

/// All heads of a query, page by page.
async fn all_heads(store: &SharedStore, mut query: Query) -> Vec<Head> {
    let mut heads = Vec::new();
    loop {
        let page = store.heads(&query).await.unwrap();
        assert!(page.heads.len() <= query.limit && page.skipped.is_empty(), "{page:?}");
        heads.extend(page.heads);
        match page.next {
            Some(next) => query.cursor = Some(next),
            None => return heads,
        }
    }
}

async fn heads_are_those_of_the_records<E: Engine>() {
    let (_engine, store) = store::<E>().await;
    for (number, status) in Status::ALL.into_iter().cycle().take(20).enumerate() {
        let mut draft = draft_in(&number.to_string(), status);
        draft.priority = if number % 3 == 0 { Priority::High } else { Priority::Low };
        // Some have more parameters than are read at first, and some more than are read then.
        let text = "\"],\"logs\":[".repeat(number * 800);
        draft.parameters = JsonObject::parse("parameters", &serde_json::json!({"text": text}).to_string()).unwrap();
        draft.logs = vec!["t,an entry".to_owned(); number];
        draft.result.launcher_output = Some("o".repeat(number * 100));
        save(&store, draft).await;
    }
    let progress = Progress::new(3, Some(10), Some("half way".to_owned())).unwrap();
    store.change(&task_id("1"), Change::default().progress(progress.clone()), &Access::ANY).await.unwrap();
    let mut expected: Vec<Head> = pages(&store, Query::new(Scope::All))
        .await
        .iter()
        .flat_map(|page| &page.tasks)
        .map(|record| Head::of(record, None))
        .collect();
    expected[1].progress = Some(progress);
    let all: Vec<String> = (0..20).map(|number| number.to_string()).collect();
    for scope in scopes(&all) {
        for limit in [1, 3, 20, 1_000] {
            assert_eq!(all_heads(&store, paged(scope.clone(), limit)).await, expected, "{scope:?} {limit}");
        }
    }
    let mut failed = paged(Scope::All, 2);
    failed.statuses = [Status::Failed, Status::Completed].into();
    let expected: Vec<Head> = expected.into_iter().filter(|head| failed.statuses.contains(&head.status)).collect();
    assert_eq!(all_heads(&store, failed.clone()).await, expected);
    failed.owners = Owners::only("analytics", "bob");
    assert_eq!(all_heads(&store, failed).await, []);
    let mut none = Query::new(Scope::All);
    none.limit = 0;
    assert_fails!(store.heads(&none).await, Error::InvalidValue(_));
}

async fn the_newest_come_first_if_asked_for<E: Engine>() {
    let (_engine, store) = store::<E>().await;
    let saved = ["1", "2", "10", "9", "a", "b-1", "007"];
    save_all(&store, saved).await;
    let mut oldest = listed_in(&store, Scope::All).await;
    oldest.reverse();
    for scope in scopes(&saved) {
        for limit in [1, 2, 1_000] {
            let mut query = paged(scope.clone(), limit);
            query.order = Order::Newest;
            assert_eq!(listed(&store, query.clone()).await, oldest, "{scope:?} {limit}");
            let heads: Vec<String> = all_heads(&store, query).await.into_iter().map(|head| head.task_id).collect();
            assert_eq!(heads, oldest, "{scope:?} {limit}");
        }
    }
    // A walk goes on although the task that its cursor names is gone.
    let mut query = paged(Scope::All, 2);
    query.order = Order::Newest;
    let page = store.heads(&query).await.unwrap();
    query.cursor = page.next;
    store.delete(&task_id(&page.heads[1].task_id), &Access::ANY).await.unwrap();
    assert_eq!(listed(&store, query).await, oldest[2..]);
}

async fn ids_that_hold_a_text_are_found<E: Engine>() {
    let (_engine, store) = store::<E>().await;
    save_all(&store, ["1", "Job-1", "job-21", "x", "\u{e9}t\u{e9}"]).await;
    for (text, found) in [
        ("JOB", &["Job-1", "job-21"][..]),
        ("1", &["1", "Job-1", "job-21"]),
        ("\u{e9}", &["\u{e9}t\u{e9}"]),
        ("_", &[]),
        ("", &["1", "Job-1", "job-21", "x", "\u{e9}t\u{e9}"]),
    ] {
        let mut query = paged(Scope::All, 1);
        query.text = Some(text.to_owned());
        assert_eq!(listed(&store, query.clone()).await, found, "{text}");
        let heads: Vec<String> = all_heads(&store, query.clone()).await.into_iter().map(|head| head.task_id).collect();
        assert_eq!(heads, found, "{text}");
        let counts = store.matching(&query).await.unwrap();
        assert_eq!(counts.values().sum::<u64>(), found.len() as u64, "{text}");
        query.statuses = [Status::Failed].into();
        assert_eq!(store.matching(&query).await.unwrap(), [].into(), "{text}");
    }
}

async fn tasks_are_counted_by_owner<E: Engine>() {
    let (_engine, store) = store::<E>().await;
    for (id, service, user, status) in [
        ("1", "sync", "bob", Status::Failed),
        ("2", "analytics", "bob", Status::Running),
        ("3", "analytics", "alice", Status::Running),
        ("4", "analytics", "alice", Status::Running),
        ("5", "analytics", "alice", Status::Completed),
    ] {
        let mut draft = draft_in(id, status);
        (draft.service, draft.user_id) = (Service::new(service).unwrap(), UserId::new(user).unwrap());
        save(&store, draft).await;
    }
    let tally = async |scope: &Scope, owners: &Owners| -> Vec<(String, String, Counts)> {
        let tally = store.tally(scope, owners).await.unwrap();
        tally.into_iter().map(|of| (of.service, of.user_id, of.counts)).collect()
    };
    let of = |service: &str, user: &str, counts: &[(Status, u64)]| {
        (service.to_owned(), user.to_owned(), counts.iter().copied().collect::<Counts>())
    };
    let alice = of("analytics", "alice", &[(Status::Running, 2), (Status::Completed, 1)]);
    let bob = of("analytics", "bob", &[(Status::Running, 1)]);
    let all = [alice.clone(), bob.clone(), of("sync", "bob", &[(Status::Failed, 1)])];
    assert_eq!(tally(&Scope::All, &Owners::ANY).await, all);
    assert_eq!(tally(&service_scope("analytics"), &Owners::ANY).await, [alice.clone(), bob]);
    assert_eq!(tally(&Scope::All, &Owners::only("analytics", "alice")).await, [alice]);
    assert_eq!(tally(&service_scope("none"), &Owners::ANY).await, []);
}

async fn a_head_costs_nothing_of_a_long_record<E: Engine>() {
    let (_engine, store) = store::<E>().await;
    // More than a page may hold of records.
    for number in 0..3 {
        let mut large = draft(&number.to_string());
        large.result.launcher_output = Some("o".repeat(MAX_PAGE_BYTES));
        save(&store, large).await;
    }
    assert_eq!(store.heads(&Query::new(Scope::All)).await.unwrap().heads.len(), 3);
}

async fn a_listing_goes_on_when_tasks_come_and_go<E: Engine>() {
    let (_engine, store) = store::<E>().await;
    save_all(&store, (10..20).map(|number| number.to_string())).await;
    let mut query = paged(Scope::All, 3);
    let first = store.list(&query).await.unwrap();
    assert_eq!(first.next.as_deref(), Some("12"));
    // The task that the cursor names, one before it and one after it.
    for id in ["12", "10", "14"] {
        store.delete(&task_id(id), &Access::ANY).await.unwrap();
    }
    query.cursor = first.next;
    assert_eq!(listed(&store, query).await, ["13", "15", "16", "17", "18", "19"]);
}

async fn a_cursor_that_was_made_up_only_says_where_to_begin<E: Engine>() {
    let (_engine, store) = store::<E>().await;
    let mut ids = odd_ids();
    save_all(&store, &ids).await;
    for id in ["5", "other"] {
        save(&store, owned_draft(id, "sync", "bob")).await;
    }
    ids.sort_by(|a, b| compare_ids(a, b));
    for cursor in ["", "5", "other", "0x", "-999999999", "\0", "\u{10ffff}", "a:b", "*", "id:sequence", "\u{3000}7"] {
        let mut query = paged(Scope::All, 4);
        query.owners = Owners::only("analytics", "alice");
        query.cursor = Some(cursor.to_owned());
        let rest: Vec<_> = ids.iter().filter(|id| compare_ids(id, cursor).is_gt()).cloned().collect();
        assert_eq!(listed(&store, query).await, rest, "after {cursor:?}");
    }
}

async fn a_cursor_names_no_task_that_the_owners_do_not_cover<E: Engine>() {
    let (_engine, store) = store::<E>().await;
    for number in 0..20 {
        let service = if number % 3 == 0 { "analytics" } else { "sync" };
        save(&store, owned_draft(&number.to_string(), service, "alice")).await;
    }
    for scope in [Scope::All, user_scope("alice")] {
        let mut query = paged(scope, 2);
        query.owners = Owners { services: Allowed::only(["analytics", "other"]), users: Allowed::Any };
        for page in pages(&store, query).await {
            let next = page.next.map_or(0, |next| next.parse::<u32>().unwrap());
            assert_eq!(next % 3, 0, "the cursor {next} names a task of sync");
        }
    }
}

async fn a_listing_shows_records_as_they_are<E: Engine>() {
    let (_engine, store) = store::<E>().await;
    let mut full = logged_draft("1", ["one", "two"]);
    full.parameters = json(r#"{"n":1.50}"#);
    let id = save(&store, full).await;
    let page = store.list(&Query::new(Scope::All)).await.unwrap();
    assert_eq!(page.tasks[0].encode(), get(&store, &id).await.encode());
}

async fn users_are_listed_once_each_by_code_point<E: Engine>() {
    let (_engine, store) = store::<E>().await;
    assert_eq!(store.users("analytics").await.unwrap(), Vec::<String>::new());
    for (number, user) in ["b", "B", "10", "9", "\u{ff5e}", "🦀", "é", "b", "9"].into_iter().enumerate() {
        save(&store, owned_draft(&number.to_string(), "analytics", user)).await;
    }
    save(&store, owned_draft("other", "sync", "zoe")).await;
    assert_eq!(store.users("analytics").await.unwrap(), ["10", "9", "B", "b", "é", "\u{ff5e}", "🦀"]);
}

async fn tasks_are_counted_by_status<E: Engine>() {
    let (_engine, store) = store::<E>().await;
    for (id, service, user, status) in [
        ("1", "analytics", "alice", Status::Running),
        ("2", "analytics", "alice", Status::Running),
        ("3", "analytics", "bob", Status::Failed),
        ("4", "sync", "alice", Status::Running),
        ("5", "sync", "bob", Status::CancelRequested),
    ] {
        let mut draft = owned_draft(id, service, user);
        draft.status = status;
        save(&store, draft).await;
    }
    let analytics = Owners { services: Allowed::only(["analytics"]), users: Allowed::Any };
    let running = |count| (Status::Running, count);
    for (scope, owners, counts) in [
        (Scope::All, &Owners::ANY, vec![running(3), (Status::Failed, 1), (Status::CancelRequested, 1)]),
        (Scope::All, &analytics, vec![running(2), (Status::Failed, 1)]),
        (service_scope("sync"), &Owners::ANY, vec![running(1), (Status::CancelRequested, 1)]),
        (service_scope("sync"), &analytics, vec![]),
        (user_scope("alice"), &Owners::ANY, vec![running(3)]),
        (user_scope("alice"), &analytics, vec![running(2)]),
        (pair_scope("analytics", "bob"), &Owners::ANY, vec![(Status::Failed, 1)]),
        (ids_scope(&["1", "4", "6"]), &Owners::ANY, vec![running(2)]),
        (ids_scope(&["1", "4", "6"]), &analytics, vec![running(1)]),
    ] {
        let counted = store.count(&scope, owners).await.unwrap();
        assert_eq!(counted, counts.into_iter().collect(), "{scope:?} for {owners:?}");
    }
}
