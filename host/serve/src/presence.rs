//! What a platform says of itself to the other processes on its store: its plugins, with what they may do and use.

use std::sync::Arc;

use serde_json::{Map, Value, json};
use task_state_host::record::Timestamp;
use task_state_host::store::Allowed;
use tokio::sync::Notify;

use crate::events::{About, announce};
use crate::http::{Contract, Held};
use crate::platform::Running;

/// What a platform says of itself. All clones are the same.
#[derive(Debug, Clone)]
pub(crate) struct Presence {
    contract: Contract,
    started: Timestamp,
    plugins: Held<Value>,
    again: Arc<Notify>,
}

impl Presence {
    pub(crate) fn new(contract: &Contract, running: &[Running]) -> Self {
        let started = contract.dispatcher.host().store().now();
        Self { contract: contract.clone(), started, plugins: Held::new(plugins(running)), again: Arc::default() }
    }

    /// Says so of other plugins, at once.
    pub(crate) fn now_runs(&self, running: &[Running]) {
        self.plugins.change(|held| *held = plugins(running));
        self.again.notify_one();
    }

    /// Says that the process is there. Never ends.
    pub(crate) async fn announce(self) {
        let store = self.contract.dispatcher.host().store().clone();
        let overviews = self.contract.events.overviews().clone();
        let again = self.again.clone();
        announce(store, overviews, self, &again).await;
    }
}

impl About for Presence {
    fn name(&self) -> String {
        self.contract.dispatcher.host().name().to_owned()
    }

    fn active(&self) -> u64 {
        self.contract.dispatcher.host().runs().len() as u64
    }

    fn ended(&self) -> u64 {
        self.contract.metrics.as_ref().map_or(0, |metrics| metrics.ended())
    }

    fn rest(&self) -> Value {
        json!({
            "started": self.started.as_str(),
            "version": env!("CARGO_PKG_VERSION"),
            "plugins": self.plugins.get(),
        })
    }
}

fn plugins(running: &[Running]) -> Value {
    running.iter().map(of_plugin).collect()
}

/// What is said of a plugin: neither the values of its variables nor its secrets.
fn of_plugin(Running { config: plugin, route }: &Running) -> Value {
    let manifest = &plugin.manifest;
    let limits = manifest.limit_values().into_iter().map(|(key, value)| (key.to_owned(), Value::String(value)));
    let operations: Vec<String> = manifest.grants.operations.iter().map(ToString::to_string).collect();
    let capabilities = manifest.capabilities.to_string();
    json!({
        "component": plugin.component.to_string(),
        "services": plugin.services,
        "users": names(&plugin.users),
        "concurrency": route.concurrency,
        "attempts": plugin.attempts,
        "grants": {
            "services": names(&manifest.grants.services),
            "users": names(&manifest.grants.users),
            "operations": operations,
        },
        "limits": limits.collect::<Map<String, Value>>(),
        "capabilities": capabilities.lines().collect::<Vec<_>>(),
    })
}

/// The names that are allowed; null for any.
fn names(allowed: &Allowed) -> Value {
    match allowed {
        Allowed::Any => Value::Null,
        Allowed::Only(names) => names.iter().map(|name| Value::String(name.clone())).collect(),
    }
}
