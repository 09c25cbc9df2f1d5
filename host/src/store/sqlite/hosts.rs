//! Which host processes there are, by the machine's clock.

use std::time::Duration;

use rusqlite::{Connection, params};

use super::fault::Step;
use super::task::{Policy, after, now_ms};
use crate::record::{JsonObject, Timestamp};
use crate::store::presence::in_order;
use crate::store::{HostAbout, HostSeen};

/// Takes note that a host of a process is there, and forgets those that are there no longer.
pub(super) fn announce(conn: &Connection, process: &str, host: &HostAbout, lives: Duration) -> Step<()> {
    host.check()?;
    conn.prepare_cached("DELETE FROM host WHERE until <= ?1")?.execute([now_ms()])?;
    let sql = "INSERT OR REPLACE INTO host (process, name, about, seen_at, until) VALUES (?1, ?2, ?3, ?4, ?5)";
    let values = params![process, host.name, host.about.as_str(), now_ms(), after(lives)];
    conn.prepare_cached(sql)?.execute(values)?;
    Ok(())
}

pub(super) fn seen(conn: &Connection, policy: &Policy) -> Step<Vec<HostSeen>> {
    let mut statement = conn.prepare_cached("SELECT name, about, seen_at FROM host WHERE until > ?1")?;
    let mut rows = statement.query([now_ms()])?;
    let mut hosts = Vec::new();
    while let Some(row) = rows.next()? {
        let (name, about, seen): (String, String, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let about = HostAbout { name, about: JsonObject::parse("about", &about)? };
        hosts.extend(Timestamp::from_millis(seen, policy.clock.zone()).map(|seen| HostSeen { about, seen }));
    }
    Ok(in_order(hosts))
}

/// Takes back that the hosts of a process are there.
pub(super) fn leave(conn: &Connection, process: &str) -> Step<()> {
    conn.prepare_cached("DELETE FROM host WHERE process = ?1")?.execute([process])?;
    Ok(())
}
