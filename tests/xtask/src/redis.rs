//! A Redis or Valkey server for the suites: the one that is there, or one that apt-get brings.

use std::env;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::run::{find, heading, output, program, run, succeeds};

/// The programs looked for on the `PATH`, the first one first.
const NAMES: [&str; 2] = ["redis-server", "valkey-server"];

/// The oldest version that the host works with.
const OLDEST: u32 = 7;

/// The server program: what `REDIS_SERVER` names, else one on the `PATH`, else one installed now.
pub(crate) fn ensure() -> Result<PathBuf> {
    heading("A Redis server");
    let named = env::var_os("REDIS_SERVER").filter(|value| !value.is_empty()).map(PathBuf::from);
    let server = match named.or_else(present) {
        Some(server) => server,
        None => {
            install()?;
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

/// Installs the server, if that is possible without asking anybody.
fn install() -> Result<()> {
    let Some(apt_get) = find("apt-get") else { return missing("there is no apt-get to install one") };
    let Some(prefix) = privilege() else { return missing("apt-get may not be used without a password") };
    if apt(prefix, &apt_get, &["install", "--yes", "--no-install-recommends", "redis-server"]).is_err() {
        // A fresh image has no lists of packages, or old ones.
        apt(prefix, &apt_get, &["update"])?;
        apt(prefix, &apt_get, &["install", "--yes", "--no-install-recommends", "redis-server"])?;
    }
    Ok(())
}

fn missing(why: &str) -> Result<()> {
    bail!(
        "the suite needs a Redis server ({OLDEST} or later) or a Valkey server, and {why}. Install `redis-server` or \
         `valkey-server` by your system's package manager (`brew install redis`, `dnf install valkey`, …) so that it is \
         on the PATH, or name the program in REDIS_SERVER"
    )
}

/// What goes before a command that needs root: nothing, or sudo where it asks for no password.
fn privilege() -> Option<&'static [&'static str]> {
    let user = output(program("id").arg("-u")).ok()?;
    if user.trim() == "0" {
        Some(&[])
    } else if succeeds(program("sudo").args(["-n", "true"])) {
        Some(&["sudo", "-n"])
    } else {
        None
    }
}

fn apt(prefix: &[&str], apt_get: &Path, arguments: &[&str]) -> Result<()> {
    let frontend = "DEBIAN_FRONTEND=noninteractive";
    match prefix {
        [] => run(program("env").arg(frontend).arg(apt_get).args(arguments)),
        [sudo, options @ ..] => run(program(sudo).args(options).args(["env", frontend]).arg(apt_get).args(arguments)),
    }
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
