//! Commands of many callers that go together: one write to the socket and one read of the answers, instead of one each.
//! A command that finds the connection idle goes at once, so that a lone caller waits for nobody.

use std::future::poll_fn;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;

use redis::aio::MultiplexedConnection;
use redis::{Cmd, Pipeline, RedisResult, ServerErrorKind, Value};
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use super::retry::WRONG_TYPE;

/// The most commands that go together. The first of them is answered with the last.
const MAX_BATCH: usize = 16;

/// A request: made anew for every attempt, since a deadline counts by the clock of the server that it is sent to.
pub(super) enum Request {
    /// One command.
    One(Cmd),
    /// Several, in one go; the answer is the array of their answers.
    Several(Pipeline),
    /// None: the user may not do it, for this reason.
    Denied(Arc<str>),
}

/// A connection whose callers' commands go together.
#[derive(Debug, Clone)]
pub(super) struct AutoPipeline {
    connection: MultiplexedConnection,
    /// Where the connection is driven, so that no caller depends on the runtime of another.
    runtime: Handle,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    /// How many writes have not been answered.
    under_way: usize,
    waiting: Vec<Waiting>,
}

#[derive(Debug)]
struct Waiting {
    cmd: Cmd,
    answer: oneshot::Sender<RedisResult<Value>>,
}

/// How a command goes.
enum Route<'a> {
    Alone(Cmd, UnderWay<'a>),
    WithOthers(oneshot::Receiver<RedisResult<Value>>),
}

impl AutoPipeline {
    /// A connection that the present runtime drives.
    pub(super) fn new(connection: MultiplexedConnection) -> Self {
        Self { connection, runtime: Handle::current(), state: Arc::default() }
    }

    /// Sends a request: a command with those of others, a pipeline on its own.
    pub(super) async fn send(&self, request: Request) -> RedisResult<Value> {
        match request {
            Request::One(cmd) => {
                let answer = match self.route(cmd) {
                    Route::Alone(cmd, _under_way) => self.connection.clone().send_packed_command(&cmd).await,
                    Route::WithOthers(answer) => {
                        answer.await.unwrap_or_else(|_| Err(io::Error::from(io::ErrorKind::BrokenPipe).into()))
                    }
                };
                answer?.extract_error()
            }
            Request::Several(pipeline) => {
                let _under_way = self.under_way(&mut self.state());
                of_pipeline(Box::pin(pipeline.query_async(&mut self.connection.clone())).await?)
            }
            Request::Denied(why) => Err((ServerErrorKind::NoPerm.into(), "denied", why.to_string()).into()),
        }
    }

    fn route(&self, cmd: Cmd) -> Route<'_> {
        let mut state = self.state();
        if state.under_way == 0 && state.waiting.is_empty() {
            return Route::Alone(cmd, self.under_way(&mut state));
        }
        let (answer, outcome) = oneshot::channel();
        state.waiting.push(Waiting { cmd, answer });
        let is_first = state.waiting.len() == 1;
        // A runtime that has ended drops what it is given on the spot, and the sender then wants the lock.
        drop(state);
        if is_first {
            self.runtime.spawn(Sender(Some(self.clone())).send());
        }
        Route::WithOthers(outcome)
    }

    async fn send_all(self, batch: Vec<Waiting>) {
        let _under_way = self.under_way(&mut self.state());
        let mut commands = Pipeline::with_capacity(batch.len());
        let mut callers = Vec::with_capacity(batch.len());
        for Waiting { cmd, answer } in batch {
            commands.add_command(cmd);
            callers.push(answer);
        }
        let answers = self.connection.clone().send_packed_commands(&commands, 0, callers.len()).await;
        let answers = answers
            .map_or_else(|error| vec![Err(error); callers.len()], |answers| answers.into_iter().map(Ok).collect());
        for (caller, answer) in callers.into_iter().zip(answers) {
            let _ = caller.send(answer);
        }
    }

    fn under_way(&self, state: &mut State) -> UnderWay<'_> {
        state.under_way += 1;
        UnderWay(self)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A pipeline's answers, if its commands failed for their own keys only. What the server says of itself (it has lost its
/// primary, say) is no answer.
fn of_pipeline(answers: Value) -> RedisResult<Value> {
    if let Value::Array(items) = &answers {
        for item in items {
            if let Value::ServerError(error) = item
                && error.code() != WRONG_TYPE
            {
                return Err(error.clone().into());
            }
        }
    }
    Ok(answers)
}

/// One write under way, until it is dropped.
struct UnderWay<'a>(&'a AutoPipeline);

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.state().under_way -= 1;
    }
}

/// Who sends what waits. Should its runtime end before it has, those who wait learn that nobody will.
struct Sender(Option<AutoPipeline>);

impl Sender {
    async fn send(mut self) {
        after_all_others().await;
        let Some(pipeline) = self.0.take() else { return };
        let mut waiting = std::mem::take(&mut pipeline.state().waiting);
        // Whoever has gone does not want to know.
        waiting.retain(|waiting| !waiting.answer.is_closed());
        while waiting.len() > MAX_BATCH {
            let rest = waiting.split_off(MAX_BATCH);
            pipeline.runtime.spawn(pipeline.clone().send_all(std::mem::replace(&mut waiting, rest)));
        }
        if !waiting.is_empty() {
            pipeline.send_all(waiting).await;
        }
    }
}

impl Drop for Sender {
    fn drop(&mut self) {
        if let Some(pipeline) = &self.0 {
            drop(std::mem::take(&mut pipeline.state().waiting));
        }
    }
}

/// Goes to the end of the scheduler's queue: whoever is ahead in it may have something to send as well.
async fn after_all_others() {
    let mut waited = false;
    poll_fn(|context| {
        if std::mem::replace(&mut waited, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
