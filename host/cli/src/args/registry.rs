//! The arguments of the commands that bring components to registries and from there.

use std::path::PathBuf;

use clap::Args;
use task_state_registry::Reference;

/// Push a plugin to a registry
#[derive(Debug, Args)]
#[command(after_help = "\
Prints the reference with the digest that it is pinned to: the line for `platform.toml`. The layout is that of `wkg`, which \
pulls it too. Credentials are those of `docker login` and `podman login`. Exit code 5 if the registry cannot be reached, 6 if it \
refuses.

Example:
  task-state push quickstart.wasm oci://registry.example.com/plugins/quickstart:1.0")]
pub(crate) struct PushArgs {
    /// The component
    #[arg(value_name = "PLUGIN.wasm")]
    pub(crate) plugin: PathBuf,
    /// Where it goes: `oci://REGISTRY/REPOSITORY[:TAG]` (the tag `latest`, if there is none)
    pub(crate) reference: Reference,
    /// Say who has made it
    #[arg(long, value_name = "NAME")]
    pub(crate) author: Option<String>,
    #[command(flatten)]
    pub(crate) way: WayArgs,
}

/// Pull a plugin from a registry into a file
#[derive(Debug, Args)]
#[command(after_help = "\
What is pulled is checked against its digest. `run`, `inspect`, `compile` and `serve` take a reference themselves, and keep what \
they have pulled in the user's cache directory. Exit code 5 if the registry cannot be reached, 6 if it refuses.

Example:
  task-state pull oci://registry.example.com/plugins/quickstart:1.0
  task-state pull oci://registry.example.com/plugins/quickstart:1.0 -o plugin.wasm")]
pub(crate) struct PullArgs {
    /// What is pulled: `oci://REGISTRY/REPOSITORY[:TAG][@sha256:DIGEST]`
    pub(crate) reference: Reference,
    /// Where the component goes [default: the last part of the repository's name, with the ending .wasm]
    #[arg(long, short = 'o', value_name = "PLUGIN.wasm")]
    pub(crate) component: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) way: WayArgs,
}

/// How a registry is spoken to.
#[derive(Debug, Clone, Args)]
pub(crate) struct WayArgs {
    /// Speak to the registry without TLS, as to one on this machine that has none
    #[arg(long)]
    pub(crate) plain_http: bool,
}
