//! Tasks that are too large for one transaction: how they leave the file without keeping other processes from writing.

use std::time::Instant;

use futures_util::StreamExt;
use rusqlite::params;

use super::*;
use crate::store::sqlite::remove::MAX_REMOVED;
use crate::store::{Claim, RunId};

/// More entries than two transactions remove.
const ENTRIES: i64 = 5 * MAX_REMOVED / 2;

/// Gives a task that many more entries.
fn fill(conn: &Connection, id: &str) {
    let sql = "WITH RECURSIVE number(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < ?2)
               INSERT INTO entry SELECT num, last_seq + n, '\"t,' || n || '\"' FROM task, number WHERE id = ?1";
    conn.execute(sql, params![id, ENTRIES]).unwrap();
    conn.execute("UPDATE task SET last_seq = last_seq + ?2 WHERE id = ?1", params![id, ENTRIES]).unwrap();
}

/// One step of the sweep. It removes no more than it may, and another process can write after it.
async fn sweep_once(store: &SqliteStore, other: &Connection) -> bool {
    let step = |conn: &Connection| {
        let before = conn.total_changes();
        Ok((remove::sweep(conn)?, conn.total_changes() - before))
    };
    let (more, rows) = store.writes.run(step).await.unwrap();
    assert!(rows <= MAX_REMOVED.unsigned_abs() + 2, "{rows} rows");
    other.execute_batch("BEGIN IMMEDIATE; COMMIT").unwrap();
    more
}

#[tokio::test]
async fn a_large_task_is_gone_at_once_and_its_entries_leave_in_short_steps() {
    for expires in [false, true] {
        let (_directory, path) = place();
        let (store, conn) = (open(&path).await.unwrap(), Connection::open(&path).unwrap());
        let id = save(&store, "1").await;
        fill(&conn, "1");
        if expires {
            expire(&conn, "1");
        } else {
            assert!(store.delete(&id, &Access::ANY).await.unwrap());
        }
        assert_eq!(count(&conn, "entry"), ENTRIES);
        assert!(matches!(store.get(&id, &Access::ANY).await, Err(Error::NotFound)));
        assert!(matches!(store.change(&id, Change::logs(["late"]), &Access::ANY).await, Err(Error::NotFound)));
        assert!(!store.delete(&id, &Access::ANY).await.unwrap());
        assert!(store.list(&Query::new(Scope::All)).await.unwrap().tasks.is_empty());
        assert!(store.count(&Scope::All, &Owners::ANY).await.unwrap().is_empty());
        assert!(store.users("analytics").await.unwrap().is_empty());
        // Its id is free.
        store.save(draft("1"), Precondition::Absent, &Access::ANY).await.unwrap();
        store.change(&id, Change::logs(["new"]), &Access::ANY).await.unwrap();
        assert_eq!(count(&conn, "entry"), ENTRIES + 1);
        while sweep_once(&store, &conn).await {}
        assert_eq!(["task", "body", "entry"].map(|table| count(&conn, table)), [1, 1, 1]);
        assert_eq!(store.get(&id, &Access::ANY).await.unwrap().logs().len(), 1);
    }
}

#[tokio::test]
async fn a_task_whose_removal_has_begun_does_not_come_back_when_the_clock_is_set_back() {
    let (_directory, path) = place();
    let (store, conn) = (open(&path).await.unwrap(), Connection::open(&path).unwrap());
    save(&store, "1").await;
    fill(&conn, "1");
    expire(&conn, "1");
    assert!(sweep_once(&store, &conn).await);
    let expiry: i64 = conn.query_row("SELECT expires_at FROM task", [], |row| row.get(0)).unwrap();
    assert_eq!((expiry, count(&conn, "entry")), (0, ENTRIES - MAX_REMOVED + 20));
}

#[tokio::test]
async fn a_save_over_a_large_log_leaves_the_old_entries_to_the_sweep() {
    let (_directory, path) = place();
    let (store, conn) = (open(&path).await.unwrap(), Connection::open(&path).unwrap());
    let Draft { service, user_id, .. } = draft("1");
    let run = RunId::unique();
    let claim = Claim { task_id: draft("1").task_id, ..Claim::new(service, user_id, run.clone(), HOUR) };
    store.claim(claim).await.unwrap();
    let id = TaskId::new("1").unwrap();
    fill(&conn, "1");
    let mut followed = store.follow(&id, usize::MAX, &Access::ANY).await.unwrap();
    followed.next().await.unwrap().unwrap();
    // A second time too: the task has another row then.
    for round in ["one", "two"] {
        let logs = vec!["t,1".to_owned(), "t,2".to_owned(), format!("t,{round}")];
        let anew = Draft { status: Status::Running, logs: logs.clone(), ..draft("1") };
        // The run goes on holding the task.
        store.save(anew, Precondition::None, &Access::ANY.during(run.clone())).await.unwrap();
        assert!(count(&conn, "entry") > ENTRIES);
        assert_eq!(store.get(&id, &Access::ANY.during(run.clone())).await.unwrap().logs(), logs);
        // A follower sees the new entry and nothing else.
        assert_eq!(followed.next().await.unwrap().unwrap().entries, logs[2..]);
        while sweep_once(&store, &conn).await {}
        assert_eq!(["task", "body", "entry"].map(|table| count(&conn, table)), [1, 1, 3]);
        fill(&conn, "1");
        let entries = followed.next().await.unwrap().unwrap().entries;
        assert_eq!(entries.len() as i64, ENTRIES);
    }
}

#[tokio::test]
async fn what_a_process_left_of_a_task_when_it_died_is_removed_by_the_next_one() {
    let (_directory, path) = place();
    let store = open(&path).await.unwrap();
    let conn = Connection::open(&path).unwrap();
    let leave = async |store: &SqliteStore| {
        let id = save(store, "1").await;
        fill(&conn, "1");
        store.delete(&id, &Access::ANY).await.unwrap();
        assert_eq!(count(&conn, "entry"), ENTRIES);
    };
    leave(&store).await;
    drop(store);
    let store = open(&path).await.unwrap();
    let start = Instant::now();
    while count(&conn, "task") + count(&conn, "body") + count(&conn, "entry") > 0 {
        assert!(start.elapsed() < Duration::from_secs(20), "{} entries are left", count(&conn, "entry"));
        tokio::task::yield_now().await;
    }
    leave(&store).await;
    for (repair, findings, entries) in [(false, 1, ENTRIES), (true, 1, 0), (false, 0, 0)] {
        let report = store.check(repair).await.unwrap();
        let stale = |finding: &crate::store::Finding| finding.place == "1" && finding.repaired == repair;
        assert!(report.findings.iter().all(stale), "{report:?}");
        assert_eq!((report.findings.len(), count(&conn, "entry")), (findings, entries));
    }
}

#[tokio::test]
async fn a_check_that_finds_nothing_to_repair_never_waits_for_the_write_lock() {
    let (_directory, path) = place();
    let store = open(&path).await.unwrap();
    save(&store, "1").await;
    let other = Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    for store in [store, open(&path).await.unwrap()] {
        let report = store.check(true).await.unwrap();
        assert_eq!((report.records, report.found()), (1, 0));
    }
}

#[tokio::test]
async fn writes_that_take_long_do_not_share_a_transaction() {
    let (_directory, path) = place();
    let store = open(&path).await.unwrap();
    // Holds the thread until the others wait behind it.
    let (go, wait) = mpsc::channel::<()>();
    let first = store.writes.run(move |_| Ok(wait.recv().is_ok()));
    let slow = || {
        let other = Connection::open(&path).unwrap();
        store.writes.run(move |conn| {
            let seen: i64 = other.query_row("SELECT last FROM sequence", [], |row| row.get(0))?;
            save::take_number(conn, 1)?;
            std::thread::sleep(worker::TURN);
            Ok(seen)
        })
    };
    let release = async {
        while store.writes.waiting() < 4 {
            tokio::task::yield_now().await;
        }
        go.send(()).unwrap();
    };
    let (_, one, two, three, ()) = tokio::join!(first, slow(), slow(), slow(), release);
    // Each sees what the one before has written, as every other process does.
    assert_eq!([one, two, three].map(Result::unwrap), [0, 1, 2]);
}

#[tokio::test]
async fn a_file_of_an_earlier_version_is_brought_up_to_date() {
    let (_directory, path) = place();
    save(&open(&path).await.unwrap(), "1").await;
    let conn = Connection::open(&path).unwrap();
    let later = ["successor", "input_piece", "input", "host", "watched", "changed"];
    for trigger in ["note_new", "note_changed", "note_gone"] {
        conn.execute_batch(&format!("DROP TRIGGER {trigger}")).unwrap();
    }
    for table in later {
        conn.execute_batch(&format!("DROP TABLE {table}")).unwrap();
    }
    let store = open(&path).await.unwrap();
    assert_eq!((store.check(false).await.unwrap().records, later.map(|table| count(&conn, table))), (1, [0; 6]));
}
