//! `cargo xtask test` and `cargo xtask wit`: the suite with everything that it runs built before it, and the check of the
//! interface.

use std::ffi::OsString;

use anyhow::Result;

use crate::languages::{Tools, unless_missing};
use crate::page::Browser;
use crate::run::{cargo, heading, run};
use crate::{build, promtool, python, redis, registry};

/// Checks the interface, builds plugins, command and suites, finds or installs a Redis server and a registry, and runs `cargo test`.
pub(crate) fn test(arguments: &[OsString]) -> Result<()> {
    wit()?;
    let (redis, registry) = (redis::ensure()?, registry::ensure()?);
    build::plugins(&["quickstart", "countdown", "csv-profile", "link-check", "test-guests"])?;
    build::native(&["--tests", "--examples"])?;
    let target = build::target_directory()?;
    // The tests that need it say that they do.
    let python = python::ensure(&target).map_err(|error| eprintln!("No Python: {error:#}")).ok();
    if python::has_dms() {
        python::ensure_dms(&target)?;
    }
    let tools = Tools::ensure(&target)?;
    let promtool = unless_missing("alert rules and dashboards", promtool::ensure(&target))?;
    // Whoever asks for some tests has not asked for these.
    if arguments.iter().all(|argument| argument.to_string_lossy().starts_with("--no-")) {
        tools.test_sdks(&target)?;
        if let Some(browser) = Browser::ensure()? {
            browser.test(&target, &redis)?;
        }
    }
    heading("The suite");
    let mut test = cargo();
    if let Some(python) = python {
        test.env("TASK_STATE_PYTHON", python);
    }
    if let Some(promtool) = promtool {
        test.env("TASK_STATE_PROMTOOL", promtool);
    }
    tools.give_to(&mut test)?;
    run(test.args(["test", "--workspace"]).args(arguments).env("REDIS_SERVER", redis).env("DOCKER_REGISTRY", registry))
}

/// Checks that the interface is compatible with what was released.
pub(crate) fn wit() -> Result<()> {
    heading("The interface");
    let check = ["--package", "xtask", "--features", "wit", "--test", "wit", "--profile", "quick"];
    run(cargo().args(["test", "--quiet"]).args(check))
}
