//! `cargo xtask test`: the whole suite, with everything that it runs built before it.

use std::ffi::OsString;

use anyhow::Result;

use crate::run::{cargo, heading, run};
use crate::{build, redis};

/// Builds plugins, command and suites, finds or installs a Redis server, and runs `cargo test`.
pub(crate) fn test(arguments: &[OsString]) -> Result<()> {
    let redis = redis::ensure()?;
    build::plugins(&["quickstart", "csv-profile", "test-guests"])?;
    build::native(&["--tests"])?;
    heading("The suite");
    let mut test = cargo();
    test.arg("test");
    let for_cargo = arguments.iter().take_while(|argument| *argument != "--");
    if !for_cargo.into_iter().any(names_package) {
        test.arg("--workspace");
    }
    run(test.args(arguments).env("REDIS_SERVER", redis))
}

fn names_package(argument: &OsString) -> bool {
    argument.to_str().is_some_and(|text| text.starts_with("-p") || text.starts_with("--package"))
}
