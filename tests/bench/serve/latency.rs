//! From a submission to the plugin's first instruction, on a platform that has nothing else to do.

use std::time::{Duration, SystemTime};

use anyhow::{Context, Result};
use task_state_host::store::{Access, TaskStore as _};
use task_state_tests::bench_table::{Results, Unit, quantile};

use crate::Setting;
use crate::platform::Platform;
use crate::tasks::{Fixture, submission};

const WHAT: &str = "from a submission to the plugin's first instruction";
const TELL: &str = r#"{"do":"tell"}"#;

pub(crate) async fn measure(setting: &Setting, results: &mut Results) -> Result<()> {
    let count = setting.size(50, 10);
    let mut all = Vec::new();
    let mut fixture = Fixture::new().await?;
    let platform = Platform::start(setting, &fixture.server.url(), 1, false).await?;
    for round in 0..setting.rounds() {
        setting.tell("latency", round);
        let mut client = platform.clients(1).await?.pop().context("no client")?;
        let tasks = fixture.register(count, TELL).await?;
        for (number, id) in tasks.iter().enumerate() {
            tokio::time::sleep(Duration::from_millis(50)).await;
            let sent = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?;
            client.post("/tasks/task", &submission(id, number, TELL)).await?;
            fixture.until_ended(std::slice::from_ref(id)).await?;
            let output = fixture.store.get(id, &Access::ANY).await?.result().launcher_output;
            let began = Duration::from_nanos(output.context("nothing was printed")?.trim().parse()?);
            let seconds = began.saturating_sub(sent).as_secs_f64();
            results.add(WHAT, "1 process", Unit::Seconds, seconds);
            all.push(seconds);
        }
    }
    let [median, most] = [0.5, 0.99].map(|part| 1e3 * quantile(&all, part));
    let reached = format!("{median:.1} ms, and {most:.1} ms for 99 of 100");
    results.goal("from a submission to the plugin's first instruction (at most 10 ms)", reached);
    Ok(())
}
