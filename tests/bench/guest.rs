//! The store through a real guest: a host with the benchmark's plugin loaded.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result, bail};
use task_state_host::record::{JsonObject, Service, Status, TaskId, UserId};
use task_state_host::store::SharedStore;
use task_state_host::{Grants, Host, Operation, OutputSink, Plugin, RunRequest};

use crate::native::{ENTRIES, SERVICE, USER, with_each};

/// The most guests that run at once.
const MAX_AT_ONCE: usize = 256;

/// A host with the plugin.
#[derive(Debug)]
pub(crate) struct Guests {
    host: Host,
    plugin: Plugin,
}

impl Guests {
    pub(crate) async fn new(store: SharedStore, plugin: &Path) -> Result<Self> {
        let host = Host::builder(store).max_concurrent_runs(MAX_AT_ONCE).build()?;
        let grants = Grants::for_services([SERVICE]).allow(Operation::List);
        let plugin = host.load_file(plugin, grants).await?;
        Ok(Self { host, plugin })
    }

    /// Runs the plugin on a task that is there, with the parameters that it has. Gives the numbers that it prints.
    pub(crate) async fn run(&self, task: &str) -> Result<Vec<u64>> {
        run(&self.plugin, task, None).await
    }

    /// Takes tasks through their lives, one run each, so many at once. Gives the time of all.
    pub(crate) async fn lifecycles(&self, tasks: &[String], at_once: usize, what: &str) -> Result<f64> {
        let parameters = JsonObject::parse("parameters", &format!(r#"{{"do":"{what}","times":{ENTRIES}}}"#))?;
        let plugin = self.plugin.clone();
        let work = move |task: String| {
            let (plugin, parameters) = (plugin.clone(), parameters.clone());
            async move { run(&plugin, &task, Some(parameters)).await.map(drop) }
        };
        with_each(tasks, at_once, work).await
    }

    /// Ends the host.
    pub(crate) async fn shutdown(self) {
        self.host.shutdown().await;
    }
}

async fn run(plugin: &Plugin, task: &str, parameters: Option<JsonObject>) -> Result<Vec<u64>> {
    let printed = Arc::new(Mutex::new(Vec::new()));
    let mut request = RunRequest::new(Service::new(SERVICE)?, UserId::new(USER)?);
    request.task_id = Some(TaskId::new(task)?);
    request.parameters = parameters;
    request.output = OutputSink::callback({
        let printed = Arc::clone(&printed);
        move |bytes| printed.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes)
    });
    let outcome = plugin.run(request).await?;
    if outcome.status != Status::Completed {
        bail!("the plugin ended {}: {:?}", outcome.status, outcome.task().await?.logs().last());
    }
    let printed = printed.lock().unwrap_or_else(PoisonError::into_inner);
    let lines = std::str::from_utf8(&printed)?.lines();
    lines.map(|line| line.parse().with_context(|| format!("the plugin printed {line:?}"))).collect()
}
