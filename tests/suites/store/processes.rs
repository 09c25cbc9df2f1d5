//! Several processes on one SQLite file, one of which may be killed.

use std::process::Stdio;

use task_state_host::Settings;
use task_state_host::store::{StoreUrl, open};
use task_state_tests::tasks::*;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

/// A file with one task in it.
struct Fixture {
    url: String,
    store: SharedStore,
    task: TaskId,
    _directory: tempfile::TempDir,
}

async fn fixture() -> Fixture {
    let directory = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", directory.path().join("tasks.db").display());
    let store = open(&StoreUrl::parse(&url).unwrap(), &Settings::from_vars(|_| None).unwrap()).await.unwrap();
    let task = save(&store, draft("1")).await;
    Fixture { url, store, task, _directory: directory }
}

impl Fixture {
    /// A process that appends `count` entries. Its lines are the numbers of those that were acknowledged.
    fn append(&self, name: &str, count: u64) -> (Child, Lines<BufReader<ChildStdout>>) {
        let mut child = Command::new(env!("CARGO_BIN_EXE_append-process"))
            .args([&self.url, self.task.as_str(), name, &count.to_string()])
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        (child, lines)
    }

    /// The numbers of the entries that a process wrote, in the order of the log.
    async fn written(&self, name: &str) -> Vec<u64> {
        let messages = messages(&get(&self.store, &self.task).await);
        let number = |message: &String| message.strip_prefix(name)?.strip_prefix(' ')?.parse().ok();
        messages.iter().filter_map(number).collect()
    }
}

#[tokio::test]
async fn every_entry_of_every_process_is_there_once_and_in_order() {
    const PROCESSES: u64 = 6;
    const ENTRIES: u64 = 100;
    let fixture = fixture().await;
    let names: Vec<String> = (0..PROCESSES).map(|number| format!("process-{number}")).collect();
    let running: Vec<_> = names.iter().map(|name| fixture.append(name, ENTRIES)).collect();
    for (mut child, _lines) in running {
        assert!(child.wait().await.unwrap().success());
    }
    for name in &names {
        assert_eq!(fixture.written(name).await, (0..ENTRIES).collect::<Vec<_>>(), "of {name}");
    }
    assert_eq!(get(&fixture.store, &fixture.task).await.logs().len() as u64, PROCESSES * ENTRIES);
}

#[tokio::test]
async fn what_was_acknowledged_outlives_the_process_that_is_killed() {
    let fixture = fixture().await;
    let (mut survivor, _survivors_lines) = fixture.append("survivor", 300);
    for round in 0..5_u64 {
        let name = format!("killed-{round}");
        let (mut child, mut lines) = fixture.append(&name, u64::MAX);
        let mut acknowledged = 0;
        while acknowledged < 10 + 7 * round {
            lines.next_line().await.unwrap().expect("the process goes on until it is killed");
            acknowledged += 1;
        }
        child.kill().await.unwrap();
        // What it had acknowledged and nobody had read yet.
        while lines.next_line().await.unwrap().is_some() {
            acknowledged += 1;
        }
        let written = fixture.written(&name).await;
        assert_eq!(written, (0..written.len() as u64).collect::<Vec<_>>());
        // The last one may have been written and not acknowledged.
        let count = written.len() as u64;
        assert!(count == acknowledged || count == acknowledged + 1, "{acknowledged} acknowledged, {count} written");
    }
    assert!(survivor.wait().await.unwrap().success());
    assert_eq!(fixture.written("survivor").await, (0..300).collect::<Vec<_>>());
    assert_eq!(fixture.store.check(false).await.unwrap().findings, []);
}
