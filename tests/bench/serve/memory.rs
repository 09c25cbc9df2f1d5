//! Resident memory of a process while many tasks wait.

use std::time::Duration;

use anyhow::Result;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use task_state_host::record::TaskId;
use task_state_host::store::{Access, Pause, TaskStore as _};
use task_state_tests::bench_table::{Results, Unit};

use crate::Setting;
use crate::platform::Platform;
use crate::tasks::Fixture;

/// For how long the process is left to itself before it is looked at.
const SETTLE: Duration = Duration::from_secs(5);

pub(crate) async fn measure(setting: &Setting, results: &mut Results) -> Result<()> {
    for count in setting.size([0, 10_000, 1_000_000], [0, 1_000, 10_000]) {
        eprintln!("memory, {count} tasks");
        let mut fixture = Fixture::new().await?;
        fixture.store.queue().pause(&Pause::All).await?;
        let tasks = fixture.register(count, "{}").await?;
        let registered = used(&fixture).await?;
        let store = &fixture.store;
        let enqueue = |id: TaskId| async move { store.queue().enqueue(&id, Duration::ZERO, &Access::ANY).await };
        let mut queued = stream::iter(tasks).map(enqueue).buffer_unordered(256);
        while queued.try_next().await?.is_some() {}
        drop(queued);
        if count > 0 {
            let each = (used(&fixture).await? - registered) / count as f64;
            results.add("memory of the server for each waiting task", &format!("{count} waiting"), Unit::Bytes, each);
        }
        let platform = Platform::start(setting, &fixture.server.url(), 1, false).await?;
        tokio::time::sleep(SETTLE).await;
        results.add("resident memory of a process", &format!("{count} waiting"), Unit::Bytes, platform.resident()?);
    }
    Ok(())
}

/// Bytes that the server has allocated.
async fn used(fixture: &Fixture) -> Result<f64> {
    let info = fixture.server.info("memory").await?;
    Ok(info.get("used_memory").map_or("0", String::as_str).parse()?)
}
