//! Deletions: a record goes with its metadata and index entries, by one script.

use std::sync::LazyLock;
use std::time::Instant;

use super::read::read_task;
use super::replace::Expected;
use super::write_queue::Cached;
use crate::record::TaskId;
use crate::store::redis::RedisStore;
use crate::store::redis::keys::{self, Owner};
use crate::store::redis::server::{Operation, Outcome, Script};
use crate::store::{Access, Error, Result};

static DELETE: LazyLock<Script> = LazyLock::new(|| Script::once(include_str!("delete.lua")));

impl RedisStore {
    pub(in crate::store::redis) async fn delete_task(&self, id: &TaskId, access: &Access) -> Result<bool> {
        let deadline = self.deadline();
        let queue = self.queues.of(id.as_str());
        loop {
            let Some(found) = read_task(&self.primary, id, deadline).await? else { return Ok(false) };
            let (record, owners) = match self.owned(id, &found, access) {
                Err(Error::NotFound) => return Ok(false),
                owned => owned?,
            };
            let expected = match record {
                Some(_) => Expected::same_owner(&found.text),
                None => Expected::text(&found.text),
            };
            let mut cached = queue.next_turn(deadline).await?;
            if self.delete(id.as_str(), &owners, expected, access.run(), deadline).await? {
                *cached = Cached::default();
                return Ok(true);
            }
            self.once_more(deadline)?;
        }
    }

    /// False if the record is not what it must be.
    async fn delete(
        &self,
        id: &str,
        owners: &[Owner],
        expected: Expected,
        held_by: Option<&str>,
        deadline: Instant,
    ) -> Result<bool> {
        let expected = expected.into_arg();
        let mut keys = vec![keys::ALL_TASKS.to_owned()];
        let mut args = vec![id, held_by.unwrap_or_default(), &expected];
        for owner in owners {
            keys.extend(keys::owner_indexes(owner));
            args.push(&owner.user_id);
        }
        let operation = Operation { script: &DELETE, id, keys: &keys, args: &args, staged: None };
        Ok(matches!(self.session.carry_out(&self.primary, operation, deadline).await?, Outcome::Done(_)))
    }
}
