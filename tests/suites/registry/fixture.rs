//! A user with a home of his own: no credentials, and nothing in his caches.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, ensure};
use task_state_registry::{Artifact, Registry, Times};
use task_state_tests::command::{Finished, Shell, finish};
use task_state_tests::guests::guest;

/// A user, and the directory that he works in, which holds `quickstart.wasm`.
pub(crate) struct User {
    pub(crate) shell: Shell,
    /// Variables that his commands have besides those of his home.
    pub(crate) variables: Vec<(String, String)>,
}

impl User {
    pub(crate) fn new() -> Result<Self> {
        let shell = Shell::new()?;
        std::fs::copy(guest("quickstart"), shell.directory().join("quickstart.wasm"))?;
        Ok(Self { shell, variables: Vec::new() })
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.shell.directory().join(name)
    }

    /// The same with one more variable.
    pub(crate) fn with(mut self, name: &str, value: impl AsRef<Path>) -> Self {
        self.variables.push((name.to_owned(), value.as_ref().display().to_string()));
        self
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.shell.command(arguments);
        self.at_home(&mut command);
        command
    }

    /// Lets a command see this home, and no other.
    pub(crate) fn at_home(&self, command: &mut Command) {
        for variable in ["XDG_CONFIG_HOME", "XDG_RUNTIME_DIR", "REGISTRY_AUTH_FILE", "DOCKER_CONFIG", "SSL_CERT_FILE"] {
            command.env_remove(variable);
        }
        command.env("HOME", self.path("home")).env("XDG_CACHE_HOME", self.path("cache"));
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Result<Finished> {
        finish(&mut self.command(arguments))
    }

    /// A command that does what it is asked. What it prints, without the end of the line.
    pub(crate) fn done(&self, arguments: &[&str]) -> Result<String> {
        let finished = self.run(arguments)?;
        ensure!(finished.code == Some(0), "{arguments:?}: {finished:?}");
        Ok(finished.stdout.trim_end().to_owned())
    }

    /// Pushes `quickstart.wasm`, and gives the reference that it is pinned to.
    pub(crate) fn push(&self, registry: &str, name: &str) -> Result<String> {
        self.done(&["push", "quickstart.wasm", &format!("oci://{registry}/{name}")])
    }

    /// The library as this user has it.
    pub(crate) fn registry(&self, times: Times) -> Registry {
        let (home, cache) = (self.path("home"), self.path("cache"));
        let others = self.variables.clone();
        let variable = move |name: &str| match name {
            "HOME" => Some(home.clone().into_os_string()),
            "XDG_CACHE_HOME" => Some(cache.clone().into_os_string()),
            other => others.iter().find(|(known, _)| known == other).map(|(_, value)| value.into()),
        };
        Registry::by_variables(variable).times(times)
    }
}

/// The arguments of a run of a plugin, wherever it is.
pub(crate) fn run(plugin: &str) -> Vec<&str> {
    vec!["run", plugin, "--service", "analytics", "--user", "alice"]
}

/// An artifact.
pub(crate) fn artifact(reference: &str) -> Artifact {
    Artifact::new(reference.parse().unwrap())
}

/// Expects one line that names what is wrong.
pub(crate) fn refused(finished: &Finished, code: i32, texts: &[&str]) -> Result<()> {
    ensure!(finished.code == Some(code) && finished.stdout.is_empty(), "{finished:?}");
    ensure!(finished.stderr.lines().last().is_some_and(|line| line.starts_with("error: ")), "{finished:?}");
    for text in texts {
        ensure!(finished.stderr.contains(text), "{text:?} is not in {finished:?}");
    }
    Ok(())
}
