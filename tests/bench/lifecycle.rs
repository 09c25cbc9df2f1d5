//! Whole lifecycles (register, running, 7 entries, completed), so many at once.

use anyhow::{Result, ensure};
use task_state_host::record::Status;
use tokio::task::block_in_place;

use crate::bare::{Recorded, Recording};
use crate::fixture::Fixture;
use crate::meter::Spent;
use crate::native::{self, ENTRIES};
use crate::table::{Measured, Results, Sample, Side};

/// How many lifecycles are under way at once.
const AT_ONCE: [usize; 3] = [1, 32, 256];

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

pub(crate) async fn measure(fixture: &mut Fixture, results: &mut Results, rounds: usize, quick: bool) -> Result<()> {
    let mut loads = Vec::new();
    for at_once in AT_ONCE {
        let lifecycles = if quick { at_once * 2 } else { 400 + at_once * 12 };
        let peer_lifecycles = if quick { at_once } else { 48 + at_once * 2 };
        let native = record(fixture, Side::Native, at_once, lifecycles).await?;
        let guest = record(fixture, Side::Guest, at_once, lifecycles).await?;
        loads.push(Load { at_once, lifecycles, peer_lifecycles, native, guest });
    }
    let mut sides = vec![Side::Native, Side::Guest, Side::GuestHeld, Side::Bare, Side::BareGuest];
    if fixture.peer.is_some() {
        sides.push(Side::Peer);
    }
    for round in 0..rounds {
        eprintln!("lifecycles, round {} of {rounds}", round + 1);
        sides.rotate_left(1);
        for load in &loads {
            for &side in &sides {
                let sample = sample(fixture, side, load).await?;
                results.add(Measured::Lifecycle { at_once: load.at_once }, side, sample);
            }
        }
    }
    Ok(())
}

async fn sample(fixture: &mut Fixture, side: Side, load: &Load) -> Result<Sample> {
    fixture.flush().await?;
    match side {
        Side::Bare => replay(fixture, &load.native, load.at_once).await,
        Side::BareGuest => replay(fixture, &load.guest, load.at_once).await,
        Side::Native | Side::Guest | Side::GuestHeld | Side::Peer => {
            let count = if side == Side::Peer { load.peer_lifecycles } else { load.lifecycles };
            let tasks = fixture.ids(count);
            let start = fixture.meter.look().await?;
            let seconds = run(fixture, side, &tasks, load.at_once).await?;
            let spent = fixture.meter.since(start).await?;
            verify(fixture, &tasks).await?;
            Ok(sample_of(seconds, spent, count))
        }
    }
}

async fn run(fixture: &mut Fixture, side: Side, tasks: &[String], at_once: usize) -> Result<f64> {
    match (side, &mut fixture.peer) {
        (Side::Guest, _) => fixture.guests.lifecycles(tasks, at_once, "lifecycle").await,
        (Side::GuestHeld, _) => fixture.guests.lifecycles(tasks, at_once, "lifecycle-log").await,
        (Side::Peer, Some(peer)) => peer.lifecycles(tasks, at_once).await,
        _ => native::lifecycles(&fixture.store, tasks, at_once).await,
    }
}

async fn replay(fixture: &mut Fixture, recorded: &Recorded, ahead: usize) -> Result<Sample> {
    let replay = block_in_place(|| recorded.commands.prepare(fixture.server.port()))?;
    let (seconds, spent) = fixture.meter.around(async { block_in_place(|| replay.measure(ahead)) }).await?;
    verify(fixture, &recorded.tasks).await?;
    Ok(sample_of(seconds, spent, recorded.tasks.len()))
}

fn sample_of(seconds: f64, spent: Spent, lifecycles: usize) -> Sample {
    Sample::of_each(seconds / lifecycles as f64, spent, lifecycles)
}

/// Whether what is measured was done: every task is completed, with its entries.
async fn verify(fixture: &mut Fixture, tasks: &[String]) -> Result<()> {
    for task in tasks {
        let record = fixture.record(task).await?;
        let (status, entries) = (record.status(), record.logs().len());
        let done = status == Status::Completed && entries == ENTRIES;
        ensure!(done, "task {task} is {status} with {entries} entries");
    }
    Ok(())
}

async fn record(fixture: &mut Fixture, side: Side, at_once: usize, lifecycles: usize) -> Result<Recorded> {
    fixture.flush().await?;
    let recorder = fixture.recorder().await?;
    let (warm_up, tasks) = (fixture.ids(at_once), fixture.ids(lifecycles));
    let commands = if side == Side::Native {
        native::lifecycles(&recorder.store, &warm_up, at_once).await?;
        Recording::of(&recorder.proxy, native::lifecycles(&recorder.store, &tasks, at_once)).await?
    } else {
        let guests = fixture.recorded_guests(&recorder).await?;
        guests.lifecycles(&warm_up, at_once, "lifecycle").await?;
        let commands = Recording::of(&recorder.proxy, guests.lifecycles(&tasks, at_once, "lifecycle")).await?;
        guests.shutdown().await;
        commands
    };
    Ok(Recorded { tasks, commands })
}
