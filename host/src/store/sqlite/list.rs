//! Pages of tasks, and the users of a service.
//!
//! The rows come from an index in the order of the listing, so that a page costs what it shows, and no more than one
//! record is in memory besides those on the page.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use rusqlite::{Connection, params};

use super::fault::{Fault, Step};
use super::task::{Policy, Stored, now_ms, select};
use crate::record::{Status, sort_key};
use crate::store::{
    Allowed, Counts, Error, HeadPage, MAX_PAGE_BYTES, MAX_PAGE_SKIPPED, Order, Owners, Page, Query, Scope, Skipped,
    Tally,
};

/// One page of a listing.
pub(super) fn list(conn: &Connection, policy: &Policy, query: &Query) -> Step<Page> {
    let mut builder = Builder { conn, policy, query, page: Page::default(), bytes: 0, last: None };
    walk(conn, query, |stored| builder.offer(stored))?;
    Ok(builder.page)
}

/// One page of heads.
pub(super) fn heads(conn: &Connection, policy: &Policy, query: &Query) -> Step<HeadPage> {
    let (mut page, mut last) = (HeadPage::default(), None);
    walk(conn, query, |stored| {
        if page.heads.len() == query.limit || page.skipped.len() == MAX_PAGE_SKIPPED {
            page.next = last.take();
            return Ok(ControlFlow::Break(()));
        }
        match stored.head(conn, policy) {
            Ok(head) => page.heads.push(head),
            Err(Fault(Error::Unreadable { id, why })) => page.skipped.push(Skipped { id, why }),
            Err(fault) => return Err(fault),
        }
        last = Some(stored.id);
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(page)
}

/// Gives the tasks that a query shows, in its order, from its cursor on, until that breaks off.
fn walk(conn: &Connection, query: &Query, mut give: impl FnMut(Stored) -> Step<ControlFlow<()>>) -> Step<()> {
    let is_shown = |stored: &Stored| {
        let status = query.statuses.is_empty() || query.statuses.iter().any(|status| status.as_str() == stored.status);
        status && query.matches(&stored.id) && query.owners.check(&stored.service, &stored.user_id).is_ok()
    };
    let start = query.cursor.as_deref().map(sort_key);
    if let Scope::Ids(ids) = &query.scope {
        let mut ids: Vec<(Vec<u8>, &String)> = ids.iter().map(|id| (sort_key(id), id)).collect();
        ids.sort_unstable();
        if query.order == Order::Newest {
            ids.reverse();
        }
        let is_ahead = |place: &Vec<u8>| match (&start, query.order) {
            (None, _) => true,
            (Some(start), Order::Oldest) => place > start,
            (Some(start), Order::Newest) => place < start,
        };
        for (_, id) in ids.into_iter().filter(|(place, _)| is_ahead(place)) {
            if let Some(stored) = Stored::find(conn, id)?
                && is_shown(&stored)
                && give(stored)?.is_break()
            {
                break;
            }
        }
        return Ok(());
    }
    let (service, user) = narrow(&query.scope, &query.owners);
    // A parameter that is not used has to be named all the same.
    let (ahead, order) = match (&start, query.order) {
        (None, Order::Oldest) => ("?4 IS NULL", "ORDER BY place"),
        (None, Order::Newest) => ("?4 IS NULL", "ORDER BY place DESC"),
        (Some(_), Order::Oldest) => ("place > ?4", "ORDER BY place"),
        (Some(_), Order::Newest) => ("place < ?4", "ORDER BY place DESC"),
    };
    let sql = select(&format!("AND {} AND {ahead} {order}", owned_by(service, user)));
    let mut statement = conn.prepare_cached(&sql)?;
    let mut rows = statement.query(params![now_ms(), service, user, start])?;
    while let Some(row) = rows.next()? {
        let stored = Stored::read(row)?;
        if is_shown(&stored) && give(stored)?.is_break() {
            break;
        }
    }
    Ok(())
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
    /// Puts a task on the page. Breaks off when it belongs on the next one.
    fn offer(&mut self, stored: Stored) -> Step<ControlFlow<()>> {
        if self.page.tasks.len() == self.query.limit || self.page.skipped.len() == MAX_PAGE_SKIPPED {
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
    each_owner(conn, scope, owners, |_, _, status, tasks| *counts.entry(status).or_default() += tasks)?;
    Ok(counts)
}

/// How many tasks of a scope are in each status, for each owner.
pub(super) fn tally(conn: &Connection, scope: &Scope, owners: &Owners) -> Step<Vec<Tally>> {
    let mut tally = BTreeMap::<(String, String), Counts>::new();
    each_owner(conn, scope, owners, |service, user, status, tasks| {
        let counts = tally.entry((service.to_owned(), user.to_owned())).or_default();
        *counts.entry(status).or_default() += tasks;
    })?;
    let one = |((service, user_id), counts)| Tally { service, user_id, counts };
    Ok(tally.into_iter().map(one).collect())
}

/// How many tasks a query shows, in each status.
pub(super) fn matching(conn: &Connection, query: &Query) -> Step<Counts> {
    let mut counts = Counts::new();
    if query.text.is_none() {
        each_owner(conn, &query.scope, &query.owners, |_, _, status, tasks| {
            if query.shows(status) {
                *counts.entry(status).or_default() += tasks;
            }
        })?;
        return Ok(counts);
    }
    let of_all = Query { cursor: None, order: Order::Oldest, ..query.clone() };
    walk(conn, &of_all, |stored| {
        if let Ok(status) = stored.status.parse() {
            *counts.entry(status).or_default() += 1;
        }
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(counts)
}

/// Tells how many tasks of a scope each of these owners has in each status.
fn each_owner(
    conn: &Connection,
    scope: &Scope,
    owners: &Owners,
    mut tell: impl FnMut(&str, &str, Status, u64),
) -> Step<()> {
    let mut add = |service: &str, user: &str, status: &str, tasks: u64| {
        if owners.check(service, user).is_ok()
            && let Ok(status) = status.parse()
        {
            tell(service, user, status, tasks);
        }
    };
    if let Scope::Ids(ids) = scope {
        for id in ids {
            if let Some(stored) = Stored::find(conn, id)? {
                add(&stored.service, &stored.user_id, &stored.status, 1);
            }
        }
        return Ok(());
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
    Ok(())
}

/// The users that have tasks with a service, by code point.
pub(super) fn users(conn: &Connection, service: &str) -> Step<Vec<String>> {
    let sql = "SELECT DISTINCT user_id FROM task WHERE service = ?2 AND expires_at > ?1 ORDER BY user_id";
    let mut statement = conn.prepare_cached(sql)?;
    let users = statement.query_map(params![now_ms(), service], |row| row.get(0))?;
    Ok(users.collect::<rusqlite::Result<_>>()?)
}
