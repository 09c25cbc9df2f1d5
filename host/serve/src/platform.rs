//! A platform that runs: its plugins loaded, its queue served, its contract answered.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use futures_util::future::join_all;
use task_state_host::dispatch::{Dispatcher, Route};
use task_state_host::store::{Allowed, SharedStore};
use task_state_host::{CompilerProcess, Host, HostError, LoadError, Plugin};
use task_state_registry::{Component, ComponentError, Registry};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::access::{TokenError, Tokens};
use crate::config::{ConfigError, PlatformConfig, PluginConfig};
use crate::http::{Contract, Held, Token, router};
use crate::metrics::Metrics;
use crate::presence::Presence;
use crate::server::{Identity, Server, identity};

/// What a platform is given besides its configuration.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Surroundings {
    /// Where the tasks are.
    pub store: SharedStore,
    /// What compiles components; see [`HostBuilder::compile_with`](task_state_host::HostBuilder::compile_with).
    pub compiler: Option<CompilerProcess>,
    /// What a caller of `/tasks/*` has to show, unless the configuration names a file with a token.
    pub token: Option<Token>,
    /// The name of the zone in which the store writes times.
    pub time_zone: String,
    /// Where to listen rather than where the configuration says.
    pub listen: Option<SocketAddr>,
    /// The way to registries, for plugins that are there.
    pub registry: Registry,
}

impl Surroundings {
    /// A store alone, which writes times in a zone of this name. Registries are reached as the user's environment has it.
    pub fn new(store: SharedStore, time_zone: impl Into<String>) -> Self {
        let (time_zone, registry) = (time_zone.into(), Registry::from_env());
        Self { store, compiler: None, token: None, time_zone, listen: None, registry }
    }
}

/// Why a platform does not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// The system does not give what a host needs.
    #[error(transparent)]
    Host(#[from] HostError),
    /// A file that the configuration names cannot be used.
    #[error("{path:?} cannot be used: {why}")]
    File {
        /// The file.
        path: PathBuf,
        /// Why not.
        why: String,
    },
    /// Plugins cannot be loaded.
    #[error("{}", lines(.0))]
    Plugins(Vec<NotLoaded>),
    /// A token cannot be read.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// It would be open to everybody.
    #[error(
        "without tokens a platform listens on this machine alone, and {0} is reached from others: name tokens in the \
         configuration ([[tokens]]), or listen at 127.0.0.1"
    )]
    Open(SocketAddr),
    /// It cannot listen where it is to.
    #[error("cannot listen at {address}: {error}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why not.
        error: io::Error,
    },
}

/// A plugin that was not loaded.
#[derive(Debug)]
#[non_exhaustive]
pub struct NotLoaded {
    /// Its component.
    pub component: Component,
    /// Why not.
    pub error: ComponentError,
}

impl fmt::Display for NotLoaded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.error {
            error @ (ComponentError::Load(LoadError::File { .. }) | ComponentError::Registry(_)) => error.fmt(f),
            error => write!(f, "{:?} is not loaded: {error}", self.component.to_string()),
        }
    }
}

fn lines(all: &[NotLoaded]) -> String {
    all.iter().map(NotLoaded::to_string).collect::<Vec<_>>().join("\n")
}

/// What became of a configuration that was read anew.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Reloaded {
    /// How many plugins run tasks now.
    pub plugins: usize,
    /// What was not taken over, and why: one line each.
    pub problems: Vec<String>,
}

/// A platform that runs.
#[derive(Debug)]
pub struct Platform {
    contract: Contract,
    given_token: Option<Token>,
    registry: Registry,
    identity: Held<Identity>,
    server: Server,
    state: Mutex<State>,
    reloading: tokio::sync::Mutex<()>,
    presence: Presence,
    /// Says that the process is there, until it is dropped.
    _announcing: JoinSet<()>,
}

/// What it runs by now.
#[derive(Debug)]
struct State {
    /// As it was read last, but for what stays as it was at the start.
    config: PlatformConfig,
    running: Vec<Running>,
}

/// A plugin that runs tasks, and what it was loaded by.
#[derive(Debug, Clone)]
pub(crate) struct Running {
    pub(crate) config: PluginConfig,
    pub(crate) route: Route,
}

impl Running {
    fn new(config: &PluginConfig, plugin: Plugin, room: usize) -> Self {
        let mut route = Route::new(plugin, config.services.iter().cloned());
        route.users = config.users.clone();
        route.concurrency = config.concurrency.unwrap_or(room);
        route.per_user_concurrency = config.per_user_concurrency;
        route.attempts = config.attempts;
        route.backoff = config.backoff;
        route.limits = Some(config.manifest.limits.clone());
        Self { config: config.clone(), route }
    }

    /// The same for those of its tasks alone that the table of a plugin names which came from the same file or repository
    /// and was not loaded. None if there are none.
    fn in_place_of(&self, failed: &PluginConfig) -> Option<Self> {
        let mut kept = self.clone();
        kept.config.services.retain(|service| failed.services.contains(service));
        kept.config.users = kept.config.users.and(&failed.users);
        let serves_none = kept.config.services.is_empty() || kept.config.users == Allowed::only::<String>([]);
        if serves_none || !self.config.component.is_beside(&failed.component) {
            return None;
        }
        kept.route.services = kept.config.services.iter().cloned().collect();
        kept.route.users = kept.config.users.clone();
        Some(kept)
    }
}

impl Platform {
    /// Loads the plugins, begins to run tasks that wait, and listens.
    ///
    /// # Errors
    /// [`ServeError`]; nothing goes on then.
    pub async fn start(config: PlatformConfig, surroundings: Surroundings) -> Result<Self, ServeError> {
        let Surroundings { store, compiler, token: given_token, time_zone, listen, registry } = surroundings;
        let at = listen.unwrap_or(config.listen);
        let (tokens, identity) = access(&config, given_token.as_ref(), at)?;
        let identity = Held::new(identity);
        let metrics = Metrics::new(config.max_concurrent_runs)
            .inspect_err(|error| tracing::error!(%error, "nothing is counted"))
            .ok();
        let mut host = Host::builder(store)
            .max_concurrent_runs(config.max_concurrent_runs)
            .load_limits(config.load_limits.clone());
        if let Some(compiler) = compiler {
            host = host.compile_with(compiler);
        }
        if let Some(metrics) = &metrics {
            host = host.observe(metrics.clone());
        }
        let host = host.build()?;
        let (running, failed) = load(&host, &config, &registry).await;
        if !failed.is_empty() {
            return Err(ServeError::Plugins(failed.into_iter().map(|(_, failed)| failed).collect()));
        }
        let bound = TcpListener::bind(at).await;
        let listener = bound.map_err(|error| ServeError::Listen { address: at, error })?;
        let dispatcher = Dispatcher::builder(host)
            .settle(config.settle)
            .adopt_after(config.adopt_after)
            .max_waiting(config.max_waiting_tasks)
            .build();
        let mut contract = Contract::new(dispatcher, time_zone);
        contract.tokens = Held::new(tokens);
        contract.is_secure = config.tls.is_some();
        contract.metrics = metrics;
        contract.dispatcher.set_routes(routes(&running));
        let started = Server::start(listener, router(contract.clone()), identity.clone());
        let server = started.map_err(|error| ServeError::Listen { address: at, error })?;
        let presence = Presence::new(&contract, &running);
        let mut announcing = JoinSet::new();
        announcing.spawn(presence.clone().announce());
        let state = Mutex::new(State { config, running });
        let reloading = tokio::sync::Mutex::default();
        Ok(Self {
            contract,
            given_token,
            registry,
            identity,
            server,
            state,
            reloading,
            presence,
            _announcing: announcing,
        })
    }

    /// Whether a platform could start, as far as that can be told without loading its plugins, opening its store or
    /// listening.
    ///
    /// # Errors
    /// [`ServeError`].
    pub fn check(config: &PlatformConfig, token: Option<&Token>, listen: Option<SocketAddr>) -> Result<(), ServeError> {
        access(config, token, listen.unwrap_or(config.listen)).map(drop)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// Who may call what: a line for each group of routes.
    pub fn access(&self) -> Vec<String> {
        self.contract.tokens.get().told()
    }

    /// What takes the tasks.
    pub fn dispatcher(&self) -> &Dispatcher {
        &self.contract.dispatcher
    }

    /// Reads the configuration anew and goes on with it. What runs goes on as it began. A plugin that does not load
    /// leaves the one in place that came from the same file or repository before, for the tasks that both serve. A
    /// configuration that cannot be read leaves all as it was; tokens or a certificate that cannot be read, all of those.
    ///
    /// If this is dropped, the plugins stay as they were.
    pub async fn reload(&self) -> Reloaded {
        let _alone = self.reloading.lock().await;
        let before = self.state().config.clone();
        let unchanged = |error: ConfigError| Reloaded {
            plugins: self.state().running.len(),
            problems: error.to_string().lines().map(str::to_owned).collect(),
        };
        let mut config = match PlatformConfig::read(&before.path) {
            Ok(config) => config,
            Err(error) => return unchanged(error),
        };
        let mut problems = keep_fixed(&before, &mut config);
        match access(&config, self.given_token.as_ref(), self.address()) {
            Ok((tokens, identity)) => {
                let is_another = self.contract.tokens.get() != tokens;
                self.contract.tokens.change(|held| *held = tokens);
                if is_another {
                    self.contract.events.reopen();
                }
                self.identity.change(|held| *held = identity);
            }
            Err(error) => problems.push(format!("{error}; tokens and certificate stay as they were")),
        }
        let (mut running, failed) = load(self.dispatcher().host(), &config, &self.registry).await;
        for (plugin, failed) in &failed {
            let instead: Vec<_> =
                self.state().running.iter().filter_map(|running| running.in_place_of(plugin)).collect();
            let goes_on = match &instead[..] {
                [] => "its tasks are refused".to_owned(),
                some => {
                    let services: Vec<&str> =
                        some.iter().flat_map(|kept| &kept.config.services).map(String::as_str).collect();
                    format!("the one from before goes on, for {}", services.join(", "))
                }
            };
            problems.push(format!("{failed}; {goes_on}"));
            running.extend(instead);
        }
        let missing = failed.into_iter().map(|(_, failed)| failed.component).collect();
        self.contract.readiness.change(|readiness| readiness.missing = missing);
        let plugins = running.len();
        self.dispatcher().set_routes(routes(&running));
        self.presence.now_runs(&running);
        *self.state() = State { config, running };
        Reloaded { plugins, problems }
    }

    /// Takes no more tasks from the queue, lets runs end by themselves for the time that the configuration gives them,
    /// and cancels the rest. Requests are answered until then: what is submitted waits for another process.
    pub async fn stop(self) {
        self.contract.readiness.change(|readiness| readiness.is_draining = true);
        let time = self.state().config.drain;
        self.contract.dispatcher.drain(time).await;
        // Who watches has seen the last runs end, and would keep the server.
        self.contract.events.close();
        self.server.stop().await;
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Loads the plugins of a configuration, in the order of the file. Gives also what was not loaded.
async fn load<'a>(
    host: &Host,
    config: &'a PlatformConfig,
    registry: &Registry,
) -> (Vec<Running>, Vec<(&'a PluginConfig, NotLoaded)>) {
    let loading = config.plugins.iter().map(|plugin| plugin.component.load(host, plugin.load_request(), registry));
    let (mut running, mut failed) = (Vec::new(), Vec::new());
    for (plugin, loaded) in config.plugins.iter().zip(join_all(loading).await) {
        match loaded {
            Ok(loaded) => running.push(Running::new(plugin, loaded, config.max_concurrent_runs)),
            Err(error) => failed.push((plugin, NotLoaded { component: plugin.component.clone(), error })),
        }
    }
    (running, failed)
}

fn routes(running: &[Running]) -> Vec<Route> {
    running.iter().map(|running| running.route.clone()).collect()
}

/// Puts back what a process cannot take over while it runs, and tells what of that has changed.
fn keep_fixed(before: &PlatformConfig, now: &mut PlatformConfig) -> Vec<String> {
    let mut changed = Vec::new();
    macro_rules! keep {
        ($($key:literal: $field:ident,)*) => {
            $(if before.$field != now.$field {
                now.$field = before.$field.clone();
                changed.push($key);
            })*
        };
    }
    keep! {
        "store": store,
        "listen": listen,
        "max-concurrent-runs": max_concurrent_runs,
        "max-waiting-tasks": max_waiting_tasks,
        "settle": settle,
        "adopt-after": adopt_after,
        "loading": load_limits,
    }
    // Sessions are begun for the one or the other.
    if before.tls.is_some() != now.tls.is_some() {
        now.tls = before.tls.clone();
        changed.push("tls");
    }
    let told = |key| format!("`{key}` has changed, and stays as it was until the process is started anew");
    changed.into_iter().map(told).collect()
}

/// Who may do what at an address, and how the server proves who it is.
fn access(config: &PlatformConfig, given: Option<&Token>, at: SocketAddr) -> Result<(Tokens, Identity), ServeError> {
    let tokens = Tokens::read(config, given)?;
    let identity = read_identity(config)?;
    if tokens.may_listen(at) { Ok((tokens, identity)) } else { Err(ServeError::Open(at)) }
}

fn read_identity(config: &PlatformConfig) -> Result<Identity, ServeError> {
    let read = config.tls.as_ref().map(identity).transpose();
    read.map_err(|(path, why)| ServeError::File { path: path.to_owned(), why })
}
