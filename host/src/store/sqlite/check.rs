//! The check of a store: what SQLite itself does not keep from disagreeing.
//!
//! A task's row repeats what its record says of its owner and status, for the sake of the indexes; the indexes themselves
//! are SQLite's. Everything is looked for in transactions that only read, which keep no writer waiting; each repair is a
//! short one that looks again.

use futures_util::future::try_join_all;
use rusqlite::{Connection, OptionalExtension, params};

use super::fault::{Fault, Step};
use super::lease;
use super::remove::{original_id, sweep};
use super::task::{Policy, Stored, now_ms, select};
use super::worker::{PAUSE, Worker};
use crate::record::sort_key;
use crate::store::{Error, Finding, FindingKind, MAX_FINDINGS, Report, Result};

/// How many tasks one step goes over.
const STEP: usize = 500;

/// Checks the store by one worker, and has the other repair what disagrees if asked to.
pub(super) async fn check(reads: &Worker, writes: &Worker, policy: &Policy, repair: bool) -> Result<Report> {
    reads.run(check_file).await?;
    let mut report = Report::default();
    check_orphans(reads, writes, policy, repair, &mut report).await?;
    let expired = reads.run(find_expired).await?;
    for id in &expired {
        report.add(Finding::new(FindingKind::StaleEntry, original_id(id)).repaired(repair));
    }
    while repair && !expired.is_empty() && writes.run(sweep).await? {
        tokio::time::sleep(PAUSE).await;
    }
    let mut after = Some(0);
    while let Some(num) = after {
        let with = policy.clone();
        let step = reads.run(move |conn| check_tasks(conn, &with, num)).await?;
        after = step.next;
        report.records += step.records;
        report.entries += step.entries;
        let wrong_rows = step.findings.iter().filter(|(_, finding)| repair && finding.kind == FindingKind::Metadata);
        try_join_all(wrong_rows.map(|&(num, _)| {
            let with = policy.clone();
            writes.run(move |conn| repair_row(conn, &with, num))
        }))
        .await?;
        for (_, finding) in step.findings {
            let repaired = repair && finding.kind == FindingKind::Metadata;
            report.add(finding.repaired(repaired));
        }
    }
    Ok(report)
}

/// Tasks whose hosts are gone, which are ended if asked to.
async fn check_orphans(
    reads: &Worker,
    writes: &Worker,
    policy: &Policy,
    repair: bool,
    report: &mut Report,
) -> Result<()> {
    for num in reads.run(|conn| lease::ended(conn, MAX_FINDINGS)).await? {
        let with = policy.clone();
        let id = if repair {
            writes.run(move |conn| lease::end_orphan(conn, &with, num)).await?
        } else {
            reads.run(move |conn| lease::unfinished(conn, num)).await?
        };
        if let Some(id) = id {
            report.add(Finding::new(FindingKind::Orphan, id).repaired(repair));
        }
    }
    Ok(())
}

fn check_file(conn: &Connection) -> Step<()> {
    let damage: String = conn.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    if damage == "ok" { Ok(()) } else { Err(Error::Failed(format!("the database is damaged: {damage}")).into()) }
}

/// The ids of tasks that have expired and are still in the file.
fn find_expired(conn: &Connection) -> Step<Vec<String>> {
    let mut statement = conn.prepare_cached("SELECT id FROM task WHERE expires_at <= ?1 ORDER BY expires_at")?;
    let ids = statement.query_map([now_ms()], |row| row.get(0))?;
    Ok(ids.collect::<rusqlite::Result<_>>()?)
}

/// What one step over the tasks has found.
struct Found {
    records: u64,
    entries: u64,
    /// With the rows of the tasks.
    findings: Vec<(i64, Finding)>,
    /// After which row the next step starts, unless this was the last.
    next: Option<i64>,
}

fn check_tasks(conn: &Connection, policy: &Policy, after: i64) -> Step<Found> {
    let mut statement = conn.prepare_cached(&select("AND num > ?2 ORDER BY num LIMIT ?3"))?;
    let tasks = statement.query_map(params![now_ms(), after, STEP as i64], Stored::read)?;
    let tasks = tasks.collect::<rusqlite::Result<Vec<_>>>()?;
    let next = tasks.last().filter(|_| tasks.len() == STEP).map(|stored| stored.num);
    let mut found = Found { records: tasks.len() as u64, entries: 0, findings: Vec::new(), next };
    for stored in &tasks {
        let count = "SELECT count(*) FROM entry WHERE task = ?1";
        let count: i64 = conn.prepare_cached(count)?.query_row([stored.num], |row| row.get(0))?;
        found.entries += count.unsigned_abs();
        let kind = check_row(conn, policy, stored, false)?;
        found.findings.extend(kind.map(|kind| (stored.num, Finding::new(kind, stored.id.as_str()))));
    }
    Ok(found)
}

/// What is wrong with a task, whose row is written anew from its record if asked to.
fn check_row(conn: &Connection, policy: &Policy, stored: &Stored, repair: bool) -> Step<Option<FindingKind>> {
    let record = match stored.body(conn, policy) {
        Ok(record) => record,
        Err(Fault(Error::Unreadable { .. })) => return Ok(Some(FindingKind::Unreadable)),
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
    Ok(Some(FindingKind::Metadata))
}

/// Repairs the row of a task, unless the task is gone by now.
fn repair_row(conn: &Connection, policy: &Policy, num: i64) -> Step<()> {
    let sql = select("AND num = ?2");
    if let Some(stored) = conn.prepare_cached(&sql)?.query_row([now_ms(), num], Stored::read).optional()? {
        check_row(conn, policy, &stored, true)?;
    }
    Ok(())
}
