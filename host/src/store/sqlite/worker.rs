//! A thread that owns a connection and does the work that callers send it, each piece in a transaction.
//!
//! SQLite blocks, so it never runs on the caller's thread; and a caller that goes away leaves its piece to be done whole.
//! Pieces that wait together share one transaction, each in a savepoint of its own, so that one commit, which waits for
//! the disk, serves them all; none is answered before it. It knows no task.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

use rusqlite::Connection;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use super::connection::set_busy_timeout;
use super::fault::{Fault, Step};
use crate::store::{Error, Result};

/// How many pieces of work may wait for one thread. More callers wait for room.
const ROOM: usize = 1_024;

/// How long a transaction that writes goes on taking pieces of work. Other processes wait for their turn meanwhile.
pub(super) const TURN: Duration = Duration::from_millis(50);

/// The rest after a whole turn: longer than other processes sleep between two tries for the lock.
const REST: Duration = Duration::from_millis(5);

/// The pause between two parts of the maintenance, which is in no hurry: others have the lock half of the time.
pub(super) const PAUSE: Duration = Duration::from_millis(25);

/// What a worker is for.
#[derive(Clone, Copy)]
pub(super) enum Role {
    /// Each piece of work only reads, in a transaction of its own.
    Read,
    /// Pieces that wait together share a transaction.
    Write {
        /// How often the store is maintained.
        every: Duration,
        /// Does a part of that, in a transaction of its own. True if there is more to do at once.
        maintain: fn(&Connection) -> bool,
    },
}

/// A handle on the thread, which ends after the last handle is gone.
#[derive(Clone)]
pub(super) struct Worker {
    jobs: Sender<Job>,
    room: Arc<Semaphore>,
}

struct Job {
    work: Work,
    asked: Instant,
    _room: OwnedSemaphorePermit,
}

type Work = Box<dyn FnOnce(Step<&Connection>) -> Done + Send>;

/// A piece of work that is done but for the commit.
struct Done {
    /// Whether its changes are to be kept.
    keep: bool,
    /// Answers the caller, once it is known what became of the transaction.
    answer: Box<dyn FnOnce(Result<()>) + Send>,
}

impl Worker {
    /// Starts a thread that owns the connection.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if the system has no thread to give.
    pub(super) fn start(conn: Connection, busy_timeout: Duration, role: Role) -> Result<Self> {
        let (jobs, queue) = mpsc::channel();
        thread::Builder::new()
            .name("task-state-sqlite".to_owned())
            .spawn(move || serve(&conn, &queue, busy_timeout, role))
            .map_err(|error| Error::Unavailable(format!("no thread for SQLite: {error}")))?;
        Ok(Self { jobs, room: Arc::new(Semaphore::new(ROOM)) })
    }

    /// Does a piece of work in a transaction, which is kept if the work succeeds.
    pub(super) async fn run<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Step<T> + Send + 'static,
    {
        let room = Arc::clone(&self.room).acquire_owned().await.map_err(|_| stopped())?;
        let (reply, answer) = oneshot::channel();
        let work: Work = Box::new(move |conn| {
            let result = conn.and_then(work).map_err(|Fault(error)| error);
            let keep = result.is_ok();
            let answer = move |fate: Result<()>| {
                // Nobody listens any more if the caller went away.
                let _ = reply.send(result.and_then(|value| fate.map(|()| value)));
            };
            Done { keep, answer: Box::new(answer) }
        });
        self.jobs.send(Job { work, asked: Instant::now(), _room: room }).map_err(|_| stopped())?;
        answer.await.unwrap_or_else(|_| Err(stopped()))
    }

    /// How many pieces of work wait or are under way.
    #[cfg(test)]
    pub(super) fn waiting(&self) -> usize {
        ROOM - self.room.available_permits()
    }
}

fn stopped() -> Error {
    Error::Failed("the thread that serves SQLite has stopped".to_owned())
}

fn serve(conn: &Connection, jobs: &Receiver<Job>, busy_timeout: Duration, role: Role) {
    set_busy_timeout(busy_timeout);
    let mut queue = VecDeque::new();
    let mut maintain_at = matches!(role, Role::Write { .. }).then(Instant::now);
    loop {
        if queue.is_empty() {
            match next(jobs, maintain_at) {
                Ok(job) => queue.push_back(job),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
        queue.extend(jobs.try_iter());
        let started = Instant::now();
        if !queue.is_empty() {
            transact(conn, &mut queue, busy_timeout, role);
        }
        if let Role::Write { every, maintain } = role {
            if maintain_at.is_some_and(|at| at <= Instant::now()) {
                maintain_at = Instant::now().checked_add(if maintain(conn) { PAUSE } else { every });
            }
            if started.elapsed() >= TURN {
                thread::sleep(REST);
            }
        }
    }
}

fn next(jobs: &Receiver<Job>, until: Option<Instant>) -> std::result::Result<Job, RecvTimeoutError> {
    match until {
        Some(until) => jobs.recv_timeout(until.saturating_duration_since(Instant::now())),
        None => jobs.recv().map_err(|_| RecvTimeoutError::Disconnected),
    }
}

/// Does what is in the queue in one transaction, as far as its turn goes, and answers after its end.
fn transact(conn: &Connection, queue: &mut VecDeque<Job>, busy_timeout: Duration, role: Role) {
    let (begin, turn) = match role {
        Role::Read => ("BEGIN", Duration::ZERO),
        Role::Write { .. } => ("BEGIN IMMEDIATE", TURN),
    };
    if let Err(error) = execute(conn, begin) {
        give_up(queue, &error, busy_timeout);
        return;
    }
    let began = Instant::now();
    let mut done = Vec::with_capacity(queue.len());
    while let Some(job) = queue.pop_front() {
        done.push(within_savepoint(conn, job.work));
        // An error such as a full disk has taken back the whole transaction, with the work before.
        if conn.is_autocommit() {
            let lost = Error::Unavailable("SQLite took the transaction back".to_owned());
            return answer(done, Err(lost));
        }
        if began.elapsed() >= turn {
            break;
        }
    }
    let fate = execute(conn, "COMMIT").map_err(|Fault(error)| error);
    if fate.is_err() && !conn.is_autocommit() {
        // Should this fail too, the next transaction cannot begin, and says so.
        let _ = execute(conn, "ROLLBACK");
    }
    answer(done, fate);
}

fn answer(done: Vec<Done>, fate: Result<()>) {
    for piece in done {
        (piece.answer)(fate.clone());
    }
}

/// Answers those who have waited as long as the transaction was waited for. Those who came later have another try.
fn give_up(queue: &mut VecDeque<Job>, fault: &Fault, busy_timeout: Duration) {
    let mut first = true;
    while let Some(job) = queue.pop_front_if(|job| first || job.asked.elapsed() >= busy_timeout) {
        first = false;
        ((job.work)(Err(Fault(fault.0.clone()))).answer)(Err(fault.0.clone()));
    }
}

/// Does a piece of work so that, if it fails, nothing is left of it.
fn within_savepoint(conn: &Connection, work: Work) -> Done {
    if let Err(fault) = execute(conn, "SAVEPOINT piece") {
        return work(Err(fault));
    }
    let done = work(Ok(conn));
    let close = |sql| if conn.is_autocommit() { Ok(()) } else { execute(conn, sql) };
    let undone = if done.keep { Ok(()) } else { close("ROLLBACK TO piece") };
    if undone.and_then(|()| close("RELEASE piece")).is_err() {
        // Half a piece must not be committed; the caller sees that the transaction is gone.
        let _ = close("ROLLBACK");
    }
    done
}

fn execute(conn: &Connection, sql: &str) -> Step<()> {
    conn.prepare_cached(sql)?.execute([])?;
    Ok(())
}
