//! Two processes against one where plugins compute, each process on a core of its own.

use anyhow::Result;
use task_state_tests::bench_table::{Results, Unit};

use crate::Setting;
use crate::platform::Platform;
use crate::tasks::Fixture;

const WHAT: &str = "tasks that compute, a core to each process";
const COMPUTE: &str = r#"{"do":"compute"}"#;

pub(crate) async fn measure(setting: &Setting, results: &mut Results) -> Result<()> {
    let count = setting.size(400, 60);
    let by = ["1 process", "2 processes"];
    for round in 0..setting.rounds() {
        setting.tell("scaling", round);
        for (processes, by) in (1..).zip(by) {
            let mut fixture = Fixture::new().await?;
            let platform = Platform::start(setting, &fixture.server.url(), processes, true).await?;
            let tasks = fixture.register(count, COMPUTE).await?;
            let (_, ended) = fixture.send(&platform, &tasks, COMPUTE).await?;
            results.add(WHAT, by, Unit::Rate, count as f64 / ended);
        }
    }
    let times = results.times(WHAT, by[1], by[0]);
    results.goal("two processes against one where plugins compute (at least 1.7)", format!("{times:.2}"));
    Ok(())
}
