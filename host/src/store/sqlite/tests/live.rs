//! What the file notes of changes, and how inputs leave it.

use bytes::Bytes;
use futures_util::StreamExt;

use super::*;
use crate::store::changes::MAX_BEHIND;
use crate::store::{InputId, MAX_INPUT_PIECE};

/// What everything that is new of a task notes, had it been written by an earlier version of this program.
const UPDATE: &str = "UPDATE task SET status = 'running', updated_at = 'x', last_seq = last_seq + 1 WHERE id = '1'";

async fn next(changes: &mut BoxStream<'static, Changed>) -> Changed {
    tokio::time::timeout(Duration::from_secs(60), changes.next()).await.unwrap().unwrap()
}

#[tokio::test]
async fn what_an_earlier_version_writes_is_heard() {
    let (_directory, path) = place();
    let store = open(&path).await.unwrap();
    let old = Connection::open(&path).unwrap();
    save(&store, "1").await;
    let mut changes = store.changes();
    assert_eq!(next(&mut changes).await, Changed::All);
    let one = Changed::Tasks(vec!["1".to_owned()]);
    old.execute_batch(UPDATE).unwrap();
    assert_eq!(next(&mut changes).await, one);
    old.execute_batch("UPDATE task SET id = num || ':' || id, place = CAST(num AS BLOB), expires_at = 0").unwrap();
    assert_eq!(next(&mut changes).await, one);
    // The removal of what is left of it is none, nor is a renewed lease.
    old.execute_batch("DELETE FROM task").unwrap();
    save(&store, "2").await;
    assert_eq!(next(&mut changes).await, Changed::Tasks(vec!["2".to_owned()]));
    old.execute_batch("UPDATE task SET held_until = 1").unwrap();
    old.execute_batch("DELETE FROM task").unwrap();
    assert_eq!(next(&mut changes).await, Changed::Tasks(vec!["2".to_owned()]));
}

#[tokio::test]
async fn nothing_is_noted_while_nobody_watches() {
    let (_directory, path) = place();
    let store = open(&path).await.unwrap();
    let conn = Connection::open(&path).unwrap();
    let id = save(&store, "1").await;
    assert_eq!(count(&conn, "changed"), 0);
    let mut changes = store.changes();
    next(&mut changes).await;
    store.change(&id, Change::logs(["entry"]), &Access::ANY).await.unwrap();
    assert_eq!(count(&conn, "changed"), 1);
    drop(changes);
    // It was said for a minute.
    conn.execute_batch("UPDATE watched SET until = 0").unwrap();
    store.change(&id, Change::logs(["entry"]), &Access::ANY).await.unwrap();
    assert_eq!(count(&conn, "changed"), 1);
}

#[tokio::test]
async fn notes_are_bounded_and_who_has_missed_some_is_told_to_read_anew() {
    let (_directory, path) = place();
    let store = open(&path).await.unwrap();
    let conn = Connection::open(&path).unwrap();
    save(&store, "1").await;
    let mut changes = store.changes();
    next(&mut changes).await;
    conn.execute_batch("BEGIN").unwrap();
    for _ in 0..MAX_BEHIND + 1 {
        conn.execute_batch(UPDATE).unwrap();
    }
    conn.execute_batch("COMMIT").unwrap();
    assert_eq!(count(&conn, "changed"), MAX_BEHIND as i64);
    assert_eq!(next(&mut changes).await, Changed::All);
    conn.execute_batch(UPDATE).unwrap();
    assert_eq!(next(&mut changes).await, Changed::Tasks(vec!["1".to_owned()]));
}

#[tokio::test]
async fn an_input_that_nobody_has_any_more_leaves_in_short_steps() {
    let (_directory, path) = place();
    let store = open(&path).await.unwrap();
    let conn = Connection::open(&path).unwrap();
    let rows = || ["input", "input_piece"].map(|table| count(&conn, table));
    let upload = async |pieces: usize| {
        let input = InputId::unique();
        let bytes = Bytes::from(vec![0; pieces * MAX_INPUT_PIECE]);
        store.put_input(&input, 0, bytes).await.unwrap();
        input
    };
    let task = save(&store, "1").await;
    store.attach_input(&upload(200).await, &task, &Access::ANY).await.unwrap();
    upload(1).await;
    // What a task has, and what may still be given to one, stays.
    assert!(!store.writes.run(remove::sweep).await.unwrap());
    assert_eq!(rows(), [2, 201]);
    store.change(&task, Change::status(Status::Failed), &Access::ANY).await.unwrap();
    assert_eq!(rows(), [2, 201]);
    assert!(store.writes.run(remove::sweep).await.unwrap());
    let [_, left] = rows();
    assert!(left > 1 && left < 201, "{left}");
    while store.writes.run(remove::sweep).await.unwrap() {}
    assert_eq!(rows(), [1, 1]);
    conn.execute_batch("UPDATE input SET expires_at = 1").unwrap();
    assert!(!store.writes.run(remove::sweep).await.unwrap());
    assert_eq!(rows(), [0, 0]);
}

#[tokio::test]
async fn the_input_of_a_task_that_an_earlier_version_removes_is_removed() {
    let (_directory, path) = place();
    let store = open(&path).await.unwrap();
    let conn = Connection::open(&path).unwrap();
    let (task, input) = (save(&store, "1").await, InputId::unique());
    store.put_input(&input, 0, Bytes::from_static(b"abc")).await.unwrap();
    store.attach_input(&input, &task, &Access::ANY).await.unwrap();
    conn.execute_batch("PRAGMA foreign_keys = ON; DELETE FROM task").unwrap();
    assert!(!store.writes.run(remove::sweep).await.unwrap());
    assert_eq!(["input", "input_piece"].map(|table| count(&conn, table)), [0, 0]);
}
