//! Short runs in a second, with nothing else to do and beside a run that computes.

use std::time::{Duration, Instant};

use anyhow::Result;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use crate::Setting;
use crate::guests::Guests;
use crate::nothing::Nothing;
use task_state_tests::bench_table::{Results, Unit};

/// How many short runs are under way at once.
const AT_ONCE: [usize; 3] = [1, 32, 256];

const ALONE: &str = "alone";
const BESIDE: &str = "beside a run that computes";

pub(crate) async fn measure(setting: &Setting, results: &mut Results) -> Result<()> {
    let nothing = Nothing::new().await?;
    let guests = Guests::new(nothing.clone(), setting).await?;
    let time = Duration::from_millis(setting.size(1_500, 200));
    for round in 0..setting.rounds {
        setting.tell("short", round);
        for at_once in AT_ONCE {
            let alone = rate(&guests, at_once, time).await?;
            results.add(&what(at_once), ALONE, Unit::Rate, alone);
            let beside = rate_beside(&guests, setting, at_once, time).await?;
            results.add(&what(at_once), BESIDE, Unit::Rate, beside);
        }
    }
    guests.shutdown().await;
    for at_once in AT_ONCE {
        let part = 100.0 * results.times(&what(at_once), BESIDE, ALONE);
        results.goal(format!("{}, beside a run that computes (at least 45 %)", what(at_once)), format!("{part:.0} %"));
    }
    Ok(())
}

fn what(at_once: usize) -> String {
    format!("short runs, {at_once} at once")
}

async fn rate_beside(guests: &Guests, setting: &Setting, at_once: usize, time: Duration) -> Result<f64> {
    let computes = guests.start(&format!("spin 0 {}", u64::MAX)).await?;
    // For as long as it takes to be known as one that computes.
    rate(guests, at_once, Duration::from_millis(setting.size(300, 100))).await?;
    let rate = rate(guests, at_once, time).await;
    computes.end().await;
    rate
}

/// How many empty runs a second there are, so many at once.
async fn rate(guests: &Guests, at_once: usize, time: Duration) -> Result<f64> {
    let start = Instant::now();
    let more = std::iter::repeat(()).take_while(|()| start.elapsed() < time);
    let runs = stream::iter(more).map(|()| guests.run_empty()).buffer_unordered(at_once);
    let runs = runs.try_fold(0_u64, |runs, ()| async move { Ok(runs + 1) }).await?;
    Ok(runs as f64 / start.elapsed().as_secs_f64())
}
