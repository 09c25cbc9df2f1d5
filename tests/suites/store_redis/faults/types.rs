//! Keys that hold something else than they should, and members of indexes that are no ids: the one who needs such a key
//! is told its name and nothing is written, all others carry on.

use task_state_host::store::Result;

use crate::fixture::*;
use crate::writes::Write;

const KEYS: [(&str, &str); 7] = [
    ("task:1", "string"),
    ("task:1:metadata", "hash"),
    ("index:tasks", "set"),
    ("index:service:analytics", "set"),
    ("index:service:analytics:users", "set"),
    ("index:service:analytics:user:alice", "set"),
    ("index:user:alice", "set"),
];

fn assert_names<T: std::fmt::Debug>(answer: &Result<T>, key: &str, kind: &str, when: &str) {
    match answer {
        Err(Error::WrongType { key: found_key, found, expected }) => {
            assert_eq!((found_key.as_str(), found.as_str(), *expected), (key, "list", kind), "{when}");
        }
        other => panic!("{when}: {other:?}"),
    }
}

#[tokio::test]
async fn a_key_of_the_wrong_type_is_named_before_anything_is_written() {
    let fixture = Fixture::new().await;
    for (key, kind) in KEYS {
        for write in Write::ALL {
            let when = format!("{write:?} with a wrong {key}");
            fixture.run::<()>(&["FLUSHDB"]).await;
            // Saved by a host of its own: what the writing one knows of the task does not come from before.
            if write.needs_a_task() {
                save(&fixture.other_host().await, draft("1")).await;
            }
            let store = fixture.other_host().await;
            fixture.spoil(key).await;
            let before = fixture.dump().await;
            assert_names(&write.carry_out(&store, "1").await, key, kind, &when);
            assert_eq!(fixture.dump().await, before, "{when}");
        }
    }
}

#[tokio::test]
async fn metadata_of_the_wrong_type_are_named_though_the_host_knows_the_record() {
    let fixture = Fixture::new().await;
    for write in Write::CHANGES {
        fixture.run::<()>(&["FLUSHDB"]).await;
        let store = fixture.other_host().await;
        let id = save(&store, draft("1")).await;
        store.change(&id, Change::logs(["known"]), &Access::ANY).await.unwrap();
        fixture.spoil("task:1:metadata").await;
        let before = fixture.dump().await;
        assert_names(&write.carry_out(&store, "1").await, "task:1:metadata", "hash", &format!("{write:?}"));
        assert_eq!(fixture.dump().await, before, "{write:?}");
        assert_eq!(fixture.ttl("task:1:metadata").await, -1, "{write:?} gave a stranger's key a time to live");
    }
}

#[tokio::test]
async fn reading_names_a_key_of_the_wrong_type() {
    let fixture = Fixture::new().await;
    let store = fixture.other_host().await;
    let id = save(&store, draft("1")).await;
    for key in ["task:1:metadata", "task:1"] {
        fixture.spoil(key).await;
        let kind = if key == "task:1" { "string" } else { "hash" };
        assert_names(&store.get(&id, &Access::ANY).await, key, kind, "get");
        assert_names(&store.status(&id, &Access::ANY).await, key, kind, "status");
        fixture.run::<()>(&["DEL", "task:1:metadata"]).await;
    }
    fixture.spoil("task:id:sequence").await;
    let before = fixture.dump().await;
    assert_names(&store.next_task_id().await, "task:id:sequence", "string", "next-task-id");
    assert_names(&store.peek_next_task_id().await, "task:id:sequence", "string", "peek-next-task-id");
    assert_eq!(fixture.dump().await, before);
    fixture.spoil("index:tasks").await;
    assert_names(&store.list(&Query::new(Scope::All)).await, "index:tasks", "set", "list");
}

/// The indexes that members of every kind are put into.
const INDEXES: [&str; 4] =
    ["index:tasks", "index:service:analytics", "index:service:analytics:user:alice", "index:user:alice"];

/// A task under a stranger id, as another writer leaves it, and a good one; and members that stand for nothing.
async fn strange() -> Fixture {
    let fixture = Fixture::new().await;
    fixture.save("1").await;
    let text: String = fixture.run(&["GET", "task:1"]).await;
    let text = text.replace("\"task_id\":\"1\"", "\"task_id\":\"a:b\"");
    for (key, text) in [("task:a:b", text.as_str()), ("task:broken", "{")] {
        fixture.run::<()>(&["SET", key, text, "EX", "3600"]).await;
    }
    fixture.run::<()>(&["RPUSH", "task:list", "x"]).await;
    for index in INDEXES {
        let members = [b"\xff\xfe", &b"a:b"[..], b"gone:1", b"gone", b"", b"broken", b"list"];
        fixture.run::<()>(&[&[b"SADD", index.as_bytes()], &members[..]].concat()).await;
    }
    fixture.run::<()>(&[&b"SADD"[..], b"index:service:analytics:users", b"\x80", b"nobody"]).await;
    fixture
}

#[tokio::test]
async fn strange_members_disturb_no_listing() {
    let fixture = strange().await;
    let store = &fixture.store;
    // Keys that are there, and no records.
    store.next_task_id().await.unwrap();
    for index in INDEXES {
        fixture.run::<()>(&["SADD", index, "id:sequence", "1:metadata"]).await;
    }
    for scope in scopes(&["1", "a:b", "gone", "broken", "list", "id:sequence", "1:metadata"]) {
        for limit in [1, 2, 1_000] {
            let pages = pages(store, paged(scope.clone(), limit)).await;
            assert_eq!(ids(&pages), ["1", "a:b"], "{scope:?}");
            assert_eq!(skipped(&pages), ["broken"], "{scope:?}");
        }
    }
    for scope in [Scope::All, service_scope("analytics")] {
        assert_eq!(store.count(&scope, &Owners::ANY).await.unwrap(), [(Status::Pending, 2)].into());
    }
    assert_eq!(store.users("analytics").await.unwrap(), ["alice", "nobody"]);
    // An operator can still change and delete the strange one.
    let id = TaskId::stored("a:b").unwrap();
    store.change(&id, Change::logs(["entry"]), &Access::ANY).await.unwrap();
    assert!(store.delete(&id, &Access::ANY).await.unwrap());
    assert_eq!(listed_in(store, Scope::All).await, ["1"]);
}

#[tokio::test]
async fn sweep_and_check_pass_over_what_they_cannot_use_and_do_the_rest() {
    let fixture = strange().await;
    let store = &fixture.store;
    fixture.spoil("index:service:other").await;
    let swept = store.sweep().await.unwrap();
    assert!(swept.findings.iter().any(|finding| finding.kind == FindingKind::Undecodable && !finding.repaired));
    for index in INDEXES {
        assert_eq!(fixture.members(index).await, [&b"1"[..], b"a:b", b"broken", b"list", b"\xff\xfe"], "{index}");
    }
    assert_eq!(store.users("analytics").await.unwrap(), ["alice"]);
    for repair in [true, false] {
        let report = store.check(repair).await.unwrap();
        let found = |kind: FindingKind, place: &str| {
            report.findings.iter().any(|finding| finding.kind == kind && finding.place.contains(place))
        };
        assert!(found(FindingKind::WrongType, "index:service:other"), "{report:?}");
        assert!(found(FindingKind::WrongType, "task:list"), "{report:?}");
        assert!(found(FindingKind::Unreadable, "task:broken"), "{report:?}");
        assert!(found(FindingKind::Undecodable, "index:tasks"), "{report:?}");
        assert!(repair || !found(FindingKind::StaleEntry, ""), "{report:?}");
    }
    assert_eq!(listed_in(store, Scope::All).await, ["1", "a:b"]);
}
