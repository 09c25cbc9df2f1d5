//! How a run begins: its input is opened, its task claimed, and its caller told.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{oneshot, watch};
use tokio::time::Instant;
use tracing::field::Empty;
use tracing::{Instrument as _, Span};
use wasmtime_wasi::cli::StdinStream;

use super::admission::Permit;
use super::capabilities::Opened;
use super::claimed_task::ClaimedTask;
use super::events::Events;
use super::execute::Job;
use super::lazy_input::LazyInput;
use super::registry::Slot;
use super::retry::Retry;
use super::stored_input::StoredInput;
use super::{Input, Outcome, Plugin, Run, RunRequest, StartError, input, leases, run};
use crate::record::{Status, TaskId};
use crate::store::{Access, Claim, Claimed, Error, Owners, RunId};

/// What the log of a task says if its caller did not wait for the start.
const ABANDONED: &str = "cancellation requested: whoever started the run is gone";

/// Who has asked for a run, and what they wait for.
pub(super) enum Caller {
    AwaitsStart(oneshot::Sender<Result<Run, StartError>>),
    AwaitsEnd(oneshot::Sender<Result<Outcome, StartError>>),
}

impl Caller {
    fn refuse(self, error: StartError) {
        match self {
            Self::AwaitsStart(caller) => _ = caller.send(Err(error)),
            Self::AwaitsEnd(caller) => _ = caller.send(Err(error)),
        }
    }

    /// Tells a caller that waits for the start. Gives one that waits for the end.
    fn start(self, run: Run) -> Result<Option<oneshot::Sender<Result<Outcome, StartError>>>, Gone> {
        match self {
            Self::AwaitsStart(caller) => caller.send(Ok(run)).map(|()| None).map_err(|_| Gone),
            Self::AwaitsEnd(caller) if caller.is_closed() => Err(Gone),
            Self::AwaitsEnd(caller) => Ok(Some(caller)),
        }
    }
}

/// The caller does not wait any more.
struct Gone;

/// Starts a run, tells the caller, executes it, and tells its outcome.
pub(super) async fn carry_out(plugin: Plugin, request: RunRequest, caller: Caller, place: (Slot, Permit)) {
    // The threads that this runs on end with the host, so it is kept until the caller knows the outcome.
    let host = plugin.host.clone();
    let (told, outcome) = watch::channel(None);
    let events = request.events.of_run();
    let waited = request.ticket.as_ref().map(|ticket| ticket.waited);
    let (awaits_end, ended) = match Box::pin(begin(plugin, request, &events)).await {
        Err(error) => {
            if let StartError::Store(error) = &error {
                host.observed.tell_error(error);
            }
            return caller.refuse(error);
        }
        Ok(Begun::Cancelled(location)) => {
            events.status(Status::Cancelled);
            let run = Run { task_id: location.id.clone(), task: None, events: events.clone(), outcome };
            let ended =
                Outcome { status: Status::Cancelled, is_retried: false, written: Ok(()), location: Some(*location) };
            (caller.start(run), ended)
        }
        Ok(Begun::Running(job)) => {
            let task = job.claimed.clone();
            let run = Run { task_id: task.id.clone(), task: Some(task.clone()), events: events.clone(), outcome };
            place.0.fill(run.clone());
            let awaits_end = caller.start(run);
            if awaits_end.is_err() {
                task.cancel(ABANDONED);
            }
            let observed = host.observed.clone();
            let (service, begun) = (job.task.service().to_owned(), Instant::now());
            if let Some(waited) = waited {
                observed.tell(|observer| observer.run_begins(&service, waited));
            }
            let span = tracing::info_span!("run", task = %task.id, service, status = Empty, otel.status_code = Empty);
            let run = async {
                // On the heap, so that the whole of it is not moved with each future around it.
                let ended = Box::pin(job.run()).await;
                let span = Span::current();
                span.record("status", ended.status.as_str());
                if ended.status == Status::Failed {
                    span.record("otel.status_code", "ERROR");
                }
                tracing::debug!("the run has ended");
                ended
            };
            let ended = run.instrument(span).await;
            observed.tell(|observer| observer.run_ended(&service, ended.status, begun.elapsed()));
            if let Err(error) = &ended.written {
                observed.tell_error(error);
            }
            (awaits_end, ended)
        }
    };
    events.end();
    // Whoever hears of the end may start the next run.
    drop(place);
    // Somebody else may wait for the end who has found the run by its task.
    told.send_replace(Some(ended.clone()));
    if let Ok(Some(caller)) = awaits_end {
        _ = caller.send(Ok(ended));
    }
}

enum Begun {
    Running(Box<Job>),
    /// The task had been asked to stop before it started, and is cancelled.
    Cancelled(Box<run::Location>),
}

async fn begin(plugin: Plugin, request: RunRequest, events: &Events) -> Result<Begun, StartError> {
    let limits = request.limits.as_ref().unwrap_or(&plugin.host.default_limits).countable();
    let input = open(request.input.clone(), &plugin, request.task_id.as_ref()).await?;
    let opened = Opened::open(&plugin.capabilities).await?;
    let run_id = RunId::of_host(&plugin.host.name);
    let lease_end = leases::end(Instant::now(), plugin.host.lease);
    let claim = claim(&request, run_id.clone(), leases::kept(plugin.host.lease));
    let Claimed { task, attempt, .. } = plugin.host.store.claim(claim).await?;
    if task.status() == Status::Cancelled {
        let id = TaskId::stored(task.task_id()).map_err(Error::InvalidValue)?;
        let access = Access::of(Owners::only(task.service(), task.user_id()));
        return Ok(Begun::Cancelled(Box::new(run::Location { store: plugin.host.store.clone(), id, access })));
    }
    let claimed = Arc::new(ClaimedTask::new(plugin.host.store.clone(), &task, run_id, lease_end, events.clone())?);
    Ok(Begun::Running(Box::new(Job {
        plugin,
        claimed,
        task,
        opened,
        input,
        sink: request.output,
        events: events.clone(),
        limits,
        faults: request.faults,
        platform: request.platform,
        retry: Retry::after(attempt, request.attempts, request.backoff),
    })))
}

async fn open(input: Input, plugin: &Plugin, task: Option<&TaskId>) -> Result<Box<dyn StdinStream + Sync>, StartError> {
    if matches!(input, Input::OfTask) {
        return Ok(match task {
            Some(task) => Box::new(LazyInput::new(StoredInput::new(plugin.host.store.clone(), task.clone()))),
            // A new task has none.
            None => Box::new(tokio::io::empty()),
        });
    }
    let path = match &input {
        Input::File(path) => path.clone(),
        _ => PathBuf::from("-"),
    };
    input::open(input).await.map_err(|error| StartError::Input { path, error })
}

fn claim(request: &RunRequest, run: RunId, lease: Duration) -> Claim {
    Claim {
        task_id: request.task_id.clone(),
        parameters: request.parameters.clone(),
        priority: request.priority,
        ticket: request.ticket.clone(),
        attempts: request.attempts.max(1),
        ..Claim::new(request.service.clone(), request.user_id.clone(), run, lease)
    }
}
