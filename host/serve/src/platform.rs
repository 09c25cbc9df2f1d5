//! A platform that runs: its plugins loaded, its queue served, its contract answered.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use futures_util::future::join_all;
use task_state_host::dispatch::{Dispatcher, Route};
use task_state_host::store::SharedStore;
use task_state_host::{CompilerProcess, Host, HostError, LoadError};
use task_state_registry::{Component, ComponentError, Registry};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::access::{TokenError, Tokens, is_private};
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
    config: PlatformConfig,
    /// Each with its component.
    routes: Vec<(Component, Route)>,
}

impl Platform {
    /// Loads the plugins, begins to run tasks that wait, and listens.
    ///
    /// # Errors
    /// [`ServeError`]; nothing goes on then.
    pub async fn start(config: PlatformConfig, surroundings: Surroundings) -> Result<Self, ServeError> {
        let Surroundings { store, compiler, token: given_token, time_zone, listen, registry } = surroundings;
        let token = token(&config, given_token.as_ref())?;
        let tokens = Tokens::read(&config.tokens)?;
        let identity = Held::new(read_identity(&config)?);
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
        let (routes, failed) = load(&host, &config, &registry).await;
        if !failed.is_empty() {
            return Err(ServeError::Plugins(failed));
        }
        let at = listen.unwrap_or(config.listen);
        if token.is_none() && tokens.is_empty() && !is_private(at) {
            return Err(ServeError::Open(at));
        }
        let bound = TcpListener::bind(at).await;
        let listener = bound.map_err(|error| ServeError::Listen { address: at, error })?;
        let dispatcher = Dispatcher::builder(host)
            .settle(config.settle)
            .adopt_after(config.adopt_after)
            .max_waiting(config.max_waiting_tasks)
            .build();
        let mut contract = Contract::new(dispatcher, time_zone);
        contract.token = Held::new(token);
        contract.tokens = Held::new(tokens);
        contract.open_user_routes = Held::new(config.open_user_routes);
        contract.is_secure = config.tls.is_some();
        contract.metrics = metrics;
        contract.dispatcher.set_routes(only_routes(&routes));
        let started = Server::start(listener, router(contract.clone()), identity.clone());
        let server = started.map_err(|error| ServeError::Listen { address: at, error })?;
        let presence = Presence::new(&contract, &config);
        let mut announcing = JoinSet::new();
        announcing.spawn(presence.clone().announce());
        let state = Mutex::new(State { config, routes });
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

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// Who may call what: a line for each group of routes.
    pub fn access(&self) -> Vec<String> {
        let (tokens, scheduler) = (self.contract.tokens.get(), self.contract.token.get());
        if self.contract.is_open() {
            return vec!["open to everybody on this machine: there are no tokens".to_owned()];
        }
        let of_scheduler = if scheduler.is_some() { "its token, and operators' tokens" } else { "operators' tokens" };
        let of_rest =
            if tokens.is_empty() { "nobody: there are no tokens for it" } else { "the tokens of operators and users" };
        let mut lines =
            vec![format!("/tasks/* is open to {of_scheduler}"), format!("the page and /api are open to {of_rest}")];
        if self.contract.open_user_routes.get() {
            lines.push("/api/v1/services/* is open to everybody: open-user-routes".to_owned());
        }
        lines
    }

    /// What takes the tasks.
    pub fn dispatcher(&self) -> &Dispatcher {
        &self.contract.dispatcher
    }

    /// Reads the configuration anew and goes on with it. What runs goes on as it began. A plugin that does not load
    /// leaves the one in place that came from the same file or repository before, and a configuration that cannot be read leaves all
    /// as it was.
    pub async fn reload(&self) -> Reloaded {
        let _alone = self.reloading.lock().await;
        let before = self.state().config.clone();
        let unchanged = |error: ConfigError| Reloaded {
            plugins: self.state().routes.len(),
            problems: error.to_string().lines().map(str::to_owned).collect(),
        };
        let config = match PlatformConfig::read(&before.path) {
            Ok(config) => config,
            Err(error) => return unchanged(error),
        };
        let mut problems: Vec<String> = kept(&before, &config).collect();
        match token(&config, self.given_token.as_ref()) {
            Ok(token) => self.contract.token.change(|held| *held = token),
            Err(error) => problems.push(error.to_string()),
        }
        self.contract.open_user_routes.change(|open| *open = config.open_user_routes);
        match Tokens::read(&config.tokens) {
            Ok(tokens)
                if tokens.is_empty() && !self.contract.tokens.get().is_empty() && !is_private(self.address()) =>
            {
                problems.push(ServeError::Open(self.address()).to_string() + "; the ones from before are good");
            }
            Ok(tokens) => self.contract.tokens.change(|held| *held = tokens),
            Err(error) => problems.push(error.to_string()),
        }
        match read_identity(&config) {
            Ok(identity) => self.identity.change(|held| *held = identity),
            Err(error) => problems.push(error.to_string()),
        }
        let (mut routes, failed) = load(self.dispatcher().host(), &config, &self.registry).await;
        for failed in &failed {
            // Behind what the new configuration says: of two that serve a task, the first one runs it.
            let state = self.state();
            let old = state.routes.iter().filter(|(component, _)| component.is_beside(&failed.component));
            let before = routes.len();
            routes.extend(old.cloned());
            let instead = if routes.len() > before { "the one from before goes on" } else { "its tasks are refused" };
            problems.push(format!("{failed}; {instead}"));
        }
        let missing = failed.into_iter().map(|failed| failed.component).collect();
        self.contract.readiness.change(|readiness| readiness.missing = missing);
        let plugins = routes.len();
        self.dispatcher().set_routes(only_routes(&routes));
        self.presence.now_runs(&config);
        *self.state() = State { config, routes };
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

/// Loads the plugins of a configuration: the routes with their components, in the order of the file, and what was not
/// loaded.
async fn load(host: &Host, config: &PlatformConfig, registry: &Registry) -> (Vec<(Component, Route)>, Vec<NotLoaded>) {
    let loading = config.plugins.iter().map(|plugin| plugin.component.load(host, plugin.load_request(), registry));
    let (mut routes, mut failed) = (Vec::new(), Vec::new());
    for (plugin, loaded) in config.plugins.iter().zip(join_all(loading).await) {
        let component = plugin.component.clone();
        match loaded {
            Ok(loaded) => routes.push((component, route(plugin, loaded, config.max_concurrent_runs))),
            Err(error) => failed.push(NotLoaded { component, error }),
        }
    }
    (routes, failed)
}

fn route(config: &PluginConfig, plugin: task_state_host::Plugin, room: usize) -> Route {
    let mut route = Route::new(plugin, config.services.iter().cloned());
    route.users = config.users.clone();
    route.concurrency = config.concurrency.unwrap_or(room);
    route.per_user_concurrency = config.per_user_concurrency;
    route.attempts = config.attempts;
    route.backoff = config.backoff;
    route.limits = Some(config.manifest.limits.clone());
    route
}

fn only_routes(routes: &[(Component, Route)]) -> Vec<Route> {
    routes.iter().map(|(_, route)| route.clone()).collect()
}

/// What a process cannot take over while it runs.
fn kept<'a>(before: &'a PlatformConfig, now: &'a PlatformConfig) -> impl Iterator<Item = String> + 'a {
    let changed = [
        ("store", before.store != now.store),
        ("listen", before.listen != now.listen),
        ("max-concurrent-runs", before.max_concurrent_runs != now.max_concurrent_runs),
        ("max-waiting-tasks", before.max_waiting_tasks != now.max_waiting_tasks),
        ("settle", before.settle != now.settle),
        ("adopt-after", before.adopt_after != now.adopt_after),
        ("loading", before.load_limits != now.load_limits),
    ];
    let changed = changed.into_iter().filter(|(_, is_changed)| *is_changed);
    changed.map(|(key, _)| format!("`{key}` has changed, and stays as it was until the process is started anew"))
}

fn token(config: &PlatformConfig, given: Option<&Token>) -> Result<Option<Token>, ServeError> {
    let Some(path) = &config.token_file else { return Ok(given.cloned()) };
    let read = Token::read(path);
    read.map(Some).map_err(|error| ServeError::File { path: path.clone(), why: error.to_string() })
}

fn read_identity(config: &PlatformConfig) -> Result<Identity, ServeError> {
    let read = config.tls.as_ref().map(identity).transpose();
    read.map_err(|(path, why)| ServeError::File { path: path.to_owned(), why })
}
