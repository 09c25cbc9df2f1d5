//! The plugin that the benchmark of the sandbox runs: it does what the words of its input say, and prints numbers, one a
//! line.

use std::hint::black_box;
use std::num::ParseIntError;
use std::thread::sleep;
use std::time::{Duration, Instant, SystemTime};

use task_state_guest::{Failure, Plugin, TaskRecord, current_task, repository};

/// Imports that the benchmark serves beside the host's: one that does nothing, and one that gives a record.
#[cfg(target_family = "wasm")]
mod native {
    wit_bindgen::generate!({
        path: "../../../wit",
        inline: "
            package bench:native@1.0.0;

            interface calls {
                use dms:task-state/types@0.1.2.{task-record};

                nothing: func() -> bool;
                %record: func() -> result<task-record>;
            }

            world load {
                import calls;
            }
        ",
        world: "bench:native/load",
        generate_all,
    });

    pub(crate) use self::bench::native::calls::{nothing, record};
}

#[cfg(not(target_family = "wasm"))]
mod native {
    pub(crate) fn nothing() -> bool {
        false
    }

    pub(crate) fn record() -> Result<(), ()> {
        Ok(())
    }
}

/// How much is computed between two looks at the clock.
const TURN: u64 = 20_000;

struct Load;

impl Plugin for Load {
    fn run(task: TaskRecord) -> Result<(), Failure> {
        let input = std::io::read_to_string(std::io::stdin())?;
        let mut words = input.split_whitespace();
        let what = words.next().unwrap_or_default();
        let numbers = words.map(str::parse).collect::<Result<Vec<u64>, ParseIntError>>()?;
        match (what, numbers.as_slice()) {
            ("wait", []) => sleep(Duration::from_secs(3_600)),
            ("spin", &[from, until]) => spin(from, until, || {}),
            ("pulse", &[from, until]) => {
                spin(from, until, || pulse(Duration::from_millis(3), Duration::from_millis(5)))
            }
            ("flush", &[time, pause]) => flush(Duration::from_millis(time), Duration::from_micros(pause))?,
            ("nothing", &[times]) => mean(times, || Ok(native::nothing()))?,
            ("record", &[times]) => mean(times, || native::record().map_err(|()| "there is no record".into()))?,
            ("cancel-requested", &[times]) => mean(times, || Ok(current_task::cancel_requested()))?,
            ("set-progress", &[times]) => mean(times, || Ok(current_task::set_progress(1, 2, None)?))?,
            ("get", &[times]) => mean(times, || Ok(repository::get(&task.task_id)?))?,
            _ => return Err(format!("there is nothing to do like {input:?}").into()),
        }
        Ok(())
    }
}

/// Sleeps until one moment, computes until another, and shows how often it came to the end of its loop. There it does
/// something more.
fn spin(from: u64, until: u64, and: impl Fn()) {
    sleep(Duration::from_millis(from.saturating_sub(now())));
    let mut turns = 0_u64;
    while now() < until {
        for turn in 0..TURN {
            black_box(turn);
        }
        turns += 1;
        and();
    }
    println!("{turns}");
}

/// Computes for so long, and then sleeps.
fn pulse(computes: Duration, sleeps: Duration) {
    let start = Instant::now();
    while start.elapsed() < computes {
        black_box(start);
    }
    sleep(sleeps);
}

/// Logs and flushes for so long, with a pause after each, and shows how many nanoseconds each flush took.
fn flush(time: Duration, pause: Duration) -> Result<(), Failure> {
    let begin = Instant::now();
    let mut flushes = Vec::new();
    while begin.elapsed() < time {
        current_task::log("processed one more chunk of the payload")?;
        let start = Instant::now();
        current_task::flush()?;
        flushes.push(start.elapsed());
        if !pause.is_zero() {
            sleep(pause);
        }
    }
    for flush in flushes {
        println!("{}", flush.as_nanos());
    }
    Ok(())
}

/// Makes a call so often, and shows how many nanoseconds a thousand of them take.
fn mean<T>(times: u64, mut call: impl FnMut() -> Result<T, Failure>) -> Result<(), Failure> {
    let start = Instant::now();
    for _ in 0..times {
        black_box(call()?);
    }
    println!("{}", start.elapsed().as_nanos() * 1_000 / u128::from(times.max(1)));
    Ok(())
}

/// Milliseconds since 1970.
fn now() -> u64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_millis()).unwrap_or(u64::MAX)
}

task_state_guest::export!(Load);
