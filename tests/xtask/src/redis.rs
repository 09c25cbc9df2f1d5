//! A Redis or Valkey server for the suites: the one that is there, or one that apt-get brings.

use std::env;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};

use crate::apt;
use crate::run::{find, heading, output, program};

/// The programs looked for on the `PATH`, the first one first.
const NAMES: [&str; 2] = ["redis-server", "valkey-server"];

/// The oldest version that the host works with.
const OLDEST: u32 = 7;

/// How else a server can be had.
const WANTED: &str = "the suite needs a Redis server (7 or later) or a Valkey server. Install `redis-server` or \
                      `valkey-server` by your system's package manager (`brew install redis`, `dnf install valkey`, …) so \
                      that it is on the PATH, or name the program in REDIS_SERVER";

/// The server program: what `REDIS_SERVER` names, else one on the `PATH`, else one installed now.
pub(crate) fn ensure() -> Result<PathBuf> {
    heading("A Redis server");
    let named = env::var_os("REDIS_SERVER").filter(|value| !value.is_empty()).map(PathBuf::from);
    let server = match named.or_else(present) {
        Some(server) => server,
        None => {
            apt::install("redis-server", WANTED)?;
            present().context("the package was installed, but there is no redis-server on the PATH")?
        }
    };
    let version = output(program(&server).arg("--version"))?;
    eprintln!("{}: {}", server.display(), version.trim());
    match major(&version) {
        Some(major) if major < OLDEST => {
            bail!("{} is too old: Redis {OLDEST} or later, or any Valkey, is needed", server.display())
        }
        _ => Ok(server),
    }
}

fn present() -> Option<PathBuf> {
    NAMES.into_iter().find_map(find)
}

/// The first number of the version in a line such as `Redis server v=7.0.15 sha=…`.
fn major(line: &str) -> Option<u32> {
    line.split_once("v=")?.1.split('.').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_of_either_server_is_read() {
        assert_eq!(major("Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.3.0"), Some(7));
        assert_eq!(major("Valkey server v=8.1.1 sha=00000000:0"), Some(8));
        assert_eq!(major("something else"), None);
    }
}
