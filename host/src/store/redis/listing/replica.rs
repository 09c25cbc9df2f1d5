//! Where listings are read: from a replica while it keeps up with the primary, else from the primary.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use crate::store::redis::options::RedisOptions;
use crate::store::redis::server::Link;
use crate::store::{Error, RedisUrl, Result};

/// How long a verdict on the replica stands.
const VERDICT: Duration = Duration::from_secs(2);

/// How long the replica may take to have what the primary had.
const MAX_LAG: Duration = Duration::from_millis(100);

/// The pause between two looks at how far the replica is.
const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// A server to read listings from that is not the primary.
#[derive(Debug)]
pub(in crate::store::redis) struct Replica {
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
    pub(in crate::store::redis) fn new(url: &RedisUrl, options: &RedisOptions) -> Result<Self> {
        let link = Link::new(url, options);
        Ok(Self { link, response_timeout: options.response_timeout, verdict: tokio::sync::Mutex::new(None) })
    }

    /// The replica, if it keeps up with the primary. Asked of the servers once in two seconds at the most.
    pub(in crate::store::redis) async fn keeping_up_with(&self, primary: &Link) -> Option<&Link> {
        let mut verdict = self.verdict.lock().await;
        if verdict.as_ref().is_none_or(|verdict| verdict.at.elapsed() >= VERDICT) {
            let against = self.compare(primary).await.err();
            self.tell(verdict.as_ref(), against.as_ref());
            *verdict = Some(Verdict { at: Instant::now(), against });
        }
        verdict.as_ref().is_some_and(|verdict| verdict.against.is_none()).then_some(&self.link)
    }

    /// Leaves the replica alone for a while: it failed.
    pub(in crate::store::redis) async fn avoid(&self, why: &Error) {
        let mut verdict = self.verdict.lock().await;
        let why = why.to_string();
        self.tell(verdict.as_ref(), Some(&why));
        *verdict = Some(Verdict { at: Instant::now(), against: Some(why) });
    }

    /// How long one request to it may take.
    pub(in crate::store::redis) fn deadline(&self) -> Instant {
        Instant::now() + self.response_timeout
    }

    /// Says so when the place where listings are read changes.
    fn tell(&self, before: Option<&Verdict>, against: Option<&String>) {
        let replica = self.link.location();
        match (before.and_then(|verdict| verdict.against.as_ref()), against) {
            (None, Some(why)) => tracing::warn!(replica, why, "listings are read from the primary"),
            (Some(_), None) => tracing::info!(replica, "listings are read from the replica again"),
            _ => {}
        }
    }

    /// Whether the replica soon has what the primary has now; else why not.
    async fn compare(&self, primary: &Link) -> std::result::Result<(), String> {
        let there = match replication(primary, self.deadline()).await {
            Ok(there) => there,
            // A replica is better than nothing, and what may not be asked is the operator's to know.
            Err(error) => {
                tracing::debug!(%error, "the primary does not say how far it is");
                return Ok(());
            }
        };
        let asked = Instant::now();
        loop {
            let here = match replication(&self.link, self.deadline()).await {
                Ok(here) => here,
                Err(Error::Failed(why)) => {
                    tracing::debug!(why, "the replica does not say how far it is");
                    return Ok(());
                }
                Err(error) => return Err(error.to_string()),
            };
            match here.behind(&there) {
                Ok(0) => return Ok(()),
                Ok(bytes) if asked.elapsed() >= MAX_LAG => return Err(format!("it lags {bytes} bytes behind")),
                Ok(_) => tokio::time::sleep(LOOK_AGAIN).await,
                Err(why) => return Err(why.to_owned()),
            }
        }
    }
}

/// Where a server stands in the history of a dataset.
struct Replication {
    history: String,
    offset: u64,
    linked: bool,
}

impl Replication {
    fn read(info: &str) -> Option<Self> {
        let fields: HashMap<&str, &str> = info.lines().filter_map(|line| line.trim_end().split_once(':')).collect();
        let is_replica = *fields.get("role")? == "slave";
        let offset = fields.get(if is_replica { "slave_repl_offset" } else { "master_repl_offset" })?;
        Some(Self {
            history: (*fields.get("master_replid")?).to_owned(),
            offset: offset.parse().ok()?,
            linked: !is_replica || fields.get("master_link_status") == Some(&"up"),
        })
    }

    /// By how many bytes it is behind another server.
    fn behind(&self, other: &Self) -> std::result::Result<u64, &'static str> {
        if !self.linked {
            Err("it has no link to its primary")
        } else if self.history != other.history {
            Err("it does not follow the primary")
        } else {
            Ok(other.offset.saturating_sub(self.offset))
        }
    }
}

async fn replication(link: &Link, deadline: Instant) -> Result<Replication> {
    let info: String = link.query(redis::cmd("INFO").arg("replication"), deadline).await?;
    Replication::read(&info).ok_or_else(|| Error::Failed("INFO replication lacks the offset".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRIMARY: &str = "# Replication\r\nrole:master\r\nmaster_replid:abc\r\nmaster_repl_offset:100\r\n";

    fn behind(replica: &str) -> std::result::Result<u64, &'static str> {
        Replication::read(replica).unwrap().behind(&Replication::read(PRIMARY).unwrap())
    }

    #[test]
    fn a_replica_is_behind_by_what_it_has_not_applied() {
        let replica = "role:slave\r\nmaster_link_status:up\r\nslave_repl_offset:90\r\nmaster_replid:abc\r\n";
        assert_eq!(behind(replica), Ok(10));
        assert_eq!(behind(&replica.replace("90", "100")), Ok(0));
        assert_eq!(behind(&replica.replace("90", "110")), Ok(0));
        assert_eq!(behind(PRIMARY), Ok(0));
        assert!(behind(&replica.replace(":up", ":down")).is_err());
        assert!(behind(&replica.replace("abc", "def")).is_err());
        assert!(Replication::read("role:sentinel\r\n").is_none());
    }
}
