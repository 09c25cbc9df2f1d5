//! Keys that hold something else than they should, and members of indexes that are no ids: the one who needs such a key
//! is told its name and nothing is written, all others carry on.

use std::sync::Arc;
use std::time::Duration;

use task_state_host::record::{Change, ResultChange, Service, Status, UserId};
use task_state_host::store::redis::RedisStore;
use task_state_host::store::{
    Access, Claim, Error, FindingKind, Owners, Precondition, Query, Result, RunId, Scope, TaskStore,
};

use super::{Bench, draft, save, task_id};

const KEYS: [(&str, &str); 7] = [
    ("task:1", "string"),
    ("task:1:metadata", "hash"),
    ("index:tasks", "set"),
    ("index:service:analytics", "set"),
    ("index:service:analytics:users", "set"),
    ("index:service:analytics:user:alice", "set"),
    ("index:user:alice", "set"),
];

#[derive(Debug, Clone, Copy, PartialEq)]
enum Write {
    Append,
    Move,
    Finish,
    ResultText,
    Save,
    SaveLarge,
    SaveAbsent,
    Claim,
    Delete,
}

const WRITES: [Write; 9] = [
    Write::Append,
    Write::Move,
    Write::Finish,
    Write::ResultText,
    Write::Save,
    Write::SaveLarge,
    Write::SaveAbsent,
    Write::Claim,
    Write::Delete,
];

impl Write {
    async fn carry_out(self, store: &RedisStore) -> Result<()> {
        let id = task_id("1");
        let change = match self {
            Self::Append => Change::logs(["entry"]),
            Self::Move => Change::status(Status::Running),
            Self::Finish => Change::finish(Status::Completed),
            Self::ResultText => {
                Change::result(ResultChange { pod_status: Some("p".to_owned()), ..ResultChange::default() })
            }
            Self::Save | Self::SaveLarge | Self::SaveAbsent => {
                let mut draft = draft("1");
                if self == Self::SaveLarge {
                    draft.logs = vec![format!("t,{}", "x".repeat(100_000))];
                }
                let only_if = if self == Self::SaveAbsent { Precondition::Absent } else { Precondition::None };
                return store.save(draft, only_if, &Access::ANY).await.map(|_| ());
            }
            Self::Claim => {
                let (service, user) = (Service::new("analytics").unwrap(), UserId::new("alice").unwrap());
                let mut claim = Claim::new(service, user, RunId::unique(), Duration::from_secs(60));
                claim.task_id = Some(id);
                return store.claim(claim).await.map(|_| ());
            }
            Self::Delete => return store.delete(&id, &Access::ANY).await.map(|_| ()),
        };
        store.change(&id, change, &Access::ANY).await.map(|_| ())
    }
}

async fn spoil(bench: &Bench, key: &str) {
    let mut pipeline = redis::pipe();
    pipeline.cmd("DEL").arg(key).cmd("RPUSH").arg(key).arg("something else");
    pipeline.query_async::<()>(&mut bench.redis.clone()).await.unwrap();
}

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
    let bench = Bench::new().await;
    for (key, kind) in KEYS {
        for write in WRITES {
            let when = format!("{write:?} with a wrong {key}");
            redis::cmd("FLUSHDB").query_async::<()>(&mut bench.redis.clone()).await.unwrap();
            // A host of its own: what it knows of the task does not come from before.
            let store = bench.other_host().await;
            if write != Write::SaveAbsent {
                save(&store, draft("1")).await;
            }
            let store = bench.other_host().await;
            spoil(&bench, key).await;
            let before = bench.dump().await;
            assert_names(&write.carry_out(&store).await, key, kind, &when);
            assert_eq!(bench.dump().await, before, "{when}");
        }
    }
}

#[tokio::test]
async fn metadata_of_the_wrong_type_are_named_though_the_host_knows_the_record() {
    let bench = Bench::new().await;
    for write in [Write::Append, Write::Move, Write::Finish, Write::ResultText] {
        redis::cmd("FLUSHDB").query_async::<()>(&mut bench.redis.clone()).await.unwrap();
        let store = bench.other_host().await;
        let id = save(&store, draft("1")).await;
        store.change(&id, Change::logs(["known"]), &Access::ANY).await.unwrap();
        spoil(&bench, "task:1:metadata").await;
        let before = bench.dump().await;
        assert_names(&write.carry_out(&store).await, "task:1:metadata", "hash", &format!("{write:?}"));
        assert_eq!(bench.dump().await, before, "{write:?}");
        let life: i64 = redis::cmd("TTL").arg("task:1:metadata").query_async(&mut bench.redis.clone()).await.unwrap();
        assert_eq!(life, -1, "{write:?} gave a stranger's key a time to live");
    }
}

#[tokio::test]
async fn reading_names_a_key_of_the_wrong_type() {
    let bench = Bench::new().await;
    let store = bench.other_host().await;
    let id = save(&store, draft("1")).await;
    for key in ["task:1:metadata", "task:1"] {
        spoil(&bench, key).await;
        let kind = if key == "task:1" { "string" } else { "hash" };
        assert_names(&store.get(&id, &Access::ANY).await, key, kind, "get");
        assert_names(&store.status(&id, &Access::ANY).await, key, kind, "status");
        redis::cmd("DEL").arg("task:1:metadata").query_async::<()>(&mut bench.redis.clone()).await.unwrap();
    }
    spoil(&bench, "task:id:sequence").await;
    let before = bench.dump().await;
    assert_names(&store.next_task_id().await, "task:id:sequence", "string", "next-task-id");
    assert_names(&store.peek_next_task_id().await, "task:id:sequence", "string", "peek-next-task-id");
    assert_eq!(bench.dump().await, before);
    spoil(&bench, "index:tasks").await;
    assert_names(&store.list(&Query::new(Scope::All)).await, "index:tasks", "set", "list");
}

async fn ids(store: &RedisStore, scope: Scope) -> Vec<String> {
    let page = store.list(&Query::new(scope)).await.unwrap();
    assert!(page.next.is_none());
    page.tasks.iter().map(|task| task.task_id().to_owned()).collect()
}

/// A task under a stranger id, as another writer leaves it, and a good one; and members that stand for nothing.
async fn strange(bench: &Bench, store: &RedisStore) {
    let mut redis = bench.redis.clone();
    save(store, draft("1")).await;
    let text: String = redis::cmd("GET").arg("task:1").query_async(&mut redis).await.unwrap();
    let text = text.replace("\"task_id\":\"1\"", "\"task_id\":\"a:b\"");
    redis::cmd("SET").arg("task:a:b").arg(text).arg("EX").arg(3_600).query_async::<()>(&mut redis).await.unwrap();
    redis::cmd("SET").arg("task:broken").arg("{").arg("EX").arg(3_600).query_async::<()>(&mut redis).await.unwrap();
    redis::cmd("RPUSH").arg("task:list").arg("x").query_async::<()>(&mut redis).await.unwrap();
    for index in ["index:tasks", "index:service:analytics", "index:service:analytics:user:alice", "index:user:alice"] {
        let mut add = redis::cmd("SADD");
        add.arg(index).arg(&b"\xff\xfe"[..]).arg("a:b").arg("gone:1").arg("gone").arg("").arg("broken").arg("list");
        add.query_async::<()>(&mut redis).await.unwrap();
    }
    let users = "index:service:analytics:users";
    redis::cmd("SADD").arg(users).arg(&b"\x80"[..]).arg("nobody").query_async::<()>(&mut redis).await.unwrap();
}

#[tokio::test]
async fn strange_members_disturb_no_listing() {
    let bench = Bench::new().await;
    let store = bench.other_host().await;
    strange(&bench, &store).await;
    let pair = Scope::ServiceUser("analytics".to_owned(), "alice".to_owned());
    for scope in [Scope::All, Scope::Service("analytics".to_owned()), Scope::User("alice".to_owned()), pair] {
        assert_eq!(ids(&store, scope.clone()).await, ["1", "a:b"], "{scope:?}");
        let page = store.list(&Query::new(scope)).await.unwrap();
        assert_eq!(page.skipped.iter().map(|skipped| skipped.id.as_str()).collect::<Vec<_>>(), ["broken"]);
    }
    assert_eq!(store.count(&Scope::All, &Owners::ANY).await.unwrap()[&Status::Pending], 2);
    assert_eq!(store.users("analytics").await.unwrap(), ["alice", "nobody"]);
    // An operator can still change and delete the strange one.
    let id = task_state_host::record::TaskId::stored("a:b").unwrap();
    store.change(&id, Change::logs(["entry"]), &Access::ANY).await.unwrap();
    assert!(store.delete(&id, &Access::ANY).await.unwrap());
    assert_eq!(ids(&store, Scope::All).await, ["1"]);
}

#[tokio::test]
async fn sweep_and_check_pass_over_what_they_cannot_use_and_do_the_rest() {
    let bench = Bench::new().await;
    let store: Arc<RedisStore> = bench.other_host().await;
    strange(&bench, &store).await;
    spoil(&bench, "index:service:other").await;
    let swept = store.sweep().await.unwrap();
    assert!(swept.findings.iter().any(|finding| finding.kind == FindingKind::Undecodable && !finding.repaired));
    let mut redis = bench.redis.clone();
    for index in ["index:tasks", "index:service:analytics", "index:service:analytics:user:alice", "index:user:alice"] {
        let mut left: Vec<Vec<u8>> = redis::cmd("SMEMBERS").arg(index).query_async(&mut redis).await.unwrap();
        left.sort();
        assert_eq!(left, [&b"1"[..], b"a:b", b"broken", b"list", b"\xff\xfe"], "{index}");
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
    assert_eq!(ids(&store, Scope::All).await, ["1", "a:b"]);
}
