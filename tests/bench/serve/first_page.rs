//! The first page of a listing of many tasks, and what it costs the process in memory.

use std::time::Instant;

use anyhow::{Context, Result, ensure};
use task_state_host::store::{Pause, TaskStore as _};
use task_state_tests::bench_table::{Results, Unit, quantile};

use crate::Setting;
use crate::platform::Platform;
use crate::tasks::Fixture;

pub(crate) async fn measure(setting: &Setting, results: &mut Results) -> Result<()> {
    let tasks = setting.size(100_000, 1_000);
    let mut fixture = Fixture::new().await?;
    eprintln!("first page: registering {tasks} tasks");
    fixture.register(tasks, "{}").await?;
    // Nobody is to run them.
    fixture.store.queue().pause(&Pause::All).await?;
    let platform = Platform::start(setting, &fixture.server.url(), 1, false).await?;
    let about = format!("{tasks} tasks");
    let before = platform.resident()?;
    let mut client = platform.clients(1).await?.pop().context("no client")?;
    let (mut all, mut most) = (Vec::new(), before);
    for round in 0..setting.rounds() {
        setting.tell("first page", round);
        for (what, path) in [
            ("first page of 100 tasks, newest first", "/api/v2/tasks?limit=100"),
            ("first page of 100 tasks in one status", "/api/v2/tasks?limit=100&status=pending"),
            ("count of the tasks of a filter", "/api/v2/tasks/count?status=pending"),
            ("overview", "/api/v2/overview"),
        ] {
            let began = Instant::now();
            ensure!(client.is_ok(path).await?, "{path} is not answered");
            let seconds = began.elapsed().as_secs_f64();
            results.add(what, &about, Unit::Seconds, seconds);
            if path.ends_with("limit=100") {
                all.push(seconds);
            }
            most = most.max(platform.resident()?);
        }
    }
    results.add("growth of the process by listings", &about, Unit::Bytes, most - before);
    let reached = format!("{:.0} ms, and {:.1} MB more", 1e3 * quantile(&all, 0.5), (most - before) / 1e6);
    results.goal("first page of 100,000 tasks (at most 1 s and 20 MB)", reached);
    Ok(())
}
