//! How a store in SQLite behaves.

use std::time::Duration;

use crate::DEFAULT_TTL;
use crate::record::TransitionRule;

/// How long records live, and how long to wait for the other users of the file.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct SqliteOptions {
    /// How long a record lives after its last change: from 1 s to 3,153,600,000 s (100 years). Default: 90 days.
    pub task_ttl: Duration,
    /// Which moves between statuses are allowed.
    pub rule: TransitionRule,
    /// How long a call waits for the other users of the file before it is answered
    /// [`Unavailable`](crate::store::Error::Unavailable). Default: 5 s.
    pub busy_timeout: Duration,
    /// How often expired tasks are looked for, to remove them from the file. Default: 10 s.
    pub sweep_interval: Duration,
}

impl Default for SqliteOptions {
    fn default() -> Self {
        Self {
            task_ttl: DEFAULT_TTL,
            rule: TransitionRule::default(),
            busy_timeout: Duration::from_secs(5),
            sweep_interval: Duration::from_secs(10),
        }
    }
}
