//! A dispatcher in a process of its own: `dispatch-process STORE-URL PLUGIN.wasm ATTEMPTS LEASE-MS` runs the tasks of
//! `analytics` that wait on a plugin, prints `started` when it begins, and ends when it is killed.

use std::io::Write;
use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use task_state_host::dispatch::{Dispatcher, Route};
use task_state_host::store::{StoreUrl, open};
use task_state_host::{Grants, Host, Settings};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let [_, url, plugin, attempts, lease] = <[String; 5]>::try_from(std::env::args().collect::<Vec<_>>())
        .map_err(|_| anyhow::anyhow!("usage: dispatch-process STORE-URL PLUGIN.wasm ATTEMPTS LEASE-MS"))?;
    let store = open(&StoreUrl::parse(&url)?, &Settings::from_vars(|_| None)?).await?;
    let host = Host::builder(store).name("first").lease(Duration::from_millis(lease.parse()?)).build()?;
    let plugin = host.load_file(Path::new(&plugin), Grants::for_services(["analytics"])).await?;
    let dispatcher = Dispatcher::builder(host).build();
    let mut route = Route::new(plugin, ["analytics"]);
    (route.attempts, route.backoff) = (attempts.parse()?, Duration::ZERO);
    dispatcher.set_routes(vec![route]);
    let mut stdout = std::io::stdout();
    writeln!(stdout, "started")?;
    stdout.flush()?;
    std::future::pending().await
}
