//! A registry for the suites: the one that is there, or one that apt-get brings.

use std::env;
use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::apt;
use crate::run::{find, heading, output, program};

/// The program, as Debian names it.
const NAME: &str = "docker-registry";

/// The program: what `DOCKER_REGISTRY` names, else one on the `PATH`, else one installed now.
pub(crate) fn ensure() -> Result<PathBuf> {
    heading("A registry");
    let named = env::var_os("DOCKER_REGISTRY").filter(|value| !value.is_empty()).map(PathBuf::from);
    let server = match named.or_else(|| find(NAME)) {
        Some(server) => server,
        None => {
            let wanted = "the suite needs a registry: put the program `registry` of the CNCF's Distribution on the PATH as \
                          `docker-registry`, or name it in DOCKER_REGISTRY";
            apt::install(NAME, wanted)?;
            find(NAME).context("the package was installed, but there is no docker-registry on the PATH")?
        }
    };
    let version = output(program(&server).arg("--version"))?;
    eprintln!("{}: {}", server.display(), version.trim());
    Ok(server)
}
