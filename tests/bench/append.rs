//! One append, at several lengths of history.

use std::sync::Arc;

use anyhow::{Result, ensure};
use tokio::task::block_in_place;

use crate::bare::Recording;
use crate::meter::Spent;
use crate::native;
use crate::stand::Stand;
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

pub(crate) async fn measure(stand: &mut Stand, results: &mut Results, rounds: usize, quick: bool) -> Result<()> {
    let mut loads = Vec::new();
    for lines in LENGTHS {
        let load = Load::new(lines, quick);
        loads.push((load, record(stand, load).await?));
    }
    let mut sides = vec![Side::Native, Side::Guest, Side::GuestHeld, Side::Bare];
    if stand.peer.is_some() {
        sides.push(Side::Peer);
    }
    for round in 0..rounds {
        eprintln!("appends, round {} of {rounds}", round + 1);
        sides.rotate_left(1);
        for (load, recording) in &loads {
            for &side in &sides {
                let (seconds, spent) = sample(stand, side, *load, recording).await?;
                let appends = load.tasks * load.times;
                ensure!(seconds.len() == appends, "{side:?} made {} of {appends} appends", seconds.len());
                let sample = Sample::of_each(median(&seconds), spent, appends);
                results.add(Measured::Append { lines: load.lines }, side, sample);
            }
        }
    }
    Ok(())
}

async fn sample(stand: &mut Stand, side: Side, load: Load, recording: &Recorded) -> Result<(Vec<f64>, Spent)> {
    stand.flush().await?;
    let tasks = stand.ids(load.tasks);
    match side {
        Side::Native | Side::Peer => {
            prepare(stand, &tasks, load, "{}").await?;
            if side == Side::Native {
                native::append(&stand.store, &tasks, 1).await?;
                let start = stand.meter.look().await?;
                let seconds = native::append(&stand.store, &tasks, load.times).await?;
                return Ok((seconds, stand.meter.since(start).await?));
            }
            let Some(peer) = &mut stand.peer else { return Ok((Vec::new(), Spent::default())) };
            peer.append(&tasks, 1).await?;
            let start = stand.meter.look().await?;
            let seconds = peer.append(&tasks, load.times).await?;
            Ok((seconds, stand.meter.since(start).await?))
        }
        Side::Guest | Side::GuestHeld => {
            let what = if side == Side::Guest { "append" } else { "log" };
            prepare(stand, &tasks, load, &format!(r#"{{"do":"{what}","times":{}}}"#, load.times)).await?;
            let mut seconds = Vec::new();
            stand.probe.around.take();
            for task in &tasks {
                let nanos = stand.probed_guests.run(task).await?;
                seconds.extend(nanos.into_iter().map(|nanos| nanos as f64 / 1e9));
            }
            Ok((seconds, stand.probe.around.take()))
        }
        Side::Bare | Side::BareGuest => {
            let replay = block_in_place(|| recording.commands.prepare(stand.server.port()))?;
            let start = stand.meter.look().await?;
            let seconds = block_in_place(|| replay.measure_each())?;
            let spent = stand.meter.since(start).await?;
            for task in &recording.tasks {
                let logs = stand.record(task).await?.logs().len();
                let expected = load.lines + 1 + load.times;
                ensure!(logs == expected, "the replay left task {task} with {logs} entries, not {expected}");
            }
            Ok((seconds, spent))
        }
    }
}

async fn prepare(stand: &mut Stand, tasks: &[String], load: Load, parameters: &str) -> Result<()> {
    let store = Arc::clone(&stand.store);
    let drafts = tasks.iter().map(|task| native::draft_with(&store, task, load.lines, parameters));
    native::save_all(&store, drafts).await
}

/// The commands of the acknowledged appends to some tasks.
#[derive(Debug)]
struct Recorded {
    tasks: Vec<String>,
    commands: Recording,
}

async fn record(stand: &mut Stand, load: Load) -> Result<Recorded> {
    stand.flush().await?;
    let recorder = stand.recorder().await?;
    let tasks = stand.ids(load.tasks);
    let drafts = tasks.iter().map(|task| native::draft_with(&recorder.store, task, load.lines, "{}"));
    native::save_all(&recorder.store, drafts).await?;
    native::append(&recorder.store, &tasks, 1).await?;
    let work = async { native::append(&recorder.store, &tasks, load.times).await.map(drop) };
    let commands = Recording::of(&recorder.proxy, work).await?;
    Ok(Recorded { tasks, commands })
}
