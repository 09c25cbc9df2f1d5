//! The commands that look after the queue.

use serde_json::json;
use task_state_host::store::Pause;

use super::Session;
use crate::output::Queue;

/// The most tasks of runs that are shown.
const MAX_HELD: usize = 1_000;

pub(super) async fn show(session: &mut Session) -> anyhow::Result<()> {
    let queue = session.store.queue();
    let waiting = queue.waiting().await?;
    let held = queue.held(MAX_HELD).await?;
    let pauses = queue.pauses().await?;
    let shown = Queue { waiting: &waiting, held: &held, pauses: &pauses };
    session.out.result(shown.text().trim_end(), &shown.json())
}

pub(super) async fn pause(what: &Pause, session: &mut Session) -> anyhow::Result<()> {
    session.store.queue().pause(what).await?;
    session.out.result(&format!("{what}: paused"), &json!({"paused": Queue::pause(what)}))
}

pub(super) async fn resume(what: &Pause, session: &mut Session) -> anyhow::Result<()> {
    session.store.queue().resume(what).await?;
    session.out.result(&format!("{what}: resumed"), &json!({"resumed": Queue::pause(what)}))
}
