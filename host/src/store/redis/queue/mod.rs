//! The queue: what waits for a host, in the order of its turns.
//!
//! Each service and priority has lanes, one for each user that has tasks waiting: sorted sets of places in the order in
//! which they were put into the queue. The users of a service take turns. A place that was taken stands among those that are
//! taken until a run has claimed its task, or waits again; one that is delayed stands among those for later. The metadata
//! of a task names its place from the moment it is queued until it ends, which makes it known however often it is put there,
//! and says how many attempts there were. Nothing else tells who runs a task than its lease.
//!
//! A stream tells of arrivals to whoever waits for them. It is no queue: what it tells of is looked for in the lanes.

mod arrivals;
mod state;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use futures_util::stream::BoxStream;
use serde::Serialize;

use super::server::{Operation, Outcome, Script};
use super::task::{Expected, read_task, readable};
use super::{RedisStore, keys};
use crate::record::{InvalidTransition, Priority, Service, Status, TaskId, UserId};
use crate::store::queue::LOW_TURN;
use crate::store::{
    Access, Allowed, Error, HeldTask, MAX_TAKEN, Pause, Result, RunId, Standing, TaskQueue, Ticket, Waiting, Wanted,
};

macro_rules! with_places {
    ($file:literal) => {
        concat!(include_str!("places.lua"), include_str!($file))
    };
}

static ENQUEUE: LazyLock<Script> = LazyLock::new(|| Script::once(with_places!("enqueue.lua")));
static TAKE: LazyLock<Script> = LazyLock::new(|| Script::new(with_places!("take.lua")));
static MOVE: LazyLock<Script> = LazyLock::new(|| Script::new(with_places!("move.lua")));
static DEQUEUE: LazyLock<Script> = LazyLock::new(|| Script::once(include_str!("dequeue.lua")));
static DISCARD: LazyLock<Script> = LazyLock::new(|| Script::once(include_str!("discard.lua")));
static RETRY: LazyLock<Script> = LazyLock::new(|| Script::once(with_places!("retry.lua")));
static BLOCK: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("block.lua")));

/// What `take.lua` takes.
#[derive(Serialize)]
struct WantedOf<'a> {
    service: &'a str,
    most: usize,
    of_user: BTreeMap<&'a str, usize>,
    most_of_user: usize,
}

impl<'a> WantedOf<'a> {
    /// The rooms of users whom the request does not name, or names in vain, are left out.
    fn of(wanted: &'a Wanted, most: usize) -> Self {
        let named = match &wanted.users {
            Allowed::Any => wanted.of_user.keys().map(String::as_str).collect::<Vec<_>>(),
            Allowed::Only(users) => users.iter().map(String::as_str).collect(),
        };
        let of_user = named.into_iter().map(|user| (user, wanted.of(user).min(MAX_TAKEN))).collect();
        let most_of_user = if wanted.users == Allowed::Any { wanted.most_of_user.min(MAX_TAKEN) } else { 0 };
        Self { service: wanted.service.as_str(), most, of_user, most_of_user }
    }
}

#[async_trait]
impl TaskQueue for RedisStore {
    async fn enqueue(&self, id: &TaskId, delay: Duration, access: &Access) -> Result<bool> {
        let _admitted = self.admit()?;
        id.check_new()?;
        let deadline = self.deadline();
        loop {
            let found = read_task(&self.primary, id, deadline).await?.ok_or(Error::NotFound)?;
            let task = readable(id, &found, access, self.clock.zone())?;
            let (service, user_id) = (Service::new(task.service())?, UserId::new(task.user_id())?);
            if task.status().is_terminal() {
                return Err(InvalidTransition { from: task.status(), to: Status::Running }.into());
            }
            let lanes = keys::lanes(service.as_str(), task.priority());
            let (expected, delay) = (Expected::same_owner(&found.text).into_arg(), delay.as_millis().to_string());
            let ids = [service.as_str(), user_id.as_str(), id.as_str()];
            let args = [&expected, &lanes, ids[0], ids[1], ids[2], &delay, &self.metadata_ttl];
            let keys = [keys::QUEUE_LATER, keys::QUEUE_ARRIVALS, keys::QUEUE_SERVICES].map(str::to_owned);
            let operation = Operation { script: &ENQUEUE, id: id.as_str(), keys: &keys, args: &args, staged: None };
            match self.session.carry_out(&self.primary, operation, deadline).await? {
                // A later copy of the operation is not told; the first one was.
                Outcome::Done(is_new) => {
                    let replicas = self.options.write_url.replicas();
                    if replicas > 0 {
                        self.primary.replicated(replicas, deadline).await?;
                    }
                    return Ok(is_new != Some(0));
                }
                _ => self.once_more(deadline)?,
            }
        }
    }

    async fn hasten(&self, id: &TaskId) -> Result<()> {
        self.move_place(id, "hasten", "").await
    }

    async fn take(&self, wanted: &[Wanted], patience: Duration) -> Result<Vec<Ticket>> {
        let mut left = MAX_TAKEN;
        let mut asked = Vec::with_capacity(wanted.len());
        for wanted in wanted {
            let most = wanted.most.min(left);
            left -= most;
            asked.push(WantedOf::of(wanted, most));
        }
        let asked = serde_json::to_string(&asked).map_err(|error| Error::Failed(error.to_string()))?;
        let keys = [keys::QUEUE_TAKEN, keys::QUEUE_LATER, keys::BLOCKS_ALL];
        let (patience, low_turn) = (patience.as_millis().to_string(), LOW_TURN.to_string());
        let args = [
            keys::QUEUE,
            keys::BLOCKS_USER,
            keys::BLOCKS_SERVICE,
            patience.as_str(),
            low_turn.as_str(),
            &self.metadata_ttl,
            asked.as_str(),
        ];
        let places: Vec<String> = TAKE.run(&self.primary, &keys, &args, self.deadline()).await?;
        Ok(places.into_iter().filter_map(ticket).collect())
    }

    async fn give_back(&self, ticket: &Ticket) -> Result<()> {
        self.move_place(&ticket.task_id, "back", &ticket.token).await
    }

    async fn discard(&self, ticket: &Ticket) -> Result<bool> {
        let _admitted = self.admit()?;
        let (id, args) = (ticket.task_id.as_str(), [ticket.token.as_str()]);
        let operation = Operation { script: &DISCARD, id, keys: &[], args: &args, staged: None };
        let outcome = self.session.carry_out(&self.primary, operation, self.deadline()).await?;
        Ok(matches!(outcome, Outcome::Done(_)))
    }

    async fn dequeue(&self, id: &TaskId) -> Result<bool> {
        let _admitted = self.admit()?;
        self.take_out(id).await
    }

    async fn retry(&self, id: &TaskId, run: &RunId, delay: Duration) -> Result<()> {
        let _admitted = self.admit()?;
        self.try_again(id, run.as_str(), false, delay).await
    }

    async fn waiting(&self) -> Result<Vec<Waiting>> {
        let _admitted = self.admit()?;
        self.all_waiting().await
    }

    async fn held(&self, most: usize) -> Result<Vec<HeldTask>> {
        let _admitted = self.admit()?;
        self.all_held(most).await
    }

    async fn standing(&self, id: &TaskId) -> Result<Standing> {
        let _admitted = self.admit()?;
        self.standing_of(id).await
    }

    async fn pause(&self, what: &Pause) -> Result<()> {
        self.set_pause(what, true).await
    }

    async fn resume(&self, what: &Pause) -> Result<()> {
        self.set_pause(what, false).await
    }

    async fn pauses(&self) -> Result<BTreeSet<Pause>> {
        self.all_pauses().await
    }

    fn arrivals(&self) -> BoxStream<'static, ()> {
        arrivals::arrivals(self.primary.clone(), self.options.clone())
    }
}

impl RedisStore {
    async fn move_place(&self, id: &TaskId, how: &str, argument: &str) -> Result<()> {
        let metadata = keys::metadata(id.as_str());
        let keys = [&metadata, keys::QUEUE_LATER, keys::QUEUE_TAKEN, keys::QUEUE_ARRIVALS];
        Ok(MOVE.run::<u8>(&self.primary, &keys, &[how, argument], self.deadline()).await.map(drop)?)
    }

    /// Moves a task that waits to those of another priority.
    pub(super) async fn move_to_priority(&self, id: &TaskId, priority: Priority) -> Result<()> {
        self.move_place(id, "priority", priority.as_str()).await
    }

    /// Takes a task out of the queue that no run holds. False if it was not there, or a run holds it.
    pub(super) async fn take_out(&self, id: &TaskId) -> Result<bool> {
        let operation = Operation { script: &DEQUEUE, id: id.as_str(), keys: &[], args: &[], staged: None };
        let outcome = self.session.carry_out(&self.primary, operation, self.deadline()).await?;
        Ok(matches!(outcome, Outcome::Done(_)))
    }

    /// Has a task wait again that a run has from the queue: one that holds it, or whose lease has ended.
    pub(super) async fn try_again(&self, id: &TaskId, run: &str, has_ended: bool, delay: Duration) -> Result<()> {
        let (ended, delay) = (if has_ended { "1" } else { "" }, delay.as_millis().to_string());
        let (keys, args) = ([keys::QUEUE_LATER.to_owned()], [id.as_str(), run, ended, &delay]);
        let operation = Operation { script: &RETRY, id: id.as_str(), keys: &keys, args: &args, staged: None };
        self.session.carry_out(&self.primary, operation, self.deadline()).await.map(drop)
    }

    async fn set_pause(&self, what: &Pause, on: bool) -> Result<()> {
        let on_arg = if on { "1" } else { "" };
        let (user_key, user) = match what {
            Pause::All => (None, String::new()),
            Pause::User(user) => (Some(keys::blocks_user(user.as_str())), user.as_str().to_owned()),
            Pause::Service(service) => return self.set_service_pause(service, on).await,
        };
        let mut keys = vec![keys::BLOCKS_ALL.to_owned(), keys::QUEUE_ARRIVALS.to_owned()];
        keys.extend(user_key);
        Ok(BLOCK.run::<u8>(&self.primary, &keys, &[on_arg, &user], self.deadline()).await.map(drop)?)
    }

    async fn set_service_pause(&self, service: &Service, on: bool) -> Result<()> {
        let mut set = redis::pipe();
        set.atomic();
        let key = keys::blocks_service(service.as_str());
        if on {
            set.cmd("SET").arg(key).arg("{\"blocked\": true}").ignore();
            set.cmd("SADD").arg(keys::QUEUE_SERVICES).arg(service.as_str()).ignore();
        } else {
            set.cmd("DEL").arg(key).ignore();
            let arrived = ["MAXLEN", "~", "100", "*", "resumed", "1"];
            set.cmd("XADD").arg(keys::QUEUE_ARRIVALS).arg(&arrived).ignore();
        }
        Ok(self.primary.query_all::<()>(&set, self.deadline()).await?)
    }
}

/// A place in the queue: the lane, the task, and when it was put there, in microseconds since the Unix epoch.
struct Place<'a> {
    service: &'a str,
    priority: Priority,
    user: &'a str,
    id: &'a str,
    at: u64,
}

impl<'a> Place<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let mut words = text.split(' ');
        let (lane, id, at) = (words.next()?, words.next()?, words.next()?);
        let mut names = lane.strip_prefix(keys::QUEUE)?.split(':');
        let (service, priority, user) = (names.next()?, names.next()?, names.next()?);
        Some(Self { service, priority: priority.parse().ok()?, user, id, at: at.parse().ok()? })
    }

    /// How long it has waited. The clocks of the server and of this machine may differ by a little.
    fn waited(&self) -> Duration {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        now.saturating_sub(Duration::from_micros(self.at))
    }
}

/// The ticket for a place. None for one that nobody of ours has written.
fn ticket(token: String) -> Option<Ticket> {
    let place = Place::parse(&token)?;
    Some(Ticket {
        task_id: TaskId::new(place.id).ok()?,
        service: Service::new(place.service).ok()?,
        user_id: UserId::new(place.user).ok()?,
        priority: place.priority,
        waited: place.waited(),
        token,
    })
}
