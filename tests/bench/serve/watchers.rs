//! From an entry's acknowledgement by the store to the last of many who watch its task.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use task_state_host::record::Change;
use task_state_host::store::{Access, Pause, TaskStore as _};
use task_state_tests::bench_table::{Results, Unit, quantile};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::Setting;
use crate::platform::Platform;
use crate::tasks::Fixture;

const WHAT: &str = "from an entry's acknowledgement to the last watcher";

/// Between two entries.
const PAUSE: Duration = Duration::from_millis(500);

pub(crate) async fn measure(setting: &Setting, results: &mut Results) -> Result<()> {
    let (watchers, entries) = (setting.size(1_000, 100), setting.size(20, 5));
    let mut fixture = Fixture::new().await?;
    // Nobody is to run the task.
    fixture.store.queue().pause(&Pause::All).await?;
    let platform = Platform::start(setting, &fixture.server.url(), 1, false).await?;
    let task = fixture.register(1, "{}").await?.pop().context("no task")?;
    let mut all = Vec::new();
    for round in 0..setting.rounds() {
        setting.tell("watchers", round);
        let (heard, mut hears) = mpsc::unbounded_channel();
        let mut watching = JoinSet::new();
        for _ in 0..watchers {
            watching.spawn(watch(platform.port(), task.as_str().to_owned(), heard.clone()));
        }
        // Each says when it has caught up.
        for _ in 0..watchers {
            hears.recv().await.context("a watcher is gone")?;
        }
        for number in 0..entries {
            tokio::time::sleep(PAUSE).await;
            let text = format!("{round}-{number}");
            fixture.store.change(&task, Change::logs([&*text]), &Access::ANY).await?;
            let acknowledged = Instant::now();
            for _ in 0..watchers {
                let entry = hears.recv().await.context("a watcher is gone")?;
                ensure!(entry == text, "a watcher was told {entry:?} rather than {text:?}");
            }
            let seconds = acknowledged.elapsed().as_secs_f64();
            results.add(WHAT, &format!("{watchers} watchers"), Unit::Seconds, seconds);
            all.push(seconds);
        }
    }
    let [median, most] = [0.5, 1.0].map(|part| 1e3 * quantile(&all, part));
    let resident = platform.resident()?;
    results.add("resident memory of a process", &format!("{watchers} watchers"), Unit::Bytes, resident);
    results.goal(
        "from an entry's acknowledgement to the last of 1,000 watchers (at most 500 ms)",
        format!("{median:.0} ms, and {most:.0} ms at the most"),
    );
    Ok(())
}

/// Watches a task: tells that the stream is open, and then each new entry.
async fn watch(port: u16, task: String, heard: mpsc::UnboundedSender<String>) -> Result<()> {
    let mut stream = BufReader::new(TcpStream::connect(("127.0.0.1", port)).await?);
    let request = format!("GET /api/v2/tasks/{task}/events HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut has_begun = false;
    let mut line = String::new();
    while stream.read_line(&mut line).await? > 0 {
        // The status is told first, and last of what was there when it came are the entries.
        if line.starts_with("event: status") && !std::mem::replace(&mut has_begun, true) {
            heard.send(String::new())?;
        }
        let entries = line.strip_prefix("data: ").filter(|data| has_begun && data.contains("\"entries\""));
        if let Some(data) = entries {
            let data: serde_json::Value = serde_json::from_str(data)?;
            let new = data["entries"].as_array().context("no entries")?;
            // Those of earlier rounds come together.
            if let [entry] = &new[..] {
                heard.send(entry["message"].as_str().context("no message")?.to_owned())?;
            }
        }
        line.clear();
    }
    Ok(())
}
