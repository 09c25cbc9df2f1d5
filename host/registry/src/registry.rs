//! A way to registries.

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;
use tokio::sync::OnceCell;

use crate::Reference;
use crate::cache::Cache;
use crate::credentials::Files;

/// An artifact, and how its registry is spoken to.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Artifact {
    /// Which it is.
    pub reference: Reference,
    /// Whether its registry is spoken to without TLS. One on this machine is, if it does not speak TLS, whatever this says.
    pub plain_http: bool,
}

impl Artifact {
    /// One whose registry speaks TLS, or is on this machine.
    pub fn new(reference: Reference) -> Self {
        Self { reference, plain_http: false }
    }
}

/// How long a registry may take.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Times {
    /// Until there is a connection, TLS included. 10 s unless set.
    pub connect: Duration,
    /// Until the head of an answer is there. 30 s unless set.
    pub answer: Duration,
    /// Between one piece of an answer and the next. 30 s unless set.
    pub pause: Duration,
    /// For all of an answer, or of an upload. 10 min unless set.
    pub whole: Duration,
}

impl Default for Times {
    fn default() -> Self {
        let [connect, answer, pause, whole] = [10, 30, 30, 600].map(Duration::from_secs);
        Self { connect, answer, pause, whole }
    }
}

/// A way to registries: where credentials are, where what was pulled is kept, and how long a registry may take. Cheap to
/// clone.
#[derive(Debug, Clone, Default)]
pub struct Registry {
    pub(crate) cache: Cache,
    pub(crate) credentials: Files,
    pub(crate) times: Times,
    tls: Arc<OnceCell<Arc<ClientConfig>>>,
}

impl Registry {
    /// As the user's environment has it: credentials from `REGISTRY_AUTH_FILE`, else from the files that `podman login` and
    /// `docker login` write (`XDG_RUNTIME_DIR`, `XDG_CONFIG_HOME` and `DOCKER_CONFIG` are heeded), and a cache in the
    /// user's cache directory (`XDG_CACHE_HOME`). Nothing is opened.
    pub fn from_env() -> Self {
        Self::by_variables(|name| std::env::var_os(name))
    }

    /// The same with other variables.
    pub fn by_variables(variable: impl Fn(&str) -> Option<OsString>) -> Self {
        let absolute = |name: &str| variable(name).map(PathBuf::from).filter(|path| path.is_absolute());
        let caches = absolute("XDG_CACHE_HOME").or_else(|| absolute("HOME").map(|home| home.join(".cache")));
        Self {
            cache: Cache::in_directory(caches.map(|directory| directory.join("task-state/oci/sha256"))),
            credentials: Files::by_variables(variable),
            ..Self::default()
        }
    }

    /// The same with other times.
    pub fn times(self, times: Times) -> Self {
        Self { times, ..self }
    }

    /// TLS as the system trusts it, read once.
    pub(crate) async fn tls(&self) -> io::Result<Arc<ClientConfig>> {
        let read = async || {
            tokio::task::spawn_blocking(task_state_host::tls::client_config).await.map_err(io::Error::other)?
        };
        self.tls.get_or_try_init(read).await.cloned()
    }
}
