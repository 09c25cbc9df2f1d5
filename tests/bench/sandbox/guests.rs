//! A host with the benchmark's plugins.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result, bail};
use task_state_host::imports::bindings::dms::task_state::types;
use task_state_host::record::{Service, Status, UserId};
use task_state_host::store::SharedStore;
use task_state_host::wasmtime;
use task_state_host::wasmtime::component::Linker;
use task_state_host::{Grants, Host, Input, Limits, OutputSink, Plugin, Run, RunRequest};

use crate::Setting;
use crate::nothing::Nothing;

/// Whose tasks are measured.
pub(crate) const SERVICE: &str = "analytics";
/// Whose tasks are measured.
pub(crate) const USER: &str = "alice";

/// More than any part needs at once.
const MAX_AT_ONCE: usize = 300;

/// A host with the plugins.
#[derive(Debug)]
pub(crate) struct Guests {
    host: Host,
    empty: Plugin,
    load: Plugin,
}

/// A run that was started, and what it prints.
#[derive(Debug)]
pub(crate) struct Started {
    pub(crate) run: Run,
    printed: Printed,
}

type Printed = Arc<Mutex<Vec<u8>>>;

impl Guests {
    pub(crate) async fn new(store: SharedStore, setting: &Setting) -> Result<Self> {
        Self::with(store, setting, MAX_AT_ONCE).await
    }

    /// The same for so many runs at once.
    pub(crate) async fn with(store: SharedStore, setting: &Setting, at_once: usize) -> Result<Self> {
        let nothing = Nothing::new().await?;
        let native = move |linker: &mut _| add_native(linker, &nothing);
        let host = Host::builder(store).max_concurrent_runs(at_once).imports(native).build()?;
        let grants = Grants::for_services([SERVICE]);
        let empty = host.load_file(&setting.empty, grants.clone()).await?;
        let load = host.load_file(&setting.load, grants).await?;
        Ok(Self { host, empty, load })
    }

    /// Runs the plugin that does what it is told. Gives the numbers that it prints.
    pub(crate) async fn run(&self, input: &str) -> Result<Vec<u64>> {
        self.start(input).await?.numbers().await
    }

    /// Runs the plugin that does nothing.
    pub(crate) async fn run_empty(&self) -> Result<()> {
        let outcome = self.empty.run(request("")?).await?;
        match outcome.status {
            Status::Completed => Ok(()),
            status => bail!("the plugin ended {status}"),
        }
    }

    /// Starts the plugin that does what it is told.
    pub(crate) async fn start(&self, input: &str) -> Result<Started> {
        let printed = Printed::default();
        let mut request = request(input)?;
        request.output = OutputSink::callback({
            let printed = Arc::clone(&printed);
            move |bytes| printed.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes)
        });
        Ok(Started { run: self.load.start(request).await?, printed })
    }

    /// Ends the host.
    pub(crate) async fn shutdown(self) {
        self.host.shutdown().await;
    }
}

impl Started {
    /// Waits for the end, and gives the numbers that were printed.
    pub(crate) async fn numbers(self) -> Result<Vec<u64>> {
        let outcome = self.run.wait().await;
        if outcome.status != Status::Completed {
            bail!("the plugin ended {}: {:?}", outcome.status, outcome.task().await?.logs().last());
        }
        let printed = self.printed.lock().unwrap_or_else(PoisonError::into_inner);
        let lines = std::str::from_utf8(&printed)?.lines();
        lines.map(|line| line.parse().with_context(|| format!("the plugin printed {line:?}"))).collect()
    }

    /// Ends it, whatever it does.
    pub(crate) async fn end(self) {
        self.run.cancel();
        self.run.wait().await;
    }
}

fn request(input: &str) -> Result<RunRequest> {
    let mut request = RunRequest::new(Service::new(SERVICE)?, UserId::new(USER)?);
    request.input = Input::Bytes(input.as_bytes().into());
    let mut limits = Limits::default();
    limits.grace = Duration::ZERO;
    limits.quotas.calls_per_second = u32::MAX;
    limits.quotas.entries_bytes = usize::MAX;
    request.limits = Some(limits);
    Ok(request)
}

/// Serves the benchmark's own imports as the host serves its own: as async functions of a linker.
pub(crate) fn add_native<T: Send + 'static>(linker: &mut Linker<T>, nothing: &Arc<Nothing>) -> wasmtime::Result<()> {
    let mut calls = linker.instance("bench:native/calls@1.0.0")?;
    calls.func_wrap_async("nothing", |_, (): ()| Box::new(async { Ok((false,)) }))?;
    let nothing = nothing.clone();
    calls.func_wrap_async("record", move |_, (): ()| {
        let record: Result<types::TaskRecord, ()> = Ok(nothing.task().into());
        Box::new(async { Ok((record,)) })
    })
}

/// Milliseconds since 1970, so much from now.
pub(crate) fn moment(from_now: Duration) -> Result<u64> {
    let moment = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)? + from_now;
    Ok(u64::try_from(moment.as_millis())?)
}
