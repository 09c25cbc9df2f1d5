//! A Python of the project's own, with the libraries that the package `task_state` stands on.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::run::{find, heading, program, root, run};

/// The programs looked for, the first one first.
const NAMES: [&str; 2] = ["python3", "python"];

/// The interpreter, in an environment that is made in the target directory if it is not there.
pub(crate) fn ensure(target: &Path) -> Result<PathBuf> {
    heading("Python, to read and write as the Python package does");
    let environment = target.join("venv");
    let python = environment.join("bin/python");
    if !python.exists() {
        let system = NAMES.into_iter().find_map(find).context("there is no Python on the PATH")?;
        run(program(system).args(["-m", "venv"]).arg(&environment))
            .context("Python cannot make an environment (on Debian it needs the package python3-venv)")?;
    }
    run(program(&python)
        .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement"])
        .arg(root().join("tests/requirements.txt")))?;
    Ok(python)
}
