//! How a run begins: its input is opened, its task claimed, and its caller told.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;
use tracing::Instrument as _;
use tracing::field::Empty;
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
use crate::observer::Observed;
use crate::record::{Status, TaskId};
use crate::store::{Access, Claim, Claimed, Error, Owners, RunId, SharedStore};

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
    fn start(self, run: &Run) -> Result<Option<oneshot::Sender<Result<Outcome, StartError>>>, Gone> {
        match self {
            Self::AwaitsStart(caller) => caller.send(Ok(run.clone())).map(|()| None).map_err(|_| Gone),
            Self::AwaitsEnd(caller) if caller.is_closed() => Err(Gone),
            Self::AwaitsEnd(caller) => Ok(Some(caller)),
        }
    }
}

/// The caller does not wait any more.
struct Gone;

/// Starts a run, tells the caller, executes it, and tells its outcome.
pub(super) async fn carry_out(plugin: Plugin, request: Box<RunRequest>, caller: Caller, place: (Slot, Permit)) {
    // The threads that this runs on end with the host, so the plugin keeps it until the caller knows the outcome.
    let host = &plugin.0.host;
    let waited = request.ticket.as_ref().map(|ticket| ticket.waited);
    let begun = match begin(&plugin, request).await {
        Ok(begun) => begun,
        Err(error) => {
            if let StartError::Store(error) = &error {
                host.observed.tell_error(error);
            }
            return caller.refuse(error);
        }
    };
    let (ending, awaits_end, ended) = match begun {
        Begun::Cancelled(location, events) => {
            events.status(Status::Cancelled);
            let run = Run::new(location.id.clone(), None, events);
            let ended =
                Outcome { status: Status::Cancelled, is_retried: false, written: Ok(()), location: Some(*location) };
            (run.ending(), caller.start(&run), ended)
        }
        Begun::Running(job) => {
            let task = job.claimed.clone();
            let run = Run::new(task.id.clone(), Some(task.clone()), job.events.clone());
            place.0.fill(run.clone());
            let (ending, awaits_end) = (run.ending(), caller.start(&run));
            if awaits_end.is_err() {
                task.cancel(ABANDONED);
            }
            (ending, awaits_end, execute(job, &host.observed, waited).await)
        }
    };
    ending.end_events();
    // Whoever hears of the end may start the next run.
    drop(place);
    // Somebody else may wait for the end who has found the run by its task.
    ending.tell(ended.clone());
    if let Ok(Some(caller)) = awaits_end {
        _ = caller.send(Ok(ended));
    }
}

async fn execute(job: Box<Job>, observed: &Observed, waited: Option<Duration>) -> Outcome {
    let (service, begun) = (job.task.service().to_owned(), Instant::now());
    if let Some(waited) = waited {
        observed.tell(|observer| observer.run_begins(&service, waited));
    }
    let span = tracing::info_span!("run", task = %job.claimed.id, service, status = Empty, otel.status_code = Empty);
    // On the heap, so that the whole of it is not moved with each future around it.
    let ended = Box::pin(job.run()).instrument(span.clone()).await;
    span.record("status", ended.status.as_str());
    if ended.status == Status::Failed {
        span.record("otel.status_code", "ERROR");
    }
    span.in_scope(|| tracing::debug!("the run has ended"));
    observed.tell(|observer| observer.run_ended(&service, ended.status, begun.elapsed()));
    if let Err(error) = &ended.written {
        observed.tell_error(error);
    }
    ended
}

enum Begun {
    Running(Box<Job>),
    /// The task had been asked to stop before it started, and is cancelled.
    Cancelled(Box<run::Location>, Events),
}

async fn begin(plugin: &Plugin, request: Box<RunRequest>) -> Result<Begun, StartError> {
    let host = &plugin.0.host;
    let limits = request.limits.as_ref().unwrap_or(&host.default_limits).countable();
    let events = request.events.of_run();
    let input = open(request.input, &host.store, request.task_id.as_ref()).await?;
    let opened = Opened::open(&plugin.0.capabilities).await?;
    let run_id = RunId::of_host(&host.name);
    let lease_end = leases::end(Instant::now(), host.lease);
    let claim = Claim {
        task_id: request.task_id,
        parameters: request.parameters,
        priority: request.priority,
        ticket: request.ticket,
        attempts: request.attempts.max(1),
        ..Claim::new(request.service, request.user_id, run_id.clone(), leases::kept(host.lease))
    };
    let Claimed { task, attempt, .. } = host.store.claim(claim).await?;
    if task.status() == Status::Cancelled {
        let id = TaskId::stored(task.task_id()).map_err(Error::InvalidValue)?;
        let access = Access::of(Owners::only(task.service(), task.user_id()));
        return Ok(Begun::Cancelled(Box::new(run::Location { store: host.store.clone(), id, access }), events));
    }
    let claimed = Arc::new(ClaimedTask::new(host.store.clone(), &task, run_id, lease_end, events.clone())?);
    Ok(Begun::Running(Box::new(Job {
        plugin: plugin.clone(),
        claimed,
        task: Box::new(task),
        opened,
        input,
        sink: request.output,
        events,
        limits,
        faults: request.faults,
        platform: request.platform,
        retry: Retry::after(attempt, request.attempts, request.backoff),
    })))
}

async fn open(
    input: Input,
    store: &SharedStore,
    task: Option<&TaskId>,
) -> Result<Box<dyn StdinStream + Sync>, StartError> {
    if matches!(input, Input::OfTask) {
        return Ok(match task {
            Some(task) => Box::new(LazyInput::new(StoredInput::new(store.clone(), task.clone()))),
            // A new task has none.
            None => Box::new(tokio::io::empty()),
        });
    }
    let path = if let Input::File(path) = &input { Some(path.clone()) } else { None };
    let failed = |error| StartError::Input { path: path.unwrap_or_else(|| PathBuf::from("-")), error };
    input::open(input).await.map_err(failed)
}
