//! The listing of all tasks by the frontend's contract, beside the frontend itself, and what it costs each in memory.

use std::time::Instant;

use anyhow::{Result, ensure};
use task_state_host::store::{Pause, TaskStore as _};
use task_state_tests::bench_table::{Results, Unit};
use task_state_tests::peers::Checkout;

use crate::Setting;
use crate::client::Client;
use crate::platform::{Platform, memory};
use crate::tasks::Fixture;

const TIME: &str = "listing of all tasks";
const MEMORY: &str = "growth of the process by a listing";

/// A server that lists the tasks of the same store.
struct Side {
    by: String,
    pid: u32,
    port: u16,
    /// Its resident bytes once it has listed nothing: its code is there.
    before: f64,
}

/// What a side shows as an operator.
const TOKEN: &str = "X-Operator-Token: t0ken\r\n";

impl Side {
    async fn new(by: String, pid: u32, port: u16) -> Result<Self> {
        Client::connect(port).await?.bytes_of("/api/v1/admin/services/none/tasks", TOKEN).await?;
        Ok(Self { by, pid, port, before: memory(pid, "VmRSS:")? })
    }

    async fn list(&self, least: usize, results: &mut Results) -> Result<()> {
        // The system forgets the most that the process has held so far.
        std::fs::write(format!("/proc/{}/clear_refs", self.pid), "5")?;
        let client = Client::connect(self.port).await?;
        let began = Instant::now();
        let bytes = client.bytes_of("/api/v1/admin/tasks", TOKEN).await?;
        results.add(TIME, &self.by, Unit::Seconds, began.elapsed().as_secs_f64());
        ensure!(bytes >= least, "{}: {bytes} bytes are no whole listing", self.by);
        results.add(MEMORY, &self.by, Unit::Bytes, memory(self.pid, "VmHWM:")? - self.before);
        Ok(())
    }
}

pub(crate) async fn measure(setting: &Setting, results: &mut Results) -> Result<()> {
    let tasks = setting.size(100_000, 1_000);
    let mut fixture = Fixture::new().await?;
    eprintln!("listing: registering {tasks} tasks");
    fixture.register(tasks, "{}").await?;
    // Nobody is to run them.
    fixture.store.queue().pause(&Pause::All).await?;
    let platform = Platform::start(setting, &fixture.server.url(), 1, false).await?;
    let ours = format!("platform, {tasks} tasks");
    let theirs = format!("peer, {tasks} tasks");
    let mut sides = vec![Side::new(ours.clone(), platform.pid()?, platform.port()).await?];
    let mut frontend = None;
    if let (Some(checkout), Some(python)) = (&setting.arguments.peer, &setting.arguments.python) {
        let scheduler = format!("http://127.0.0.1:{}", platform.port());
        let checkout = Checkout::new(checkout, python);
        let frontend = frontend.insert(checkout.frontend(&fixture.server.url(), &scheduler).await?);
        sides.push(Side::new(theirs.clone(), frontend.pid(), frontend.address.port()).await?);
    }
    for round in 0..setting.rounds() {
        setting.tell("listing", round);
        for side in &sides {
            side.list(100 * tasks, results).await?;
        }
    }
    let [faster, less] = [TIME, MEMORY].map(|what| results.median(what, &theirs) / results.median(what, &ours));
    results.goal(
        "listing against the frontend (at least 5 times as fast, at a tenth of its memory)",
        format!("{faster:.1} times as fast, at 1/{less:.0} of its memory"),
    );
    Ok(())
}
