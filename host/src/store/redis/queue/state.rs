//! What is in the queue, who runs what, and what is paused: for operators and metrics. Read in steps, so that the server is
//! not held up.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use super::Place;
use crate::record::{Priority, Service, TaskId, Timestamp, UserId};
use crate::store::orphan::host_of;
use crate::store::redis::server::parse;
use crate::store::redis::{RedisStore, keys};
use crate::store::{HeldTask, Pause, Result, Standing, Waiting};

/// How many lanes one request asks about.
const STEP: usize = 500;

/// The most delayed tasks that are counted by service.
const MAX_LATER: isize = 100_000;

/// What `blocks:all` and `blocks:user:{u}` hold.
#[derive(Default, Deserialize)]
struct Blocks {
    #[serde(default)]
    blocked: bool,
    #[serde(default)]
    blocked_users: Vec<String>,
}

impl Blocks {
    /// What cannot be read blocks nothing, as in the script that takes.
    fn read(text: Option<String>) -> Self {
        text.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default()
    }
}

impl RedisStore {
    async fn services_of_queue(&self) -> Result<BTreeSet<String>> {
        Ok(self.primary.query(redis::cmd("SMEMBERS").arg(keys::QUEUE_SERVICES), self.deadline()).await?)
    }

    pub(super) async fn all_waiting(&self) -> Result<Vec<Waiting>> {
        let mut delayed = self.all_delayed().await?;
        let mut waiting = Vec::new();
        for service in self.services_of_queue().await? {
            for priority in [Priority::High, Priority::Low] {
                let mut of = self.waiting_in(&service, priority).await?;
                of.delayed = delayed.remove(&(service.clone(), priority == Priority::Low)).unwrap_or(0);
                if of.ready + of.delayed > 0 {
                    waiting.push(of);
                }
            }
        }
        Ok(waiting)
    }

    /// How many tasks are delayed, by service, and whether their priority is low.
    async fn all_delayed(&self) -> Result<BTreeMap<(String, bool), u64>> {
        let mut read = redis::cmd("ZRANGE");
        read.arg(keys::QUEUE_LATER).arg(0).arg(MAX_LATER - 1);
        let places: Vec<String> = self.primary.query(&read, self.deadline()).await?;
        let mut delayed = BTreeMap::new();
        for place in places.iter().filter_map(|place| Place::parse(place)) {
            *delayed.entry((place.service.to_owned(), place.priority == Priority::Low)).or_default() += 1;
        }
        Ok(delayed)
    }

    async fn waiting_in(&self, service: &str, priority: Priority) -> Result<Waiting> {
        let lanes = keys::lanes(service, priority);
        let mut read = redis::cmd("ZRANGE");
        read.arg(&lanes).arg(0).arg(-1);
        let users: Vec<String> = self.primary.query(&read, self.deadline()).await?;
        let mut waiting =
            Waiting { service: service.to_owned(), priority, ready: 0, delayed: 0, users: 0, longest: None };
        for step in users.chunks(STEP) {
            let mut pipeline = redis::pipe();
            for user in step {
                let lane = format!("{lanes}:{user}");
                pipeline.cmd("ZCARD").arg(&lane).cmd("ZRANGE").arg(&lane).arg(0).arg(0);
            }
            let lanes: Vec<redis::Value> = self.primary.query_all(&pipeline, self.deadline()).await?;
            for lane in lanes.chunks_exact(2) {
                let (count, first): (u64, Vec<String>) = (parse(lane[0].clone())?, parse(lane[1].clone())?);
                waiting.ready += count;
                waiting.users += u64::from(count > 0);
                let waited = first.first().and_then(|place| Place::parse(place)).map(|place| place.waited());
                waiting.longest = waiting.longest.max(waited);
            }
        }
        Ok(waiting)
    }

    pub(super) async fn all_held(&self, most: usize) -> Result<Vec<HeldTask>> {
        let mut read = redis::cmd("ZRANGE");
        read.arg(keys::LEASES).arg(0).arg(isize::try_from(most).unwrap_or(isize::MAX) - 1);
        let ids: Vec<String> = if most == 0 { Vec::new() } else { self.primary.query(&read, self.deadline()).await? };
        let mut held = Vec::with_capacity(ids.len());
        for step in ids.chunks(STEP) {
            let mut pipeline = redis::pipe();
            pipeline.ignore_errors();
            for id in step {
                pipeline.cmd("HMGET").arg(keys::metadata(id)).arg(&["run", "seen", "attempt"]);
            }
            let answers: Vec<redis::Value> = self.primary.query_all(&pipeline, self.deadline()).await?;
            for (id, answer) in step.iter().zip(answers) {
                type Fields = (Option<String>, Option<i64>, Option<u32>);
                let Ok((Some(run), seen, attempt)) = parse::<Fields>(answer) else { continue };
                let seen = seen.and_then(|at| Timestamp::from_millis(at, self.clock.zone()));
                held.push(HeldTask { task_id: id.clone(), host: host_of(&run).to_owned(), seen, attempt });
            }
        }
        Ok(held)
    }

    pub(super) async fn standing_of(&self, id: &TaskId) -> Result<Standing> {
        type Fields = (Option<String>, Option<i64>, Option<u32>, Option<String>);
        let mut pipeline = redis::pipe();
        pipeline.cmd("HMGET").arg(keys::metadata(id.as_str())).arg(&["run", "seen", "attempt", "queue"]);
        pipeline.cmd("ZSCORE").arg(keys::LEASES).arg(id.as_str());
        let (fields, lease): (Fields, Option<f64>) = self.primary.query_all(&pipeline, self.deadline()).await?;
        let (run, seen, attempt, place) = fields;
        let held = run.filter(|_| lease.is_some()).map(|run| HeldTask {
            task_id: id.as_str().to_owned(),
            host: host_of(&run).to_owned(),
            seen: seen.and_then(|at| Timestamp::from_millis(at, self.clock.zone())),
            attempt,
        });
        Ok(Standing { waits: place.is_some() && held.is_none(), held })
    }

    pub(super) async fn all_pauses(&self) -> Result<BTreeSet<Pause>> {
        let services: Vec<String> = self.services_of_queue().await?.into_iter().collect();
        let mut read = redis::cmd("MGET");
        read.arg(keys::BLOCKS_ALL);
        for service in &services {
            read.arg(keys::blocks_service(service));
        }
        let mut texts: Vec<Option<String>> = self.primary.query(&read, self.deadline()).await?;
        let of_services = texts.split_off(1);
        let all = Blocks::read(texts.pop().flatten());
        let users = all.blocked_users.into_iter().filter_map(|user| UserId::stored(user).ok().map(Pause::User));
        let services = services.into_iter().zip(of_services).filter(|(_, text)| Blocks::read(text.clone()).blocked);
        let services = services.filter_map(|(service, _)| Service::stored(service).ok().map(Pause::Service));
        Ok(all.blocked.then_some(Pause::All).into_iter().chain(users).chain(services).collect())
    }
}
