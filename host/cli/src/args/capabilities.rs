//! The arguments of `run` that grant what lies outside of the sandbox.

use clap::Args;
use task_state_host::Capabilities;
use task_state_host::plugin::{Directory, HttpGrant, Variable};
use task_state_host::record::InvalidValue;

/// What a plugin may reach, besides what its manifest grants.
#[derive(Debug, Args)]
pub(crate) struct CapabilityArgs {
    /// Lend the plugin a directory at a path of its own, read-only unless ':rw' follows; may be repeated
    #[arg(long = "dir", value_name = "HOST::GUEST[:rw]")]
    directories: Vec<Directory>,
    /// Let the plugin send HTTP requests to a host (NAME, *.NAME or an address; the ports 80 and 443 unless one is
    /// given), whose addresses must be public unless ',private' follows; may be repeated
    #[arg(long = "http", value_name = "HOST[:PORT][,private]")]
    hosts: Vec<HttpGrant>,
    /// Set an environment variable of the plugin; may be repeated
    #[arg(long = "env", value_name = "NAME=VALUE")]
    environment: Vec<Variable>,
    /// Give the plugin a secret in an environment variable, from that of the same name or as said; its value is kept out
    /// of what the plugin says; may be repeated
    // Read later: an error of clap's own would show a value that was given by mistake.
    #[arg(long = "secret", value_name = "NAME[=env:VARIABLE|=file:PATH]")]
    secrets: Vec<String>,
}

impl CapabilityArgs {
    /// What is granted already, and what the arguments grant.
    pub(crate) fn added_to(self, granted: Capabilities) -> Result<Capabilities, InvalidValue> {
        let granted = self.directories.into_iter().fold(granted, Capabilities::directory);
        let granted = self.hosts.into_iter().fold(granted, Capabilities::http);
        let granted = self.environment.into_iter().fold(granted, Capabilities::variable);
        self.secrets.iter().try_fold(granted, |granted, secret| Ok(granted.secret(secret.parse()?)))
    }
}
