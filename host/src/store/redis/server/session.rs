//! The session: how one operation is carried out exactly once.
//!
//! Each host has a session on the server: a hash of slots, as an NFS 4.1 session has them. An operation takes a slot and
//! a number that grows within it; the script that carries it out leaves the number in the slot. A copy that is sent
//! again finds it and answers that it was done. A copy that arrives late finds a higher number, or its deadline passed.
//! As many fields as there were operations under way at once are all that a host leaves behind, and not for long.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use redis::{Cmd, Value};

use super::auto_pipeline::Request;
use super::connection::Connection;
use super::{Failure, Link, Next, Script};
use crate::store::redis::keys;
use crate::store::{Error, Result};

/// How many deadlines long a session lives on the server. The scripts keep two thirds of that ahead of it, so that it
/// outlives every copy of its last operation.
const LIFE_IN_DEADLINES: u32 = 3;

const MIN_LIFE: Duration = Duration::from_secs(3);

/// How far behind the server's clock may be what we take it to show, in milliseconds.
const MAX_CLOCK_ERROR: u64 = 1_000;

/// How much longer than a call's deadline a staged document waits for its script.
const STAGE_MARGIN: Duration = Duration::from_secs(10);

/// Bytes of a command's own keys and numbers, at most, for most ids.
const OVERHEAD_BYTES: usize = 320;

/// One operation: what its script takes after the prelude's own keys and arguments.
#[derive(Clone, Copy)]
pub(in crate::store::redis) struct Operation<'a> {
    pub(in crate::store::redis) script: &'static Script,
    /// The task's id.
    pub(in crate::store::redis) id: &'a str,
    /// Keys after the session, the record and the metadata.
    pub(in crate::store::redis) keys: &'a [String],
    /// Arguments after the prelude's.
    pub(in crate::store::redis) args: &'a [&'a str],
    /// A document too large to pass through a script's arguments: it is stored under a key of its own first, the last of
    /// the keys.
    pub(in crate::store::redis) staged: Option<&'a str>,
}

/// What came of an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store::redis) enum Outcome {
    /// It was carried out, now or by an earlier copy. Only the first is given the number that a script may add.
    Done(Option<usize>),
    /// Nothing was written: what the operation builds on is another by now.
    Changed,
    /// Nothing was written: the script needs keys that were not given.
    Incomplete,
}

/// A host's session on the server.
#[derive(Debug)]
pub(in crate::store::redis) struct Session {
    host: String,
    key: String,
    slots: AtomicUsize,
    free: Mutex<Vec<Slot>>,
    /// Milliseconds that it lives on the server.
    life: String,
    /// Whether copies of an operation may be under way.
    has_copies: AtomicBool,
}

#[derive(Debug, Clone, Copy)]
struct Slot {
    number: usize,
    last_operation: u64,
}

/// A slot for one operation. It is free again when this is dropped: a copy of the operation that is still on its way then
/// comes after its deadline, or after the slot's next operation.
struct SlotGuard<'a> {
    session: &'a Session,
    slot: Slot,
}

impl Drop for SlotGuard<'_> {
    fn drop(&mut self) {
        self.session.free.lock().unwrap_or_else(PoisonError::into_inner).push(self.slot);
    }
}

impl Session {
    /// A session for operations that have so long at the most.
    pub(in crate::store::redis) fn new(deadline: Duration) -> Self {
        let host = uuid::Uuid::new_v4().simple().to_string();
        Self {
            key: keys::session(&host),
            host,
            slots: AtomicUsize::new(0),
            free: Mutex::default(),
            life: deadline.saturating_mul(LIFE_IN_DEADLINES).max(MIN_LIFE).as_millis().to_string(),
            has_copies: AtomicBool::new(false),
        }
    }

    /// Carries an operation out, once.
    ///
    /// # Errors
    /// [`Error::NotFound`] if the run that must hold the task does not, [`Error::Held`] if another run holds the task that
    /// is to be claimed; nothing was written then.
    pub(in crate::store::redis) async fn carry_out(
        &self,
        link: &Link,
        operation: Operation<'_>,
        deadline: Instant,
    ) -> Result<Outcome> {
        let slot = self.take_slot();
        let mut with_text = false;
        let attempts = AtomicUsize::new(0);
        loop {
            let request = |connection: &Connection| {
                if attempts.fetch_add(1, Ordering::Relaxed) > 0 {
                    self.has_copies.store(true, Ordering::Relaxed);
                }
                connection.scripted(|| self.request(connection, operation, slot.slot, with_text, deadline))
            };
            let value = match link.call(deadline, request).await {
                Err(Failure { next: Next::WithText, .. }) if !with_text => {
                    with_text = true;
                    attempts.store(0, Ordering::Relaxed);
                    continue;
                }
                answer => answer?,
            };
            match read(value)? {
                // The server's clock is not what we took it for. By what it shows now there may be time left.
                Reply::Late(now) => {
                    link.set_clock(now);
                    if Instant::now() >= deadline {
                        return Err(too_late());
                    }
                    attempts.store(0, Ordering::Relaxed);
                }
                Reply::Settled(outcome) => return Ok(outcome),
            }
        }
    }

    /// Leaves nothing behind on the server, unless copies of an operation may still arrive: then the session ends by
    /// itself, as soon as none of them can do harm.
    pub(in crate::store::redis) async fn close(&self, link: &Link, deadline: Instant) {
        if self.slots.load(Ordering::Relaxed) > 0 && !self.has_copies.load(Ordering::Relaxed) {
            // It ends by itself all the same.
            let _ = link.query::<()>(redis::cmd("DEL").arg(&self.key), deadline).await;
        }
    }

    fn take_slot(&self) -> SlotGuard<'_> {
        let free = self.free.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let new = || Slot { number: self.slots.fetch_add(1, Ordering::Relaxed), last_operation: 0 };
        let mut slot = free.unwrap_or_else(new);
        slot.last_operation += 1;
        SlotGuard { session: self, slot }
    }

    fn request(
        &self,
        connection: &Connection,
        operation: Operation<'_>,
        slot: Slot,
        with_text: bool,
        deadline: Instant,
    ) -> Request {
        let Operation { script, id, keys, args, staged } = operation;
        let stage = staged.map(|document| (keys::stage(&self.host, slot.number, slot.last_operation), document));
        let bytes: usize = keys.iter().map(String::len).chain(args.iter().map(|arg| arg.len())).sum();
        let (name, code) = script.call(with_text);
        let mut cmd = Cmd::with_capacity(12 + keys.len() + args.len(), bytes + code.len() + OVERHEAD_BYTES);
        cmd.arg(name).arg(code).arg(4 + keys.len() + usize::from(stage.is_some()));
        cmd.arg(&self.key).arg(keys::record(id)).arg(keys::metadata(id)).arg(keys::LEASES).arg(keys);
        if let Some((stage, _)) = &stage {
            cmd.arg(stage);
        }
        let now = Instant::now();
        let earliest = connection.server_millis(now).saturating_sub(MAX_CLOCK_ERROR);
        cmd.arg(slot.number)
            .arg(slot.last_operation)
            .arg(connection.server_millis(deadline))
            .arg(earliest)
            .arg(&self.life);
        cmd.arg(args);
        let Some((stage, document)) = stage else { return Request::One(cmd) };
        let life = deadline.saturating_duration_since(now) + STAGE_MARGIN;
        let mut pipeline = redis::pipe();
        pipeline.cmd("SET").arg(&stage).arg(document).arg("PX").arg(life.as_millis().to_string()).ignore();
        pipeline.add_command(cmd);
        // A script that does not write leaves it behind.
        pipeline.cmd("DEL").arg(stage).ignore();
        Request::Several(pipeline)
    }
}

/// What every script answers: see the prelude.
enum Reply {
    Settled(Outcome),
    Late(u64),
}

fn read(value: Value) -> Result<Reply> {
    let items = match value {
        // A pipeline's answer is the array of its answers: here the script's alone.
        Value::Array(mut items) if matches!(items.as_slice(), [Value::Array(_)]) => items.remove(0),
        other => other,
    };
    let Value::Array(items) = items else { return Err(unknown(&[items])) };
    let word = |at: usize| match items.get(at) {
        Some(Value::BulkString(bytes)) => std::str::from_utf8(bytes).ok(),
        _ => None,
    };
    let number = match items.get(1) {
        Some(Value::Int(number)) => u64::try_from(*number).ok(),
        _ => None,
    };
    match (word(0), items.len()) {
        (Some("done"), _) => Ok(Reply::Settled(Outcome::Done(number.and_then(|number| usize::try_from(number).ok())))),
        (Some("changed"), 1) => Ok(Reply::Settled(Outcome::Changed)),
        (Some("incomplete"), 1) => Ok(Reply::Settled(Outcome::Incomplete)),
        (Some("lost"), 1) => Err(Error::NotFound),
        (Some("held"), 1) => Err(Error::Held),
        (Some("late"), 2) => Ok(Reply::Late(number.ok_or_else(too_late)?)),
        (Some("superseded"), 1) => Err(too_late()),
        (Some("wrongtype"), 4) => Err(Error::WrongType {
            key: word(1).unwrap_or_default().to_owned(),
            found: word(2).unwrap_or_default().to_owned(),
            expected: match word(3) {
                Some("set") => "set",
                Some("hash") => "hash",
                Some("stream") => "stream",
                Some("zset") => "zset",
                _ => "string",
            },
        }),
        _ => Err(unknown(&items)),
    }
}

fn too_late() -> Error {
    Error::Unavailable("the store was reached too late".to_owned())
}

fn unknown(answer: &[Value]) -> Error {
    Error::Failed(format!("a script gave an answer that is not known: {answer:?}"))
}
