//! The script that finds empty records.

use std::sync::LazyLock;

use crate::store::Result;
use crate::store::redis::RedisStore;
use crate::store::redis::keys;
use crate::store::redis::server::Script;

static REMOVE_EMPTY: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("remove_empty.lua")));

impl RedisStore {
    /// The keys among those of some tasks that hold an empty string, which are removed if asked to.
    pub(super) async fn empty_records(&self, ids: &[&str], remove: bool) -> Result<Vec<String>> {
        let remove = if remove { "1" } else { "" };
        let calls: Vec<_> = ids.iter().map(|id| (vec![keys::record(id)], vec![remove.to_owned()])).collect();
        let empty: Vec<u8> = REMOVE_EMPTY.run_each(&self.primary, &calls, self.deadline()).await?;
        let keys = calls.into_iter().flat_map(|(keys, _)| keys);
        Ok(keys.zip(empty).filter(|(_, empty)| *empty == 1).map(|(key, _)| key).collect())
    }
}
