//! Looking: where the server does not tell, each task that has not ended is looked at again and again, a few of the others
//! each time, and which tasks there are. A look costs no more than a stated number of reads, so where more tasks have not
//! ended they take turns.

use std::collections::{HashMap, HashSet, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use crate::record::Opening;
use crate::store::changes::Feed;
use crate::store::redis::server::{Link, Script};
use crate::store::redis::{RedisOptions, keys};
use crate::store::{Changed, Result};

static LOOK: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("look.lua")));

/// The pause between two looks.
const PAUSE: Duration = Duration::from_millis(1_750);

/// How many tasks that have not ended one look is about, and how many that have.
const OPEN: usize = 2_000;
const ENDED: usize = 500;

/// How many are looked at in one step: a few milliseconds of the server's time.
const STEP: usize = 250;

/// How many members one step of a scan looks at.
const SCAN_COUNT: usize = 500;

/// How much of each end of a record counts, and how much of the beginning is read for the status.
const END_BYTES: usize = 2 << 10;
const OPENING_BYTES: usize = 255;

/// What is known of the tasks.
pub(super) struct Looker {
    link: Arc<Link>,
    options: RedisOptions,
    /// A hash of each as it was when it was looked at last.
    known: HashMap<Arc<str>, u64>,
    /// Those that have not ended, as far as is known, and the others: the longest not looked at first.
    open: VecDeque<Arc<str>>,
    ended: VecDeque<Arc<str>>,
    begun: bool,
}

impl Looker {
    pub(super) fn new(link: Arc<Link>, options: RedisOptions) -> Self {
        let (known, open, ended) = (HashMap::new(), VecDeque::new(), VecDeque::new());
        Self { link, options, known, open, ended, begun: false }
    }

    /// Looks for so long, and tells those who watch what has changed.
    pub(super) async fn tell(&mut self, feed: &Feed, time: Duration) {
        let end = Instant::now() + time;
        let mut complaint = None;
        if !self.begun {
            // The first look at all tasks may take a while: what is there now can be shown before it is over.
            feed.tell(&Changed::All);
        }
        while Instant::now() < end {
            match self.look().await {
                Ok(changed) if self.begun => {
                    complaint = None;
                    if !changed.is_empty() {
                        feed.tell(&Changed::Tasks(changed));
                    }
                }
                Ok(_) => {
                    self.begun = true;
                    feed.tell(&Changed::All);
                }
                Err(error) => {
                    super::complain(&mut complaint, &error.to_string(), "cannot look for changes to tasks");
                    // What was seen and not told is lost.
                    *self = Self::new(self.link.clone(), self.options.clone());
                }
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// The tasks that are others than they were, as far as this look goes.
    async fn look(&mut self) -> Result<Vec<String>> {
        let there = self.ids().await?;
        let mut changed: Vec<String> =
            self.known.keys().filter(|id| !there.contains(&***id)).map(|id| id.to_string()).collect();
        if !changed.is_empty() {
            self.known.retain(|id, _| there.contains(&**id));
            self.open.retain(|id| there.contains(&**id));
            self.ended.retain(|id| there.contains(&**id));
        }
        let mut turn: Vec<Arc<str>> =
            there.iter().filter(|id| !self.known.contains_key(id.as_str())).map(|id| id.as_str().into()).collect();
        turn.extend(self.open.drain(..OPEN.min(self.open.len())));
        turn.extend(self.ended.drain(..ENDED.min(self.ended.len())));
        for step in turn.chunks(STEP) {
            self.look_at(step, &mut changed).await?;
        }
        Ok(changed)
    }

    async fn look_at(&mut self, ids: &[Arc<str>], changed: &mut Vec<String>) -> Result<()> {
        let keys: Vec<String> = ids.iter().flat_map(|id| [keys::record(id), keys::metadata(id)]).collect();
        let args = [END_BYTES, OPENING_BYTES].map(|bytes| bytes.to_string());
        let seen: Vec<Option<(String, Vec<u8>)>> = LOOK.run(&self.link, &keys, &args, self.deadline()).await?;
        for (id, seen) in ids.iter().zip(seen) {
            let opening = seen.as_ref().and_then(|(_, head)| Opening::read(head));
            // What an expired task has left in the index is as one that has ended.
            let has_ended = opening.map_or(seen.is_none(), |opening| opening.status.is_terminal());
            let hash = hash(seen.as_ref().map(|(digest, _)| digest));
            if self.known.insert(id.clone(), hash) != Some(hash) {
                changed.push(id.to_string());
            }
            if has_ended { &mut self.ended } else { &mut self.open }.push_back(id.clone());
        }
        Ok(())
    }

    /// The ids of all tasks. One that is missed because the connection was made anew is taken for gone, and is new the next
    /// time.
    async fn ids(&self) -> Result<HashSet<String>> {
        let (mut ids, mut cursor) = (HashSet::new(), 0_u64);
        loop {
            let mut scan = redis::cmd("SSCAN");
            scan.arg(keys::ALL_TASKS).arg(cursor).arg("COUNT").arg(SCAN_COUNT);
            let (next, batch): (u64, Vec<Vec<u8>>) = self.link.query(&scan, self.deadline()).await?;
            ids.extend(batch.into_iter().filter_map(|id| String::from_utf8(id).ok()));
            cursor = next;
            if cursor == 0 {
                return Ok(ids);
            }
        }
    }

    fn deadline(&self) -> Instant {
        Instant::now() + self.options.deadline
    }
}

fn hash(digest: Option<&String>) -> u64 {
    let mut hasher = DefaultHasher::new();
    digest.hash(&mut hasher);
    hasher.finish()
}
