//! Listing and sweeping many tasks, and how long another client has to wait meanwhile.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow, ensure};
use task_state_host::store::{Access, TaskStore};
use tokio::task::block_in_place;

use crate::bare::Recording;
use crate::fixture::Fixture;
use crate::native;
use crate::table::{Measured, Results, Sample, Side};

/// How many tasks there are.
const TASKS: [usize; 2] = [1_000, 100_000];

/// How many users they belong to.
const USERS: usize = 100;

/// How many requests of a page are sent before their answers.
const PAGE_AHEAD: usize = 200;

/// Between two questions of the client that waits.
const QUESTION_EVERY: Duration = Duration::from_millis(1);

pub(crate) async fn measure(fixture: &mut Fixture, results: &mut Results, rounds: usize, quick: bool) -> Result<()> {
    let mut sides = vec![Side::Native, Side::Guest, Side::Bare];
    if fixture.peer.is_some() {
        sides.push(Side::Peer);
    }
    for tasks in TASKS.into_iter().take(if quick { 1 } else { TASKS.len() }) {
        eprintln!("listings: registering {tasks} tasks");
        populate(fixture, tasks).await?;
        let listing = record(fixture, false).await?;
        let sweep = record(fixture, true).await?;
        for round in 0..rounds {
            eprintln!("listings of {tasks} tasks, round {} of {rounds}", round + 1);
            sides.rotate_left(1);
            for &side in &sides {
                let sample = list(fixture, side, tasks, &listing).await?;
                results.add(Measured::List { tasks }, side, sample);
            }
            for side in [Side::Native, Side::Bare] {
                let sample = self::sweep(fixture, side, &sweep).await?;
                results.add(Measured::Sweep { tasks }, side, sample);
            }
        }
    }
    Ok(())
}

async fn populate(fixture: &mut Fixture, tasks: usize) -> Result<()> {
    fixture.flush().await?;
    let ids = fixture.ids(tasks);
    let drafts = ids.iter().enumerate().map(|(number, id)| native::draft(id, &format!("user-{}", number % USERS)));
    native::save_all(&fixture.store, drafts).await
}

async fn list(fixture: &mut Fixture, side: Side, tasks: usize, recording: &Recording) -> Result<Sample> {
    let own = fixture.ids(1);
    if side == Side::Guest {
        let draft = native::draft_with(&fixture.store, &own[0], 0, r#"{"do":"list"}"#)?;
        native::save_all(&fixture.store, [Ok(draft)]).await?;
    }
    let waiting = Waiting::start(fixture.server.port())?;
    let begin = fixture.meter.look().await?;
    let start = Instant::now();
    let (seconds, found) = match (side, &mut fixture.peer) {
        (Side::Peer, Some(peer)) => peer.list().await?,
        (Side::Guest, _) => {
            let printed = fixture.probed_guests.run(&own[0]).await?;
            let [nanos, found] = printed.as_slice() else { return Err(anyhow!("the plugin printed {printed:?}")) };
            // Its own task is in the listing too.
            (*nanos as f64 / 1e9, usize::try_from(*found)? - 1)
        }
        (Side::Bare | Side::BareGuest, _) => (replay(fixture, recording, PAGE_AHEAD)?, tasks),
        _ => {
            let found = native::list(&fixture.store).await?;
            (start.elapsed().as_secs_f64(), found)
        }
    };
    let spent = fixture.meter.since(begin).await?;
    let longest_wait = waiting.stop()?;
    if side == Side::Guest {
        fixture.store.delete(&own[0].parse()?, &Access::ANY).await?;
    }
    ensure!(found == tasks, "{side:?} listed {found} of {tasks} tasks");
    Ok(Sample { longest_wait: Some(longest_wait), ..Sample::of_each(seconds, spent, 1) })
}

async fn sweep(fixture: &mut Fixture, side: Side, recording: &Recording) -> Result<Sample> {
    let waiting = Waiting::start(fixture.server.port())?;
    let begin = fixture.meter.look().await?;
    let start = Instant::now();
    let seconds = if side == Side::Bare {
        replay(fixture, recording, 1)?
    } else {
        let report = fixture.store.sweep().await?;
        ensure!(report.findings.is_empty(), "the sweep found {:?}", report.findings);
        start.elapsed().as_secs_f64()
    };
    let spent = fixture.meter.since(begin).await?;
    Ok(Sample { longest_wait: Some(waiting.stop()?), ..Sample::of_each(seconds, spent, 1) })
}

fn replay(fixture: &Fixture, recording: &Recording, ahead: usize) -> Result<f64> {
    block_in_place(|| recording.prepare(fixture.server.port())?.measure(ahead))
}

async fn record(fixture: &mut Fixture, sweep: bool) -> Result<Recording> {
    let recorder = fixture.recorder().await?;
    if sweep {
        return Recording::of(&recorder.proxy, async { Ok(recorder.store.sweep().await?) }).await;
    }
    Recording::of(&recorder.proxy, native::list(&recorder.store)).await
}

/// Another client, that asks a small question every millisecond and notes its longest wait.
struct Waiting {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Result<f64>>,
}

impl Waiting {
    fn start(port: u16) -> Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let mut stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_nodelay(true)?;
        let stopped = Arc::clone(&stop);
        let thread = thread::spawn(move || {
            let mut longest = Duration::ZERO;
            let mut answer = [0; 7];
            while !stopped.load(Relaxed) {
                let start = Instant::now();
                stream.write_all(b"*1\r\n$4\r\nPING\r\n")?;
                stream.read_exact(&mut answer)?;
                longest = longest.max(start.elapsed());
                thread::sleep(QUESTION_EVERY);
            }
            Ok(longest.as_secs_f64())
        });
        Ok(Self { stop, thread })
    }

    /// The longest wait, in seconds.
    fn stop(self) -> Result<f64> {
        self.stop.store(true, Relaxed);
        self.thread.join().map_err(|_| anyhow!("the waiting client broke"))?
    }
}
