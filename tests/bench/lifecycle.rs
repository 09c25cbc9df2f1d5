//! Whole lifecycles (register, running, 7 entries, completed), so many at once.

use anyhow::{Result, ensure};
use task_state_host::record::Status;
use tokio::task::block_in_place;

use crate::bare::Recording;
use crate::meter::Spent;
use crate::native::{self, ENTRIES};
use crate::stand::Stand;
use crate::table::{Measured, Results, Sample, Side};

/// How many lifecycles are under way at once.
const AT_ONCE: [usize; 3] = [1, 32, 256];

/// The commands of the lifecycles of some tasks.
#[derive(Debug)]
struct Recorded {
    tasks: Vec<String>,
    commands: Recording,
}

/// What is measured at one number of lifecycles at once.
#[derive(Debug)]
struct Load {
    at_once: usize,
    /// Of this store and the bare limit.
    lifecycles: usize,
    /// Of the peer, which would take too long for as many.
    peer_lifecycles: usize,
    native: Recorded,
    guest: Recorded,
}

pub(crate) async fn measure(stand: &mut Stand, results: &mut Results, rounds: usize, quick: bool) -> Result<()> {
    let mut loads = Vec::new();
    for at_once in AT_ONCE {
        let lifecycles = if quick { at_once * 2 } else { 400 + at_once * 12 };
        let peer_lifecycles = if quick { at_once } else { 48 + at_once * 2 };
        let native = record(stand, Side::Native, at_once, lifecycles).await?;
        let guest = record(stand, Side::Guest, at_once, lifecycles).await?;
        loads.push(Load { at_once, lifecycles, peer_lifecycles, native, guest });
    }
    let mut sides = vec![Side::Native, Side::Guest, Side::GuestHeld, Side::Bare, Side::BareGuest];
    if stand.peer.is_some() {
        sides.push(Side::Peer);
    }
    for round in 0..rounds {
        eprintln!("lifecycles, round {} of {rounds}", round + 1);
        sides.rotate_left(1);
        for load in &loads {
            for &side in &sides {
                let sample = sample(stand, side, load).await?;
                results.add(Measured::Lifecycle { at_once: load.at_once }, side, sample);
            }
        }
    }
    Ok(())
}

async fn sample(stand: &mut Stand, side: Side, load: &Load) -> Result<Sample> {
    stand.flush().await?;
    match side {
        Side::Bare => replay(stand, &load.native, load.at_once).await,
        Side::BareGuest => replay(stand, &load.guest, load.at_once).await,
        Side::Native | Side::Guest | Side::GuestHeld | Side::Peer => {
            let count = if side == Side::Peer { load.peer_lifecycles } else { load.lifecycles };
            let tasks = stand.ids(count);
            let start = stand.meter.look().await?;
            let seconds = run(stand, side, &tasks, load.at_once).await?;
            let spent = stand.meter.since(start).await?;
            verify(stand, &tasks).await?;
            Ok(sample_of(seconds, spent, count))
        }
    }
}

async fn run(stand: &mut Stand, side: Side, tasks: &[String], at_once: usize) -> Result<f64> {
    match (side, &mut stand.peer) {
        (Side::Guest, _) => stand.guests.lifecycles(tasks, at_once, "lifecycle").await,
        (Side::GuestHeld, _) => stand.guests.lifecycles(tasks, at_once, "lifecycle-log").await,
        (Side::Peer, Some(peer)) => peer.lifecycles(tasks, at_once).await,
        _ => native::lifecycles(&stand.store, tasks, at_once).await,
    }
}

async fn replay(stand: &mut Stand, recorded: &Recorded, ahead: usize) -> Result<Sample> {
    let replay = block_in_place(|| recorded.commands.prepare(stand.server.port()))?;
    let start = stand.meter.look().await?;
    let seconds = block_in_place(|| replay.measure(ahead))?;
    let spent = stand.meter.since(start).await?;
    verify(stand, &recorded.tasks).await?;
    Ok(sample_of(seconds, spent, recorded.tasks.len()))
}

fn sample_of(seconds: f64, spent: Spent, lifecycles: usize) -> Sample {
    Sample::of_each(seconds / lifecycles as f64, spent, lifecycles)
}

/// Whether what is measured was done: every task is completed, with its entries.
async fn verify(stand: &mut Stand, tasks: &[String]) -> Result<()> {
    for task in tasks {
        let record = stand.record(task).await?;
        let (status, entries) = (record.status(), record.logs().len());
        let done = status == Status::Completed && entries == ENTRIES;
        ensure!(done, "task {task} is {status} with {entries} entries");
    }
    Ok(())
}

async fn record(stand: &mut Stand, side: Side, at_once: usize, lifecycles: usize) -> Result<Recorded> {
    stand.flush().await?;
    let recorder = stand.recorder().await?;
    let (warm_up, tasks) = (stand.ids(at_once), stand.ids(lifecycles));
    let commands = if side == Side::Native {
        native::lifecycles(&recorder.store, &warm_up, at_once).await?;
        let work = async { native::lifecycles(&recorder.store, &tasks, at_once).await.map(drop) };
        Recording::of(&recorder.proxy, work).await?
    } else {
        let guests = stand.recorded_guests(&recorder).await?;
        guests.lifecycles(&warm_up, at_once, "lifecycle").await?;
        let work = async { guests.lifecycles(&tasks, at_once, "lifecycle").await.map(drop) };
        let commands = Recording::of(&recorder.proxy, work).await?;
        guests.shutdown().await;
        commands
    };
    Ok(Recorded { tasks, commands })
}
