//! `cargo xtask serve`: a platform of the example plugins, on the embedded store.

use std::os::unix::process::CommandExt as _;

use anyhow::{Context, Result};

use crate::build;
use crate::run::{heading, program, root};

/// Builds what is needed, and becomes the platform.
pub(crate) fn serve() -> Result<()> {
    build::plugins(&["countdown", "quickstart", "csv-profile"])?;
    build::native(&[])?;
    let target = build::target_directory()?;
    let store = target.join("serve/tasks.db");
    std::fs::create_dir_all(target.join("serve"))?;
    heading("The platform: its page is at http://127.0.0.1:9000/, Ctrl-C stops it");
    let mut command = program(build::command(&target));
    command.arg("--store").arg(format!("sqlite:{}", store.display()));
    // The plugins are where cargo has put them, which may be elsewhere than the example says.
    let example = std::fs::read_to_string(root().join("guest/examples/platform.toml"))?;
    let built = build::plugin(&target, "countdown").parent().context("no folder")?.display().to_string();
    let config = target.join("serve/platform.toml");
    std::fs::write(&config, example.replace("../../target/wasm32-wasip2/release", &built))?;
    Err(command.args(["serve", "--config"]).arg(config).exec()).context("the command does not start")
}
