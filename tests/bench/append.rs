//! One append, at several lengths of history.

use std::sync::Arc;

use anyhow::{Result, ensure};
use task_state_host::store::redis::RedisStore;
use tokio::task::block_in_place;

use crate::bare::{Recorded, Recording};
use crate::fixture::Fixture;
use crate::meter::Spent;
use crate::native;
use crate::table::{Measured, Results, Sample, Side, median};

/// Lines of history.
const LENGTHS: [usize; 4] = [10, 100, 1_000, 10_000];

/// Appends in one sample.
const APPENDS: usize = 200;

/// How a sample is divided among tasks: the history grows by what is appended, and must not grow much.
#[derive(Debug, Clone, Copy)]
struct Load {
    lines: usize,
    tasks: usize,
    times: usize,
}

impl Load {
    fn new(lines: usize, quick: bool) -> Self {
        let times = (lines / 20).clamp(10, 50);
        Self { lines, tasks: if quick { 1 } else { APPENDS / times }, times }
    }
}

pub(crate) async fn measure(fixture: &mut Fixture, results: &mut Results, rounds: usize, quick: bool) -> Result<()> {
    let mut loads = Vec::new();
    for lines in LENGTHS {
        let load = Load::new(lines, quick);
        loads.push((load, record(fixture, load).await?));
    }
    let mut sides = vec![Side::Native, Side::Guest, Side::GuestHeld, Side::Bare];
    if fixture.peer.is_some() {
        sides.push(Side::Peer);
    }
    for round in 0..rounds {
        eprintln!("appends, round {} of {rounds}", round + 1);
        sides.rotate_left(1);
        for (load, recording) in &loads {
            for &side in &sides {
                let (seconds, spent) = sample(fixture, side, *load, recording).await?;
                let appends = load.tasks * load.times;
                ensure!(seconds.len() == appends, "{side:?} made {} of {appends} appends", seconds.len());
                let sample = Sample::of_each(median(&seconds), spent, appends);
                results.add(Measured::Append { lines: load.lines }, side, sample);
            }
        }
    }
    Ok(())
}

async fn sample(fixture: &mut Fixture, side: Side, load: Load, recording: &Recorded) -> Result<(Vec<f64>, Spent)> {
    fixture.flush().await?;
    let tasks = fixture.ids(load.tasks);
    match side {
        Side::Native | Side::Peer => {
            prepare(&fixture.store, &tasks, load, "{}").await?;
            let Fixture { meter, store, peer, .. } = fixture;
            match peer {
                Some(peer) if side == Side::Peer => {
                    peer.append(&tasks, 1).await?;
                    meter.around(peer.append(&tasks, load.times)).await
                }
                _ => {
                    native::append(store, &tasks, 1).await?;
                    meter.around(native::append(store, &tasks, load.times)).await
                }
            }
        }
        Side::Guest | Side::GuestHeld => {
            let what = if side == Side::Guest { "append" } else { "log" };
            prepare(&fixture.store, &tasks, load, &format!(r#"{{"do":"{what}","times":{}}}"#, load.times)).await?;
            let mut seconds = Vec::new();
            fixture.probe.around.take();
            for task in &tasks {
                let nanos = fixture.probed_guests.run(task).await?;
                seconds.extend(nanos.into_iter().map(|nanos| nanos as f64 / 1e9));
            }
            Ok((seconds, fixture.probe.around.take()))
        }
        Side::Bare | Side::BareGuest => {
            let replay = block_in_place(|| recording.commands.prepare(fixture.server.port()))?;
            let work = async { block_in_place(|| replay.measure_each()) };
            let (seconds, spent) = fixture.meter.around(work).await?;
            for task in &recording.tasks {
                let logs = fixture.record(task).await?.logs().len();
                let expected = load.lines + 1 + load.times;
                ensure!(logs == expected, "the replay left task {task} with {logs} entries, not {expected}");
            }
            Ok((seconds, spent))
        }
    }
}

async fn prepare(store: &Arc<RedisStore>, tasks: &[String], load: Load, parameters: &str) -> Result<()> {
    let drafts = tasks.iter().map(|task| native::draft_with(store, task, load.lines, parameters));
    native::save_all(store, drafts).await
}

/// The commands of the acknowledged appends to some tasks.
async fn record(fixture: &mut Fixture, load: Load) -> Result<Recorded> {
    fixture.flush().await?;
    let recorder = fixture.recorder().await?;
    let tasks = fixture.ids(load.tasks);
    prepare(&recorder.store, &tasks, load, "{}").await?;
    native::append(&recorder.store, &tasks, 1).await?;
    let commands = Recording::of(&recorder.proxy, native::append(&recorder.store, &tasks, load.times)).await?;
    Ok(Recorded { tasks, commands })
}
