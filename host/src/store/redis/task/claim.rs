//! Claims: a run takes a task, a new one or one that waits.

use std::time::Instant;

use crate::record::{Change, InvalidTransition, Status, TaskId, TaskRecord, apply};
use crate::store::redis::RedisStore;
use crate::store::redis::keys::Owner;
use crate::store::redis::server::session::Answer;
use crate::store::redis::task::layout::Layout;
use crate::store::redis::task::read::readable;
use crate::store::redis::task::replace::{Found, Replacement, RunChange, sha1};
use crate::store::redis::task::write_queue::Cached;
use crate::store::{Access, Claim, Claimed, Result};

impl RedisStore {
    pub(in crate::store::redis) async fn claim_task(&self, claim: &Claim) -> Result<Claimed> {
        claim.draft().check()?;
        let Some(id) = &claim.task_id else {
            loop {
                let id = TaskId::new(self.take_id().await?)?;
                if let Some(claimed) = self.claim_new(&id, claim).await? {
                    return Ok(claimed);
                }
            }
        };
        let deadline = self.deadline();
        loop {
            if let Some(claimed) = self.claim_new(id, claim).await? {
                return Ok(claimed);
            }
            let Some(found) = self.read(id, deadline).await? else { continue };
            if let Some(claimed) = self.claim_found(id, claim, found, deadline).await? {
                return Ok(claimed);
            }
        }
    }

    /// Registers a task as running. None if there is one with its id.
    async fn claim_new(&self, id: &TaskId, claim: &Claim) -> Result<Option<Claimed>> {
        let task = TaskRecord::from_draft(id.as_str(), &claim.draft(), &self.clock.now());
        let owner = Owner::new(task.service(), task.user_id());
        let text = task.encode();
        let layout = Layout::of(&task, text.as_bytes(), task.updated_at());
        let whole = Replacement {
            id: id.as_str(),
            owner: &owner,
            text,
            expected: String::new(),
            held_by: None,
            run: RunChange::Claim { run: claim.run.as_str(), hold_millis: claim.hold.as_millis() },
            earlier: Vec::new(),
        };
        let turns = self.turns.task(id.as_str());
        let mut known = turns.known().await;
        match self.replace(whole, self.deadline()).await? {
            Answer::Done(_) => {
                *known = Cached { layout, indexed: Some(Instant::now()) };
                Ok(Some(Claimed { task, is_new: true }))
            }
            Answer::No(_) => Ok(None),
        }
    }

    /// Takes a task that is there. None if it has changed meanwhile.
    async fn claim_found(
        &self,
        id: &TaskId,
        claim: &Claim,
        found: Found,
        deadline: Instant,
    ) -> Result<Option<Claimed>> {
        let access = Access::of(crate::store::Owners::only(claim.service.as_str(), claim.user_id.as_str()));
        let (found, mut task) = readable(id, found, &access, self.clock.zone())?;
        if let Some(parameters) = &claim.parameters {
            let why = "the task is there already, with parameters of its own";
            return Err(crate::record::InvalidValue::new("parameters", parameters.as_str(), why).into());
        }
        let from = task.status();
        let (to, run) = match from {
            Status::Pending | Status::Dispatching => {
                (Status::Running, RunChange::Claim { run: claim.run.as_str(), hold_millis: claim.hold.as_millis() })
            }
            Status::CancelRequested => (Status::Cancelled, RunChange::Keep),
            _ => return Err(InvalidTransition { from, to: Status::Running }.into()),
        };
        let now = self.clock.now();
        apply(&mut task, &Change::status(to), &now, self.options.rule)?;
        let owner = Owner::new(task.service(), task.user_id());
        let text = task.encode();
        let layout = Layout::of(&task, text.as_bytes(), &now);
        let expected = sha1(&found.text);
        let whole =
            Replacement { id: id.as_str(), owner: &owner, text, expected, held_by: None, run, earlier: Vec::new() };
        let turns = self.turns.task(id.as_str());
        let mut known = turns.known().await;
        match self.replace(whole, deadline).await? {
            Answer::Done(_) => {
                *known = Cached { layout, indexed: Some(Instant::now()) };
                Ok(Some(Claimed { task, is_new: false }))
            }
            Answer::No(why) => self.retry_or_refuse(&why, deadline).map(|()| None),
        }
    }
}
