//! Pages of tasks, and the users of a service.
//!
//! The rows come from an index in the order of the listing, so that a page costs what it shows, and no more than one
//! record is in memory besides those on the page.

use std::ops::ControlFlow;

use rusqlite::{Connection, params};

use super::fault::{Fault, Step};
use super::task::{Policy, Stored, now_ms, select};
use crate::record::sort_key;
use crate::store::{Allowed, Counts, Error, MAX_PAGE_BYTES, MAX_PAGE_SKIPPED, Owners, Page, Query, Scope, Skipped};

/// One page of a listing.
pub(super) fn list(conn: &Connection, policy: &Policy, query: &Query) -> Step<Page> {
    // Sorts before every id.
    let start = query.cursor.as_deref().map_or_else(Vec::new, sort_key);
    let mut builder = Builder { conn, policy, query, page: Page::default(), bytes: 0, last: None };
    if let Scope::Ids(ids) = &query.scope {
        let mut ids: Vec<(Vec<u8>, &String)> = ids.iter().map(|id| (sort_key(id), id)).collect();
        ids.retain(|(place, _)| *place > start);
        ids.sort_unstable();
        for (_, id) in ids {
            if let Some(stored) = Stored::find(conn, id)?
                && builder.offer(stored)?.is_break()
            {
                break;
            }
        }
    } else {
        let (service, user) = narrow(&query.scope, &query.owners);
        let sql = select(&format!("AND {} AND place > ?4 ORDER BY place", owned_by(service, user)));
        let mut statement = conn.prepare_cached(&sql)?;
        let mut rows = statement.query(params![now_ms(), service, user, start])?;
        while let Some(row) = rows.next()? {
            if builder.offer(Stored::read(row)?)?.is_break() {
                break;
            }
        }
    }
    Ok(builder.page)
}

/// The one service and the one user that a query comes down to, if it does, so that their index can be used.
fn narrow<'a>(scope: &'a Scope, owners: &'a Owners) -> (Option<&'a str>, Option<&'a str>) {
    let (service, user) = match scope {
        Scope::Service(service) => (Some(service.as_str()), None),
        Scope::User(user) => (None, Some(user.as_str())),
        Scope::ServiceUser(service, user) => (Some(service.as_str()), Some(user.as_str())),
        Scope::All | Scope::Ids(_) => (None, None),
    };
    (service.or_else(|| only(&owners.services)), user.or_else(|| only(&owners.users)))
}

fn only(names: &Allowed) -> Option<&str> {
    match names {
        Allowed::Only(names) if names.len() == 1 => names.first().map(String::as_str),
        _ => None,
    }
}

/// The condition that a row is theirs, who are the second and third parameter.
fn owned_by(service: Option<&str>, user: Option<&str>) -> String {
    // A parameter that is not used has to be named all the same.
    let service = if service.is_some() { "service = ?2" } else { "?2 IS NULL" };
    let user = if user.is_some() { "user_id = ?3" } else { "?3 IS NULL" };
    format!("{service} AND {user}")
}

/// A page as it fills up.
struct Builder<'a> {
    conn: &'a Connection,
    policy: &'a Policy,
    query: &'a Query,
    page: Page,
    /// Of the records on the page.
    bytes: usize,
    /// The last id on the page.
    last: Option<String>,
}

impl Builder<'_> {
    /// Puts a task on the page, if it belongs there. Breaks off when it belongs on the next one.
    fn offer(&mut self, stored: Stored) -> Step<ControlFlow<()>> {
        let query = self.query;
        let other_status = query.status.is_some_and(|status| stored.status != status.as_str());
        if other_status || query.owners.check(&stored.service, &stored.user_id).is_err() {
            return Ok(ControlFlow::Continue(()));
        }
        if self.page.tasks.len() == query.limit || self.page.skipped.len() == MAX_PAGE_SKIPPED {
            return Ok(self.end());
        }
        match stored.record(self.conn, self.policy) {
            Ok(record) => {
                let bytes = record.encoded_length();
                if self.bytes + bytes > MAX_PAGE_BYTES && self.last.is_some() {
                    return Ok(self.end());
                }
                self.bytes += bytes;
                self.page.tasks.push(record);
            }
            Err(Fault(Error::Unreadable { id, why })) => self.page.skipped.push(Skipped { id, why }),
            Err(fault) => return Err(fault),
        }
        self.last = Some(stored.id);
        Ok(ControlFlow::Continue(()))
    }

    fn end(&mut self) -> ControlFlow<()> {
        self.page.next = self.last.take();
        ControlFlow::Break(())
    }
}

/// How many tasks of a scope are in each status.
pub(super) fn count(conn: &Connection, scope: &Scope, owners: &Owners) -> Step<Counts> {
    let mut counts = Counts::new();
    let mut add = |service: &str, user: &str, status: &str, tasks: u64| {
        if owners.check(service, user).is_ok()
            && let Ok(status) = status.parse()
        {
            *counts.entry(status).or_default() += tasks;
        }
    };
    if let Scope::Ids(ids) = scope {
        for id in ids {
            if let Some(stored) = Stored::find(conn, id)? {
                add(&stored.service, &stored.user_id, &stored.status, 1);
            }
        }
        return Ok(counts);
    }
    let (service, user) = narrow(scope, owners);
    let sql = format!(
        "SELECT service, user_id, status, count(*) FROM task WHERE expires_at > ?1 AND {} GROUP BY 1, 2, 3",
        owned_by(service, user)
    );
    let mut statement = conn.prepare_cached(&sql)?;
    let mut rows = statement.query(params![now_ms(), service, user])?;
    while let Some(row) = rows.next()? {
        let (service, user, status): (String, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
        add(&service, &user, &status, row.get::<_, u32>(3)?.into());
    }
    Ok(counts)
}

/// The users that have tasks with a service, by code point.
pub(super) fn users(conn: &Connection, service: &str) -> Step<Vec<String>> {
    let sql = "SELECT DISTINCT user_id FROM task WHERE service = ?2 AND expires_at > ?1 ORDER BY user_id";
    let mut statement = conn.prepare_cached(sql)?;
    let users = statement.query_map(params![now_ms(), service], |row| row.get(0))?;
    Ok(users.collect::<rusqlite::Result<_>>()?)
}
