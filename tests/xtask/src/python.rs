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

/// Whether there is a checkout of the DMS scheduler or frontend to run.
pub(crate) fn has_dms() -> bool {
    let is_named = |name: &str| std::env::var_os(name).is_some_and(|path| !path.is_empty());
    ["TASK_STATE_SCHEDULER", "TASK_STATE_FRONTEND"].into_iter().any(is_named)
}

/// Adds to the interpreter of [`ensure`] what the DMS scheduler and frontend are run with.
pub(crate) fn ensure_dms(target: &Path) -> Result<()> {
    heading("Python, to run the DMS scheduler and frontend");
    environment(&target.join("venv"), "tests/requirements-dms.txt").map(drop)
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
