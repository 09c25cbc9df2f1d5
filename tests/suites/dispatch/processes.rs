//! Processes that are killed in the middle of their work.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use super::*;

on_both_engines! {
    what_a_killed_process_ran_and_what_waits_is_run_by_another,
    what_a_killed_process_ran_is_failed_if_there_is_one_attempt_and_what_waits_is_run,
}

/// More than the process has room for.
const TASKS: usize = 12;

/// A dispatcher in another process. It is killed when this is dropped.
pub(super) struct Process(Child);

impl Process {
    pub(super) fn start(url: &str, attempts: u32) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_dispatch-process"))
            .arg(url)
            .arg(guest("report"))
            .args([&attempts.to_string(), "3000"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "started\n");
        Self(child)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Has a process killed while it runs some of many tasks, and others wait. Gives the platform that goes on, all tasks, and
/// those that were running.
async fn killed(data: &Data, attempts: u32) -> (Platform, Vec<TaskId>, Vec<TaskId>) {
    let platform = Platform::idle(data, |builder| builder).await;
    let mut ids = Vec::new();
    for number in 0..TASKS {
        let id = register(&platform.store, &number.to_string(), "alice", "log-steadily 200", Status::Pending).await;
        assert!(platform.store.queue().enqueue(&id, Duration::ZERO, &Access::ANY).await.unwrap());
        ids.push(id);
    }
    let process = Process::start(&data.url(), attempts);
    let begun = async || {
        let mut begun = Vec::new();
        for id in &ids {
            if platform.log(id).await.len() >= 5 {
                begun.push(id.clone());
            }
        }
        begun
    };
    eventually("it works", async || begun().await.len() == 8).await;
    drop(process);
    let begun = begun().await;
    let mut route = Route::new(platform.plugin().await, ["analytics"]);
    route.attempts = attempts;
    platform.dispatcher.set_routes(vec![route]);
    (platform, ids, begun)
}

/// The log of one attempt that was made whole.
fn whole() -> Vec<String> {
    (0..200).map(|number| format!("entry {number}")).collect()
}

async fn what_a_killed_process_ran_and_what_waits_is_run_by_another(data: Data) {
    let (platform, ids, begun) = killed(&data, 2).await;
    for id in &ids {
        platform.becomes(id, Status::Completed).await;
        let log = platform.log(id).await;
        let before = log.strip_suffix(whole().as_slice()).unwrap();
        assert_eq!(before.is_empty(), !begun.contains(id), "{before:?}");
        if let Some(last) = before.last() {
            assert!(last.contains("the host \"first\" is gone"), "{last}");
        }
    }
    assert_eq!(platform.waiting().await, 0);
}

async fn what_a_killed_process_ran_is_failed_if_there_is_one_attempt_and_what_waits_is_run(data: Data) {
    let (platform, ids, begun) = killed(&data, 1).await;
    for id in &ids {
        if begun.contains(id) {
            platform.becomes(id, Status::Failed).await;
            let last = platform.log(id).await.pop().unwrap();
            assert!(last.starts_with("the host \"first\" is gone"), "{last}");
        } else {
            platform.becomes(id, Status::Completed).await;
            assert_eq!(platform.log(id).await, whole());
        }
    }
    assert_eq!(platform.waiting().await, 0);
}
