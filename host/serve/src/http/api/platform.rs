//! The platform as a whole: how much there is, and which hosts do it.

use std::collections::{BTreeMap, BTreeSet};

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use serde_json::{Value, json};
use task_state_host::store::HeldTask;

use super::errors::store_problem;
use super::submit::services_here;
use crate::access::{Caller, Operator};
use crate::events::Sight;
use crate::http::{Problem, Shared, document};

/// How many runs are told of a host, and how many are read of all.
const MAX_RUNS: usize = 1_000;
const MAX_ALL_RUNS: usize = 20_000;

pub(super) async fn overview(State(shared): State<Shared>, caller: Caller) -> Result<Response, Problem> {
    let sight = Sight { owners: caller.owners()?, is_operators: caller.is_operator() };
    let overview = shared.events.overviews().get().await.map_err(store_problem)?;
    Ok(document(StatusCode::OK, &overview.seen_by(&sight)))
}

pub(super) async fn hosts(State(shared): State<Shared>, _: Operator) -> Result<Response, Problem> {
    let (hosts, held) = tokio::join!(hosts_of(&shared), shared.store().queue().held(MAX_ALL_RUNS));
    let (hosts, held) = (hosts?, held.map_err(store_problem)?);
    let mut runs: BTreeMap<&str, Vec<&HeldTask>> = BTreeMap::new();
    held.iter().for_each(|run| runs.entry(&run.host).or_default().push(run));
    let all: Vec<Value> = hosts
        .iter()
        .map(|host| {
            let its = runs.remove(&*host.name).unwrap_or_default();
            host_json(host, &its)
        })
        .collect();
    Ok(document(StatusCode::OK, &json!({"hosts": all})))
}

pub(super) async fn services(State(shared): State<Shared>, caller: Caller) -> Result<Response, Problem> {
    let owners = caller.owners()?;
    let mut services = services_here(&shared);
    for host in hosts_of(&shared).await? {
        services.extend(host.plugins().flat_map(names_in("services")));
    }
    services.retain(|service| owners.services.contains(service));
    Ok(document(StatusCode::OK, &json!({"services": services})))
}

/// A host process, as it says itself.
pub(super) struct HostShown {
    name: String,
    seen: String,
    about: Value,
}

/// The host processes that are there.
pub(super) async fn hosts_of(shared: &Shared) -> Result<Vec<HostShown>, Problem> {
    let hosts = shared.store().hosts().await.map_err(store_problem)?;
    let read = |host: task_state_host::store::HostSeen| HostShown {
        about: serde_json::from_str(host.about.about.as_str()).unwrap_or_default(),
        name: host.about.name,
        seen: host.seen.as_str().to_owned(),
    };
    Ok(hosts.into_iter().map(read).collect())
}

impl HostShown {
    fn plugins(&self) -> impl Iterator<Item = &Value> {
        self.about["plugins"].as_array().into_iter().flatten()
    }

    /// Whether one of its plugins runs the tasks of a service and a user.
    pub(super) fn serves(&self, service: &str, user: &str) -> bool {
        self.plugins().any(|plugin| {
            let has = |what: &str, name: &str| names_in(what)(plugin).contains(name);
            has("services", service) && (plugin["users"].is_null() || has("users", user))
        })
    }
}

/// The names that a plugin says under a key.
fn names_in(key: &str) -> impl Fn(&Value) -> BTreeSet<String> {
    move |plugin| {
        let names = plugin[key].as_array().into_iter().flatten();
        names.filter_map(|name| name.as_str().map(str::to_owned)).collect()
    }
}

fn host_json(host: &HostShown, runs: &[&HeldTask]) -> Value {
    let shown = runs.iter().take(MAX_RUNS);
    let shown: Vec<Value> = shown.map(|run| json!({"task_id": run.task_id, "attempt": run.attempt})).collect();
    json!({
        "name": host.name,
        "seen": host.seen,
        "runs": shown,
        "active": host.about["active"],
        "started": host.about["started"],
        "version": host.about["version"],
        "plugins": host.about["plugins"],
    })
}
