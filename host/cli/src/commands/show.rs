//! The commands that look at one task, at a service, at the sequence and at the whole store.

use std::time::Duration;

use futures_util::StreamExt as _;
use serde_json::json;
use task_state_host::record::{Status, TaskId};
use task_state_host::store::Access;

use super::{AboutTask, Session};
use crate::args::{LogsArgs, WaitArgs};
use crate::exit::Exit;
use crate::output::{check_report, entry, finding, name, progress};

pub(super) async fn get(id: &TaskId, session: &mut Session) -> anyhow::Result<()> {
    let record = session.store.get(id, &Access::ANY).await.about(id)?;
    let progress = session.store.progress(id, &Access::ANY).await.about(id)?;
    session.out.record(&record, progress.as_ref())
}

pub(super) async fn users(service: &str, session: &mut Session) -> anyhow::Result<()> {
    let users = session.store.users(service).await?;
    if session.out.is_json() {
        return session.out.result("", &json!({"service": service, "users": users}));
    }
    for user in &users {
        session.out.write(&format!("{}\n", name(user)))?;
    }
    session.out.flush()
}

pub(super) async fn next_id(session: &mut Session) -> anyhow::Result<()> {
    let id = session.store.next_task_id().await?;
    session.out.result(&id, &json!({"task_id": id}))
}

pub(super) async fn peek_id(session: &mut Session) -> anyhow::Result<()> {
    let id = session.store.peek_next_task_id().await?;
    session.out.result(&id, &json!({"task_id": id}))
}

/// Compares records and indexes.
pub(super) async fn check(repair: bool, session: &mut Session) -> anyhow::Result<Exit> {
    let report = session.store.check(repair).await?;
    if session.out.is_json() {
        session.out.result("", &check_report(&report))?;
    } else {
        for one in &report.findings {
            session.out.write(&format!("{}\n", finding(one)))?;
        }
        session.out.flush()?;
        session.screen.line(&format!(
            "checked {} records and {} index entries: {} disagreements, {} left",
            report.records,
            report.entries,
            report.found(),
            report.remaining(),
        ));
    }
    Ok(if report.remaining() == 0 { Exit::Done } else { Exit::Failed })
}

/// Waits until a task has ended.
pub(super) async fn wait(args: WaitArgs, session: &mut Session) -> anyhow::Result<Exit> {
    let limit = args.timeout.unwrap_or(Duration::MAX);
    let Ok(status) = tokio::time::timeout(limit, ended(&args.id, session)).await else {
        session.screen.line(&format!("error: task {:?} has not ended within {limit:?}", args.id.as_str()));
        return Ok(Exit::TimedOut);
    };
    let status = status?;
    if session.out.is_json() {
        let record = session.store.get(&args.id, &Access::ANY).await.about(&args.id)?;
        session.out.record(&record, None)?;
    } else {
        session.out.write(&format!("{}: {status}\n", name(args.id.as_str())))?;
        session.out.flush()?;
    }
    Ok(Exit::of_status(status))
}

/// The terminal status that a task comes to.
async fn ended(id: &TaskId, session: &Session) -> anyhow::Result<Status> {
    loop {
        // Entries are not what is waited for.
        let mut following = session.store.follow(id, usize::MAX, &Access::ANY).await.about(id)?;
        while let Some(news) = following.next().await {
            let status = news.about(id)?.status;
            if status.is_terminal() {
                return Ok(status);
            }
        }
    }
}

/// Shows the log of a task from `--tail` entries before its end, and with `--follow` goes on until the task ends.
pub(super) async fn logs(args: &LogsArgs, session: &mut Session) -> anyhow::Result<()> {
    let id = &args.id;
    let record = session.store.get(id, &Access::ANY).await.about(id)?;
    let entries = record.logs();
    let skip = args.tail.map_or(0, |tail| entries.len().saturating_sub(tail));
    let mut writer = LogWriter::start(id, session)?;
    if !args.follow {
        writer.write(record.status(), &entries[skip..], session)?;
        return writer.finish(session);
    }
    let mut following = session.store.follow(id, skip, &Access::ANY).await.about(id)?;
    let mut said = None;
    while let Some(news) = following.next().await {
        let news = news.about(id)?;
        writer.write(news.status, &news.entries, session)?;
        if let Some(now) = news.progress.as_ref().filter(|_| said != news.progress) {
            session.screen.line(&progress(now));
        }
        said = news.progress;
        if session.out.is_closed() {
            return Ok(());
        }
    }
    writer.finish(session)
}

/// Writes log entries as they come: a line each for people, one document in the end for machines.
struct LogWriter {
    any: bool,
    status: Option<Status>,
}

impl LogWriter {
    fn start(id: &TaskId, session: &mut Session) -> anyhow::Result<Self> {
        if session.out.is_json() {
            session.out.write(&format!("{{\"task_id\":{},\"logs\":[", serde_json::to_string(id.as_str())?))?;
        }
        Ok(Self { any: false, status: None })
    }

    fn write(&mut self, status: Status, entries: &[String], session: &mut Session) -> anyhow::Result<()> {
        self.status = Some(status);
        for one in entries {
            if session.out.is_json() {
                let comma = if self.any { "," } else { "" };
                session.out.write(&format!("{comma}{}", serde_json::to_string(one)?))?;
            } else {
                session.out.write(&format!("{}\n", entry(one)))?;
            }
            self.any = true;
        }
        session.out.flush()
    }

    fn finish(self, session: &mut Session) -> anyhow::Result<()> {
        if session.out.is_json() {
            let status = self.status.map(Status::as_str);
            session.out.write(&format!("],\"status\":{}}}\n", serde_json::to_string(&status)?))?;
        }
        session.out.flush()
    }
}
