//! The commands that change a task.

use task_state_host::record::{Change, Draft, Status, TaskId, TaskResult};
use task_state_host::store::{Access, Error, Precondition};

use super::{AboutTask, Session};
use crate::args::{SaveArgs, SetActiveJobsArgs, SetPriorityArgs, SetStatusArgs, UpdateResultArgs};
use crate::output::{ChangedTask, Deleted, name};

pub(super) async fn save(args: SaveArgs, session: &mut Session) -> anyhow::Result<()> {
    let mut draft = Draft::new(args.service, args.user).with_id(args.id.clone());
    draft.status = args.status;
    draft.parameters = args.parameters;
    draft.priority = args.priority;
    let only_if = if args.if_absent { Precondition::Absent } else { Precondition::None };
    let saved = session.store.save(draft, only_if, &Access::ANY).await;
    let id = match saved {
        Err(error @ Error::Conflict) => {
            return Err(anyhow::Error::new(error).context(format!("task {:?} is there already", args.id.as_str())));
        }
        other => other.about(&args.id)?,
    };
    report(&id, args.status, None, session)
}

pub(super) async fn set_status(args: SetStatusArgs, session: &mut Session) -> anyhow::Result<()> {
    let change = args.log.into_iter().fold(Change::status(args.status), Change::log);
    make(&args.id, change, session).await
}

pub(super) async fn update_result(args: UpdateResultArgs, session: &mut Session) -> anyhow::Result<()> {
    let result = TaskResult { pod_status: args.pod_status, launcher_output: args.launcher_output };
    make(&args.id, Change::result(result), session).await
}

pub(super) async fn set_active_jobs(args: SetActiveJobsArgs, session: &mut Session) -> anyhow::Result<()> {
    make(&args.id, Change::active_jobs(args.jobs), session).await
}

pub(super) async fn set_priority(args: SetPriorityArgs, session: &mut Session) -> anyhow::Result<()> {
    make(&args.id, Change::priority(args.priority), session).await
}

pub(super) async fn cancel(id: &TaskId, session: &mut Session) -> anyhow::Result<()> {
    let status = session.store.status(id, &Access::ANY).await.about(id)?;
    if status == Status::CancelRequested {
        return report(id, status, None, session);
    }
    make(id, Change::status(Status::CancelRequested).log("cancellation requested"), session).await
}

pub(super) async fn delete(id: &TaskId, session: &mut Session) -> anyhow::Result<()> {
    if !session.store.delete(id, &Access::ANY).await.about(id)? {
        return Err(Error::NotFound).about(id);
    }
    let text = format!("{}: deleted", name(id.as_str()));
    session.out.result(&text, &Deleted { task_id: id.as_str(), deleted: true })
}

/// Makes a change and reports the status that it left the task in.
async fn make(id: &TaskId, change: Change, session: &mut Session) -> anyhow::Result<()> {
    let status = session.store.change(id, change, &Access::ANY).await.about(id)?;
    report(id, status, None, session)
}

/// Reports the status that a task is in after a change, and how many entries the change added where that was the point.
pub(super) fn report(id: &TaskId, status: Status, entries: Option<usize>, session: &mut Session) -> anyhow::Result<()> {
    let added = match entries {
        None => String::new(),
        Some(1) => ", 1 entry added".to_owned(),
        Some(count) => format!(", {count} entries added"),
    };
    let text = format!("{}: {status}{added}", name(id.as_str()));
    session.out.result(&text, &ChangedTask { task_id: id.as_str(), status: status.as_str(), entries })
}
