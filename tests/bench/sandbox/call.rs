//! A call of the host, measured inside a guest, against a native async function of the same linker that does nothing, and
//! what the store itself takes for it.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result};
use task_state_host::record::TaskId;
use task_state_host::store::{Access, TaskStore as _};

use crate::Setting;
use crate::guests::Guests;
use crate::nothing::Nothing;
use task_state_tests::bench_table::{Results, Unit};

const WHAT: &str = "host call";

/// The native one, then the host's.
const CALLS: [&str; 4] = ["nothing", "cancel-requested", "set-progress", "get"];

/// The store's own part of `get`: the record that it gives. It has none in the other calls.
const STORE: &str = "the store's own get";

pub(crate) async fn measure(setting: &Setting, results: &mut Results) -> Result<()> {
    let nothing = Nothing::new().await?;
    let guests = Guests::new(nothing.clone(), setting).await?;
    let times = setting.size(200_000, 1_000);
    for round in 0..setting.rounds {
        setting.tell("call", round);
        for call in CALLS {
            let numbers = guests.run(&format!("{call} {times}")).await?;
            let thousand = numbers.first().with_context(|| format!("{call} printed nothing"))?;
            results.add(WHAT, name(call), Unit::Seconds, *thousand as f64 / 1e12);
        }
        results.add(WHAT, STORE, Unit::Seconds, get(&nothing, times).await?);
    }
    guests.shutdown().await;
    for call in &CALLS[1..] {
        let of_store = if *call == "get" { results.median(WHAT, STORE) } else { 0.0 };
        let more = results.median(WHAT, name(call)) - results.median(WHAT, name(CALLS[0])) - of_store;
        results.goal(
            format!("{}, on top of a native call and the store (at most 1 µs)", name(call)),
            format!("{:.0} ns", more * 1e9),
        );
    }
    Ok(())
}

/// The seconds that the store takes to give a record, on one of the threads.
async fn get(store: &Arc<Nothing>, times: usize) -> Result<f64> {
    let (store, id) = (store.clone(), TaskId::stored(store.task().task_id())?);
    let gets = async move {
        let start = Instant::now();
        for _ in 0..times {
            black_box(store.get(&id, &Access::ANY).await?);
        }
        anyhow::Ok(start.elapsed().as_secs_f64() / times as f64)
    };
    tokio::spawn(gets).await?
}

fn name(call: &str) -> &str {
    match call {
        "nothing" => "native call that does nothing",
        "get" => "repository.get",
        "cancel-requested" => "current-task.cancel-requested",
        _ => "current-task.set-progress",
    }
}
