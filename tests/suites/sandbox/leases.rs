//! Hosts that die, stand still or are cut off in the middle of their runs, and the host that ends what they leave.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use async_trait::async_trait;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};
use task_state_host::Settings;
use task_state_host::store::{Error, Result, RunId, StoreUrl, open};
use task_state_tests::proxy::Proxy;
use task_state_tests::redis_server::RedisServer;
use task_state_tests::redis_store;
use task_state_tests::wrapped_store::{Around, WrappedStore};

use super::*;

/// How long another host may take to end what a host has left, from its death on.
const FOUND: Duration = Duration::from_secs(60);

/// A host in another process, whose runs report without a pause.
struct Process(Child);

impl Process {
    fn start(url: &str, runs: usize, lease: Duration) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_host-process"))
            .arg(url)
            .arg(guest("report"))
            .args(["heed-in-answers", &runs.to_string(), &lease.as_millis().to_string()])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "started\n");
        Self(child)
    }

    fn pid(&self) -> Pid {
        Pid::from_child(&self.0)
    }

    fn stop(&self) {
        kill_process(self.pid(), Signal::STOP).unwrap();
        waitid(WaitId::Pid(self.pid()), WaitIdOptions::STOPPED).unwrap();
    }

    fn go_on(&self) {
        kill_process(self.pid(), Signal::CONT).unwrap();
    }

    async fn ended(&mut self) {
        let child = &mut self.0;
        within(FOUND, "the process ended", async || child.try_wait().unwrap()).await;
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

async fn at(url: &str) -> SharedStore {
    open(&StoreUrl::parse(url).unwrap(), &Settings::from_vars(|_| None).unwrap()).await.unwrap()
}

async fn tasks(store: &SharedStore) -> Vec<TaskRecord> {
    pages(store, Query::new(Scope::All)).await.into_iter().flat_map(|page| page.tasks).collect()
}

async fn texts(store: &SharedStore) -> Vec<String> {
    tasks(store).await.iter().map(TaskRecord::encode).collect()
}

/// Waits until all tasks are failed, and that their logs name the host that is gone.
async fn found(store: &SharedStore, count: usize) {
    let failed = async || tasks(store).await.iter().filter(|task| task.status() == Status::Failed).count() == count;
    within(FOUND, "the tasks were ended", async || failed().await.then_some(())).await;
    for task in tasks(store).await.iter().filter(|task| task.status() == Status::Failed) {
        let log = messages(task);
        let last = log.last().unwrap();
        assert!(last.starts_with("the host \"first\" is gone: it was last seen at "), "{last}");
    }
}

async fn killed(url: &str) {
    const RUNS: usize = 50;
    let second = Sandbox::on(at(url).await);
    let completed = second.run("report", "nothing").await.task().await.unwrap().encode();
    let process = Process::start(url, RUNS, Duration::from_secs(2));
    eventually("reports", async || {
        tasks(&second.store).await.iter().all(|task| !task.logs().is_empty() || task.status().is_terminal())
    })
    .await;
    kill_process(process.pid(), Signal::KILL).unwrap();
    found(&second.store, RUNS).await;
    assert!(texts(&second.store).await.contains(&completed));
    assert_eq!(second.store.check(false).await.unwrap().found(), 0);
}

#[tokio::test]
async fn the_tasks_of_a_killed_host_are_failed_by_another() {
    let server = RedisServer::start().await.unwrap();
    killed(&server.url()).await;
}

#[tokio::test]
async fn the_tasks_of_a_killed_host_are_failed_by_another_in_a_file() {
    let directory = tempfile::tempdir().unwrap();
    killed(&format!("sqlite:{}", directory.path().join("tasks.db").display())).await;
}

#[tokio::test]
async fn a_host_that_stands_still_for_less_than_its_lease_loses_nothing() {
    let server = RedisServer::start().await.unwrap();
    let second = Sandbox::on(at(&server.url()).await);
    let mut process = Process::start(&server.url(), 5, Duration::from_secs(8));
    process.stop();
    let before = texts(&second.store).await;
    // Longer than from one look for lost tasks to the next.
    tokio::time::sleep(Duration::from_secs(6)).await;
    assert_eq!(texts(&second.store).await, before);
    process.go_on();
    eventually("the runs go on", async || {
        texts(&second.store).await.iter().zip(&before).all(|(now, then)| now != then)
    })
    .await;
    for task in tasks(&second.store).await {
        let change = Change::status(Status::CancelRequested);
        second.store.change(&task_id(task.task_id()), change, &Access::ANY).await.unwrap();
    }
    process.ended().await;
    for task in tasks(&second.store).await {
        assert_eq!(task.status(), Status::Cancelled, "{:?}", messages(&task).last());
    }
}

#[tokio::test]
async fn a_host_that_stood_still_for_longer_writes_nothing_more() {
    let server = RedisServer::start().await.unwrap();
    let second = Sandbox::on(at(&server.url()).await);
    let mut process = Process::start(&server.url(), 5, Duration::from_secs(2));
    process.stop();
    found(&second.store, 5).await;
    let before = texts(&second.store).await;
    process.go_on();
    process.ended().await;
    assert_eq!(texts(&second.store).await, before);
}

#[tokio::test]
async fn a_host_that_is_cut_off_for_longer_than_its_lease_stops_its_runs_and_writes_nothing_more() {
    let server = RedisServer::start().await.unwrap();
    let proxy = Proxy::start(server.port()).await.unwrap();
    let second = Sandbox::on(at(&server.url()).await);
    let store = redis_store::connect(&proxy.url(), |options| options.deadline = Duration::from_secs(1)).await;
    let first = Sandbox::built(store, |builder| builder.name("first").lease(Duration::from_secs(3)));
    let mut runs = Vec::new();
    for _ in 0..5 {
        runs.push(first.start("report", "heed-in-answers").await);
    }
    eventually("reports", async || tasks(&second.store).await.iter().all(|task| !task.logs().is_empty())).await;
    proxy.refuse().await;
    proxy.cut_all();
    found(&second.store, 5).await;
    let before = texts(&second.store).await;
    proxy.accept().unwrap();
    for run in runs {
        let outcome = soon("the run ended", run.wait()).await;
        assert_eq!(outcome.status, Status::Failed);
    }
    assert_eq!(texts(&second.store).await, before);
}

/// Leases are renewed, and nobody is told.
#[derive(Debug)]
struct Unanswered;

#[async_trait]
impl Around for Unanswered {
    async fn renew(&self, store: &SharedStore, holds: &[(TaskId, RunId)], lease: Duration) -> Result<Vec<bool>> {
        store.renew(holds, 100 * lease).await.and(Err(Error::Unavailable("no answer".to_owned())))
    }
}

#[tokio::test]
async fn a_run_whose_lease_ends_is_cancelled_if_it_was_asked_to_stop_and_else_failed() {
    const STOPPED: &str = "stopped: the host could not renew its hold on the task, the store did not answer";
    let store = Arc::new(WrappedStore { store: Sandbox::new().store, around: Unanswered });
    let sandbox = Sandbox::built(store, |builder| builder.lease(Duration::from_secs(1)));
    let asked = sandbox.start("report", "refuse-to-stop").await;
    let other = sandbox.start("report", "stop-when-asked").await;
    asked.cancel();
    for (run, status) in [(asked, Status::Cancelled), (other, Status::Failed)] {
        let (ended, log) = end(&soon("the run ended", run.wait()).await).await;
        assert_eq!((ended, log.last().unwrap().as_str()), (status, STOPPED), "{log:?}");
    }
}

#[tokio::test]
async fn runs_hold_their_tasks_for_longer_than_a_lease() {
    let server = RedisServer::start().await.unwrap();
    let sandbox = Sandbox::built(at(&server.url()).await, |builder| builder.lease(Duration::from_secs(1)));
    let plugin = sandbox.plugin("report").await;
    for _ in 0..10 {
        plugin.start(request("stop-when-asked")).await.unwrap();
    }
    let first_ends = async || {
        let ends: Vec<String> = server.run(&["ZRANGE", "task-state:leases", "0", "-1", "WITHSCORES"]).await;
        assert_eq!(ends.len(), 20, "{ends:?}");
        ends[1].clone()
    };
    for renewal in ["first", "second", "third", "fourth"] {
        let before = first_ends().await;
        eventually(renewal, async || first_ends().await != before).await;
    }
    sandbox.host.shutdown().await;
    assert!(tasks(&sandbox.store).await.iter().all(|task| task.status() == Status::Cancelled));
    assert_eq!(server.run::<u64>(&["EXISTS", "task-state:leases"]).await, 0);
}

#[tokio::test]
async fn whether_tasks_are_to_stop_is_asked_for_all_runs_at_once() {
    const RUNS: usize = 16;
    let server = RedisServer::start().await.unwrap();
    let sandbox = Sandbox::on(at(&server.url()).await);
    let plugin = sandbox.plugin("misbehave").await;
    for _ in 0..RUNS {
        plugin.start(request("sleep")).await.unwrap();
    }
    let calls = async |command: &str| -> u64 {
        let stats = server.info("commandstats").await.unwrap();
        let calls =
            stats.get(&format!("cmdstat_{command}")).and_then(|line| line.strip_prefix("calls=")?.split(',').next());
        calls.map_or(0, |calls| calls.parse().unwrap())
    };
    let (reads, requests) = (calls("getrange").await, calls("evalsha").await);
    eventually("some rounds", async || calls("getrange").await >= reads + 4 * RUNS as u64).await;
    // One request asks for all; a renewal, or a look for lost tasks, may be among them.
    let requests = calls("evalsha").await - requests;
    assert!((3..=9).contains(&requests), "{requests} requests");
    let run = &sandbox.host.runs()[0];
    sandbox.store.change(run.task_id(), Change::status(Status::CancelRequested), &Access::ANY).await.unwrap();
    let outcome = soon("the run ended", run.clone().wait()).await;
    assert_eq!(outcome.status, Status::Cancelled);
    sandbox.host.shutdown().await;
}

#[tokio::test]
async fn the_end_of_a_run_is_written_when_a_full_server_takes_writes_again() {
    let server = RedisServer::start().await.unwrap();
    let sandbox = Sandbox::on(at(&server.url()).await);
    let run = sandbox.start("report", "stop-when-asked").await;
    sandbox.logged(run.task_id(), "running").await;
    server.run::<()>(&["CONFIG", "SET", "maxmemory", "1"]).await;
    run.cancel();
    let refusals = async || {
        let stats = server.info("errorstats").await.unwrap();
        stats.get("errorstat_OOM").map_or(0, |line| line.trim_start_matches("count=").parse::<u64>().unwrap())
    };
    eventually("refusals", async || refusals().await >= 4).await;
    assert_eq!(sandbox.task(run.task_id()).await.status(), Status::Running);
    server.run::<()>(&["CONFIG", "SET", "maxmemory", "0"]).await;
    let outcome = soon("the run ended", run.wait()).await;
    assert_eq!(outcome.status, Status::Cancelled, "{:?}", outcome.written);
    assert_eq!(outcome.task().await.unwrap().status(), Status::Cancelled);
}
