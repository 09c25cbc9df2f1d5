//! A platform that has an engine, a linker and a store type of its own, and takes only the imports from this library.
//!
//! It registers a task, runs a plugin on it without any of the sandbox that [`task_state_host::Host`] adds (no limits, no
//! cancellation), and shows the record.
//!
//! ```text
//! cargo run -p task-state-host --example foreign_linker -- PLUGIN.wasm [sqlite:PATH | redis://HOST | memory:]
//! ```

use std::error::Error;
use std::time::Duration;

use task_state_host::imports::bindings::Plugin;
use task_state_host::imports::{self, Grants, TaskStateCtx, TaskStateView};
use task_state_host::record::{Change, Service, Status, TaskId, UserId};
use task_state_host::store::{self, Access, Claim, Owners, RunId, SharedStore, StoreUrl};
use task_state_host::wasmtime::component::{Component, Linker, ResourceTable};
use task_state_host::wasmtime::{Engine, Store};
use task_state_host::{Settings, wasmtime};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

/// What this platform keeps for each of its guests.
struct Platform {
    wasi: WasiCtx,
    table: ResourceTable,
    task_state: TaskStateCtx,
}

impl WasiView for Platform {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

impl TaskStateView for Platform {
    fn task_state(&mut self) -> &mut TaskStateCtx {
        &mut self.task_state
    }
}

/// The platform's linker, with whatever it offers its guests.
fn linker(engine: &Engine) -> wasmtime::Result<Linker<Platform>> {
    let mut linker = Linker::new(engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    imports::add_to_linker(&mut linker)?;
    Ok(linker)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let plugin = arguments.next().ok_or("usage: foreign_linker PLUGIN.wasm [STORE]")?;
    let url = StoreUrl::parse(arguments.next().as_deref().unwrap_or("memory:"))?;
    let store = store::open(&url, &Settings::from_env()?).await?;

    let engine = Engine::default();
    let component = Component::from_file(&engine, plugin)?;
    let id = run(&store, &engine, &component).await?;
    println!("{}", store.get(&id, &Access::ANY).await?.encode());
    Ok(())
}

/// Claims a new task, has the plugin carry it out, and writes how that ended.
async fn run(store: &SharedStore, engine: &Engine, component: &Component) -> Result<TaskId, Box<dyn Error>> {
    let (service, user) = (Service::new("analytics")?, UserId::new("alice")?);
    let access = Access::of(Owners::only(service.as_str(), user.as_str()));
    let run = RunId::unique();
    let claimed = store.claim(Claim::new(service, user, run.clone(), Duration::from_secs(600))).await?;
    let (id, access) = (TaskId::stored(claimed.task.task_id())?, access.during(run));

    let task_state = TaskStateCtx::new(store.clone(), Grants::for_services(["analytics"]));
    let mut guest = Store::new(
        engine,
        Platform {
            wasi: WasiCtx::builder().inherit_stdout().inherit_stderr().build(),
            table: ResourceTable::new(),
            task_state: task_state.with_task(id.clone(), access.clone()),
        },
    );
    let instance = Plugin::instantiate_async(&mut guest, component, &linker(engine)?).await?;
    let change = match instance.dms_task_state_worker().call_run(&mut guest, &(&claimed.task).into()).await {
        Ok(Ok(())) => Change::finish(Status::Completed),
        Ok(Err(why)) => Change::finish(Status::Failed).log(why),
        Err(trap) => Change::finish(Status::Failed).log(trap.root_cause().to_string()),
    };
    store.change(&id, change, &access).await?;
    Ok(id)
}
