//! A host in a process of its own: `append-process STORE-URL TASK-ID NAME COUNT` appends the entries `NAME 0`, `NAME 1`, …
//! to a task, one after the other, and prints the number of each once it is acknowledged.

use std::io::Write;

use anyhow::{Context, Result};
use task_state_host::Settings;
use task_state_host::record::{Change, TaskId};
use task_state_host::store::{Access, StoreUrl, open};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let [_, url, id, name, count] = <[String; 5]>::try_from(std::env::args().collect::<Vec<_>>())
        .map_err(|_| anyhow::anyhow!("usage: append-process STORE-URL TASK-ID NAME COUNT"))?;
    let store = open(&StoreUrl::parse(&url)?, &Settings::from_vars(|_| None)?).await?;
    let id = TaskId::new(id)?;
    let mut stdout = std::io::stdout();
    for number in 0..count.parse::<u64>().context("COUNT is no number")? {
        store.change(&id, Change::logs([format!("{name} {number}")]), &Access::ANY).await?;
        writeln!(stdout, "{number}")?;
        stdout.flush()?;
    }
    Ok(())
}
