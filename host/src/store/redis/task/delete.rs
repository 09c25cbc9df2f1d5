//! Deletions: a record goes with its metadata and index entries.

use crate::record::{TaskId, TaskRecord};
use crate::store::redis::RedisStore;
use crate::store::redis::keys::{self, Owner};
use crate::store::redis::server::session::{Answer, DELETE, Operation};
use crate::store::redis::task::layout::Opening;
use crate::store::redis::task::replace::{sha1, unreadable};
use crate::store::redis::task::write_queue::Cached;
use crate::store::{Access, Error, Result};

impl RedisStore {
    pub(in crate::store::redis) async fn delete_task(&self, id: &TaskId, access: &Access) -> Result<bool> {
        let deadline = self.deadline();
        let turns = self.turns.task(id.as_str());
        loop {
            let Some(found) = self.read(id, deadline).await? else { return Ok(false) };
            let mut owners: Vec<Owner> = found.metadata.clone().into_iter().collect();
            let expected = match TaskRecord::decode(&found.text, self.clock.zone()) {
                Ok(record) => {
                    match access.check(record.service(), record.user_id(), found.run.as_deref()) {
                        Err(Error::NotFound) => return Ok(false),
                        checked => checked?,
                    }
                    owners.push(Owner::new(record.service(), record.user_id()));
                    of_same_owner(&found.text)
                }
                Err(why) if *access != Access::ANY => return Err(unreadable(id, why)),
                Err(_) => sha1(&found.text),
            };
            owners.dedup();
            let mut keys = vec![keys::ALL_TASKS.to_owned()];
            let held_by = access.run.as_ref().map(|run| run.as_str()).unwrap_or_default();
            let mut args = vec![id.as_str(), held_by, &expected];
            for owner in &owners {
                keys.extend(keys::owner_indexes(owner));
                args.push(&owner.user_id);
            }
            let operation = Operation { script: &DELETE, id: id.as_str(), keys: &keys, args: &args, staged: None };
            let mut known = turns.known().await;
            match self.session.carry_out(&self.primary, operation, deadline).await? {
                Answer::Done(_) => {
                    *known = Cached::default();
                    return Ok(true);
                }
                Answer::No(why) => self.retry_or_refuse(&why, deadline)?,
            }
        }
    }
}

/// What a record must still be for its owner to be the same: what others add to it meanwhile does not matter.
pub(in crate::store::redis) fn of_same_owner(text: &[u8]) -> String {
    match Opening::read(text) {
        Some(opening) => format!("^{}", opening.owner_text),
        None => sha1(text),
    }
}
