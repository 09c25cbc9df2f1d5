//! What the platform looks like as a whole: how many tasks of whom are in which status, what waits, and the last minutes.
//!
//! To count tasks takes the longer the more there are. So a count is good for a while, and all share it.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Map, Value, json};
use task_state_host::record::Timestamp;
use task_state_host::store::{Counts, Owners, Result, Scope, SharedStore, Tally, Waiting};
use tokio::time::Instant;

use super::{Sight, lock};

/// For how long a count is good at the least.
pub(super) const SHORTEST: Duration = Duration::from_secs(2);

/// The part of the time that goes into counting, at the most: one in so many.
const PART: u32 = 20;

/// How many users of a service are told.
const MAX_USERS: usize = 1_000;

/// How many samples are kept: those of ten minutes.
const MAX_SAMPLES: usize = 60;

/// What the platform looks like as a whole. Cheap to clone; all clones are the same.
#[derive(Clone)]
pub(crate) struct Overviews(Arc<Inner>);

struct Inner {
    store: SharedStore,
    tallies: Kept<Vec<Tally>>,
    lanes: Kept<Vec<Waiting>>,
    samples: Mutex<VecDeque<Sample>>,
}

/// How much there was at a moment.
#[derive(Debug, Clone)]
pub(crate) struct Sample {
    /// When.
    pub(crate) time: Timestamp,
    /// How many tasks waited.
    pub(crate) ready: u64,
    /// How many runs were under way, of all hosts.
    pub(crate) active: u64,
    /// How many had ended since the sample before.
    pub(crate) ended: u64,
}

/// What was counted a moment ago.
struct Kept<T> {
    last: Mutex<Option<Counted<T>>>,
    /// Held by who counts.
    counting: tokio::sync::Mutex<()>,
}

struct Counted<T> {
    what: Arc<T>,
    at: Timestamp,
    until: Instant,
}

impl<T> Clone for Counted<T> {
    fn clone(&self) -> Self {
        Self { what: self.what.clone(), at: self.at.clone(), until: self.until }
    }
}

impl<T> Kept<T> {
    fn new() -> Self {
        Self { last: Mutex::default(), counting: tokio::sync::Mutex::default() }
    }

    /// The last count if it is good, or else another. One that is not `stale` is good however old it is.
    async fn get(
        &self,
        store: &SharedStore,
        stale: bool,
        count: impl Future<Output = Result<T>>,
    ) -> Result<Counted<T>> {
        let good = || lock(&self.last).clone().filter(|last| !stale || last.until > Instant::now());
        if let Some(last) = good() {
            return Ok(last);
        }
        let _turn = self.counting.lock().await;
        if let Some(last) = good() {
            return Ok(last);
        }
        let (at, began) = (store.now(), Instant::now());
        let what = Arc::new(count.await?);
        let until = Instant::now() + (began.elapsed() * PART).max(SHORTEST);
        let counted = Counted { what, at, until };
        *lock(&self.last) = Some(counted.clone());
        Ok(counted)
    }
}

/// How the platform looks at a moment.
#[derive(Clone)]
pub(crate) struct Overview {
    tallies: Arc<Vec<Tally>>,
    counted_at: Timestamp,
    lanes: Arc<Vec<Waiting>>,
    samples: Vec<Sample>,
    time: Timestamp,
}

impl Overviews {
    pub(super) fn new(store: SharedStore) -> Self {
        Self(Arc::new(Inner { store, tallies: Kept::new(), lanes: Kept::new(), samples: Mutex::default() }))
    }

    /// How it looks now, or a moment ago.
    ///
    /// # Errors
    /// Those of the store.
    pub(crate) async fn get(&self) -> Result<Overview> {
        self.counted(true).await
    }

    /// The same, where no task is known to have changed since the last count unless `stale`.
    pub(super) async fn counted(&self, stale: bool) -> Result<Overview> {
        let Inner { store, tallies, lanes, samples } = &*self.0;
        let lanes = lanes.get(store, true, store.queue().waiting()).await?;
        let tallies = tallies.get(store, stale, store.tally(&Scope::All, &Owners::ANY)).await?;
        let samples = lock(samples).iter().cloned().collect();
        Ok(Overview { tallies: tallies.what, counted_at: tallies.at, lanes: lanes.what, samples, time: store.now() })
    }

    /// When the present count of tasks is to be followed by another.
    pub(super) fn due(&self) -> Instant {
        lock(&self.0.tallies.last).as_ref().map_or_else(Instant::now, |last| last.until)
    }

    /// Keeps one more sample.
    pub(crate) fn sample(&self, sample: Sample) {
        let samples = &mut *lock(&self.0.samples);
        samples.push_back(sample);
        while samples.len() > MAX_SAMPLES {
            samples.pop_front();
        }
    }
}

impl Overview {
    /// What is told of it to one who sees this much.
    pub(crate) fn seen_by(&self, sight: &Sight) -> Value {
        let mut whole = self.without_time(sight);
        whole.insert("time".to_owned(), self.time.as_str().into());
        whole.insert("counted_at".to_owned(), self.counted_at.as_str().into());
        Value::Object(whole)
    }

    /// The same without the moment at which it is told: what is the same is not told again.
    pub(super) fn without_time(&self, sight: &Sight) -> Map<String, Value> {
        let Sight { owners, is_operators } = sight;
        let lanes = self.lanes.iter().filter(|lane| owners.services.contains(&lane.service));
        // How much others have waiting, and for how long, is not for a user to know.
        let queue: Vec<Value> = if *is_operators { lanes.map(lane_json).collect() } else { Vec::new() };
        let samples = if *is_operators { &self.samples[..] } else { &[] };
        let history: Vec<Value> = samples.iter().map(sample_json).collect();
        let mut whole = Map::new();
        whole.insert("services".to_owned(), services_json(&self.tallies, owners).into());
        whole.insert("queue".to_owned(), queue.into());
        whole.insert("history".to_owned(), history.into());
        whole
    }
}

fn services_json(tallies: &[Tally], owners: &Owners) -> Vec<Value> {
    let mut services: BTreeMap<&str, (Vec<Value>, Counts)> = BTreeMap::new();
    for tally in tallies.iter().filter(|tally| owners.check(&tally.service, &tally.user_id).is_ok()) {
        let (users, counts) = services.entry(&tally.service).or_default();
        if users.len() < MAX_USERS {
            users.push(json!({"user_id": tally.user_id, "counts": counts_json(&tally.counts)}));
        }
        for (status, count) in &tally.counts {
            *counts.entry(*status).or_default() += count;
        }
    }
    let services = services.into_iter();
    services
        .map(|(service, (users, counts))| json!({"service": service, "users": users, "counts": counts_json(&counts)}))
        .collect()
}

/// How many tasks are in each status.
pub(crate) fn counts_json(counts: &Counts) -> Value {
    let counts = counts.iter().filter(|(_, count)| **count > 0);
    Value::Object(counts.map(|(status, count)| (status.as_str().to_owned(), (*count).into())).collect())
}

fn lane_json(lane: &Waiting) -> Value {
    json!({
        "service": lane.service,
        "priority": lane.priority.as_str(),
        "ready": lane.ready,
        "delayed": lane.delayed,
        "users": lane.users,
        "longest_seconds": lane.longest.map(|longest| longest.as_secs_f64()),
    })
}

fn sample_json(sample: &Sample) -> Value {
    let Sample { time, ready, active, ended } = sample;
    json!({"time": time.as_str(), "ready": ready, "active": active, "ended": ended})
}
