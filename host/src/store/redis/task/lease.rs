//! Leases: a run holds its task for no longer than its host renews that, and a task whose lease has ended is ended by
//! another host.

use std::sync::LazyLock;
use std::time::Duration;

use super::read::read_task;
use super::replace::{Expected, LeaseChange, Replacement};
use crate::record::{Status, TaskId, TaskRecord, Timestamp, apply};
use crate::store::orphan;
use crate::store::redis::server::Script;
use crate::store::redis::{RedisStore, keys};
use crate::store::{Access, Error, Result, RunId};

static RENEW: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("renew_leases.lua")));
static ENDED: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("ended_leases.lua")));
static FORGET: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("forget_lease.lua")));

/// How many leases one step renews: a few milliseconds of the server's time.
const STEP: usize = 500;

/// A task that its run has left unfinished.
pub(in crate::store::redis) struct Orphan {
    task: TaskRecord,
    run: String,
    /// What the record must still be.
    text: Expected,
}

/// What is remembered beside a task of when its host was seen last, its place in the queue, and the attempts at it.
type Beside = (Option<i64>, Option<String>, Option<u32>, Option<u32>);

impl RedisStore {
    pub(in crate::store::redis) async fn renew_leases(
        &self,
        holds: &[(TaskId, RunId)],
        life: Duration,
    ) -> Result<Vec<bool>> {
        let mut held = Vec::with_capacity(holds.len());
        for step in holds.chunks(STEP) {
            let metadata = step.iter().map(|(id, _)| keys::metadata(id.as_str()));
            let keys: Vec<String> = std::iter::once(keys::LEASES.to_owned()).chain(metadata).collect();
            let life = life.as_millis().to_string();
            let names = step.iter().flat_map(|(id, run)| [id.as_str(), run.as_str()]);
            let args: Vec<&str> = std::iter::once(life.as_str()).chain(names).collect();
            let answers: Vec<u8> = RENEW.run(&self.primary, &keys, &args, self.deadline()).await?;
            held.extend(answers.into_iter().map(|answer| answer == 1));
        }
        Ok(held)
    }

    /// Tasks whose leases have ended, at most so many.
    pub(in crate::store::redis) async fn ended_leases(&self, most: usize) -> Result<Vec<TaskId>> {
        let ids: Vec<String> = ENDED.run(&self.primary, &[keys::LEASES], &[most.to_string()], self.deadline()).await?;
        Ok(ids.iter().filter_map(|id| TaskId::stored(id).ok()).collect())
    }

    /// A task whose lease has ended, if its run has left it unfinished.
    pub(in crate::store::redis) async fn orphan(&self, id: &TaskId) -> Result<Option<Orphan>> {
        let Some(found) = read_task(&self.primary, id, self.deadline()).await? else { return Ok(None) };
        let task = TaskRecord::decode(&found.text, self.clock.zone()).ok().filter(|task| orphan::is_one(task.status()));
        Ok(task.zip(found.run).map(|(task, run)| Orphan { task, run, text: Expected::text(&found.text) }))
    }

    /// Ends a task whose lease has ended. False if there is nothing to end: then the lease is forgotten.
    pub(in crate::store::redis) async fn end_orphan(&self, id: &TaskId) -> Result<bool> {
        let deadline = self.deadline();
        let Some(Orphan { mut task, run, text }) = self.orphan(id).await? else { return self.forget_lease(id).await };
        let mut read = redis::cmd("HMGET");
        read.arg(keys::metadata(id.as_str())).arg(&["seen", "queue", "attempt", "attempts"]);
        let (seen, place, begun, attempts): Beside = self.primary.query(&read, deadline).await?;
        let seen = seen.and_then(|millis| Timestamp::from_millis(millis, self.clock.zone()));
        let (begun, attempts) = (begun.unwrap_or(1), attempts.unwrap_or(1));
        if task.status() == Status::Running && place.is_some() && begun < attempts {
            match self.try_again(id, &run, true, Duration::ZERO).await {
                // Another host was faster.
                Err(Error::NotFound) => return Ok(false),
                again => again?,
            }
            let again = orphan::again(&run, seen, begun, attempts);
            return self.change_in_turn(id, again, &Access::ANY).await.map(|_| true);
        }
        let change = orphan::end(task.status(), &run, seen);
        apply(&mut task, &change, &self.clock.now(), self.options.rule)?;
        let replacement =
            Replacement { expected: text, held_by: Some(&run), lease: LeaseChange::End, ..Replacement::of(&task) };
        Ok(self.replace_in_turn(id, replacement, deadline).await?.is_some())
    }

    async fn forget_lease(&self, id: &TaskId) -> Result<bool> {
        let keys = [keys::LEASES.to_owned(), keys::metadata(id.as_str())];
        FORGET.run::<u8>(&self.primary, &keys, &[id.as_str()], self.deadline()).await?;
        Ok(false)
    }
}
