//! The run of an empty plugin, on the host and on bare wasmtime: one after the other, and many at once.

use std::time::Instant;

use anyhow::Result;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use crate::Setting;
use crate::bare::Bare;
use crate::guests::Guests;
use crate::nothing::Nothing;
use task_state_tests::bench_table::{Results, Unit};

/// How many runs are under way at once.
const AT_ONCE: [usize; 2] = [1, 32];

/// How often a round goes from one to the next: the machine does not stay as fast as it is for long.
const TURNS: usize = 5;

const BARE: &str = "bare wasmtime";
const CLAIMED: &str = "bare wasmtime that claims the task and ends it";
const HOST: &str = "host";

pub(crate) async fn measure(setting: &Setting, results: &mut Results) -> Result<()> {
    let nothing = Nothing::new().await?;
    let guests = Guests::new(nothing.clone(), setting).await?;
    let bare = Bare::new(nothing, &setting.empty, 300)?;
    let runs = setting.size(4_000, 1_000) / TURNS;
    for round in 0..=setting.rounds {
        for at_once in AT_ONCE {
            for _ in 0..TURNS {
                let alone = each(runs, at_once, || bare.run("")).await?;
                let claimed = each(runs, at_once, || bare.run_claimed("")).await?;
                let host = each(runs, at_once, || guests.run_empty()).await?;
                // The first time only warms up.
                if round > 0 {
                    results.add(&what(at_once), BARE, Unit::Seconds, alone);
                    results.add(&what(at_once), CLAIMED, Unit::Seconds, claimed);
                    results.add(&what(at_once), HOST, Unit::Seconds, host);
                }
            }
        }
        if round > 0 {
            setting.tell("empty", round - 1);
        }
    }
    guests.shutdown().await;
    for at_once in AT_ONCE {
        for than in [CLAIMED, BARE] {
            let times = results.times(&what(at_once), HOST, than);
            results.goal(format!("{}, of {than} (at most 1.3)", what(at_once)), format!("{times:.2}"));
        }
    }
    Ok(())
}

fn what(at_once: usize) -> String {
    format!("run of an empty plugin, {at_once} at once")
}

/// Does something so often, so many at once. Gives the seconds that each took.
async fn each<F: Future<Output = Result<()>>>(times: usize, at_once: usize, work: impl Fn() -> F) -> Result<f64> {
    let start = Instant::now();
    stream::iter(0..times).map(|_| work()).buffer_unordered(at_once).try_collect::<()>().await?;
    Ok(start.elapsed().as_secs_f64() / times as f64)
}
