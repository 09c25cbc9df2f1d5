//! The memory of runs that wait, on the host and on bare wasmtime.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;

use crate::Setting;
use crate::bare::Bare;
use crate::guests::Guests;
use crate::nothing::Nothing;
use task_state_tests::bench_table::{Results, Unit};

/// How many runs wait.
const RUNS: [usize; 2] = [100, 1_000];

const BARE: &str = "bare wasmtime";
const HOST: &str = "host";
const AFTER: &str = "host, what is left when they have ended";

/// How long the memory has to stay the same to be taken for what it is.
const SETTLED: Duration = Duration::from_millis(500);

pub(crate) async fn measure(setting: &Setting, results: &mut Results) -> Result<()> {
    let nothing = Nothing::new().await?;
    // Once: from the second time on, the allocator has the memory of the time before.
    eprintln!("parked");
    for runs in RUNS {
        let each = |bytes: f64| bytes / runs as f64;
        let bare = bare(setting, &nothing, runs).await?;
        results.add(&what(runs), BARE, Unit::Bytes, each(bare));
        let guests = Guests::with(nothing.clone(), setting, runs).await?;
        let before = settled().await?;
        let mut parked = Vec::new();
        for _ in 0..runs {
            parked.push(guests.start("wait").await?);
        }
        let with = settled().await?;
        for run in parked {
            run.end().await;
        }
        let after = settled().await?;
        guests.shutdown().await;
        results.add(&what(runs), HOST, Unit::Bytes, each(with - before));
        results.add(&what(runs), AFTER, Unit::Bytes, each(after - before));
        let kib = results.median(&what(runs), HOST) / 1024.0;
        results.goal(format!("{} (at most 256 KiB)", what(runs)), format!("{kib:.0} KiB"));
    }
    Ok(())
}

fn what(runs: usize) -> String {
    format!("resident memory of each of {runs} runs that wait")
}

async fn bare(setting: &Setting, nothing: &Arc<Nothing>, runs: usize) -> Result<f64> {
    let bare = Bare::new(nothing.clone(), &setting.load, u32::try_from(runs)?)?;
    let before = settled().await?;
    let mut waiting: FuturesUnordered<_> = (0..runs).map(|_| bare.run("wait")).collect();
    let with = tokio::select! {
        with = settled() => with?,
        ended = waiting.next() => {
            ended.context("nothing waits")??;
            anyhow::bail!("a run did not wait");
        }
    };
    Ok(with - before)
}

/// Bytes of this process that are in memory, when they do not change any more.
async fn settled() -> Result<f64> {
    let (start, mut since, mut last) = (Instant::now(), Instant::now(), resident()?);
    while since.elapsed() < SETTLED {
        ensure!(start.elapsed() < Duration::from_secs(60), "the memory of this process does not settle");
        tokio::time::sleep(Duration::from_millis(20)).await;
        let now = resident()?;
        // A page more or less is no change.
        if (now - last).abs() > 64.0 * 1024.0 {
            (since, last) = (Instant::now(), now);
        }
    }
    resident()
}

fn resident() -> Result<f64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.strip_suffix("kB"));
    let kib: f64 = line.context("/proc/self/status has no VmRSS")?.trim().parse()?;
    Ok(kib * 1024.0)
}
