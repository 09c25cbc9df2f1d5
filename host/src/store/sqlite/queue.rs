//! The queue: rows beside those of the tasks that wait, and of those that runs have from it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::stream::{self, BoxStream, StreamExt};
use rusqlite::{Connection, OptionalExtension, params};
use tokio::sync::watch;
use tokio::time::timeout;

use super::SqliteStore;
use super::fault::Step;
use super::task::{Policy, Stored, after, now_ms};
use super::write;
use crate::record::{InvalidTransition, Priority, Service, Status, TaskId, Timestamp, UserId};
use crate::store::orphan::host_of;
use crate::store::queue::LOW_TURN;
use crate::store::{
    Access, Error, HeldTask, MAX_TAKEN, Pause, Result, RunId, Standing, TaskQueue, Ticket, Waiting, Wanted,
};

/// How often a process looks for tasks that another has put into the queue, or whose delay is over.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// Tells those who wait for arrivals that there may be one.
#[derive(Debug, Clone)]
pub(super) struct Arrivals(watch::Sender<()>);

impl Default for Arrivals {
    fn default() -> Self {
        Self(watch::Sender::new(()))
    }
}

/// What the queue holds of a task.
pub(super) struct Queued {
    /// How many attempts have begun.
    pub(super) begun: u32,
    /// How many may.
    pub(super) attempts: u32,
}

impl Queued {
    /// A task that a run has from the queue.
    pub(super) fn under_way(conn: &Connection, num: i64) -> Step<Option<Self>> {
        let sql = "SELECT begun, attempts FROM queued WHERE task = ?1 AND waits = 0";
        let row = |row: &rusqlite::Row| Ok(Self { begun: row.get(0)?, attempts: row.get(1)? });
        Ok(conn.prepare_cached(sql)?.query_row([num], row).optional()?)
    }
}

#[async_trait]
impl TaskQueue for SqliteStore {
    async fn enqueue(&self, id: &TaskId, delay: Duration, access: &Access) -> Result<bool> {
        let (policy, id, access) = (self.policy.clone(), id.clone(), access.clone());
        let is_new = self.writes.run(move |conn| enqueue(conn, &policy, &id, delay, &access)).await?;
        self.arrived();
        Ok(is_new)
    }

    async fn hasten(&self, id: &TaskId) -> Result<()> {
        let id = id.clone();
        self.writes.run(move |conn| hasten(conn, &id)).await?;
        self.arrived();
        Ok(())
    }

    async fn take(&self, wanted: &[Wanted], patience: Duration) -> Result<Vec<Ticket>> {
        let wanted = wanted.to_vec();
        // To ask costs no turn of writing, of which other processes have theirs meanwhile.
        let asked = wanted.clone();
        if self.reads.run(move |conn| is_anything_ready(conn, &asked)).await? {
            return self.writes.run(move |conn| take(conn, &wanted, patience)).await;
        }
        Ok(Vec::new())
    }

    async fn give_back(&self, ticket: &Ticket) -> Result<()> {
        let ticket = ticket.clone();
        self.writes.run(move |conn| give_back(conn, &ticket)).await?;
        self.arrived();
        Ok(())
    }

    async fn discard(&self, ticket: &Ticket) -> Result<bool> {
        let ticket = ticket.clone();
        let sql = "DELETE FROM queued WHERE task = (SELECT num FROM task WHERE id = ?1) AND token = ?2 AND waits = 1";
        let discard = move |conn: &Connection| {
            Ok(conn.prepare_cached(sql)?.execute(params![ticket.task_id.as_str(), ticket.token])? > 0)
        };
        self.writes.run(discard).await
    }

    async fn dequeue(&self, id: &TaskId) -> Result<bool> {
        let id = id.clone();
        let sql = "DELETE FROM queued WHERE task = (SELECT num FROM task WHERE id = ?1) AND waits = 1";
        self.writes.run(move |conn| Ok(conn.prepare_cached(sql)?.execute([id.as_str()])? > 0)).await
    }

    async fn retry(&self, id: &TaskId, run: &RunId, delay: Duration) -> Result<()> {
        let (id, access) = (id.clone(), Access::ANY.during(run.clone()));
        let again = move |conn: &Connection| {
            let stored = Stored::find_for(conn, id.as_str(), &access)?;
            Queued::under_way(conn, stored.num)?.ok_or(Error::NotFound)?;
            wait_again(conn, stored.num, delay)
        };
        self.writes.run(again).await?;
        self.arrived();
        Ok(())
    }

    async fn waiting(&self) -> Result<Vec<Waiting>> {
        self.listings.run(waiting).await
    }

    async fn held(&self, most: usize) -> Result<Vec<HeldTask>> {
        let policy = self.policy.clone();
        self.listings.run(move |conn| held(conn, &policy, most)).await
    }

    async fn standing(&self, id: &TaskId) -> Result<Standing> {
        let (policy, id) = (self.policy.clone(), id.clone());
        self.reads.run(move |conn| standing(conn, &policy, &id)).await
    }

    async fn pause(&self, what: &Pause) -> Result<()> {
        let (kind, name) = as_row(what);
        let sql = "INSERT OR IGNORE INTO pause (kind, name) VALUES (?1, ?2)";
        self.writes.run(move |conn| Ok(conn.prepare_cached(sql)?.execute(params![kind, name])?)).await.map(drop)
    }

    async fn resume(&self, what: &Pause) -> Result<()> {
        let (kind, name) = as_row(what);
        let sql = "DELETE FROM pause WHERE kind = ?1 AND name = ?2";
        self.writes.run(move |conn| Ok(conn.prepare_cached(sql)?.execute(params![kind, name])?)).await?;
        self.arrived();
        Ok(())
    }

    async fn pauses(&self) -> Result<BTreeSet<Pause>> {
        self.reads.run(pauses).await
    }

    fn arrivals(&self) -> BoxStream<'static, ()> {
        let arrivals = self.arrivals.0.subscribe();
        let next = |mut arrivals: watch::Receiver<()>| async move {
            match timeout(LOOK_EVERY, arrivals.changed()).await {
                // The store is gone.
                Ok(Err(_)) => None,
                _ => Some(((), arrivals)),
            }
        };
        stream::unfold(arrivals, next).boxed()
    }
}

impl SqliteStore {
    fn arrived(&self) {
        self.arrivals.0.send_replace(());
    }
}

fn enqueue(conn: &Connection, policy: &Policy, id: &TaskId, delay: Duration, access: &Access) -> Step<bool> {
    id.check_new()?;
    let stored = Stored::find_for(conn, id.as_str(), access)?;
    let (service, user_id) = (Service::new(&*stored.service)?, UserId::new(&*stored.user_id)?);
    let known = "SELECT 1 FROM queued WHERE task = ?1";
    if conn.prepare_cached(known)?.exists([stored.num])? {
        return Ok(false);
    }
    let from = stored.status()?;
    if from.is_terminal() {
        return Err(InvalidTransition { from, to: Status::Running }.into());
    } else if stored.run.is_some() {
        return Err(Error::Held.into());
    }
    let low = stored.body(conn, policy)?.priority() == Priority::Low;
    let sql = "INSERT INTO queued (task, service, user_id, low, queued_at, ready_at, delayed, begun, attempts,
                                   waits)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 0, 1, 1)";
    let owner = (service.as_str(), user_id.as_str());
    let values = params![stored.num, owner.0, owner.1, low, now_ms(), after(delay), !delay.is_zero()];
    conn.prepare_cached(sql)?.execute(values)?;
    take_turns(conn, stored.num)?;
    Ok(true)
}

fn hasten(conn: &Connection, id: &TaskId) -> Step<()> {
    let sql = "UPDATE queued SET delayed = 0 WHERE task = (SELECT num FROM task WHERE id = ?1)
               AND waits = 1 AND token IS NULL RETURNING task";
    let task = conn.prepare_cached(sql)?.query_row([id.as_str()], |row| row.get(0)).optional()?;
    task.map_or(Ok(()), |num| take_turns(conn, num))
}

/// Sees to it that the user of a task that is ready has turns.
fn take_turns(conn: &Connection, num: i64) -> Step<()> {
    let sql = "INSERT OR IGNORE INTO turn (service, low, user_id, at)
               SELECT service, low, user_id,
                      (SELECT ifnull(max(at), 0) + 1 FROM turn WHERE service = q.service AND low = q.low)
               FROM queued q WHERE task = ?1 AND waits = 1 AND delayed = 0";
    conn.prepare_cached(sql)?.execute([num])?;
    Ok(())
}

/// Whether anything of these services may be taken, paused or not.
fn is_anything_ready(conn: &Connection, wanted: &[Wanted]) -> Step<bool> {
    let sql = "SELECT 1 WHERE EXISTS (SELECT 1 FROM queued WHERE service = ?1 AND waits = 1 AND delayed = 0)
               OR EXISTS (SELECT 1 FROM queued WHERE service = ?1 AND waits = 1 AND delayed = 1 AND ready_at <= ?2)";
    let mut statement = conn.prepare_cached(sql)?;
    for wanted in wanted {
        if statement.exists(params![wanted.service.as_str(), now_ms()])? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn take(conn: &Connection, wanted: &[Wanted], patience: Duration) -> Step<Vec<Ticket>> {
    let paused = pauses(conn)?;
    let mut taken = Vec::new();
    if paused.contains(&Pause::All) {
        return Ok(taken);
    }
    for wanted in wanted.iter().filter(|wanted| !paused.contains(&Pause::Service(wanted.service.clone()))) {
        end_delays(conn, &wanted.service)?;
        let mut of_user = BTreeMap::new();
        let most = wanted.most.min(MAX_TAKEN - taken.len());
        for _ in 0..most {
            let may_run = |user: &str| {
                let is_paused = UserId::new(user).is_ok_and(|user| paused.contains(&Pause::User(user)));
                !is_paused && of_user.get(user).copied().unwrap_or(0) < wanted.of(user)
            };
            let Some(ticket) = take_next(conn, &wanted.service, may_run, patience)? else { break };
            *of_user.entry(ticket.user_id.as_str().to_owned()).or_default() += 1;
            taken.push(ticket);
        }
    }
    Ok(taken)
}

/// Has the tasks of a service wait in their turns whose delay is over, or whose ticket.
fn end_delays(conn: &Connection, service: &Service) -> Step<()> {
    let sql = "UPDATE queued SET delayed = 0, token = NULL
               WHERE service = ?1 AND waits = 1 AND delayed = 1 AND ready_at <= ?2 RETURNING task";
    let mut statement = conn.prepare_cached(sql)?;
    let rows = statement.query_map(params![service.as_str(), now_ms()], |row| row.get(0))?;
    let ready: Vec<i64> = rows.collect::<rusqlite::Result<_>>()?;
    ready.into_iter().try_for_each(|num| take_turns(conn, num))
}

/// Takes the task of a service whose turn it is, among those of users that may run one.
fn take_next(
    conn: &Connection,
    service: &Service,
    may_run: impl Fn(&str) -> bool,
    patience: Duration,
) -> Step<Option<Ticket>> {
    let turns: u32 = conn
        .prepare_cached("SELECT taken FROM turn_count WHERE service = ?1")?
        .query_row([service.as_str()], |row| row.get(0))
        .optional()?
        .unwrap_or(0);
    let low_first = turns % LOW_TURN == LOW_TURN - 1;
    for low in [low_first, !low_first] {
        let mut over = Vec::new();
        let mut found = None;
        {
            let sql = "SELECT user_id FROM turn WHERE service = ?1 AND low = ?2 ORDER BY at";
            let mut statement = conn.prepare_cached(sql)?;
            let mut users = statement.query(params![service.as_str(), low])?;
            while let Some(row) = users.next()? {
                let user: String = row.get(0)?;
                if !may_run(&user) {
                    continue;
                }
                found = first_of(conn, service, &user, low)?;
                if found.is_some() {
                    break;
                }
                over.push(user);
            }
        }
        for user in over {
            end_turns(conn, service, &user, low)?;
        }
        if let Some(found) = found {
            let sql = "INSERT INTO turn_count (service, taken) VALUES (?1, 1)
                       ON CONFLICT DO UPDATE SET taken = (taken + 1) % ?2";
            conn.prepare_cached(sql)?.execute(params![service.as_str(), LOW_TURN])?;
            return mark_taken(conn, service, low, found, patience).map(Some);
        }
    }
    Ok(None)
}

/// A task that may be taken.
struct First {
    place: i64,
    id: String,
    user_id: String,
    queued_at: i64,
}

/// The first task of a user that is ready. What is gone and not yet removed is passed over.
fn first_of(conn: &Connection, service: &Service, user: &str, low: bool) -> Step<Option<First>> {
    let sql =
        "SELECT queued.place, id, queued.user_id, queued_at FROM queued INDEXED BY queued_ready JOIN task ON num = task
               WHERE queued.service = ?1 AND low = ?2 AND queued.user_id = ?3 AND waits = 1
                 AND delayed = 0 AND expires_at > ?4
               ORDER BY queued.place LIMIT 1";
    let first = |row: &rusqlite::Row| {
        Ok(First { place: row.get(0)?, id: row.get(1)?, user_id: row.get(2)?, queued_at: row.get(3)? })
    };
    let values = params![service.as_str(), low, user, now_ms()];
    Ok(conn.prepare_cached(sql)?.query_row(values, first).optional()?)
}

/// Takes a user who has nothing ready from those that have turns.
fn end_turns(conn: &Connection, service: &Service, user: &str, low: bool) -> Step<()> {
    let sql = "DELETE FROM turn WHERE service = ?1 AND low = ?2 AND user_id = ?3 AND NOT EXISTS
               (SELECT 1 FROM queued WHERE service = ?1 AND low = ?2 AND user_id = ?3 AND waits = 1 AND delayed = 0)";
    conn.prepare_cached(sql)?.execute(params![service.as_str(), low, user])?;
    Ok(())
}

fn mark_taken(conn: &Connection, service: &Service, low: bool, first: First, patience: Duration) -> Step<Ticket> {
    let token = RunId::unique().as_str().to_owned();
    let sql = "UPDATE queued SET token = ?2, ready_at = ?3, delayed = 1 WHERE place = ?1";
    conn.prepare_cached(sql)?.execute(params![first.place, token, after(patience)])?;
    let sql = "UPDATE turn SET at = (SELECT max(at) + 1 FROM turn WHERE service = ?1 AND low = ?2)
               WHERE service = ?1 AND low = ?2 AND user_id = ?3";
    conn.prepare_cached(sql)?.execute(params![service.as_str(), low, first.user_id])?;
    Ok(Ticket {
        task_id: TaskId::new(first.id)?,
        service: service.clone(),
        user_id: UserId::new(first.user_id)?,
        priority: if low { Priority::Low } else { Priority::High },
        waited: since(first.queued_at),
        token,
    })
}

fn since(at: i64) -> Duration {
    Duration::from_millis(u64::try_from(now_ms().saturating_sub(at)).unwrap_or(0))
}

fn give_back(conn: &Connection, ticket: &Ticket) -> Step<()> {
    let sql = "UPDATE queued SET token = NULL, delayed = 0
               WHERE task = (SELECT num FROM task WHERE id = ?1) AND token = ?2 AND waits = 1 RETURNING task";
    let values = params![ticket.task_id.as_str(), ticket.token];
    let task = conn.prepare_cached(sql)?.query_row(values, |row| row.get(0)).optional()?;
    task.map_or(Ok(()), |num| take_turns(conn, num))
}

/// Whether a task is still in the hands of the one with a ticket.
pub(super) fn is_taken_with(conn: &Connection, num: i64, ticket: &Ticket) -> Step<bool> {
    let sql = "SELECT 1 FROM queued WHERE task = ?1 AND token = ?2 AND waits = 1";
    Ok(conn.prepare_cached(sql)?.exists(params![num, ticket.token])?)
}

/// Has a run go on with a task that was taken. Tells which attempt that is.
pub(super) fn begin_attempt(conn: &Connection, num: i64, attempts: u32) -> Step<u32> {
    let sql =
        "UPDATE queued SET waits = 0, token = NULL, begun = begun + 1, attempts = ?2 WHERE task = ?1 RETURNING begun";
    Ok(conn.prepare_cached(sql)?.query_row(params![num, attempts], |row| row.get(0))?)
}

/// Takes a task from its run, to wait for another.
pub(super) fn wait_again(conn: &Connection, num: i64, delay: Duration) -> Step<()> {
    write::release(conn, num)?;
    let sql = "UPDATE queued SET waits = 1, token = NULL, ready_at = ?2, delayed = ?3 WHERE task = ?1";
    conn.prepare_cached(sql)?.execute(params![num, after(delay), !delay.is_zero()])?;
    take_turns(conn, num)
}

/// Takes a task out of the queue, whoever has it.
pub(super) fn leave(conn: &Connection, num: i64) -> Step<()> {
    conn.prepare_cached("DELETE FROM queued WHERE task = ?1")?.execute([num])?;
    Ok(())
}

/// Takes a task out of the queue that a run has from there, which has lost it.
pub(super) fn leave_lost(conn: &Connection, num: i64) -> Step<()> {
    conn.prepare_cached("DELETE FROM queued WHERE task = ?1 AND waits = 0")?.execute([num])?;
    Ok(())
}

/// Moves a task that waits to those of another priority.
pub(super) fn set_priority(conn: &Connection, num: i64, priority: Priority) -> Step<()> {
    let sql = "UPDATE queued SET low = ?2 WHERE task = ?1 AND waits = 1";
    if conn.prepare_cached(sql)?.execute(params![num, priority == Priority::Low])? > 0 {
        take_turns(conn, num)?;
    }
    Ok(())
}

fn waiting(conn: &Connection) -> Step<Vec<Waiting>> {
    let sql = "SELECT service, low, count(*) FILTER (WHERE delayed = 0 OR ready_at <= ?1),
                      count(*) FILTER (WHERE delayed = 1 AND ready_at > ?1 AND token IS NULL),
                      count(DISTINCT user_id) FILTER (WHERE delayed = 0 OR ready_at <= ?1),
                      min(queued_at) FILTER (WHERE delayed = 0 OR ready_at <= ?1)
               FROM queued WHERE waits = 1 GROUP BY service, low ORDER BY service, low";
    let mut statement = conn.prepare_cached(sql)?;
    let rows = statement.query_map([now_ms()], |row| {
        Ok(Waiting {
            service: row.get(0)?,
            priority: if row.get(1)? { Priority::Low } else { Priority::High },
            ready: row.get::<_, i64>(2)?.unsigned_abs(),
            delayed: row.get::<_, i64>(3)?.unsigned_abs(),
            users: row.get::<_, i64>(4)?.unsigned_abs(),
            longest: row.get::<_, Option<i64>>(5)?.map(since),
        })
    })?;
    let is_any = |waiting: &Waiting| waiting.ready + waiting.delayed > 0;
    Ok(rows.collect::<rusqlite::Result<Vec<_>>>()?.into_iter().filter(is_any).collect())
}

fn held(conn: &Connection, policy: &Policy, most: usize) -> Step<Vec<HeldTask>> {
    let sql = "SELECT id, run, seen_at, begun FROM lease JOIN task ON num = lease.task
               LEFT JOIN queued ON queued.task = num AND waits = 0
               WHERE run IS NOT NULL AND expires_at > ?1 ORDER BY seen_at LIMIT ?2";
    let mut statement = conn.prepare_cached(sql)?;
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    let rows = statement.query_map(params![now_ms(), most], |row| {
        Ok(HeldTask {
            task_id: row.get(0)?,
            host: host_of(&row.get::<_, String>(1)?).to_owned(),
            seen: Timestamp::from_millis(row.get(2)?, policy.clock.zone()),
            attempt: row.get(3)?,
        })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

fn standing(conn: &Connection, policy: &Policy, id: &TaskId) -> Step<Standing> {
    let sql = "SELECT CASE WHEN lease.task IS NOT NULL THEN run END, seen_at, begun, queued.task IS NOT NULL FROM task
               LEFT JOIN lease ON lease.task = num LEFT JOIN queued ON queued.task = num
               WHERE expires_at > ?1 AND id = ?2";
    let mut statement = conn.prepare_cached(sql)?;
    let found = statement.query_row(params![now_ms(), id.as_str()], |row| {
        let (run, seen, attempt) = (row.get::<_, Option<String>>(0)?, row.get::<_, Option<i64>>(1)?, row.get(2)?);
        let held = run.map(|run| HeldTask {
            task_id: id.as_str().to_owned(),
            host: host_of(&run).to_owned(),
            seen: seen.and_then(|at| Timestamp::from_millis(at, policy.clock.zone())),
            attempt,
        });
        Ok(Standing { waits: row.get::<_, bool>(3)? && held.is_none(), held })
    });
    Ok(found.optional()?.unwrap_or_default())
}

fn as_row(what: &Pause) -> (&'static str, String) {
    match what {
        Pause::All => ("all", String::new()),
        Pause::Service(service) => ("service", service.as_str().to_owned()),
        Pause::User(user) => ("user", user.as_str().to_owned()),
    }
}

fn pauses(conn: &Connection) -> Step<BTreeSet<Pause>> {
    let mut statement = conn.prepare_cached("SELECT kind, name FROM pause")?;
    let mut rows = statement.query([])?;
    let mut paused = BTreeSet::new();
    while let Some(row) = rows.next()? {
        let (kind, name): (String, String) = (row.get(0)?, row.get(1)?);
        paused.insert(match kind.as_str() {
            "service" => Pause::Service(Service::stored(name)?),
            "user" => Pause::User(UserId::stored(name)?),
            _ => Pause::All,
        });
    }
    Ok(paused)
}
