//! Writers that know no guard: they read a record, change it and write it back whole, as the Python package does, while runs
//! report on the same tasks.

use redis::aio::MultiplexedConnection;
use serde::{Deserialize, Serialize};

use super::*;

/// A program that writes blindly.
#[derive(Clone)]
struct Peer(MultiplexedConnection);

/// A record as the Python package writes it.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Record {
    task_id: String,
    service: String,
    user_id: String,
    status: String,
    parameters: serde_json::Value,
    active_jobs: Vec<String>,
    created_at: String,
    updated_at: String,
    logs: Vec<String>,
    result: serde_json::Value,
    priority: String,
}

impl Record {
    fn with(mut self, status: Status, message: &str) -> Self {
        self.status = status.as_str().to_owned();
        self.logs.push(format!("2026-01-02T03:04:05+09:00,{message}"));
        self
    }
}

impl Peer {
    async fn of(data: &Data) -> Self {
        let Data::Redis(server) = data else { unreachable!() };
        Self(server.connection().await.unwrap())
    }

    async fn read(&mut self, id: &TaskId) -> Record {
        let text: String = redis::cmd("GET").arg(format!("task:{id}")).query_async(&mut self.0).await.unwrap();
        serde_json::from_str(&text).unwrap()
    }

    async fn write(&mut self, record: &Record) {
        let (key, text) = (format!("task:{}", record.task_id), serde_json::to_string(record).unwrap());
        redis::cmd("SET").arg(key).arg(text).arg("EX").arg(3_600).query_async::<()>(&mut self.0).await.unwrap();
    }

    /// Adds an entry and sets a status.
    async fn meddle(&mut self, id: &TaskId, status: Status, message: &str) {
        let record = self.read(id).await.with(status, message);
        self.write(&record).await;
    }

    /// Reads a task once its run has made some entries, and not all.
    async fn read_early(&mut self, id: &TaskId) -> Record {
        within(Duration::from_secs(60), "some entries", async || {
            let record = self.clone().read(id).await;
            (record.logs.len() >= 2).then_some(record)
        })
        .await
    }
}

fn entries(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("entry {number}")).collect()
}

/// What the run of a task has said, and what a peer has.
async fn said(platform: &Platform, id: &TaskId) -> (Vec<String>, Vec<String>) {
    platform.log(id).await.into_iter().partition(|message| message.starts_with("entry "))
}

/// Waits until looks after tasks that ended before are over that come soon after an end.
async fn looked_after(platform: &Platform, peer: &mut Peer) {
    let fence = platform.submit("fence", "nothing").await;
    platform.becomes(&fence, Status::Completed).await;
    peer.meddle(&fence, Status::Running, "too late").await;
    platform.becomes(&fence, Status::Completed).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_writer_erases_after_the_end_comes_back_and_what_it_has_added_stays() {
    let data = Data::redis().await;
    let (platform, mut peer) = (Platform::start(&data).await, Peer::of(&data).await);
    for status in [Status::Running, Status::Dispatching, Status::Cancelled, Status::Completed] {
        let id = platform.submit(status.as_str(), "log-steadily 40").await;
        let early = peer.read_early(&id).await;
        assert!(early.logs.len() < 40, "read too late");
        platform.becomes(&id, Status::Completed).await;
        peer.write(&early.with(status, "from the peer")).await;
        let is_whole = async || {
            platform.task(&id).await.status() == Status::Completed
                && said(&platform, &id).await == (entries(40), vec!["from the peer".to_owned()])
        };
        eventually(status.as_str(), is_whole).await;
    }
    assert_eq!(platform.store.check(false).await.unwrap().found(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_writer_erases_in_the_middle_of_a_run_comes_back_in_its_order() {
    let data = Data::redis().await;
    let (platform, mut peer) = (Platform::start(&data).await, Peer::of(&data).await);
    let id = platform.submit("1", "beat-until-asked").await;
    let early = peer.read_early(&id).await;
    let told = within(Duration::from_secs(60), "more beats", async || {
        let log = platform.task(&id).await.logs();
        (log.len() >= early.logs.len() + 5).then_some(log)
    })
    .await;
    peer.write(&early.with(Status::Running, "from the peer")).await;
    let beats = async || -> Vec<String> {
        let mut log = platform.task(&id).await.logs();
        log.retain(|entry| message(entry) == "beat");
        log
    };
    eventually("the beats are back", async || beats().await.starts_with(&told)).await;
    platform.dispatcher.cancel(&cancellation(&id), LONG).await.unwrap();
    eventually("all are in their order", async || {
        let beats = beats().await;
        beats.starts_with(&told) && beats.is_sorted()
    })
    .await;
    assert_eq!(platform.log(&id).await.iter().filter(|entry| *entry == "from the peer").count(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn runs_end_right_beside_a_writer_that_never_rests() {
    const TASKS: usize = 8;
    const ENTRIES: usize = 60;
    let data = Data::redis().await;
    let (platform, peer) = (Platform::start(&data).await, Peer::of(&data).await);
    let mut ids = Vec::new();
    for number in 0..TASKS {
        ids.push(platform.submit(&number.to_string(), &format!("log-steadily {ENTRIES}")).await);
    }
    let meddling: Vec<_> = ids
        .iter()
        .map(|id| {
            let (id, mut peer, store) = (id.clone(), peer.clone(), platform.store.clone());
            tokio::spawn(async move {
                let mut count = 0;
                // Some more after the end.
                let mut after = 0;
                while after < 5 {
                    peer.meddle(&id, Status::Running, &format!("peer {count}")).await;
                    count += 1;
                    let log = messages(&get(&store, &id).await);
                    after += usize::from(log.contains(&format!("entry {}", ENTRIES - 1)));
                }
                count
            })
        })
        .collect();
    for (id, meddling) in ids.iter().zip(meddling) {
        let count = soon("the peer rests", meddling).await.unwrap();
        let theirs: Vec<String> = (0..count).map(|number| format!("peer {number}")).collect();
        let is_right = async || {
            platform.task(id).await.status() == Status::Completed && said(&platform, id).await.0 == entries(ENTRIES)
        };
        eventually("it has ended right", is_right).await;
        assert_eq!(said(&platform, id).await.1, theirs);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tasks_end_right_beside_a_frontend_that_writes_after_it_was_answered() {
    const TASKS: usize = 40;
    let data = Data::redis().await;
    let (platform, peer) = (Arc::new(Platform::start(&data).await), Peer::of(&data).await);
    let submitted = at_once(TASKS, |number| {
        let (platform, mut peer) = (platform.clone(), peer.clone());
        async move {
            let mode = "log-steadily 3";
            let id = register(&platform.store, &number.to_string(), "alice", mode, Status::Pending).await;
            peer.meddle(&id, Status::Dispatching, "dispatching").await;
            platform.dispatcher.submit(&submission(&id, mode)).await.unwrap();
            peer.meddle(&id, Status::Dispatching, "acknowledged").await;
            peer.meddle(&id, Status::Running, "set running").await;
            id
        }
    });
    for id in submitted.await {
        platform.becomes(&id, Status::Completed).await;
        let theirs = ["dispatching", "acknowledged", "set running"].map(str::to_owned).to_vec();
        assert_eq!(said(&platform, &id).await, (entries(3), theirs));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_deleted_or_registered_anew_is_left_alone() {
    let data = Data::redis().await;
    let (platform, mut peer) = (Platform::start(&data).await, Peer::of(&data).await);
    let (deleted, anew) =
        (platform.submit("deleted", "log-steadily 1").await, platform.submit("anew", "log-steadily 1").await);
    platform.becomes(&deleted, Status::Completed).await;
    platform.becomes(&anew, Status::Completed).await;
    assert!(platform.store.delete(&deleted, &Access::ANY).await.unwrap());
    register(&platform.store, "anew", "alice", "nothing", Status::Dispatching).await;
    let before = platform.task(&anew).await.encode();
    looked_after(&platform, &mut peer).await;
    assert!(matches!(platform.store.get(&deleted, &Access::ANY).await, Err(Error::NotFound)));
    assert_eq!(platform.task(&anew).await.encode(), before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_run_has_erased_itself_does_not_come_back() {
    let data = Data::redis().await;
    let (platform, mut peer) = (Platform::start(&data).await, Peer::of(&data).await);
    let id = platform.submit("1", "log-and-save-myself-anew").await;
    platform.becomes(&id, Status::Completed).await;
    looked_after(&platform, &mut peer).await;
    assert_eq!(platform.log(&id).await, ["saved anew"]);
    // What came after that is looked after.
    let mut record = peer.read(&id).await;
    record.logs.clear();
    peer.write(&record.with(Status::Running, "from the peer")).await;
    eventually("it is back", async || platform.log(&id).await == ["from the peer", "saved anew"]).await;
    platform.becomes(&id, Status::Completed).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_to_which_nobody_writes_blindly_is_read_once_after_the_end() {
    let data = Data::redis().await;
    let Data::Redis(server) = &data else { unreachable!() };
    let platform = Platform::start(&data).await;
    let id = platform.submit("1", "log-steadily 50").await;
    platform.becomes(&id, Status::Completed).await;
    // Nothing more is taken, for which there are reads as well.
    platform.dispatcher.set_routes(Vec::new());
    let calls = async |command: &str| -> u64 {
        let stats = server.info("commandstats").await.unwrap();
        let line = stats.get(&format!("cmdstat_{command}"));
        let calls = line.and_then(|line| line.strip_prefix("calls=")?.split(',').next());
        calls.map_or(0, |calls| calls.parse().unwrap())
    };
    let looks = async |count: u64| {
        let before = calls("strlen").await;
        eventually("looks", async || calls("strlen").await >= before + count).await;
    };
    looks(2).await;
    let before = calls("get").await;
    looks(2).await;
    assert_eq!(calls("get").await, before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_drains_looks_after_what_has_ended_lately() {
    let data = Data::redis().await;
    let short = |builder: DispatcherBuilder| builder.restore_for(Duration::from_secs(1));
    let (platform, mut peer) = (Platform::with(&data, short, |_| {}).await, Peer::of(&data).await);
    let id = platform.submit("1", "log-steadily 20").await;
    let early = peer.read_early(&id).await;
    platform.becomes(&id, Status::Completed).await;
    peer.write(&early.with(Status::Running, "from the peer")).await;
    soon("the drain", platform.dispatcher.drain(LONG)).await;
    assert_eq!(platform.task(&id).await.status(), Status::Completed);
    assert_eq!(said(&platform, &id).await, (entries(20), vec!["from the peer".to_owned()]));
}
