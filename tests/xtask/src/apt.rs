//! Programs that apt-get brings, where that needs no password.

use std::path::Path;

use anyhow::{Result, bail};

use crate::run::{find, output, program, run, succeeds};

/// Installs a package, if that is possible without asking anybody. `wanted` is what an error says of it: which program is
/// needed, and how else it can be had.
pub(crate) fn install(package: &str, wanted: &str) -> Result<()> {
    let Some(apt_get) = find("apt-get") else { bail!("there is no apt-get to install {package}, and {wanted}") };
    let Some(prefix) = privilege() else { bail!("apt-get may not be used without a password, and {wanted}") };
    let install = ["install", "--yes", "--no-install-recommends", package];
    if apt(prefix, &apt_get, &install).is_err() {
        // A fresh image has no lists of packages, or old ones.
        apt(prefix, &apt_get, &["update"])?;
        apt(prefix, &apt_get, &install)?;
    }
    Ok(())
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
