//! One host process among several: it does what its plan says, and tells each thing that it did and saw.
//!
//! It is this test program once more, asked for the one test that only a plan wakes.

use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use task_state_host::store::redis::RedisStore;

use crate::fixture::*;

/// The task that all write to.
pub(super) const TASK: &str = "shared";

/// The first entry of the task that the processes find.
pub(super) const FIRST_LIFE: &str = "life first";

const PLAN: &str = "TASK_STATE_TEST_PLAN";
const MARK: &str = "event: ";

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(super) enum Mode {
    Append,
    Mixed,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Plan {
    pub(super) url: String,
    pub(super) writer: usize,
    pub(super) entries: usize,
    pub(super) mode: Mode,
}

/// One call: when it was made and answered, in microseconds of the machine's clock.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Event {
    pub(super) writer: usize,
    pub(super) start: u64,
    pub(super) end: u64,
    pub(super) call: Call,
}

/// What was asked, and what came of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) enum Call {
    /// An entry; false if there was no task.
    Append(String, bool),
    /// A status; whether it was taken, or None if there was no task.
    Status(String, Option<bool>),
    /// A result; false if there was no task.
    Result(String, bool),
    /// A deletion; whether there was a task.
    Delete(bool),
    /// A new task, by its first entry; whether there was none.
    Create(String, bool),
    /// What the task looked like, if there was one.
    Look(Option<Seen>),
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Seen {
    pub(super) status: String,
    pub(super) result: Option<String>,
    pub(super) entries: Vec<String>,
}

fn now() -> u64 {
    u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros()).unwrap()
}

async fn timed(writer: usize, call: impl Future<Output = Call>) -> Event {
    let start = now();
    let call = call.await;
    Event { writer, start, end: now(), call }
}

/// Looks at the task.
pub(super) async fn look(store: &Arc<RedisStore>, writer: usize) -> Event {
    timed(writer, async {
        Call::Look(match store.get(&task_id(TASK), &Access::ANY).await {
            Ok(task) => Some(Seen {
                status: task.status().to_string(),
                result: task.result().pod_status,
                entries: messages(&task),
            }),
            Err(Error::NotFound) => None,
            Err(error) => panic!("{error}"),
        })
    })
    .await
}

impl Plan {
    /// Carries it out in a process of its own.
    pub(super) async fn run(self) -> Vec<Event> {
        let mut command = tokio::process::Command::new(std::env::current_exe().unwrap());
        command.args(["history::worker::works_when_another_test_asks_for_it", "--exact", "--ignored", "--nocapture"]);
        command.env(PLAN, serde_json::to_string(&self).unwrap());
        command.stdin(Stdio::null()).stderr(Stdio::inherit()).kill_on_drop(true);
        let output = tokio::time::timeout(Duration::from_secs(240), command.output()).await.unwrap().unwrap();
        let told = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success(), "writer {} failed:\n{told}", self.writer);
        let lines = told.lines().filter_map(|line| line.split_once(MARK).map(|(_, event)| event));
        lines.map(|event| serde_json::from_str(event).unwrap()).collect()
    }

    async fn carry_out(&self) {
        let store = connect(&self.url, |options| options.deadline = Duration::from_secs(60)).await;
        let mut dice = fastrand::Rng::with_seed(self.writer as u64);
        let mut created = 0;
        for number in 0..self.entries {
            let entry = format!("{}-{number}", self.writer);
            if matches!(self.mode, Mode::Append) {
                store.change(&task_id(TASK), Change::logs([entry]), &Access::ANY).await.unwrap();
                continue;
            }
            let mut events = vec![timed(self.writer, append(&store, entry.clone())).await];
            match dice.u8(0..100) {
                0..2 => {
                    events.push(timed(self.writer, delete(&store)).await);
                    created += 1;
                    let first = format!("life {}-{created}", self.writer);
                    events.push(timed(self.writer, create(&store, first)).await);
                }
                2..10 => {
                    let to = [Status::Dispatching, Status::Running, Status::CancelRequested, Status::Completed];
                    events.push(timed(self.writer, move_to(&store, to[dice.usize(0..to.len())])).await);
                }
                10..20 => events.push(timed(self.writer, set_result(&store, entry)).await),
                20..40 => events.push(look(&store, self.writer).await),
                _ => {}
            }
            for event in events {
                println!("{MARK}{}", serde_json::to_string(&event).unwrap());
            }
        }
    }
}

async fn append(store: &Arc<RedisStore>, entry: String) -> Call {
    match store.change(&task_id(TASK), Change::logs([entry.clone()]), &Access::ANY).await {
        Ok(_) => Call::Append(entry, true),
        Err(Error::NotFound) => Call::Append(entry, false),
        Err(error) => panic!("{error}"),
    }
}

async fn move_to(store: &Arc<RedisStore>, status: Status) -> Call {
    let name = status.to_string();
    match store.change(&task_id(TASK), Change::status(status), &Access::ANY).await {
        Ok(found) => {
            assert_eq!(found, status);
            Call::Status(name, Some(true))
        }
        Err(Error::InvalidTransition(_)) => Call::Status(name, Some(false)),
        Err(Error::NotFound) => Call::Status(name, None),
        Err(error) => panic!("{error}"),
    }
}

async fn set_result(store: &Arc<RedisStore>, text: String) -> Call {
    match store.change(&task_id(TASK), pod(&text), &Access::ANY).await {
        Ok(_) => Call::Result(text, true),
        Err(Error::NotFound) => Call::Result(text, false),
        Err(error) => panic!("{error}"),
    }
}

async fn delete(store: &Arc<RedisStore>) -> Call {
    Call::Delete(store.delete(&task_id(TASK), &Access::ANY).await.unwrap())
}

async fn create(store: &Arc<RedisStore>, first: String) -> Call {
    match store.save(logged_draft(TASK, [&first]), Precondition::Absent, &Access::ANY).await {
        Ok(_) => Call::Create(first, true),
        Err(Error::Conflict) => Call::Create(first, false),
        Err(error) => panic!("{error}"),
    }
}

#[tokio::test]
#[ignore = "the work of a process that another test starts"]
async fn works_when_another_test_asks_for_it() {
    let plan = std::env::var(PLAN).expect("a plan: another test starts this one with it");
    serde_json::from_str::<Plan>(&plan).unwrap().carry_out().await;
}
