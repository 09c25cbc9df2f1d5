//! One instance of a component: what it reaches, and the call of its worker.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use wasmtime::component::{ResourceTable, ResourceTableError};
use wasmtime::{Store, UpdateDeadline};
use wasmtime_wasi::cli::StdinStream;
use wasmtime_wasi::{I32Exit, WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

use super::capabilities::Http;
use super::memory::{MemoryExceeded, MemoryLimit};
use super::output::Output;
use super::pace::Pace;
use super::platform::Platform;
use super::{Limits, Plugin};
use crate::imports::{TaskStateCtx, TaskStateView};
use crate::record::TaskRecord;
use crate::units::in_units;

/// The most things of the host, such as streams, that a guest may have in hand at once. The largest, the headers of a
/// request, make 64 MiB of them.
const MAX_RESOURCES: usize = 2_000;

/// How wasmtime says that a guest has handed over more than it may; the error has no public type.
const CALL_EXHAUSTED: &str = "fuel allocated for hostcalls has been exhausted";

/// The most bytes of a trap's description in a task's log.
const MAX_TRAP_BYTES: usize = 8 << 10;

/// All that a guest reaches: the data of its wasmtime store.
///
/// A platform that serves [imports of its own](super::HostBuilder::imports) finds in it what it gave the run by
/// [`RunRequest::extension`](super::RunRequest::extension), and by [`WasiView`] the table for resources of its own.
pub struct Guest {
    wasi: WasiCtx,
    http: Http,
    http_ctx: WasiHttpCtx,
    table: ResourceTable,
    task_state: TaskStateCtx,
    memory: MemoryLimit,
    call_bytes: usize,
    extension: Option<Extended>,
}

/// What a platform has given a run.
pub(super) type Extended = Box<dyn Any + Send>;

impl Guest {
    /// What the platform gave the run, if it is of this type.
    pub fn extension<T: 'static>(&self) -> Option<&T> {
        self.extension.as_ref()?.downcast_ref()
    }

    /// The same, to be changed.
    pub fn extension_mut<T: 'static>(&mut self) -> Option<&mut T> {
        self.extension.as_mut()?.downcast_mut()
    }

    /// WASI with what was granted, which is nothing unless it was named, and never arguments or sockets.
    pub(super) fn new(
        mut wasi: WasiCtxBuilder,
        http: Http,
        task_state: TaskStateCtx,
        input: Box<dyn StdinStream + Sync>,
        output: Output,
        limits: &Limits,
        platform: &Platform,
    ) -> Self {
        let mut table = ResourceTable::new();
        table.set_max_capacity(MAX_RESOURCES);
        wasi.stdin(input).stdout(output.clone()).stderr(output).allow_tcp(false).allow_udp(false);
        platform.grant(&mut wasi);
        Self {
            wasi: wasi.build(),
            http,
            http_ctx: Http::context(),
            table,
            task_state,
            memory: MemoryLimit::new(limits.memory_bytes),
            call_bytes: limits.call_bytes,
            extension: platform.extension(),
        }
    }

    /// A fresh wasmtime store for the guest. At each tick of the epoch the guest yields, if its pace asks for it.
    pub(super) fn into_store(self, engine: &wasmtime::Engine, pace: Arc<Pace>) -> Store<Self> {
        let call_bytes = self.call_bytes;
        let mut store = Store::new(engine, self);
        store.limiter(|guest| &mut guest.memory);
        store.set_epoch_deadline(1);
        store.epoch_deadline_callback(move |_| {
            Ok(if pace.has_to_yield() { UpdateDeadline::Yield(1) } else { UpdateDeadline::Continue(1) })
        });
        store.set_hostcall_fuel(call_bytes);
        store
    }
}

impl fmt::Debug for Guest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guest").field("task_state", &self.task_state).finish_non_exhaustive()
    }
}

impl WasiView for Guest {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

impl WasiHttpView for Guest {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView { hooks: &mut self.http, table: &mut self.table, ctx: &mut self.http_ctx }
    }
}

impl TaskStateView for Guest {
    fn task_state(&mut self) -> &mut TaskStateCtx {
        &mut self.task_state
    }
}

/// What a guest has returned, and whether it has wanted more memory than its limit. The error is what the task's log is to
/// say: the guest's own, or a trap.
pub(super) type Returned = (Result<(), String>, Option<MemoryExceeded>);

/// Makes an instance and has it carry out a task.
pub(super) async fn work(plugin: Plugin, mut store: Store<Guest>, task: Box<TaskRecord>) -> Returned {
    let returned = async {
        let instance = plugin.0.component.instantiate_async(&mut store).await?;
        instance.dms_task_state_worker().call_run(&mut store, &(&*task).into()).await
    };
    let returned = returned.await;
    let returned = returned.unwrap_or_else(|trap| Err(describe_trap(&trap, store.data())));
    (returned, store.data().memory.exceeded())
}

/// A trap as the task's log tells it: what happened, and where in the guest.
fn describe_trap(error: &wasmtime::Error, guest: &Guest) -> String {
    let mut text = match (error.downcast_ref::<I32Exit>(), error.downcast_ref::<ResourceTableError>()) {
        (Some(exit), _) => format!("the guest exited with status {} instead of returning", exit.0),
        (_, Some(ResourceTableError::Full)) => format!("limit of {MAX_RESOURCES} resources exceeded"),
        _ => match error.root_cause().to_string() {
            text if text.ends_with(CALL_EXHAUSTED) => {
                format!("limit of {} for what is handed over in one call exceeded", in_units(guest.call_bytes))
            }
            text => text,
        },
    };
    if let Some(backtrace) = error.downcast_ref::<wasmtime::WasmBacktrace>() {
        text = format!("{text}\n{backtrace}");
    }
    let end = text.floor_char_boundary(MAX_TRAP_BYTES);
    text.truncate(end);
    text
}
