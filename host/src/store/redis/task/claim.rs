//! Claims: a run takes a task, a new one or one that waits.

use std::time::Instant;

use super::read::{Found, read_task, readable};
use super::replace::{Expected, LeaseChange, Replacement};
use crate::record::{Change, InvalidTransition, InvalidValue, Status, TaskId, TaskRecord, apply};
use crate::store::free_id::FreeId;
use crate::store::redis::RedisStore;
use crate::store::{Access, Claim, Claimed, Error, Owners, Result};

impl RedisStore {
    pub(in crate::store::redis) async fn claim_task(&self, claim: &Claim) -> Result<Claimed> {
        claim.draft().check()?;
        let deadline = self.deadline();
        let Some(id) = &claim.task_id else {
            let mut search = FreeId::default();
            loop {
                let id = TaskId::new(self.take_id(search.step()?).await?)?;
                if let Some(claimed) = self.claim_new(&id, claim, deadline).await? {
                    return Ok(claimed);
                }
            }
        };
        loop {
            if claim.ticket.is_none()
                && let Some(claimed) = self.claim_new(id, claim, deadline).await?
            {
                return Ok(claimed);
            }
            match read_task(&self.primary, id, deadline).await? {
                Some(found) => {
                    if let Some(claimed) = self.claim_found(id, claim, found, deadline).await? {
                        return Ok(claimed);
                    }
                }
                None if claim.ticket.is_some() => return Err(Error::NotFound),
                None => {}
            }
            self.once_more(deadline)?;
        }
    }

    /// Registers a task as running. None if there is one with its id.
    async fn claim_new(&self, id: &TaskId, claim: &Claim, deadline: Instant) -> Result<Option<Claimed>> {
        let task = TaskRecord::from_draft(id.as_str(), &claim.draft(), &self.clock.now());
        let lease = LeaseChange::Claim { run: &claim.run, life: claim.lease };
        let written = self.replace_in_turn(id, Replacement { lease, ..Replacement::of(&task) }, deadline).await?;
        Ok(written.map(|attempt| Claimed { task, is_new: true, attempt }))
    }

    /// Takes a task that is there. None if it has changed meanwhile.
    async fn claim_found(
        &self,
        id: &TaskId,
        claim: &Claim,
        found: Found,
        deadline: Instant,
    ) -> Result<Option<Claimed>> {
        let access = Access::of(Owners::only(claim.service.as_str(), claim.user_id.as_str()));
        let mut task = readable(id, &found, &access, self.clock.zone())?;
        let from = task.status();
        let (to, lease) = match from {
            Status::Running if claim.ticket.is_none() => {
                return Err(InvalidTransition { from, to: Status::Running }.into());
            }
            Status::Pending | Status::Dispatching | Status::Running => {
                (Status::Running, LeaseChange::Claim { run: &claim.run, life: claim.lease })
            }
            Status::CancelRequested => (Status::Cancelled, LeaseChange::Unheld),
            _ => return Err(InvalidTransition { from, to: Status::Running }.into()),
        };
        if let Some(parameters) = &claim.parameters {
            let why = "the task is there already, with parameters of its own";
            return Err(InvalidValue::new("parameters", parameters.as_str(), why).into());
        }
        apply(&mut task, &Change::status(to), &self.clock.now(), self.options.rule)?;
        let ticket = claim.ticket.as_ref().map(|ticket| (ticket, claim.attempts));
        let replacement =
            Replacement { expected: Expected::text(&found.text), lease, ticket, ..Replacement::of(&task) };
        let Some(attempt) = self.replace_in_turn(id, replacement, deadline).await? else { return Ok(None) };
        if to.is_terminal() {
            self.drop_input(id.as_str()).await?;
        }
        Ok(Some(Claimed { task, is_new: false, attempt }))
    }

    pub(super) async fn replace_in_turn(
        &self,
        id: &TaskId,
        replacement: Replacement<'_>,
        deadline: Instant,
    ) -> Result<Option<u32>> {
        let queue = self.queues.of(id.as_str());
        let mut cached = queue.next_turn(deadline).await?;
        self.replace(replacement, &mut cached, deadline).await
    }
}
