//! One run of one task, from the claim to the final status.

use std::future::poll_fn;
use std::panic::AssertUnwindSafe;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::sync::Notify;
use wasmtime_wasi::cli::StdinStream;

use super::capabilities::{Http, Opened};
use super::claimed_task::ClaimedTask;
use super::events::Events;
use super::instance::{Guest, Returned, work};
use super::live_output::LiveOutput;
use super::output::Output;
use super::pace::Pace;
use super::platform::Platform;
use super::retry::Retry;
use super::run::Location;
use super::supervise::Halt;
use super::turns::InTurn;
use super::{Limits, Outcome, OutputSink, Plugin};
use crate::imports::{Faults, TaskStateCtx};
use crate::record::{Change, Entry, OutputChange, Status, TaskRecord};
use crate::redaction::Redaction;
use crate::store::{Error, Result};
use crate::units::spell;

/// How often the final status is tried again, and how long is waited before the first time, while the store is
/// unavailable. The store has waited its own time before it said so.
const RETRIES: u32 = 5;
const FIRST_RETRY: Duration = Duration::from_millis(250);

/// What one run needs.
pub(super) struct Job {
    pub(super) plugin: Plugin,
    pub(super) claimed: Arc<ClaimedTask>,
    /// On the heap: it is handed from one future to the next.
    pub(super) task: Box<TaskRecord>,
    pub(super) opened: Opened,
    pub(super) input: Box<dyn StdinStream + Sync>,
    pub(super) sink: OutputSink,
    pub(super) events: Events,
    pub(super) limits: Limits,
    pub(super) faults: Option<Faults>,
    pub(super) platform: Platform,
    pub(super) retry: Option<Retry>,
}

/// How a guest has ended.
enum End {
    Done,
    Failed(String),
    Cancelled(String),
    Gone(Error),
}

impl End {
    /// The same, where names stand for secrets in what the guest has said.
    fn without_secrets(self, redaction: &Redaction) -> Self {
        match self {
            Self::Failed(why) => Self::Failed(redaction.text(why)),
            end => end,
        }
    }
}

impl Job {
    /// Runs the guest and writes what came of it.
    pub(super) async fn run(self: Box<Self>) -> Outcome {
        let (claimed, retry) = (self.claimed.clone(), self.retry);
        let redaction = self.opened.redaction.clone();
        let most = self.limits.output_bytes;
        let output = Output::new(self.sink.clone(), self.events.clone(), most, redaction.clone());
        let live = LiveOutput::new(output.clone());
        let end = {
            let guest = pin!(self.guest(output.clone(), &live));
            AssertUnwindSafe(guest).catch_unwind().await
        };
        claimed.close();
        let end = end.unwrap_or_else(|panic| End::Failed(describe_panic(&*panic)));
        output.finish();
        let outcome = finish(&claimed, end.without_secrets(&redaction), live.last(), retry).await;
        output.shown().await;
        outcome
    }

    async fn guest(self: Box<Self>, output: Output, live: &LiveOutput) -> End {
        let (plugin, claimed, limits) = (self.plugin.clone(), self.claimed.clone(), self.limits.clone());
        let pace = plugin.0.host.turns.pace();
        let _ticking = plugin.0.host.ticker.tick();
        let mut guest = plugin.0.host.turns.of(self.work(output, &pace), pace.clone());
        let at_once = poll_fn(|context| Poll::Ready(Pin::new(&mut guest).poll(context))).await;
        let ended = match at_once {
            Poll::Ready(ended) => Ok(ended),
            // On the heap: the whole of a run is moved to its thread, and many are over by now.
            Poll::Pending => Box::pin(watch_over(guest, &pace, &claimed, &limits, live)).await,
        };
        match ended {
            Err(halt) => halted(halt, &limits, claimed.is_cancelled()),
            Ok((_, Some(limit))) => End::Failed(limit.to_string()),
            Ok((Ok(()), None)) => End::Done,
            Ok((Err(why), None)) => End::Failed(cut(why, limits.failure_bytes)),
        }
    }

    /// What the guest does, in an instance of its own.
    fn work(self: Box<Self>, output: Output, pace: &Arc<Pace>) -> impl Future<Output = Returned> + use<> {
        let Self { plugin, claimed, task, opened, input, limits, faults, platform, .. } = *self;
        let Opened { wasi, redaction } = opened;
        let (id, tasks, grants) = (claimed.id.clone(), claimed.store.clone(), plugin.0.grants.clone());
        let mut context = TaskStateCtx::with_current(tasks, grants, limits.quotas.clone(), claimed)
            .observed(plugin.0.host.observed.clone())
            .redacting(redaction.clone());
        if let Some(faults) = faults {
            context = context.with_faults(faults);
        }
        let http = Http::new(plugin.0.capabilities.clone(), limits.http.clone(), id, redaction);
        let guest = Guest::new(wasi, http, context, input, output, &limits, &platform);
        let store = guest.into_store(plugin.0.component.engine(), pace.clone());
        work(plugin, store, task)
    }
}

/// Has a guest go on until it has ended or has to stop, and writes meanwhile what it says.
async fn watch_over(
    mut guest: InTurn<'_, impl Future<Output = Returned> + Send + 'static>,
    pace: &Pace,
    claimed: &ClaimedTask,
    limits: &Limits,
    live: &LiveOutput,
) -> std::result::Result<Returned, Halt> {
    let computes_too_long = || if pace.used() > limits.cpu_time { Poll::Ready(Halt::CpuTime) } else { Poll::Pending };
    let over = Notify::new();
    let watched = async {
        let ended = tokio::select! {
            biased;
            ended = &mut guest => Ok(ended),
            halt = poll_fn(|_| computes_too_long()) => Err(halt),
            halt = claimed.halt(limits) => Err(halt),
        };
        guest.back().await;
        claimed.close();
        if ended.is_err() {
            claimed.until_idle(Pin::new(&mut guest)).await;
            guest.back().await;
        }
        over.notify_one();
        ended
    };
    tokio::join!(watched, claimed.supervise(), live.follow(claimed, &over)).0
}

/// A task that was asked to stop is cancelled, whatever has stopped it.
fn halted(halt: Halt, limits: &Limits, is_cancelled: bool) -> End {
    let why = match halt {
        Halt::CpuTime => format!("CPU time limit of {} exceeded", spell(limits.cpu_time)),
        Halt::WallClock => format!("wall-clock limit of {} exceeded", spell(limits.wall_clock)),
        Halt::Grace => format!("stopped: it went on for {} after its cancellation", spell(limits.grace)),
        Halt::Ended => format!("stopped: it went on for {} after its task had ended", spell(limits.grace)),
        Halt::Lease => "stopped: the host could not renew its hold on the task, the store did not answer".to_owned(),
        Halt::Gone(error) => return End::Gone(error),
    };
    if is_cancelled { End::Cancelled(why) } else { End::Failed(why) }
}

/// The beginning of a text that is longer than may be, with a mark.
fn cut(mut text: String, most: usize) -> String {
    let end = text.floor_char_boundary(most);
    if end < text.len() {
        let rest = text.len() - end;
        text.truncate(end);
        text.push_str(&format!("\n[{rest} more bytes were cut]"));
    }
    text
}

fn describe_panic(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    tracing::error!(panic = text, "a run broke in the host");
    format!("the host failed: {}", text.unwrap_or("no reason is known"))
}

/// Writes the final status, with all that is to be there before it.
async fn finish(claimed: &ClaimedTask, end: End, output: Option<OutputChange>, retry: Option<Retry>) -> Outcome {
    let (status, why) = match end {
        End::Gone(error) => return outcome(claimed, Status::Cancelled, Err(error)),
        End::Done if claimed.is_cancelled() => (Status::Cancelled, None),
        End::Done => (Status::Completed, None),
        End::Failed(why) => match retry.filter(|_| claimed.may_be_tried_again()) {
            Some(retry) => return Box::pin(try_again(claimed, retry, why, output)).await,
            None => (Status::Failed, Some(why)),
        },
        End::Cancelled(why) => (Status::Cancelled, Some(why)),
    };
    let change = why.into_iter().fold(Change::finish(status).output(output), Change::log);
    let change = claimed.closing(change);
    match write_final(claimed, change).await {
        Ok(stored) => outcome(claimed, stored, Ok(())),
        Err(error) => {
            tracing::error!(task = %claimed.id, %error, "the final status was not written");
            outcome(claimed, status, Err(error))
        }
    }
}

fn outcome(claimed: &ClaimedTask, status: Status, written: Result<()>) -> Outcome {
    let location = Location { store: claimed.store.clone(), id: claimed.id.clone(), access: claimed.access.clone() };
    Outcome { status, is_retried: false, written, location: Some(location) }
}

/// Writes why an attempt has failed, and puts the task back into the queue; or ends it, if it is not running any more.
///
/// If that cannot be done, the task is one of a host that is lost, and is tried again as such.
async fn try_again(claimed: &ClaimedTask, retry: Retry, why: String, output: Option<OutputChange>) -> Outcome {
    let (delay, notice) = retry.next();
    let change = claimed.closing(Change::logs([why, notice]).output(output));
    let again = async {
        let end = match write_final(claimed, change).await? {
            Status::Running => {
                claimed.store.queue().retry(&claimed.id, &claimed.run, delay).await?;
                return Ok((Status::Running, true));
            }
            // It was asked to stop after the guest had ended.
            Status::CancelRequested => Change::finish(Status::Cancelled).log("cancelled before the next attempt"),
            ended if ended.is_terminal() => Change::finish(ended),
            other => Change::finish(Status::Failed).log(format!("no attempt follows: the task has become {other}")),
        };
        Ok((write_final(claimed, end).await?, false))
    };
    match again.await {
        Ok((status, is_retried)) => Outcome { is_retried, ..outcome(claimed, status, Ok(())) },
        Err(error) => {
            tracing::error!(task = %claimed.id, %error, "no further attempt");
            outcome(claimed, Status::Running, Err(error))
        }
    }
}

/// Writes the last change of a run, once, although the store may be unavailable for a while, or refuse it. Gives the status
/// that is stored then.
///
/// Of what the store refuses, the status is written first, and the text after it.
async fn write_final(claimed: &ClaimedTask, mut change: Change) -> Result<Status> {
    let mut pause = FIRST_RETRY;
    let mut text = Vec::new();
    let mut tries = 0;
    // A write that was not answered may have been made. It is made once: nothing leaves a terminal status, and without a
    // status nothing is added that is there.
    let mut may_be_made = false;
    let status = loop {
        let is_again = may_be_made && change.status.is_none();
        let answer = if is_again {
            Box::pin(claimed.write_again(change.clone())).await
        } else {
            claimed.stamp(&mut change);
            claimed.write_now(change.clone()).await
        };
        let error = match answer {
            Err(error @ (Error::Failed(_) | Error::InvalidValue(_))) if !is_again && reduce(&mut change, &mut text) => {
                tracing::warn!(task = %claimed.id, %error, "the end of a run is written without its text at first");
                continue;
            }
            Err(error @ (Error::Unavailable(_) | Error::Failed(_))) if tries < RETRIES => error,
            answer => break answer?,
        };
        tracing::debug!(task = %claimed.id, %error, "the end of a run is written again");
        may_be_made |= matches!(error, Error::Unavailable(_));
        tries += 1;
        tokio::time::sleep(pause).await;
        pause *= 2;
        match claimed.store.status(&claimed.id, &claimed.access).await {
            Ok(status) if status.is_terminal() => {
                claimed.learn(|known| known.saw(status));
                break status;
            }
            Ok(_) | Err(Error::Unavailable(_)) => {}
            Err(error) => return Err(error),
        }
    };
    if !text.is_empty() {
        let change = Change { entries: text, ..Change::default() };
        // The status is there, and that is what counts.
        if let Err(error) = claimed.store.change(&claimed.id, change, &claimed.access).await {
            tracing::warn!(task = %claimed.id, %error, "the last words of a run were not written");
        }
    }
    Ok(status)
}

/// Takes from a change what it can do without: the output, and then the entries, which are kept for later. False if
/// nothing is left to take.
fn reduce(change: &mut Change, text: &mut Vec<Entry>) -> bool {
    if change.output.take().is_some() {
        change.entries.push(Entry { at: None, message: "the output could not be kept".to_owned() });
        return true;
    }
    let has_entries = !change.entries.is_empty();
    text.append(&mut change.entries);
    has_entries
}
