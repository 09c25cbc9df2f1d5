//! A call of the host, measured inside a guest, against a native async function of the same linker that does nothing.

use anyhow::{Context, Result};

use crate::Setting;
use crate::guests::Guests;
use crate::nothing::Nothing;
use task_state_tests::bench_table::{Results, Unit};

const WHAT: &str = "host call";

/// The native one, then the host's.
const CALLS: [&str; 4] = ["nothing", "cancel-requested", "set-progress", "get"];

pub(crate) async fn measure(setting: &Setting, results: &mut Results) -> Result<()> {
    let guests = Guests::new(Nothing::new().await?, setting).await?;
    let times = setting.size(200_000, 1_000);
    for round in 0..setting.rounds {
        setting.tell("call", round);
        for call in CALLS {
            let numbers = guests.run(&format!("{call} {times}")).await?;
            let thousand = numbers.first().with_context(|| format!("{call} printed nothing"))?;
            results.add(WHAT, name(call), Unit::Seconds, *thousand as f64 / 1e12);
        }
    }
    guests.shutdown().await;
    for call in &CALLS[1..] {
        let more = results.median(WHAT, name(call)) - results.median(WHAT, name(CALLS[0]));
        results
            .goal(format!("{}, on top of a native call (at most 1 µs)", name(call)), format!("{:.0} ns", more * 1e9));
    }
    Ok(())
}

fn name(call: &str) -> &str {
    match call {
        "nothing" => "native call that does nothing",
        "get" => "repository.get",
        "cancel-requested" => "current-task.cancel-requested",
        _ => "current-task.set-progress",
    }
}
