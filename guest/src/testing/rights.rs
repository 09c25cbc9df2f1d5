//! What a run may do: the grants of its plugin, and what it may do to its own task.

use super::Grants;
use super::store::may_move;
use crate::{Error, Result, TaskRecord, TaskStatus};

/// The rights of a run.
#[derive(Debug)]
pub(super) struct Rights {
    pub(super) grants: Grants,
    /// The run's own task.
    pub(super) task_id: String,
    /// What covers the owner of that task, and nobody else.
    owner: Grants,
}

impl Rights {
    pub(super) fn new(task: &TaskRecord, grants: Grants) -> Self {
        let owner = Grants::for_services([&task.service]).for_users([&task.user_id]);
        Self { grants, task_id: task.task_id.clone(), owner }
    }

    /// Whether a task may be saved in the place of what is there. The run's own task stays its owner's, and that it was
    /// asked to stop, or has ended, cannot be taken back: the status moves forward only, and the log is kept.
    pub(super) fn permit_save(&self, new: &TaskRecord, old: Option<&TaskRecord>) -> Result<()> {
        if new.task_id != self.task_id {
            return old.map_or(Ok(()), |old| self.grants.permit_owner(&old.service, &old.user_id));
        }
        self.owner.permit_owner(&new.service, &new.user_id)?;
        let old = old.ok_or(Error::NotFound)?;
        self.grants.permit_owner(&old.service, &old.user_id)?;
        if old.status != TaskStatus::CancelRequested && !old.status.is_terminal() {
            return Ok(());
        }
        if !may_move(old.status, new.status) {
            return Err(Error::InvalidTransition(old.status));
        }
        if new.logs.starts_with(&old.logs) { Ok(()) } else { Err(Error::Conflict) }
    }
}
