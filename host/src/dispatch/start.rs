//! The run of one task that was taken from the queue, and what becomes of a task that cannot be started.

use std::sync::Arc;

use tokio::time::Instant;

use super::pause::Pauses;
use super::take::PATIENCE;
use super::{Route, Shared};
use crate::plugin::{Input, RunRequest, StartError};
use crate::record::{Change, Status};
use crate::store::{Access, Error, Owners, Ticket};

/// Begins the run of a task, which goes on by itself.
pub(super) fn begin(shared: &Arc<Shared>, route: &Route, ticket: Ticket) {
    let place = shared.runs.enter(&ticket);
    let (shared, plugin) = (shared.clone(), route.plugin.clone());
    let request = request(route, &ticket);
    let host = shared.host.clone();
    host.spawn(async move {
        let watched = shared.restorer.watch(&ticket);
        if let Some(watched) = &watched {
            request.keep_entries_in(watched.journal());
        }
        tracing::debug!(task = %ticket.task_id, service = %ticket.service, waited = ?ticket.waited, "a task is started");
        match plugin.run(request).await {
            Ok(outcome) => {
                let status = outcome.written.is_ok().then_some(outcome.status);
                watched.into_iter().for_each(|watched| watched.ended(status.filter(|status| status.is_terminal())));
            }
            Err(error) => shared.not_started(&ticket, error).await,
        }
        drop(place);
    });
}

fn request(route: &Route, ticket: &Ticket) -> RunRequest {
    let mut request = RunRequest::new(ticket.service.clone(), ticket.user_id.clone());
    request.task_id = Some(ticket.task_id.clone());
    request.input = Input::OfTask;
    request.ticket = Some(ticket.clone());
    request.attempts = route.attempts.max(1);
    request.backoff = route.backoff;
    request.limits = route.limits.clone();
    request
}

/// What becomes of a task whose run did not start.
#[derive(Debug, PartialEq, Eq)]
enum Fate {
    /// It waits again.
    Back,
    /// It is another's, or nobody's, to run.
    Leave,
    /// There is nothing to run: it is gone, or has ended.
    Drop,
    /// It cannot be run.
    Fail,
}

fn fate(error: &StartError) -> Fate {
    match error {
        StartError::Full { .. } | StartError::ShuttingDown => Fate::Back,
        StartError::Store(Error::Unavailable(_) | Error::Failed(_)) => Fate::Back,
        StartError::Store(Error::Held) => Fate::Leave,
        StartError::Store(
            Error::NotFound | Error::InvalidTransition(_) | Error::Unreadable { .. } | Error::WrongType { .. },
        ) => Fate::Drop,
        _ => Fate::Fail,
    }
}

impl Shared {
    async fn not_started(&self, ticket: &Ticket, error: StartError) {
        let task = &ticket.task_id;
        let fate = fate(&error);
        match fate {
            Fate::Back => tracing::debug!(%task, %error, "a task is given back to the queue"),
            Fate::Leave => return tracing::debug!(%task, %error, "a task was taken by another"),
            Fate::Drop => tracing::info!(%task, %error, "a task leaves the queue"),
            Fate::Fail => tracing::warn!(%task, %error, "a task cannot be started"),
        }
        if matches!(error, StartError::Store(Error::Unavailable(_) | Error::Failed(_))) {
            self.note_trouble();
        }
        // After that it waits again by itself.
        let end = Instant::now() + PATIENCE;
        let mut pauses = Pauses::new();
        while let Err(failure) = self.settle_fate(ticket, &fate, &error).await {
            let pause = pauses.next();
            if Instant::now() + pause >= end {
                return tracing::debug!(%task, error = %failure, "a task was left to its time in the queue");
            }
            tokio::time::sleep(pause).await;
        }
    }

    async fn settle_fate(&self, ticket: &Ticket, fate: &Fate, error: &StartError) -> Result<(), Error> {
        let queue = self.store().queue();
        match fate {
            Fate::Leave => Ok(()),
            Fate::Back => queue.give_back(ticket).await,
            Fate::Drop => queue.discard(ticket).await.map(drop),
            Fate::Fail => {
                let change = Change::status(Status::Failed).log(format!("the task cannot be started: {error}"));
                let access = Access::of(Owners::only(ticket.service.as_str(), ticket.user_id.as_str()));
                match self.store().change(&ticket.task_id, change, &access).await {
                    Err(error @ (Error::Unavailable(_) | Error::Failed(_))) => Err(error),
                    // It may have ended, be gone, or be another's by now.
                    _ => queue.discard(ticket).await.map(drop),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::InvalidTransition;
    use crate::store::Denied;

    #[test]
    fn a_task_waits_again_unless_nothing_would_come_of_it() {
        let transition = InvalidTransition { from: Status::Completed, to: Status::Running };
        let missing = || std::io::Error::from(std::io::ErrorKind::NotFound);
        for (error, expected) in [
            (StartError::Full { running: 1, queued: 1 }, Fate::Back),
            (StartError::ShuttingDown, Fate::Back),
            (Error::Unavailable(String::new()).into(), Fate::Back),
            (Error::Failed(String::new()).into(), Fate::Back),
            (Error::Held.into(), Fate::Leave),
            (Error::NotFound.into(), Fate::Drop),
            (Error::InvalidTransition(transition).into(), Fate::Drop),
            (Error::Denied(Denied::User).into(), Fate::Fail),
            (StartError::Directory { path: "/nowhere".into(), error: missing() }, Fate::Fail),
            (StartError::Input { path: "/nowhere".into(), error: missing() }, Fate::Fail),
        ] {
            assert_eq!(fate(&error), expected, "{error}");
        }
    }
}
