//! A platform on [`Host`]: it gives its plugins an import of its own, watches what happens in a run, and lets the runs that
//! are under way end before it does.
//!
//! ```text
//! cargo run -p task-state-host --example embedded_host -- PLUGIN.wasm [sqlite:PATH | redis://HOST | memory:]
//! ```

use std::error::Error;
use std::path::Path;
use std::time::Duration;

use task_state_host::record::{Service, UserId};
use task_state_host::store::{self, StoreUrl};
use task_state_host::wasmtime::{self, component::Linker};
use task_state_host::{Grants, Guest, Host, RunEvent, RunRequest, Settings};

/// What this platform knows of a run, for its own imports.
#[derive(Clone)]
struct Region(&'static str);

/// The platform's own import: the interface `example:platform/region`, with the function `name: func() -> string`.
fn serve_region(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    linker.instance("example:platform/region@1.0.0")?.func_wrap("name", |guest, ()| {
        let region = guest.data().extension::<Region>().map_or("nowhere", |region| region.0);
        Ok((region.to_owned(),))
    })
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let plugin = arguments.next().ok_or("usage: embedded_host PLUGIN.wasm [STORE]")?;
    let url = StoreUrl::parse(arguments.next().as_deref().unwrap_or("memory:"))?;
    let store = store::open(&url, &Settings::from_env()?).await?;

    let host = Host::builder(store).max_concurrent_runs(8).imports(serve_region).build()?;
    let plugin = host.load_file(Path::new(&plugin), Grants::for_services(["analytics"])).await?;

    let request = RunRequest::new(Service::new("analytics")?, UserId::new("alice")?).extension(Region("the north"));
    let mut events = request.events();
    let run = plugin.start(request).await?;
    println!("task {}", run.task_id());
    while let Some(event) = events.next().await {
        match event {
            RunEvent::Status(status) => println!("status {status}"),
            RunEvent::Entry { message, .. } => println!("entry {message}"),
            RunEvent::Output(bytes) => print!("{}", String::from_utf8_lossy(&bytes)),
            other => println!("{other:?}"),
        }
    }
    let outcome = run.wait().await;
    println!("{}", outcome.task().await?.encode());
    host.drain(Duration::from_secs(10)).await;
    Ok(())
}
