//! A call of the host, measured inside a guest, against a native async function of the same linker that gives the same
//! kind of answer, and what the store itself takes for it.

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

/// The native calls, as the guest is told to make them.
const NATIVE: [(&str, &str); 2] = [("nothing", NOTHING), ("record", RECORD)];

const NOTHING: &str = "native call that does nothing";
const RECORD: &str = "native call that gives a record";

/// The host's, the native one of each that is alike, and what the store does in it.
const CALLS: [Call; 3] = [
    Call { told: "cancel-requested", name: "current-task.cancel-requested", alike: NOTHING, store: None },
    Call { told: "set-progress", name: "current-task.set-progress", alike: NOTHING, store: None },
    Call { told: "get", name: "repository.get", alike: RECORD, store: Some(STORE) },
];

const STORE: &str = "the store's own get";

struct Call {
    told: &'static str,
    name: &'static str,
    alike: &'static str,
    store: Option<&'static str>,
}

pub(crate) async fn measure(setting: &Setting, results: &mut Results) -> Result<()> {
    let nothing = Nothing::new().await?;
    let guests = Guests::new(nothing.clone(), setting).await?;
    let times = setting.size(200_000, 1_000);
    for round in 0..setting.rounds {
        setting.tell("call", round);
        for (told, name) in NATIVE.into_iter().chain(CALLS.map(|call| (call.told, call.name))) {
            let numbers = guests.run(&format!("{told} {times}")).await?;
            let thousand = numbers.first().with_context(|| format!("{told} printed nothing"))?;
            results.add(WHAT, name, Unit::Seconds, *thousand as f64 / 1e12);
        }
        results.add(WHAT, STORE, Unit::Seconds, get(&nothing, times).await?);
    }
    guests.shutdown().await;
    for call in CALLS {
        let of_store = call.store.map_or(0.0, |store| results.median(WHAT, store));
        let more = |than| 1e9 * (results.median(WHAT, call.name) - of_store - results.median(WHAT, than));
        let mut told = format!("{:.0} ns", more(call.alike));
        if call.alike != NOTHING {
            told.push_str(&format!(" ({:.0} ns on top of a {NOTHING})", more(NOTHING)));
        }
        results.goal(format!("{}, on top of the store and a {} (at most 1 µs)", call.name, call.alike), told);
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
