//! The ids of a scope: scanned once, and held for a short while so that walking all pages scans once.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use hashlink::LruCache;

use super::names::Names;
use super::replica::Replica;
use crate::record::compare_ids;
use crate::store::redis::RedisStore;
use crate::store::redis::keys;
use crate::store::redis::options::RedisOptions;
use crate::store::redis::server::{Answer, Failure, Link, Next};
use crate::store::{Error, RedisUrl, Result, Scope};

/// How long the ids of a scope are held, so that walking all pages scans once.
const HOLD: Duration = Duration::from_secs(30);

/// How many scopes are held at once.
const MAX_HELD: usize = 8;

/// How many ids are held of all scopes together, unless one scope alone has more.
const MAX_HELD_IDS: usize = 1_000_000;

/// How many members one step of a scan looks at: a fraction of a millisecond of the server's time.
const SCAN_COUNT: usize = 500;

/// How often a scan begins anew because the connection was made anew: another server may have another order.
const MAX_SCANS: usize = 5;

/// Where listings are read, and what is held of them.
#[derive(Debug)]
pub(in crate::store::redis) struct Listings {
    replica: Option<Replica>,
    held: Mutex<LruCache<String, Held>>,
}

#[derive(Debug, Clone)]
struct Held {
    ids: Arc<Names>,
    at: Instant,
}

impl Listings {
    pub(in crate::store::redis) fn new(read_url: Option<&RedisUrl>, options: &RedisOptions) -> Self {
        Self { replica: read_url.map(|url| Replica::new(url, options)), held: Mutex::new(LruCache::new(MAX_HELD)) }
    }

    /// The replica, if there is one that is to be read from.
    pub(super) async fn replica(&self) -> Option<(&Replica, &Link)> {
        let replica = self.replica.as_ref()?;
        replica.usable().await.map(|link| (replica, link))
    }

    fn held(&self, key: &str) -> Option<Arc<Names>> {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.peek(key).filter(|held| held.at.elapsed() < HOLD).map(|held| Arc::clone(&held.ids))
    }

    fn hold(&self, key: &str, ids: &Arc<Names>) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.remove(key);
        held.retain(|_, held| held.at.elapsed() < HOLD);
        while held.iter().map(|(_, held)| held.ids.len()).sum::<usize>() + ids.len() > MAX_HELD_IDS
            && held.remove_lru().is_some()
        {}
        held.insert(key.to_owned(), Held { ids: Arc::clone(ids), at: Instant::now() });
    }
}

impl RedisStore {
    /// The ids of a scope, in the order of a listing.
    pub(super) async fn ids(&self, scope: &Scope, later_page: bool) -> Result<Arc<Names>> {
        let key = match scope {
            Scope::Ids(ids) => return Ok(Arc::new(in_order(ids.iter().map(String::as_str).collect()))),
            Scope::All => keys::ALL_TASKS.to_owned(),
            Scope::Service(service) => keys::service(service),
            Scope::User(user) => keys::user(user),
            Scope::ServiceUser(service, user) => keys::service_user(service, user),
        };
        // A first page shows what is there now; only a walk goes on with what it began with.
        if later_page && let Some(ids) = self.listings.held(&key) {
            return Ok(ids);
        }
        let ids = Arc::new(in_order(self.members(&key).await?.borrowed()));
        self.listings.hold(&key, &ids);
        Ok(ids)
    }

    /// The members of a set that are text, in any order and possibly twice.
    pub(super) async fn members(&self, key: &str) -> Result<Names> {
        let scanned = match self.listings.replica().await {
            // A scan cannot go on at another server, so it is the whole scan that is tried there.
            Some((replica, link)) => match scan(link, key, || replica.deadline()).await {
                Err(failure @ Failure { next: Next::FailsByType, .. }) => Err(failure),
                Err(failure) => {
                    replica.avoid(&failure.into()).await;
                    scan(&self.primary, key, || self.deadline()).await
                }
                members => members,
            },
            None => scan(&self.primary, key, || self.deadline()).await,
        };
        match scanned {
            Ok(members) => Ok(members),
            Err(failure) => {
                let touched = [(key.to_owned(), "set")];
                Err(self.primary.name_wrong_type(failure, &touched, self.deadline()).await)
            }
        }
    }
}

/// Ids of tasks, each once, in the order of a listing.
fn in_order(mut ids: Vec<&str>) -> Names {
    ids.retain(|id| keys::has_record(id));
    ids.sort_unstable_by(|a, b| compare_ids(a, b));
    ids.dedup();
    ids.into_iter().collect()
}

/// Scans a set on one server. Members that are no text are left out.
async fn scan(link: &Link, key: &str, deadline: impl Fn() -> Instant) -> Answer<Names> {
    for _ in 0..MAX_SCANS {
        let server = link.connect(deadline()).await?;
        let (mut members, mut undecodable, mut cursor) = (Names::default(), 0, 0_u64);
        loop {
            let mut command = redis::cmd("SSCAN");
            command.arg(key).arg(cursor).arg("COUNT").arg(SCAN_COUNT);
            let (next, batch): (u64, Vec<Vec<u8>>) = link.query(&command, deadline()).await?;
            for member in batch {
                match std::str::from_utf8(&member) {
                    Ok(member) => members.push(member),
                    Err(_) => undecodable += 1,
                }
            }
            cursor = next;
            if cursor == 0 || link.connection_id() != Some(server) {
                break;
            }
        }
        if link.connection_id() == Some(server) {
            if undecodable > 0 {
                tracing::warn!(key, undecodable, "members of an index are no text and are left out of a listing");
            }
            return Ok(members);
        }
    }
    Err(Error::Unavailable(format!("the connection to {} broke too often", link.location())).into())
}
