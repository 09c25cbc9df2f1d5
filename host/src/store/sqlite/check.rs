//! The check of a store: what SQLite itself does not keep from disagreeing.
//!
//! A task's row repeats what its record says of its owner and status, for the sake of the indexes; the indexes themselves
//! are SQLite's. The check goes in steps, each a transaction of its own, so that nobody waits long for it.

use rusqlite::{Connection, params};

use super::fault::{Fault, Step};
use super::task::{Policy, Stored, now_ms, select};
use super::worker::Worker;
use super::write;
use crate::record::sort_key;
use crate::store::{Error, Finding, FindingKind, Report, Result};

/// How many tasks one step goes over.
const STEP: usize = 500;

/// Checks the store on the worker's connection, and repairs what disagrees if asked to.
pub(super) async fn check(worker: &Worker, policy: &Policy, repair: bool) -> Result<Report> {
    worker.run(check_file).await?;
    let mut report = Report::default();
    loop {
        let expired = worker.run(move |conn| check_expired(conn, repair)).await?;
        let done = !repair || expired.len() < STEP;
        report.findings.extend(expired);
        if done {
            break;
        }
    }
    let mut after = Some(0);
    while let Some(num) = after {
        let policy = policy.clone();
        let part;
        (part, after) = worker.run(move |conn| check_tasks(conn, &policy, num, repair)).await?;
        report.records += part.records;
        report.entries += part.entries;
        report.findings.extend(part.findings);
    }
    Ok(report)
}

fn check_file(conn: &Connection) -> Step<()> {
    let damage: String = conn.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    if damage == "ok" { Ok(()) } else { Err(Error::Failed(format!("the database is damaged: {damage}")).into()) }
}

/// Tasks that have expired and are still in the file: all of them, or those of one step if they are to be removed.
fn check_expired(conn: &Connection, repair: bool) -> Step<Vec<Finding>> {
    let most = if repair { STEP as i64 } else { -1 };
    let sql = "SELECT num, id FROM task WHERE expires_at <= ?1 ORDER BY expires_at LIMIT ?2";
    let mut statement = conn.prepare_cached(sql)?;
    let mut rows = statement.query(params![now_ms(), most])?;
    let mut findings = Vec::new();
    while let Some(row) = rows.next()? {
        findings.push((row.get(0)?, Finding::new(FindingKind::StaleEntry, row.get::<_, String>(1)?)));
    }
    findings
        .into_iter()
        .map(|(num, finding)| {
            if repair {
                write::remove(conn, num)?;
            }
            Ok(Finding { repaired: repair, ..finding })
        })
        .collect()
}

/// One step over the tasks after a row. Gives where the next one starts, unless it was the last.
fn check_tasks(conn: &Connection, policy: &Policy, after: i64, repair: bool) -> Step<(Report, Option<i64>)> {
    let mut report = Report::default();
    let mut statement = conn.prepare_cached(&select("AND num > ?2 ORDER BY num LIMIT ?3"))?;
    let tasks = statement.query_map(params![now_ms(), after, STEP as i64], Stored::read)?;
    let tasks = tasks.collect::<rusqlite::Result<Vec<_>>>()?;
    for stored in &tasks {
        report.records += 1;
        let count = "SELECT count(*) FROM entry WHERE task = ?1";
        let count: i64 = conn.prepare_cached(count)?.query_row([stored.num], |row| row.get(0))?;
        report.entries += count.unsigned_abs();
        report.findings.extend(check_task(conn, policy, stored, repair)?);
    }
    let next = tasks.last().filter(|_| tasks.len() == STEP).map(|stored| stored.num);
    Ok((report, next))
}

fn check_task(conn: &Connection, policy: &Policy, stored: &Stored, repair: bool) -> Step<Option<Finding>> {
    let record = match stored.record(conn, policy) {
        Ok(record) => record,
        Err(Fault(Error::Unreadable { id, .. })) => return Ok(Some(Finding::new(FindingKind::Unreadable, id))),
        Err(fault) => return Err(fault),
    };
    let place: Vec<u8> =
        conn.prepare_cached("SELECT place FROM task WHERE num = ?1")?.query_row([stored.num], |row| row.get(0))?;
    let said = (stored.service.as_str(), stored.user_id.as_str(), stored.status.as_str());
    let meant = (record.service(), record.user_id(), record.status().as_str());
    if said == meant && place == sort_key(&stored.id) {
        return Ok(None);
    }
    if repair {
        let sql = "UPDATE task SET service = ?2, user_id = ?3, status = ?4, place = ?5 WHERE num = ?1";
        let values = params![stored.num, meant.0, meant.1, meant.2, sort_key(&stored.id)];
        conn.prepare_cached(sql)?.execute(values)?;
    }
    Ok(Some(Finding { repaired: repair, ..Finding::new(FindingKind::Metadata, stored.id.as_str()) }))
}
