//! How much of the network one run may use.

use std::time::Duration;

/// How much of the network one run may use, as far as it was granted any. A request that reaches a limit fails with an
/// error that names it, and the run goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct HttpLimits {
    /// Time until a request has its connection, that to find the address included. 10 seconds unless set; a plugin may
    /// ask for less.
    pub connect: Duration,
    /// Time from then until the head of the response is there, that to send the request included. One minute unless
    /// set; a plugin may ask for less.
    pub first_byte: Duration,
    /// Time from the start of a request until the end of its response. 5 minutes unless set.
    pub total: Duration,
    /// Bytes of the bodies of all requests of a run. 64 MiB unless set.
    pub sent_bytes: usize,
    /// Bytes of the bodies of all responses of a run. 256 MiB unless set.
    pub received_bytes: usize,
    /// Requests of a run that may be under way at once; one more waits for its connection. 16 unless set.
    pub connections: usize,
}

impl Default for HttpLimits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            first_byte: Duration::from_secs(60),
            total: Duration::from_secs(300),
            sent_bytes: 64 << 20,
            received_bytes: 256 << 20,
            connections: 16,
        }
    }
}
