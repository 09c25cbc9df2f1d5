//! How a task is stopped and removed, whichever contract it is asked by.

use std::time::Duration;

use task_state_host::dispatch::{CancelError, Cancellation, Dispatcher};
use task_state_host::record::{Head, InvalidValue, Status, TaskId, TaskRecord};
use task_state_host::store::{Access, Error, Owners};

/// A task as it was found.
#[derive(Debug, Clone)]
pub(super) struct Task {
    pub(super) id: TaskId,
    service: String,
    user_id: String,
    pub(super) status: Status,
}

impl TryFrom<Head> for Task {
    type Error = InvalidValue;

    fn try_from(head: Head) -> Result<Self, InvalidValue> {
        let Head { task_id, service, user_id, status, .. } = head;
        Ok(Self { id: TaskId::stored(task_id)?, service, user_id, status })
    }
}

impl TryFrom<&TaskRecord> for Task {
    type Error = InvalidValue;

    fn try_from(record: &TaskRecord) -> Result<Self, InvalidValue> {
        let (service, user_id) = (record.service().to_owned(), record.user_id().to_owned());
        Ok(Self { id: TaskId::stored(record.task_id())?, service, user_id, status: record.status() })
    }
}

impl Task {
    /// As the task of the owner it was found with: by now there may be another's under the same id.
    pub(super) fn access(&self) -> Access {
        Access::of(Owners::only(&self.service, &self.user_id))
    }

    /// Has the task stop: it is told, or was never begun. Waits for its end as long as the caller has patience.
    pub(super) async fn stop(&self, dispatcher: &Dispatcher, patience: Duration) -> Result<Status, CancelError> {
        let Self { id, service, user_id, .. } = self.clone();
        dispatcher.cancel(&Cancellation { task_id: id, service, user_id }, patience).await
    }

    /// Has the task stop, and removes it. False if it was gone, or is another's by now.
    pub(super) async fn remove(&self, dispatcher: &Dispatcher, patience: Duration) -> Result<bool, CancelError> {
        if !self.status.is_terminal() {
            match self.stop(dispatcher, patience).await {
                // A run that goes on notices that its task is gone.
                Ok(_) | Err(CancelError::Ended(_) | CancelError::Unknown) => {}
                Err(CancelError::NotTheOwner) => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        match dispatcher.host().store().delete(&self.id, &self.access()).await {
            Err(Error::NotFound | Error::Denied(_)) => Ok(false),
            deleted => deleted.map_err(CancelError::Store),
        }
    }
}
