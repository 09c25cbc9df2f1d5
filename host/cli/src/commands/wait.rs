//! `wait`: waits until a task has ended.

use std::time::Duration;

use futures_util::StreamExt as _;
use task_state_host::record::{Status, TaskId};
use task_state_host::store::Access;

use super::{AboutTask, Session};
use crate::args::WaitArgs;
use crate::exit::Exit;
use crate::output::name;

pub(super) async fn wait(args: WaitArgs, session: &mut Session) -> anyhow::Result<Exit> {
    let limit = args.timeout.unwrap_or(Duration::MAX);
    let Ok(status) = tokio::time::timeout(limit, ended(&args.id, session)).await else {
        session.screen.line(&format!("error: task {:?} has not ended within {limit:?}", args.id.as_str()));
        return Ok(Exit::TimedOut);
    };
    let status = status?;
    if session.out.is_json() {
        let record = session.store.get(&args.id, &Access::ANY).await.about(&args.id)?;
        session.out.record(&record)?;
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
        let mut progress = session.store.follow(id, usize::MAX, &Access::ANY).await.about(id)?;
        while let Some(news) = progress.next().await {
            let status = news.about(id)?.status;
            if status.is_terminal() {
                return Ok(status);
            }
        }
    }
}
