//! How much one run may use.

use std::time::Duration;

use super::HttpLimits;
use crate::imports::Quotas;

/// How much one run may use. A run that reaches a limit of memory or time fails, and its last log entry names the limit
/// and its value; text past its limit is cut, with a mark. At a [quota](Quotas) a call is refused, and the run goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Bytes of linear memory and tables, summed over all of the guest's. 256 MiB unless set.
    pub memory_bytes: usize,
    /// Time that the guest computes, by the clock of the thread that it is on, what the host does for it there included.
    /// 10 minutes unless set. It is looked at after each 10 ms of it or so, and what takes less than 0.1 ms is counted by the
    /// time that passes.
    pub cpu_time: Duration,
    /// Time from the start of the guest to its end, whatever it does in between. One hour unless set;
    /// [`Duration::MAX`] is as good as none.
    pub wall_clock: Duration,
    /// How long a guest may go on after its cancellation has been noticed. 5 seconds unless set.
    pub grace: Duration,
    /// Bytes that the guest hands over in one call, or with its end, counted as the host has them in memory. 4 MiB unless
    /// set.
    pub call_bytes: usize,
    /// Bytes of what the guest prints that are kept as the task's output: the last ones. 64 KiB unless set.
    pub output_bytes: usize,
    /// Bytes of the text with which a guest fails: the first ones are kept. 64 KiB unless set.
    pub failure_bytes: usize,
    /// What the guest may hand over.
    pub quotas: Quotas,
    /// How much of the network it may use, where it was granted any.
    pub http: HttpLimits,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory_bytes: 256 << 20,
            cpu_time: Duration::from_secs(600),
            wall_clock: Duration::from_secs(3_600),
            grace: Duration::from_secs(5),
            call_bytes: 4 << 20,
            output_bytes: 64 << 10,
            failure_bytes: 64 << 10,
            quotas: Quotas::default(),
            http: HttpLimits::default(),
        }
    }
}

/// The longest time that is counted, some thirty years. A later moment is one that clocks and stores may not know.
const MAX_TIME: Duration = Duration::from_secs(30 * 365 * 24 * 3_600);

impl Limits {
    /// The same, with longer times cut to what can be counted.
    pub(super) fn countable(&self) -> Self {
        Self { wall_clock: self.wall_clock.min(MAX_TIME), grace: self.grace.min(MAX_TIME), ..self.clone() }
    }
}
