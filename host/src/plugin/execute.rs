//! One run of one task, from the claim to the final status.

use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use jiff::SignedDuration;
use wasmtime_wasi::cli::StdinStream;

use super::instance::{Guest, describe_trap, work};
use super::journal::Journal;
use super::output::Output;
use super::run::Location;
use super::supervise::Halt;
use super::{Limits, Outcome, OutputSink, Plugin};
use crate::imports::TaskStateCtx;
use crate::record::{Change, Status, StatusChange, TaskRecord};
use crate::store::{Error, Result};

/// How often the final status is tried again, and how long is waited before the first time, while the store is
/// unavailable. The store has waited its own time before it said so.
const RETRIES: u32 = 5;
const FIRST_RETRY: Duration = Duration::from_millis(250);

/// What one run needs.
pub(super) struct Job {
    pub(super) plugin: Plugin,
    pub(super) journal: Arc<Journal>,
    pub(super) task: TaskRecord,
    pub(super) input: Box<dyn StdinStream + Sync>,
    pub(super) sink: OutputSink,
    pub(super) limits: Limits,
}

/// How a guest has ended.
enum End {
    Done,
    Failed(String),
    Cancelled(String),
    Gone(Error),
}

impl Job {
    /// Runs the guest and writes what came of it.
    pub(super) async fn run(self) -> Outcome {
        let journal = self.journal.clone();
        let output = Output::new(self.sink.clone(), self.limits.output_bytes);
        let kept = output.clone();
        let end = AssertUnwindSafe(self.guest(output)).catch_unwind().await;
        journal.close();
        let end = end.unwrap_or_else(|panic| End::Failed(describe_panic(&*panic)));
        finish(&journal, end, kept.text()).await
    }

    async fn guest(self, output: Output) -> End {
        let Self { plugin, journal, task, input, limits, .. } = self;
        let context = TaskStateCtx::with_current(journal.store.clone(), plugin.grants(), journal.clone());
        let guest = Guest::new(context, input, output, limits.memory_bytes);
        let mut store = guest.into_store(plugin.engine());
        let _ticking = plugin.tick();
        let ended = {
            let mut guest = pin!(work(plugin.component(), &mut store, &task));
            let watched = async {
                let ended = tokio::select! {
                    biased;
                    result = &mut guest => Ok(result),
                    halt = journal.halt(&limits) => Err(halt),
                };
                journal.close();
                if ended.is_err() {
                    journal.until_idle(guest).await;
                }
                ended
            };
            tokio::join!(watched, journal.supervise()).0
        };
        match (store.data().memory.exceeded(), ended) {
            (_, Err(halt)) => halted(halt, &limits),
            (Some(limit), _) => End::Failed(limit.to_string()),
            (None, Ok(Ok(Ok(())))) => End::Done,
            (None, Ok(Ok(Err(text)))) => End::Failed(text),
            (None, Ok(Err(trap))) => End::Failed(describe_trap(&trap)),
        }
    }
}

fn halted(halt: Halt, limits: &Limits) -> End {
    let spell = |time: Duration| format!("{:#}", SignedDuration::try_from(time).unwrap_or(SignedDuration::MAX));
    match halt {
        Halt::WallClock => End::Failed(format!("wall-clock limit of {} exceeded", spell(limits.wall_clock))),
        Halt::Grace => {
            End::Cancelled(format!("stopped: it went on for {} after its cancellation", spell(limits.grace)))
        }
        Halt::Gone(error) => End::Gone(error),
    }
}

fn describe_panic(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    tracing::error!(panic = text, "a run broke in the host");
    format!("the host failed: {}", text.unwrap_or("no reason is known"))
}

/// Writes the final status, with all that is to be there before it.
async fn finish(journal: &Journal, end: End, output: Option<String>) -> Outcome {
    let (status, why) = match end {
        End::Gone(error) => return outcome(journal, Status::Cancelled, Err(error)),
        End::Done if journal.is_cancelled() => (Status::Cancelled, None),
        End::Done => (Status::Completed, None),
        End::Failed(why) => (Status::Failed, Some(why)),
        End::Cancelled(why) => (Status::Cancelled, Some(why)),
    };
    let change = why.into_iter().fold(Change::finish_with(status, output), Change::log);
    let change = journal.closing(change).await;
    match write_final(journal, change).await {
        Ok(stored) => outcome(journal, stored, Ok(())),
        Err(error) => {
            tracing::error!(task = %journal.id, %error, "the final status was not written");
            outcome(journal, status, Err(error))
        }
    }
}

fn outcome(journal: &Journal, status: Status, written: Result<()>) -> Outcome {
    let location = Location { store: journal.store.clone(), id: journal.id.clone(), access: journal.access.clone() };
    Outcome { status, written, location: Some(location) }
}

/// Writes the last change of a run, once, although the store may be unavailable for a while. Gives the status that is
/// stored then.
async fn write_final(journal: &Journal, mut change: Change) -> Result<Status> {
    let mut pause = FIRST_RETRY;
    for _ in 0..RETRIES {
        match journal.store.change(&journal.id, change.clone(), &journal.during).await {
            Err(Error::Unavailable(_)) => {}
            Err(error @ (Error::Failed(_) | Error::InvalidValue(_))) => {
                let Some(StatusChange::Finish { output: output @ Some(_), .. }) = &mut change.status else {
                    return Err(error);
                };
                *output = None;
                change = change.log("the output could not be kept");
                tracing::warn!(task = %journal.id, %error, "the output of a run was not kept");
                continue;
            }
            answer => return answer,
        }
        tokio::time::sleep(pause).await;
        pause *= 2;
        // A write that was not answered may have been made. It is made once: nothing leaves a terminal status.
        match journal.store.status(&journal.id, &journal.access).await {
            Ok(status) if status.is_terminal() => return Ok(status),
            Ok(_) | Err(Error::Unavailable(_)) => {}
            Err(error) => return Err(error),
        }
    }
    journal.store.change(&journal.id, change, &journal.during).await
}
