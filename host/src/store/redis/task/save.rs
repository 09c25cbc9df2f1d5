//! Saves: a new record, or one in the place of another.

use std::time::Instant;

use super::read::{Found, read_task};
use super::replace::{Expected, LeaseChange, Replacement};
use crate::record::{Draft, TaskId, TaskRecord, Timestamp, later_than};
use crate::store::cancellation::keeps_end;
use crate::store::free_id::FreeId;
use crate::store::redis::RedisStore;
use crate::store::redis::keys::Owner;
use crate::store::{Access, Error, Precondition, Result};

impl RedisStore {
    pub(in crate::store::redis) async fn save_draft(
        &self,
        draft: Draft,
        only_if: Precondition,
        access: &Access,
    ) -> Result<TaskId> {
        draft.check()?;
        access.owners.check(draft.service.as_str(), draft.user_id.as_str()).map_err(Error::Denied)?;
        let deadline = self.deadline();
        if let Some(id) = draft.task_id.clone() {
            self.save_as(&id, &draft, &only_if, access, deadline).await?;
            return Ok(id);
        }
        if only_if != Precondition::None && only_if != Precondition::Absent {
            return Err(Error::Conflict);
        }
        let mut search = FreeId::default();
        loop {
            let id = TaskId::new(self.take_id(search.step()?).await?)?;
            // A number that somebody has used of his own accord is passed over.
            match self.save_as(&id, &draft, &Precondition::Absent, access, deadline).await {
                Err(Error::Conflict) => {}
                result => return result.map(|()| id),
            }
        }
    }

    async fn save_as(
        &self,
        id: &TaskId,
        draft: &Draft,
        only_if: &Precondition,
        access: &Access,
        deadline: Instant,
    ) -> Result<()> {
        // Most saves are of new tasks, so the first attempt takes the task for one, unless it must be there.
        let must_be_there = matches!(only_if, Precondition::UnchangedSince(_)) || access.run.is_some();
        let mut look = must_be_there;
        let queue = self.queues.of(id.as_str());
        let mut cached = queue.next_turn(deadline).await?;
        loop {
            let found = if look { read_task(&self.primary, id, deadline).await? } else { None };
            let now = self.clock.now();
            let (expected, earlier, now) = match &found {
                None if access.run.is_some() => return Err(Error::NotFound),
                None if must_be_there => return Err(Error::Conflict),
                None => (Expected::Absent, Vec::new(), now),
                Some(found) => self.replaceable(id, found, draft, only_if, access, now)?,
            };
            let record = TaskRecord::from_draft(id.as_str(), draft, &now);
            let owner = Owner::new(record.service(), record.user_id());
            let replacement = Replacement {
                expected,
                held_by: access.run(),
                lease: if access.run.is_some() { LeaseChange::Keep } else { LeaseChange::Unheld },
                earlier: earlier.into_iter().filter(|earlier| *earlier != owner).collect(),
                ..Replacement::of(&record)
            };
            if self.replace(replacement, &mut cached, deadline).await?.is_some() {
                if look && draft.status.is_terminal() {
                    self.drop_input(id.as_str()).await?;
                }
                return Ok(());
            } else if !look && *only_if == Precondition::Absent {
                return Err(Error::Conflict);
            }
            self.once_more(deadline)?;
            look = true;
        }
    }

    /// Whether a save may replace a record: what the record must still be then, the owners under whom it may stand in the
    /// indexes, and the time of the save.
    fn replaceable(
        &self,
        id: &TaskId,
        found: &Found,
        draft: &Draft,
        only_if: &Precondition,
        access: &Access,
        now: Timestamp,
    ) -> Result<(Expected, Vec<Owner>, Timestamp)> {
        let (record, earlier) = self.owned(id, found, access)?;
        let holds = match only_if {
            Precondition::None => true,
            Precondition::Absent => false,
            Precondition::UnchangedSince(at) => record.as_ref().is_some_and(|record| record.updated_at() == at),
        };
        if !holds {
            return Err(Error::Conflict);
        }
        if let Some(record) = record.as_ref().filter(|_| access.run.is_some()) {
            keeps_end(record, draft)?;
        }
        let now = match record {
            Some(record) => later_than(record.updated_at(), &now),
            None => now,
        };
        Ok((Expected::text(&found.text), earlier, now))
    }
}
