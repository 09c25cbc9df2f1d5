//! The script that gives one host of a server the turn to sweep.

use std::sync::LazyLock;
use std::time::Duration;

use crate::store::Result;
use crate::store::redis::RedisStore;
use crate::store::redis::keys;
use crate::store::redis::server::Script;

static ACQUIRE_SWEEP: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("acquire_sweep.lua")));

impl RedisStore {
    /// Takes the turn to sweep, which is remembered for a while. False if a sweep began less than `age` ago.
    pub(super) async fn acquire_sweep(&self, age: Duration, remember: Duration) -> Result<bool> {
        let [age, remember] = [age, remember].map(|time| time.as_millis().max(1).to_string());
        let turn = uuid::Uuid::new_v4().simple().to_string();
        let args = [&age, &remember, &turn];
        Ok(ACQUIRE_SWEEP.run::<u8>(&self.primary, &[keys::SWEEP_TURN], &args, self.deadline()).await? == 1)
    }
}
