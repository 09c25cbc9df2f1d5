//! What an embedder may set.

use std::time::Duration;

use crate::DEFAULT_TTL;
use crate::record::TransitionRule;
use crate::store::RedisUrl;

/// The scripts leave an index at least this much longer to live than the record.
pub(super) const MAX_INDEXED_FOR: Duration = Duration::from_secs(30);

/// How to reach Redis, and how long to try.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct RedisOptions {
    /// The primary.
    pub write_url: RedisUrl,
    /// Where listings are read; the primary, if absent or while it is away.
    pub read_url: Option<RedisUrl>,
    /// How long a record lives after its last change. Whole seconds, 1 to 3,153,600,000.
    pub task_ttl: Duration,
    /// Which moves between statuses are allowed.
    pub rule: TransitionRule,
    /// How long a call may take, with all that is tried again, before it is answered
    /// [`Unavailable`](crate::store::Error::Unavailable). Default: 10 s.
    pub deadline: Duration,
    /// How long the first connection may take, with all that is tried again. Default: 3 s.
    pub connect_deadline: Duration,
    /// How long one attempt to connect may take. Default: 2 s.
    pub connect_timeout: Duration,
    /// How long a request that waits for its answer bears that nothing at all comes over the connection, before that is
    /// taken for broken. Default: 2 s.
    pub response_timeout: Duration,
    /// The pause before the second attempt; it doubles with each further one, and a random half of it is left out.
    /// Default: 10 ms.
    pub min_backoff: Duration,
    /// The longest pause between two attempts. Default: 500 ms.
    pub max_backoff: Duration,
    /// How many calls may be under way or waiting at once, reads as well as writes; one more is answered
    /// [`Unavailable`](crate::store::Error::Unavailable) without waiting. Default: 16,384.
    pub max_calls: usize,
    /// How long a host takes a task's place in its indexes for granted after it has made sure of it: what another writer
    /// removes or shortens there is mended by the first write after that. At most 30 s, the default.
    pub indexed_for: Duration,
    /// How often the indexes are swept while a host lives; hosts that share a server take turns. Default: 5 min.
    pub sweep_interval: Duration,
}

impl RedisOptions {
    /// The defaults, for a primary.
    pub fn new(write_url: RedisUrl) -> Self {
        Self {
            write_url,
            read_url: None,
            task_ttl: DEFAULT_TTL,
            rule: TransitionRule::default(),
            deadline: Duration::from_secs(10),
            connect_deadline: Duration::from_secs(3),
            connect_timeout: Duration::from_secs(2),
            response_timeout: Duration::from_secs(2),
            min_backoff: Duration::from_millis(10),
            max_backoff: Duration::from_millis(500),
            max_calls: 16_384,
            indexed_for: MAX_INDEXED_FOR,
            sweep_interval: Duration::from_secs(300),
        }
    }
}
