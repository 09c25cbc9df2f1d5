//! Which host processes there are, by the server's clock.

use std::collections::BTreeSet;
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::server::Script;
use super::{RedisStore, keys};
use crate::record::{JsonObject, Timestamp};
use crate::store::presence::in_order;
use crate::store::{HostAbout, HostSeen, Result};

static ANNOUNCE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("announce.lua")));
static SEEN: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("seen.lua")));

/// How many hosts are told of.
const MOST: usize = 1_000;

/// What this process has said of itself.
#[derive(Debug)]
pub(super) struct Announced {
    /// Tells this process from others whose host has the same name.
    process: String,
    names: Mutex<BTreeSet<String>>,
}

impl Announced {
    pub(super) fn new() -> Self {
        Self { process: uuid::Uuid::new_v4().simple().to_string(), names: Mutex::default() }
    }

    fn member(&self, name: &str) -> String {
        format!("{} {name}", self.process)
    }
}

impl RedisStore {
    pub(super) async fn announce_host(&self, host: &HostAbout, lives: Duration) -> Result<()> {
        host.check()?;
        let keys = [keys::HOSTS, keys::HOSTS_ABOUT];
        let member = self.announced.member(&host.name);
        let args = [member, format!("{}\n{}", host.name, host.about.as_str()), lives.as_millis().max(1).to_string()];
        self.announced.names.lock().unwrap_or_else(PoisonError::into_inner).insert(host.name.clone());
        Ok(ANNOUNCE.run::<u8>(&self.primary, &keys, &args, self.deadline()).await.map(drop)?)
    }

    pub(super) async fn hosts_seen(&self) -> Result<Vec<HostSeen>> {
        let keys = [keys::HOSTS, keys::HOSTS_ABOUT];
        let said: Vec<Option<String>> = SEEN.run(&self.primary, &keys, &[MOST.to_string()], self.deadline()).await?;
        Ok(in_order(said.into_iter().flatten().filter_map(|said| self.host_seen(&said)).collect()))
    }

    /// What a host has said. None if it is none of ours.
    fn host_seen(&self, said: &str) -> Option<HostSeen> {
        let (millis, rest) = said.split_once('\n')?;
        let (name, about) = rest.split_once('\n')?;
        let about = HostAbout { name: name.to_owned(), about: JsonObject::parse("about", about).ok()? };
        Some(HostSeen { about, seen: Timestamp::from_millis(millis.parse().ok()?, self.clock.zone())? })
    }

    /// Takes back that this process is there.
    pub(super) async fn leave_hosts(&self, deadline: Instant) {
        let names = std::mem::take(&mut *self.announced.names.lock().unwrap_or_else(PoisonError::into_inner));
        if names.is_empty() {
            return;
        }
        let members: Vec<String> = names.iter().map(|name| self.announced.member(name)).collect();
        let mut leave = redis::pipe();
        leave.cmd("ZREM").arg(keys::HOSTS).arg(&members).ignore();
        leave.cmd("HDEL").arg(keys::HOSTS_ABOUT).arg(&members).ignore();
        // It is over by itself soon.
        let _ = self.primary.query_all::<()>(&leave, deadline).await;
    }
}
