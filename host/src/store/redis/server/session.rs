//! The scripts, and how one operation is carried out exactly once.
//!
//! Each host has a session on the server: a hash of slots, as an NFS 4.1 session has them. An operation takes a slot and
//! a number that grows within it; the script that carries it out leaves the number in the slot. A copy that is sent
//! again finds it and answers that it was done; a copy that arrives late finds its number passed, or its deadline. As
//! many fields as there can be operations under way at once are all that a host ever leaves behind.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::{Duration, Instant};

use redis::{Cmd, Value};
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::store::redis::keys;
use crate::store::redis::server::link::{Connection, Failure, Link, Request};
use crate::store::{Error, Result};

/// How often a session's life is extended. The scripts give it an hour.
const EXTEND_EVERY: Duration = Duration::from_secs(600);

/// Bytes of a command's own keys and numbers, at most, for most ids.
const OVERHEAD_BYTES: usize = 320;

/// How long a staged document waits for its script.
const STAGE_MILLIS: u64 = 60_000;

/// A script with its text and its name on the server.
pub(in crate::store::redis) struct Script {
    code: String,
    hash: String,
}

impl Script {
    /// A script that writes, behind the prelude.
    fn writing(body: &str) -> Self {
        Self::new(format!("{}\n{body}", include_str!("prelude.lua")))
    }

    fn new(code: String) -> Self {
        let hash = redis::Script::new(&code).get_hash().to_owned();
        Self { code, hash }
    }

    /// Runs a script that may run again: one that looks before it writes, and keeps no count.
    pub(in crate::store::redis) async fn run(
        &self,
        link: &Link,
        keys: &[&str],
        args: &[&str],
        deadline: Instant,
    ) -> Result<Value> {
        let request =
            |whole: bool| move |on: &Connection| on.scripted(|| Request::One(self.command(whole, keys, args)));
        match link.call(deadline, request(false)).await {
            Err(Failure::UnknownScript(_)) => Ok(link.call(deadline, request(true)).await?),
            answer => Ok(answer?),
        }
    }

    /// Runs such a script once for each of several keys and arguments, in one go. Answers with the array of the answers.
    pub(in crate::store::redis) async fn run_each(
        &self,
        link: &Link,
        calls: &[(Vec<String>, Vec<String>)],
        deadline: Instant,
    ) -> Result<Value> {
        if calls.is_empty() {
            return Ok(Value::Array(Vec::new()));
        }
        let request = |_: &_| {
            let mut pipeline = redis::pipe();
            // The first one brings the text, so that the server knows the script for the others.
            for (at, (keys, args)) in calls.iter().enumerate() {
                pipeline.add_command(self.command(at == 0, keys, args));
            }
            Request::Several(pipeline)
        };
        Ok(link.call(deadline, request).await?)
    }

    fn command(&self, whole: bool, keys: &[impl redis::ToRedisArgs], args: &[impl AsRef<[u8]>]) -> Cmd {
        let mut cmd = redis::cmd(if whole { "EVAL" } else { "EVALSHA" });
        cmd.arg(if whole { &self.code } else { &self.hash }).arg(keys.len()).arg(keys);
        for arg in args {
            cmd.arg(arg.as_ref());
        }
        cmd
    }
}

pub(in crate::store::redis) static SPLICE: LazyLock<Script> =
    LazyLock::new(|| Script::writing(include_str!("../task/splice.lua")));
pub(in crate::store::redis) static REPLACE: LazyLock<Script> =
    LazyLock::new(|| Script::writing(include_str!("../task/replace.lua")));
pub(in crate::store::redis) static DELETE: LazyLock<Script> =
    LazyLock::new(|| Script::writing(include_str!("../task/delete.lua")));

pub(in crate::store::redis) static READ_LAYOUT: LazyLock<Script> =
    LazyLock::new(|| Script::new(include_str!("../task/read_layout.lua").to_owned()));
pub(in crate::store::redis) static PRUNE: LazyLock<Script> =
    LazyLock::new(|| Script::new(include_str!("../maintenance/prune.lua").to_owned()));
pub(in crate::store::redis) static PRUNE_USERS: LazyLock<Script> =
    LazyLock::new(|| Script::new(include_str!("../maintenance/prune_users.lua").to_owned()));
pub(in crate::store::redis) static CLEAR_EXPIRED: LazyLock<Script> =
    LazyLock::new(|| Script::new(include_str!("../maintenance/clear_expired.lua").to_owned()));
pub(in crate::store::redis) static REPAIR: LazyLock<Script> =
    LazyLock::new(|| Script::new(include_str!("../maintenance/repair.lua").to_owned()));
pub(in crate::store::redis) static ACQUIRE_SWEEP: LazyLock<Script> =
    LazyLock::new(|| Script::new(include_str!("../maintenance/acquire_sweep.lua").to_owned()));

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
    /// A document too large to pass through a script's arguments: it is stored under a key of its own first, which
    /// takes the place of this one among the keys.
    pub(in crate::store::redis) staged: Option<(usize, &'a str)>,
}

/// What a script answered, beside errors that mean the same for every script.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::store::redis) enum Answer {
    /// It was carried out. A number that the script may add is missing if an earlier copy of the operation did it.
    Done(Option<usize>),
    /// It was not, for the reason that this word names in the script's contract.
    No(String),
}

/// A host's session on the server.
#[derive(Debug)]
pub(in crate::store::redis) struct Session {
    host: String,
    key: String,
    places: Semaphore,
    free: Mutex<Vec<Slot>>,
    started: Instant,
    /// Seconds after `started` at which its life was last extended, plus one; zero for never.
    extended: AtomicU64,
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
    _place: SemaphorePermit<'a>,
}

impl Drop for SlotGuard<'_> {
    fn drop(&mut self) {
        self.session.free.lock().unwrap_or_else(PoisonError::into_inner).push(self.slot);
    }
}

impl Session {
    pub(in crate::store::redis) fn new(slots: usize) -> Self {
        let slots = slots.clamp(1, Semaphore::MAX_PERMITS);
        let free = (0..slots).rev().map(|number| Slot { number, last_operation: 0 }).collect();
        let host = uuid::Uuid::new_v4().simple().to_string();
        Self {
            key: keys::session(&host),
            host,
            places: Semaphore::new(slots),
            free: Mutex::new(free),
            started: Instant::now(),
            extended: AtomicU64::new(0),
        }
    }

    /// Carries an operation out, once.
    pub(in crate::store::redis) async fn carry_out(
        &self,
        link: &Link,
        operation: Operation<'_>,
        deadline: Instant,
    ) -> Result<Answer> {
        let slot = self.take_slot(deadline).await?;
        let extend = self.extend_now();
        let mut whole = false;
        loop {
            let request = |connection: &Connection| {
                let deadline = connection.server_millis(deadline);
                connection.scripted(|| self.request(operation, &slot.slot, extend, whole, deadline))
            };
            match link.call(deadline, request).await {
                Err(Failure::UnknownScript(_)) if !whole => whole = true,
                Err(failure) => return Err(failure.into()),
                Ok(value) => return read_answer(value),
            }
        }
    }

    async fn take_slot(&self, deadline: Instant) -> Result<SlotGuard<'_>> {
        let full = || Error::Unavailable("too many writes are waiting for the store".to_owned());
        let place = match self.places.try_acquire() {
            Ok(place) => place,
            Err(_) => {
                let place = tokio::time::timeout_at(deadline.into(), self.places.acquire()).await;
                place.map_err(|_| full())?.map_err(|_| full())?
            }
        };
        let mut slot = self.free.lock().unwrap_or_else(PoisonError::into_inner).pop().ok_or_else(full)?;
        slot.last_operation += 1;
        Ok(SlotGuard { session: self, slot, _place: place })
    }

    fn extend_now(&self) -> bool {
        let now = self.started.elapsed().as_secs() + 1;
        let last = self.extended.load(Ordering::Relaxed);
        let due = last == 0 || now - last >= EXTEND_EVERY.as_secs();
        due && self.extended.compare_exchange(last, now, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }

    fn request(&self, operation: Operation<'_>, slot: &Slot, extend: bool, whole: bool, deadline: u64) -> Request {
        let Operation { script, id, keys, args, staged } = operation;
        let stage = staged.map(|(at, _)| (at, keys::stage(&self.host, slot.number, slot.last_operation)));
        let bytes: usize = keys.iter().map(String::len).chain(args.iter().map(|arg| arg.len())).sum();
        let code = if whole { &script.code } else { &script.hash };
        let mut cmd = Cmd::with_capacity(10 + keys.len() + args.len(), bytes + code.len() + OVERHEAD_BYTES);
        cmd.arg(if whole { "EVAL" } else { "EVALSHA" }).arg(code).arg(3 + keys.len());
        cmd.arg(&self.key).arg(keys::record(id)).arg(keys::metadata(id));
        for (at, key) in keys.iter().enumerate() {
            match &stage {
                Some((stage_at, stage)) if *stage_at == at => cmd.arg(stage),
                _ => cmd.arg(key),
            };
        }
        cmd.arg(slot.number).arg(slot.last_operation).arg(deadline).arg(u8::from(extend));
        for arg in args {
            cmd.arg(arg);
        }
        match (stage, staged) {
            (Some((_, stage)), Some((_, document))) => {
                let mut pipeline = redis::pipe();
                pipeline.cmd("SET").arg(&stage).arg(document).arg("PX").arg(STAGE_MILLIS).ignore();
                pipeline.add_command(cmd);
                // A script that does not write leaves it behind.
                pipeline.cmd("DEL").arg(stage).ignore();
                Request::Several(pipeline)
            }
            _ => Request::One(cmd),
        }
    }
}

fn read_answer(value: Value) -> Result<Answer> {
    let unknown = |value: &Value| Error::Failed(format!("a script gave an answer that is not known: {value:?}"));
    let items = match value {
        // A pipeline's answer is the array of its answers: here the script's alone.
        Value::Array(mut items) if matches!(items.as_slice(), [Value::Array(_)]) => items.remove(0),
        other => other,
    };
    let Value::Array(items) = items else { return Err(unknown(&items)) };
    let word = |at: usize| match items.get(at) {
        Some(Value::BulkString(bytes)) => std::str::from_utf8(bytes).ok(),
        _ => None,
    };
    match (word(0), items.len()) {
        (Some("done"), _) => Ok(Answer::Done(match items.get(1) {
            Some(Value::Int(number)) => usize::try_from(*number).ok(),
            _ => None,
        })),
        (Some("late"), 1) => Err(Error::Unavailable("the store was reached too late".to_owned())),
        (Some("wrongtype"), 4) => Err(Error::WrongType {
            key: word(1).unwrap_or_default().to_owned(),
            found: word(2).unwrap_or_default().to_owned(),
            expected: match word(3) {
                Some("set") => "set",
                Some("hash") => "hash",
                _ => "string",
            },
        }),
        (Some(why), 1) => Ok(Answer::No(why.to_owned())),
        _ => Err(unknown(&Value::Array(items))),
    }
}
