//! The script that removes what an expired record has left behind.

use std::sync::LazyLock;

use crate::store::Result;
use crate::store::redis::RedisStore;
use crate::store::redis::keys::{self, Owner};
use crate::store::redis::server::Script;

static CLEAR_EXPIRED: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("clear_expired.lua")));

impl RedisStore {
    /// Clears tasks, each with the owner that its metadata names, unless they were saved again meanwhile. Gives the ids with
    /// indexes that were passed over because they are no sets.
    pub(super) async fn clear_owned<'a>(&self, tasks: &[(&'a str, Owner)]) -> Result<Vec<(&'a str, String)>> {
        let call = |(id, owner): &(&str, Owner)| {
            let mut keys = vec![keys::record(id), keys::metadata(id), keys::ALL_TASKS.to_owned()];
            keys.extend(keys::owner_indexes(owner));
            (keys, vec![(*id).to_owned(), owner.service.clone(), owner.user_id.clone()])
        };
        let calls: Vec<_> = tasks.iter().map(call).collect();
        let answers: Vec<Vec<usize>> = CLEAR_EXPIRED.run_each(&self.primary, &calls, self.deadline()).await?;
        let mut passed_over = Vec::new();
        for (((id, _), (keys, _)), positions) in tasks.iter().zip(&calls).zip(answers) {
            passed_over.extend(positions.into_iter().filter_map(|at| Some((*id, keys.get(at - 1)?.clone()))));
        }
        Ok(passed_over)
    }
}
