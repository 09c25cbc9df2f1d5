//! Guests that compute, without end or again and again, beside one that logs and flushes: what its flush takes, against the
//! same alone, and whether each of them comes to its turn.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use futures_util::future::try_join_all;
use task_state_host::store::SharedStore;
use task_state_host::store::sqlite::{SqliteOptions, SqliteStore};
use task_state_tests::redis_server::RedisServer;
use task_state_tests::redis_store;
use task_state_tests::tasks::clock;

use crate::Setting;
use crate::guests::{Guests, moment};
use crate::nothing::Nothing;
use task_state_tests::bench_table::{Results, Unit, quantile};

/// How many guests compute.
const CROWD: usize = 200;

/// The time in which all of them start; then they begin to compute.
const START: Duration = Duration::from_secs(2);

const ALONE: &str = "alone";

/// What the others do, how the table names it, and what a flush beside it may take.
const CROWDS: [(&str, &str, &str); 2] =
    [("spin", "200 that compute", " (at most 3)"), ("pulse", "200 that compute for 3 ms and sleep for 5", "")];

const LEAST: &str = "the one that had least";
const MIDDLE: &str = "median";

/// What the one that flushes does in between: nothing, or it sleeps for so many microseconds.
const PACES: [(&str, u64); 2] = [("at once again", 0), ("5 ms later", 5_000)];

pub(crate) async fn measure(setting: &Setting, results: &mut Results) -> Result<()> {
    let server = RedisServer::start().await?;
    let sqlite = SqliteStore::in_memory(SqliteOptions::default(), clock())?;
    let redis = redis_store::connect(&server.url(), |_| {}).await;
    let stores: [(&str, SharedStore); 3] = [
        ("a store that does nothing", Nothing::new().await?),
        ("SQLite in memory", Arc::new(sqlite)),
        ("Redis", redis),
    ];
    for (name, store) in &stores {
        let guests = Guests::new(store.clone(), setting).await?;
        for round in 0..setting.rounds {
            setting.tell(&format!("crowd on {name}"), round);
            for pace in PACES {
                let what = format!("flush on {name}, the next {}", pace.0);
                let alone = flushes(&guests, pace.1, Duration::from_millis(setting.size(1_500, 200)));
                add(results, &what, ALONE, &alone.await?);
                for (does, others, _) in CROWDS {
                    let (flushes, turns) = in_crowd(&guests, setting, does, pace.1).await?;
                    add(results, &what, &beside(others), &flushes);
                    results.add(&turns_of(others, name), MIDDLE, Unit::Count, quantile(&turns, 0.5));
                    results.add(&turns_of(others, name), LEAST, Unit::Count, quantile(&turns, 0.0));
                }
            }
        }
        guests.shutdown().await;
        for (_, others, goal) in CROWDS {
            for pace in PACES {
                for part in [MEDIAN, LATE] {
                    let what = format!("{part} of a flush on {name}, the next {}", pace.0);
                    let times = results.times(&what, &beside(others), ALONE);
                    results.goal(format!("{what}, beside {others} against alone{goal}"), format!("{times:.2}"));
                }
            }
            let least = 100.0 * results.times(&turns_of(others, name), LEAST, MIDDLE);
            results.goal(
                format!("{}: the least of the median (none starves)", turns_of(others, name)),
                format!("{least:.0} %"),
            );
        }
    }
    Ok(())
}

const MEDIAN: &str = "median";
const LATE: &str = "99th percentile";

fn add(results: &mut Results, what: &str, by: &str, seconds: &[f64]) {
    for (part, at) in [(MEDIAN, 0.5), (LATE, 0.99)] {
        results.add(&format!("{part} of a {what}"), by, Unit::Seconds, quantile(seconds, at));
    }
}

fn beside(others: &str) -> String {
    format!("beside {others}")
}

fn turns_of(others: &str, store: &str) -> String {
    format!("turns of {others} beside it, on {store}")
}

/// The seconds of each flush of one guest that does so for a time.
async fn flushes(guests: &Guests, pause: u64, time: Duration) -> Result<Vec<f64>> {
    let numbers = guests.run(&format!("flush {} {pause}", time.as_millis())).await?;
    ensure!(!numbers.is_empty(), "nothing was flushed");
    Ok(numbers.into_iter().map(|nanoseconds| nanoseconds as f64 / 1e9).collect())
}

/// The same beside many that compute, and how often each of those had come to the end of its loop.
async fn in_crowd(guests: &Guests, setting: &Setting, does: &str, pause: u64) -> Result<(Vec<f64>, Vec<f64>)> {
    let time = Duration::from_millis(setting.size(6_000, 2_000));
    let from = Instant::now() + START;
    let work = format!("{does} {} {}", moment(START)?, moment(START + time)?);
    let crowd = try_join_all((0..CROWD).map(|_| guests.start(&work))).await?;
    ensure!(Instant::now() < from, "the first began to compute before the last had started");
    tokio::time::sleep_until((from + time / 4).into()).await;
    let flushes = flushes(guests, pause, time / 2).await?;
    let mut turns = Vec::new();
    for run in crowd {
        turns.extend(run.numbers().await?.into_iter().map(|turns| turns as f64));
    }
    ensure!(turns.len() == CROWD, "{} of {CROWD} told of their turns", turns.len());
    Ok((flushes, turns))
}
