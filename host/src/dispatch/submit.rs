//! Accepting a task, or refusing it for good.

use std::time::Duration;

use tokio::time::Instant;

use super::route::serving;
use super::same_json::is_same;
use super::waiting::IsFull;
use super::{Dispatcher, Shared};
use crate::record::{Change, InvalidValue, JsonObject, Status, TaskId, TaskRecord};
use crate::store::{self, Access, Error, Owners, Pause};

/// A registered task that is to be run, and what the caller believes of it.
#[derive(Debug, Clone)]
pub struct Submission {
    /// The task.
    pub task_id: TaskId,
    /// Its service.
    pub service: String,
    /// Its user.
    pub user_id: String,
    /// Its parameters.
    pub parameters: JsonObject,
}

/// Why a task was not accepted.
///
/// Where this says so, the task is `failed` by then, with the reason as an entry of its log: if it was `pending` or
/// `dispatching`. In another status it was accepted before, or is not to be run, and is left alone.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SubmitError {
    /// There is no such task.
    #[error("there is no such task")]
    Unknown,
    /// The stored task is another one than the caller believes. It is failed.
    #[error("the submission does not match the stored task: {0}")]
    Mismatch(String),
    /// Nobody here runs such tasks. It is failed.
    #[error("no plugin runs tasks of the service {service:?} for the user {user:?}")]
    NoPlugin {
        /// The service.
        service: String,
        /// The user.
        user: String,
    },
    /// The task can be in no queue, because of its id. It is failed.
    #[error(transparent)]
    Invalid(InvalidValue),
    /// Everything, the service or the user is paused.
    #[error("the service or the user is paused")]
    Paused,
    /// As many tasks as may wait are waiting.
    #[error("{waiting} tasks are waiting, and at most {most} may")]
    Full {
        /// How many wait.
        waiting: u64,
        /// How many may.
        most: u64,
    },
    /// The task has ended.
    #[error("the task has ended: it is {0}")]
    Ended(Status),
    /// The store did not answer, or refused.
    #[error(transparent)]
    Store(#[from] store::Error),
}

impl SubmitError {
    /// Whether the task is to fail for it.
    fn is_final(&self) -> bool {
        matches!(self, Self::Mismatch(_) | Self::NoPlugin { .. } | Self::Invalid(_))
    }
}

impl Dispatcher {
    /// Accepts a registered task into the queue. Once it answers ok, the loss of any process loses nothing. A task that is
    /// in the queue already, or runs, is accepted again, and run once.
    ///
    /// # Errors
    /// [`SubmitError`]: the task is not in the queue, unless the store [did not answer](store::Error::Unavailable).
    pub async fn submit(&self, submission: &Submission) -> Result<(), SubmitError> {
        self.submit_if_served(submission, true).await
    }

    /// The same of a task that another process may run: it waits for one that does, whether there is one or not.
    ///
    /// # Errors
    /// As [`submit`](Self::submit), but for [`SubmitError::NoPlugin`].
    pub async fn submit_to_any(&self, submission: &Submission) -> Result<(), SubmitError> {
        self.submit_if_served(submission, false).await
    }

    async fn submit_if_served(&self, submission: &Submission, here: bool) -> Result<(), SubmitError> {
        let shared = &self.0.shared;
        let (is_paused, found) = tokio::join!(
            shared.is_paused(&submission.service, &submission.user_id),
            shared.store().get(&submission.task_id, &Access::ANY),
        );
        if is_paused? {
            return Err(SubmitError::Paused);
        }
        let task = match found {
            Err(Error::NotFound) => return Err(SubmitError::Unknown),
            found => found?,
        };
        let accepted = shared.accept(submission, &task, here).await;
        if let Err(error) = &accepted
            && error.is_final()
        {
            shared.fail(&submission.task_id, &task, error).await?;
        }
        accepted
    }
}

impl Shared {
    async fn is_paused(&self, service: &str, user: &str) -> store::Result<bool> {
        let pauses = self.store().queue().pauses().await?;
        Ok(pauses.iter().any(|pause| match pause {
            Pause::All => true,
            Pause::Service(paused) => paused.as_str() == service,
            Pause::User(paused) => paused.as_str() == user,
        }))
    }

    async fn accept(&self, submission: &Submission, task: &TaskRecord, here: bool) -> Result<(), SubmitError> {
        if let Some(differs) = mismatch(submission, task) {
            return Err(SubmitError::Mismatch(differs));
        }
        let Submission { task_id, service, user_id, .. } = submission;
        if here && serving(&self.routes(), service, user_id).is_none() {
            return Err(SubmitError::NoPlugin { service: service.clone(), user: user_id.clone() });
        }
        if task.status().is_terminal() {
            return Err(SubmitError::Ended(task.status()));
        }
        let most = self.max_waiting;
        if let Err(IsFull { waiting }) = self.waiting.admit(most, self.store().queue().waiting()).await? {
            return Err(SubmitError::Full { waiting, most });
        }
        // Nobody but a frontend leaves a task like this, and that is about to write to it.
        let settles = task.status() == Status::Dispatching && !self.settle.is_zero();
        let delay = if settles { self.settle } else { Duration::ZERO };
        let access = owners(task);
        match self.store().queue().enqueue(task_id, delay, &access).await {
            Ok(is_new) => {
                if settles && is_new {
                    self.settling.add(task_id.clone(), access, Instant::now() + delay);
                }
                Ok(())
            }
            // Somebody runs it already, and nothing else was asked for.
            Err(Error::Held) => Ok(()),
            Err(Error::NotFound | Error::Denied(_)) => Err(SubmitError::Unknown),
            Err(Error::InvalidTransition(refused)) => Err(SubmitError::Ended(refused.from)),
            Err(Error::InvalidValue(why)) => Err(SubmitError::Invalid(why)),
            Err(error) => Err(error.into()),
        }
    }

    /// Fails a task that is not accepted, unless it was before.
    async fn fail(&self, id: &TaskId, task: &TaskRecord, why: &SubmitError) -> store::Result<()> {
        if !matches!(task.status(), Status::Pending | Status::Dispatching) {
            return Ok(());
        }
        let change = Change::status(Status::Failed).log(why.to_string());
        match self.store().change(id, change, &owners(task)).await {
            // It is another's, has ended or is gone by now.
            Ok(_) | Err(Error::NotFound | Error::Denied(_) | Error::InvalidTransition(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

fn owners(task: &TaskRecord) -> Access {
    Access::of(Owners::only(task.service(), task.user_id()))
}

/// In what the stored task is another one than the caller believes, if it is.
fn mismatch(submission: &Submission, task: &TaskRecord) -> Option<String> {
    let mut differs = Vec::new();
    for (name, said, stored) in
        [("service", &submission.service, task.service()), ("user_id", &submission.user_id, task.user_id())]
    {
        if said != stored {
            differs.push(format!("the {name} is {stored:?}, not {said:?}"));
        }
    }
    if !is_same(submission.parameters.as_str(), task.parameters()) {
        differs.push("the parameters differ".to_owned());
    }
    (!differs.is_empty()).then(|| differs.join("; "))
}
