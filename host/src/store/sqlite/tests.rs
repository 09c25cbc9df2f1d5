//! What only this engine does: its file, its waiting, and what it removes. The promises that every engine keeps are in
//! the conformance suite.

mod live;
mod removal;

use std::path::PathBuf;
use std::sync::mpsc;
use std::time::Duration;

use rusqlite::Connection;

use super::*;
use crate::record::{Service, SystemClock, TimeZone, UserId};
use crate::store::{FindingKind, Scope};

const HOUR: Duration = Duration::from_secs(3_600);

fn clock() -> Arc<dyn Clock> {
    Arc::new(SystemClock::new(TimeZone::utc()))
}

/// A directory of the test's own, and a path in it.
fn place() -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("tasks.db");
    (directory, path)
}

/// Options for a test that sweeps only when it says so, and may have to wait for a lock in vain.
fn options() -> SqliteOptions {
    SqliteOptions { busy_timeout: Duration::from_millis(300), sweep_interval: HOUR, ..SqliteOptions::default() }
}

async fn open(path: &Path) -> Result<SqliteStore> {
    SqliteStore::open(path, options(), clock()).await
}

fn draft(id: &str) -> Draft {
    Draft::new(Service::new("analytics").unwrap(), UserId::new("alice").unwrap()).with_id(TaskId::new(id).unwrap())
}

async fn save(store: &SqliteStore, id: &str) -> TaskId {
    store.save(draft(id), Precondition::None, &Access::ANY).await.unwrap()
}

fn count(conn: &Connection, table: &str) -> i64 {
    conn.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap()
}

/// That opening is refused with a text that names the path and says why.
async fn assert_refused(path: &Path, why: &str) {
    match open(path).await {
        Err(Error::Failed(text)) => {
            assert!(text.contains(&path.display().to_string()) && text.contains(why), "{text}");
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn the_file_and_its_directories_are_made() {
    let (_directory, path) = place();
    let path = path.with_file_name("a/b/tasks.db");
    let store = open(&path).await.unwrap();
    save(&store, "1").await;
    assert!(path.is_file());
    assert_eq!(store.location(), format!("sqlite:{}", path.display()));
}

#[tokio::test]
async fn tasks_outlive_the_store_that_wrote_them() {
    let (_directory, path) = place();
    let store = open(&path).await.unwrap();
    let id = save(&store, "1").await;
    store.change(&id, Change::logs(["entry"]), &Access::ANY).await.unwrap();
    let written = store.get(&id, &Access::ANY).await.unwrap().encode();
    drop(store);
    let store = open(&path).await.unwrap();
    assert_eq!(store.get(&id, &Access::ANY).await.unwrap().encode(), written);
}

#[tokio::test]
async fn a_file_that_is_no_database_is_refused_and_left_alone() {
    let (_directory, path) = place();
    let text = "task_id,service\n".repeat(100);
    std::fs::write(&path, &text).unwrap();
    assert_refused(&path, "not a database").await;
    assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
}

#[test]
fn a_file_may_be_made_by_several_at_once() {
    const OPENERS: usize = 4;
    for _ in 0..50 {
        let (_directory, path) = place();
        let together = std::sync::Barrier::new(OPENERS);
        std::thread::scope(|scope| {
            let open = || {
                together.wait();
                connection::open_file(&path, Duration::from_secs(5)).map(drop).map_err(|Fault(error)| error)
            };
            let opening: Vec<_> = (0..OPENERS).map(|_| scope.spawn(open)).collect();
            for opened in opening {
                opened.join().unwrap().unwrap();
            }
        });
    }
}

#[tokio::test]
async fn another_programs_database_is_refused_and_left_alone() {
    let (_directory, path) = place();
    let conn = Connection::open(&path).unwrap();
    conn.execute_batch("CREATE TABLE task (id TEXT)").unwrap();
    assert_refused(&path, "another program").await;
    assert_eq!(count(&conn, "sqlite_schema"), 1);
    let mode: String = conn.pragma_query_value(None, "journal_mode", |row| row.get(0)).unwrap();
    assert_eq!(mode, "delete");
}

#[tokio::test]
async fn the_file_of_a_newer_version_is_refused() {
    let (_directory, path) = place();
    drop(open(&path).await.unwrap());
    Connection::open(&path).unwrap().pragma_update(None, "user_version", 2).unwrap();
    assert_refused(&path, "version 2").await;
}

#[tokio::test]
async fn a_path_that_cannot_be_a_file_is_refused() {
    let (directory, path) = place();
    assert_refused(directory.path(), "unable to open").await;
    std::fs::write(&path, "").unwrap();
    assert_refused(&path.join("tasks.db"), "").await;
}

#[tokio::test]
async fn a_write_that_waits_too_long_for_another_process_is_answered_unavailable() {
    let (_directory, path) = place();
    let store = open(&path).await.unwrap();
    let id = save(&store, "1").await;
    let other = Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let change = || store.change(&id, Change::logs(["entry"]), &Access::ANY);
    let (one, two) = tokio::join!(change(), change());
    assert!(matches!((&one, &two), (Err(Error::Unavailable(_)), Err(Error::Unavailable(_)))), "{one:?} {two:?}");
    // Reads go on meanwhile, and so do writes when the other is done.
    assert_eq!(store.get(&id, &Access::ANY).await.unwrap().logs(), Vec::<String>::new());
    other.execute_batch("COMMIT").unwrap();
    change().await.unwrap();
    assert_eq!(store.get(&id, &Access::ANY).await.unwrap().logs().len(), 1);
}

#[tokio::test]
async fn of_writes_that_share_a_transaction_one_that_fails_leaves_the_others() {
    let store = SqliteStore::in_memory(options(), clock()).unwrap();
    // Holds the thread until the others wait behind it.
    let (go, wait) = mpsc::channel::<()>();
    let first = tokio::spawn({
        let writes = store.writes.clone();
        async move { writes.run(move |_| Ok(wait.recv().is_ok())).await }
    });
    let half = |id: &'static str, fails: bool| {
        let (writes, policy) = (store.writes.clone(), store.policy.clone());
        tokio::spawn(async move {
            let work = move |conn: &Connection| {
                let id = TaskId::new(id)?;
                write::put(conn, &policy, &id, &draft(id.as_str()), None)?;
                if fails { Err(Error::Conflict.into()) } else { Ok(()) }
            };
            writes.run(work).await
        })
    };
    let others = [half("1", false), half("2", true), half("3", false)];
    while store.writes.waiting() < 4 {
        tokio::task::yield_now().await;
    }
    go.send(()).unwrap();
    assert!(first.await.unwrap().unwrap());
    let [one, two, three] = others;
    one.await.unwrap().unwrap();
    assert!(matches!(two.await.unwrap(), Err(Error::Conflict)));
    three.await.unwrap().unwrap();
    let page = store.list(&Query::new(Scope::All)).await.unwrap();
    assert_eq!(page.tasks.iter().map(TaskRecord::task_id).collect::<Vec<_>>(), ["1", "3"]);
}

#[tokio::test]
async fn a_time_to_live_out_of_range_is_refused() {
    let (_directory, path) = place();
    for task_ttl in [Duration::ZERO, Duration::from_millis(999), Duration::from_secs(3_153_600_001), Duration::MAX] {
        let options = SqliteOptions { task_ttl, ..options() };
        let opened =
            [SqliteStore::in_memory(options.clone(), clock()), SqliteStore::open(&path, options, clock()).await];
        for opened in opened {
            assert!(matches!(opened, Err(Error::InvalidValue(_))), "{task_ttl:?}: {opened:?}");
        }
    }
    assert!(!path.exists());
    for task_ttl in [Duration::from_secs(1), Duration::from_secs(3_153_600_000)] {
        let store = SqliteStore::in_memory(SqliteOptions { task_ttl, ..options() }, clock()).unwrap();
        save(&store, "1").await;
    }
}

#[tokio::test]
async fn a_full_disk_leaves_the_task_whole() {
    let store = SqliteStore::in_memory(options(), clock()).unwrap();
    let id = save(&store, "1").await;
    store.change(&id, Change::logs(["before"]), &Access::ANY).await.unwrap();
    let before = store.get(&id, &Access::ANY).await.unwrap().encode();
    let set_limit = |pages: i64| {
        store.writes.run(move |conn| {
            Ok(conn.pragma_update_and_check(None, "max_page_count", pages, |row| row.get::<_, i64>(0))?)
        })
    };
    let pages =
        store.writes.run(|conn| Ok(conn.pragma_query_value(None, "page_count", |row| row.get(0))?)).await.unwrap();
    set_limit(pages).await.unwrap();
    let large = Change::status(Status::Running).log("x".repeat(1 << 20));
    let result = store.change(&id, large.clone(), &Access::ANY).await;
    assert!(matches!(result, Err(Error::Unavailable(_))), "{result:?}");
    assert_eq!(store.get(&id, &Access::ANY).await.unwrap().encode(), before);
    set_limit(1 << 20).await.unwrap();
    store.change(&id, large, &Access::ANY).await.unwrap();
    assert_eq!(store.get(&id, &Access::ANY).await.unwrap().logs().len(), 2);
}

/// Makes a task expire now.
fn expire(conn: &Connection, id: &str) {
    assert_eq!(conn.execute("UPDATE task SET expires_at = 1 WHERE id = ?1", [id]).unwrap(), 1);
}

#[tokio::test]
async fn an_expired_task_is_not_found_although_it_is_still_in_the_file() {
    let (_directory, path) = place();
    let store = open(&path).await.unwrap();
    let id = save(&store, "1").await;
    let conn = Connection::open(&path).unwrap();
    expire(&conn, "1");
    assert!(matches!(store.get(&id, &Access::ANY).await, Err(Error::NotFound)));
    assert!(matches!(store.status(&id, &Access::ANY).await, Err(Error::NotFound)));
    assert!(matches!(store.change(&id, Change::logs(["late"]), &Access::ANY).await, Err(Error::NotFound)));
    assert!(!store.delete(&id, &Access::ANY).await.unwrap());
    for scope in [Scope::All, Scope::Service("analytics".to_owned()), Scope::Ids(["1".to_owned()].into())] {
        assert!(store.list(&Query::new(scope.clone())).await.unwrap().tasks.is_empty());
        assert!(store.count(&scope, &Owners::ANY).await.unwrap().is_empty());
    }
    assert!(store.users("analytics").await.unwrap().is_empty());
    assert_eq!(count(&conn, "task"), 1);
    store.save(draft("1"), Precondition::Absent, &Access::ANY).await.unwrap();
    assert_eq!(count(&conn, "task"), 1);
}

#[tokio::test]
async fn expired_tasks_leave_the_file() {
    let (_directory, path) = place();
    let store = open(&path).await.unwrap();
    let conn = Connection::open(&path).unwrap();
    for id in ["1", "2"] {
        let id = save(&store, id).await;
        store.change(&id, Change::logs(["entry"]), &Access::ANY).await.unwrap();
    }
    expire(&conn, "1");
    // A store that is opened removes them, and does so again and again while it lives.
    let other = open(&path).await.unwrap();
    let counts = || ["task", "body", "entry"].map(|table| count(&conn, table));
    assert_eq!(counts(), [1, 1, 1]);
    expire(&conn, "2");
    assert!(!other.writes.run(remove::sweep).await.unwrap());
    assert_eq!(counts(), [0, 0, 0]);
}

#[tokio::test]
async fn a_check_finds_and_repairs_what_disagrees() {
    let (_directory, path) = place();
    let store = open(&path).await.unwrap();
    let conn = Connection::open(&path).unwrap();
    for id in ["1", "2", "3", "4"] {
        save(&store, id).await;
    }
    let clean = store.check(false).await.unwrap();
    assert_eq!((clean.records, clean.findings.len()), (4, 0));

    conn.execute("UPDATE task SET service = 'sync' WHERE id = '1'", []).unwrap();
    conn.execute("UPDATE body SET record = '{}' WHERE task = (SELECT num FROM task WHERE id = '2')", []).unwrap();
    expire(&conn, "3");
    let found = |report: Report| -> Vec<_> {
        report.findings.into_iter().map(|finding| (finding.kind, finding.place, finding.repaired)).collect()
    };
    let finding = |kind, id: &str, repaired| (kind, id.to_owned(), repaired);
    let expected = |repaired| {
        vec![
            finding(FindingKind::StaleEntry, "3", repaired),
            finding(FindingKind::Metadata, "1", repaired),
            finding(FindingKind::Unreadable, "2", false),
        ]
    };
    assert_eq!(found(store.check(false).await.unwrap()), expected(false));
    assert_eq!(found(store.check(true).await.unwrap()), expected(true));
    assert_eq!(found(store.check(false).await.unwrap()), [finding(FindingKind::Unreadable, "2", false)]);
    let query = Query::new(Scope::Service("analytics".to_owned()));
    let page = store.list(&query).await.unwrap();
    assert_eq!(page.tasks.iter().map(TaskRecord::task_id).collect::<Vec<_>>(), ["1", "4"]);
}

#[tokio::test]
async fn a_task_whose_entry_is_no_text_cannot_be_read_and_holds_up_no_other() {
    let (_directory, path) = place();
    let store = open(&path).await.unwrap();
    let mut logged = draft("1");
    logged.logs = vec!["t,one".to_owned(), "t,two".to_owned()];
    let id = store.save(logged, Precondition::None, &Access::ANY).await.unwrap();
    save(&store, "2").await;
    let conn = Connection::open(&path).unwrap();
    for damaged in ["oops", "\"a\",{}", "7", ""] {
        conn.execute("UPDATE entry SET text = ?1 WHERE seq = 1", [damaged]).unwrap();
        let error = store.get(&id, &Access::ANY).await.unwrap_err();
        assert!(error.to_string().contains("\"logs\" is not an array of strings"), "{damaged}: {error}");
        let page = store.list(&Query::new(Scope::All)).await.unwrap();
        assert_eq!(page.tasks.iter().map(TaskRecord::task_id).collect::<Vec<_>>(), ["2"], "{damaged}");
        assert_eq!(page.skipped.iter().map(|skipped| skipped.id.as_str()).collect::<Vec<_>>(), ["1"], "{damaged}");
    }
}

#[tokio::test]
async fn an_append_writes_two_small_rows_however_large_the_task_is() {
    let store = SqliteStore::in_memory(options(), clock()).unwrap();
    let mut large = draft("1");
    large.result.launcher_output = Some("x".repeat(1 << 20));
    large.logs = (0..10_000).map(|number| format!("t,{number}")).collect();
    let id = store.save(large, Precondition::None, &Access::ANY).await.unwrap();
    let rows = |store: SqliteStore| async move { store.writes.run(|conn| Ok(conn.total_changes())).await.unwrap() };
    let before = rows(store.clone()).await;
    store.change(&id, Change::logs(["entry"]), &Access::ANY).await.unwrap();
    assert_eq!(rows(store.clone()).await - before, 2);
}
