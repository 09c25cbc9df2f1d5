//! A Python of the project's own, with the libraries that the package `task_state` stands on.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::run::{find, heading, program, root, run};

/// The programs looked for, the first one first.
const NAMES: [&str; 2] = ["python3", "python"];

/// The interpreter, with the libraries of the Python package, in an environment that is made in the target directory if it
/// is not there.
pub(crate) fn ensure(target: &Path) -> Result<PathBuf> {
    heading("Python, to read and write as the Python package does");
    environment(&target.join("venv"), "tests/requirements.txt")
}

/// The interpreter, with what builds and tests plugins in Python, in an environment of its own.
pub(crate) fn ensure_sdk(target: &Path) -> Result<PathBuf> {
    heading("Python, to make plugins of Python");
    environment(&target.join("venv-sdk"), "guest/python/tests/requirements.txt")
}

fn environment(folder: &Path, requirements: &str) -> Result<PathBuf> {
    let python = folder.join("bin/python");
    if !python.exists() {
        let system = NAMES.into_iter().find_map(find).context("there is no Python on the PATH")?;
        run(program(system).args(["-m", "venv"]).arg(folder))
            .context("Python cannot make an environment (on Debian it needs the package python3-venv)")?;
    }
    run(program(&python)
        .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement"])
        .arg(root().join(requirements)))?;
    Ok(python)
}
