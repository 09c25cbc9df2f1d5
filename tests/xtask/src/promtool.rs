//! The tool of Prometheus, which is shown the metrics and the rules: the one that is there, or one that apt-get brings.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::apt;
use crate::run::{find, heading};

const NAME: &str = "promtool";

/// The program: one on the `PATH`, else one in the target directory.
pub(crate) fn ensure(target: &Path) -> Result<PathBuf> {
    heading("promtool, to check metrics and rules");
    if let Some(program) = find(NAME) {
        return Ok(program);
    }
    // Its package would start a server.
    let folder = target.join("prometheus");
    let program = folder.join("usr/bin").join(NAME);
    if !program.is_file() {
        apt::unpack("prometheus", &folder).context("promtool is in Debian's package `prometheus`")?;
    }
    Ok(program)
}
