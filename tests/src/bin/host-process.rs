//! A host in a process of its own: `host-process STORE-URL PLUGIN.wasm MODE COUNT LEASE-MS` runs a plugin on COUNT tasks of
//! `analytics` and `alice`, whose input is MODE, prints `started` when all of them run, and ends when they have ended.

use std::io::Write;
use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use task_state_host::record::{Service, UserId};
use task_state_host::store::{StoreUrl, open};
use task_state_host::{Grants, Host, Input, RunRequest, Settings};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let [_, url, plugin, mode, count, lease] = <[String; 6]>::try_from(std::env::args().collect::<Vec<_>>())
        .map_err(|_| anyhow::anyhow!("usage: host-process STORE-URL PLUGIN.wasm MODE COUNT LEASE-MS"))?;
    let store = open(&StoreUrl::parse(&url)?, &Settings::from_vars(|_| None)?).await?;
    let (count, lease) = (count.parse()?, Duration::from_millis(lease.parse()?));
    let host = Host::builder(store).name("first").lease(lease).max_concurrent_runs(count).build()?;
    let plugin = host.load_file(Path::new(&plugin), Grants::for_services(["analytics"])).await?;
    let mut runs = Vec::new();
    for _ in 0..count {
        let mut request = RunRequest::new(Service::new("analytics")?, UserId::new("alice")?);
        request.input = Input::Bytes(mode.as_bytes().into());
        runs.push(plugin.start(request).await?);
    }
    let mut stdout = std::io::stdout();
    writeln!(stdout, "started")?;
    stdout.flush()?;
    for run in runs {
        run.wait().await;
    }
    Ok(())
}
