//! How many tasks are accepted and ended in a second, by a plugin that does nothing.

use anyhow::Result;
use task_state_tests::bench_table::{Results, Unit};

use crate::Setting;
use crate::peer::Peer;
use crate::platform::Platform;
use crate::tasks::Fixture;

const PROCESSES: [usize; 3] = [1, 2, 4];
const ACCEPTED: &str = "tasks accepted";
const ENDED: &str = "tasks ended";
const PEER: &str = "the peer's way";
const NOTHING: &str = r#"{"do":"nothing"}"#;

pub(crate) async fn measure(setting: &Setting, results: &mut Results) -> Result<()> {
    let count = setting.size(4_000, 400);
    for round in 0..setting.rounds() {
        setting.tell("throughput", round);
        for processes in PROCESSES {
            let mut fixture = Fixture::new().await?;
            let platform = Platform::start(setting, &fixture.server.url(), processes, false).await?;
            let warm = fixture.register(200, NOTHING).await?;
            fixture.send(&platform, &warm, NOTHING).await?;
            let tasks = fixture.register(count, NOTHING).await?;
            let (accepted, ended) = fixture.send(&platform, &tasks, NOTHING).await?;
            results.add(ACCEPTED, &by(processes), Unit::Rate, count as f64 / accepted);
            results.add(ENDED, &by(processes), Unit::Rate, count as f64 / ended);
        }
        let mut fixture = Fixture::new().await?;
        if let Some(mut peer) = Peer::start(setting, &fixture.server.url())? {
            let count = count / 10;
            let tasks = fixture.register(count, NOTHING).await?;
            let seconds = peer.run(&tasks, NOTHING).await?;
            results.add(ENDED, PEER, Unit::Rate, count as f64 / seconds);
        }
    }
    let times = results.times(ENDED, &by(1), PEER);
    results.goal("tasks ended by one process against the peer's way (at least 10 times)", format!("{times:.1}"));
    Ok(())
}

fn by(processes: usize) -> String {
    if processes == 1 { "1 process".to_owned() } else { format!("{processes} processes") }
}
