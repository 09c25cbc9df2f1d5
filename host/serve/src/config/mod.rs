//! `platform.toml`: which store, which plugins, and how they are run.
//!
//! What is wrong with it is said as a compiler does: with file, line, column, the value, and what is allowed.

mod plugins;
mod source;
mod tables;
mod tokens;

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use task_state_host::LoadLimits;
use task_state_host::store::StoreUrl;

pub use plugins::PluginConfig;
pub use source::Problem;

use source::Source;

use crate::access::Role;

/// Where `serve` listens unless the configuration says otherwise.
pub const DEFAULT_LISTEN: &str = "127.0.0.1:9000";

/// What a platform is made of: the file `platform.toml`, read and checked. Nothing that it names was opened.
///
/// ```
/// use std::path::Path;
/// use task_state_serve::PlatformConfig;
///
/// let text = r#"
///     store = "redis://127.0.0.1:6379/0"   # the command's default if absent
///     listen = "127.0.0.1:9000"            # this if absent
///     token-file = "token"                 # whoever knows it may call /tasks/*
///     max-concurrent-runs = 256            # of this process, over all plugins
///     max-waiting-tasks = 1000000          # a submission beyond that is refused
///     settle = "2s"                        # how long a task waits for its frontend's last word
///     adopt-after = "1m"                   # when a task that its frontend left behind is taken on
///     drain = "30s"                        # what runs may take to end when the process is to stop
///
///     [[tokens]]                           # what opens the rest; without tokens, loopback alone
///     file = "operator.token"              # or env = "NAME", a variable that holds it
///     role = "operator"
///
///     [[tokens]]
///     env = "ALICE_TOKEN"
///     role = "user"
///     services = ["analytics"]             # any, if absent
///     users = ["alice"]
///
///     [frontend]
///     open-user-routes = false             # whether the frontend's routes for users need no token
///
///     [tls]
///     certificate = "server.pem"
///     key = "server-key.pem"
///
///     [loading]                            # of one component
///     component = "64MiB"
///     compile-memory = "2GiB"
///     compile-time = "2m"
///
///     [[plugins]]
///     component = "csv_profile.wasm"       # relative to this file, as every path is; or oci://…@sha256:…
///     services = ["analytics"]             # whose tasks it runs
///     users = ["alice"]                    # anyone's, if absent
///     concurrency = 8                      # of this process; as many as there is room for, if absent
///     per-user-concurrency = 2
///     attempts = 3                         # 1, if absent
///     backoff = "10s"                      # before the second attempt; twofold before each one more
///     sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
///
///     [plugins.grants]                     # as in a manifest, and so are limits and capabilities
///     operations = ["read", "list"]        # services and users are the plugin's own, if absent
///
///     [plugins.limits]
///     memory = "64MiB"
///
///     [plugins.capabilities]
///     http = ["api.example.com"]
/// "#;
/// let config = PlatformConfig::parse(Path::new("platform.toml"), text)?;
/// assert_eq!(config.plugins[0].attempts, 3);
///
/// let wrong = text.replace("127.0.0.1:9000", "here");
/// let error = PlatformConfig::parse(Path::new("platform.toml"), &wrong).unwrap_err();
/// assert!(error.to_string().starts_with("platform.toml:3:14: invalid address \"here\": it is an IP address"), "{error}");
/// # Ok::<(), task_state_serve::ConfigError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PlatformConfig {
    /// The file.
    pub path: PathBuf,
    /// Where the tasks are; the caller's own default if absent.
    pub store: Option<StoreUrl>,
    /// Where `serve` listens. Loopback unless set.
    pub listen: SocketAddr,
    /// The files of the certificate and its key, for a server that speaks TLS.
    pub tls: Option<TlsConfig>,
    /// The file that holds the token, which a caller of `/tasks/*` has to show.
    pub token_file: Option<PathBuf>,
    /// The tokens that open the rest, and what each opens.
    pub tokens: Vec<TokenConfig>,
    /// Whether the routes that the DMS frontend has for users need no token, as there.
    pub open_user_routes: bool,
    /// How many runs may be under way at once, over all plugins. 256 unless set.
    pub max_concurrent_runs: usize,
    /// How many tasks may wait. 1,000,000 unless set.
    pub max_waiting_tasks: u64,
    /// How long a task that was submitted waits for its frontend's last word. Two seconds unless set.
    pub settle: Duration,
    /// How long after its last change a task that its frontend left `pending` or `dispatching` is taken on. One minute
    /// unless set.
    pub adopt_after: Duration,
    /// How long runs may take to end by themselves once the process is asked to stop. 30 seconds unless set.
    pub drain: Duration,
    /// How large a component may be, and what its compilation may take.
    pub load_limits: LoadLimits,
    /// The plugins, in the order of the file.
    pub plugins: Vec<PluginConfig>,
}

/// The files of a server that speaks TLS, in PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TlsConfig {
    /// The certificate, and those that lead to its authority.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// A token, by where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TokenConfig {
    /// Where it is.
    pub source: TokenSource,
    /// What it opens.
    pub role: Role,
}

/// Where a token is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TokenSource {
    /// A file that holds it.
    File(PathBuf),
    /// A variable of the environment that holds it.
    Variable(String),
}

impl fmt::Display for TokenSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "{path:?}"),
            Self::Variable(name) => write!(f, "the variable {name}"),
        }
    }
}

/// A configuration that cannot be used.
#[derive(Debug)]
#[non_exhaustive]
pub enum ConfigError {
    /// The file cannot be read.
    File {
        /// The file.
        path: PathBuf,
        /// Why not.
        error: io::Error,
    },
    /// What is wrong with it, in the order of the file.
    Problems(Vec<Problem>),
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, error } => write!(f, "cannot read {path:?}: {error}"),
            Self::Problems(problems) => {
                let lines: Vec<String> = problems.iter().map(Problem::to_string).collect();
                f.write_str(&lines.join("\n"))
            }
        }
    }
}

impl std::error::Error for ConfigError {}

impl PlatformConfig {
    /// Reads the file.
    ///
    /// # Errors
    /// [`ConfigError`], with all that is wrong.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path).map_err(|error| ConfigError::File { path: path.to_owned(), error })?;
        Self::parse(path, &text)
    }

    /// Reads the text of the file `path`, from whose directory its relative paths start.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn parse(path: &Path, text: &str) -> Result<Self, ConfigError> {
        let mut source = Source::new(path, text);
        let config = tables::read(&mut source, path, text);
        let problems = source.into_problems();
        match config {
            Some(config) if problems.is_empty() => Ok(config),
            _ => Err(ConfigError::Problems(problems)),
        }
    }
}

#[cfg(test)]
mod tests;
