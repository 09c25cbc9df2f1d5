//! Where listings are read: from a replica while it is linked to its primary, else from the primary.

use std::time::{Duration, Instant};

use crate::store::redis::options::RedisOptions;
use crate::store::redis::server::Link;
use crate::store::{Error, RedisUrl};

/// How long a verdict on the replica stands.
const VERDICT: Duration = Duration::from_secs(2);

/// A server to read listings from that is not the primary.
#[derive(Debug)]
pub(super) struct Replica {
    link: Link,
    response_timeout: Duration,
    verdict: tokio::sync::Mutex<Option<Verdict>>,
}

#[derive(Debug)]
struct Verdict {
    at: Instant,
    /// Why it is not to be read from.
    against: Option<String>,
}

impl Replica {
    pub(super) fn new(url: &RedisUrl, options: &RedisOptions) -> Self {
        let response_timeout = options.response_timeout;
        Self { link: Link::new(url, options), response_timeout, verdict: tokio::sync::Mutex::default() }
    }

    /// The replica, if it is to be read from. It is asked about itself once in two seconds at the most.
    pub(super) async fn usable(&self) -> Option<&Link> {
        let mut verdict = self.verdict.lock().await;
        if verdict.as_ref().is_none_or(|verdict| verdict.at.elapsed() >= VERDICT) {
            let against = self.fault().await;
            self.judge(&mut verdict, against);
        }
        verdict.as_ref().is_some_and(|verdict| verdict.against.is_none()).then_some(&self.link)
    }

    /// Leaves the replica alone for a while: it failed.
    pub(super) async fn avoid(&self, why: &Error) {
        self.judge(&mut *self.verdict.lock().await, Some(why.to_string()));
    }

    /// How long one request to it may take.
    pub(super) fn deadline(&self) -> Instant {
        Instant::now() + self.response_timeout
    }

    /// Passes a verdict, and says so when the place where listings are read changes.
    fn judge(&self, verdict: &mut Option<Verdict>, against: Option<String>) {
        let replica = self.link.location();
        match (verdict.as_ref().and_then(|verdict| verdict.against.as_ref()), &against) {
            (None, Some(why)) => tracing::warn!(replica, why, "listings are read from the primary"),
            (Some(_), None) => tracing::info!(replica, "listings are read from the replica again"),
            _ => {}
        }
        *verdict = Some(Verdict { at: Instant::now(), against });
    }

    /// Why the replica is not to be read from: it has lost its primary, or follows none.
    async fn fault(&self) -> Option<String> {
        let info: String = match self.link.query(redis::cmd("INFO").arg("replication"), self.deadline()).await {
            Ok(info) => info,
            Err(failure) => match Error::from(failure) {
                // What may not be asked is the operator's to know.
                Error::Failed(why) => {
                    tracing::debug!(why, "the replica does not say whether it is linked");
                    return None;
                }
                error => return Some(error.to_string()),
            },
        };
        fault_in(&info).map(str::to_owned)
    }
}

/// What a replica's own account says against reading from it.
fn fault_in(info: &str) -> Option<&'static str> {
    let says = |line: &str| info.lines().any(|said| said.trim_end() == line);
    if !says("role:slave") {
        Some("it does not follow a primary")
    } else if !says("master_link_status:up") {
        Some("it has no link to its primary")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replica_is_read_from_while_it_is_linked_to_its_primary() {
        let replica = "# Replication\r\nrole:slave\r\nmaster_link_status:up\r\n";
        assert_eq!(fault_in(replica), None);
        assert!(fault_in(&replica.replace(":up", ":down")).is_some());
        assert!(fault_in("role:master\r\n").is_some() && fault_in("").is_some());
    }
}
