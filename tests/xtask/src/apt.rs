//! Packages of a Debian system, where apt-get may be used without asking anybody.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::run::{find, output, program, run, succeeds};

/// Installs a package. `wanted` is what an error says of it: which program is needed, and how else it can be had.
pub(crate) fn install(package: &str, wanted: &str) -> Result<()> {
    let install = ["install", "--yes", "--no-install-recommends", package];
    if get(&install).is_err() {
        // A fresh image has no lists of packages, or old ones.
        get(&["update"]).and_then(|()| get(&install)).with_context(|| wanted.to_owned())?;
    }
    Ok(())
}

/// Unpacks a package into a folder. Nothing of it is installed, and no service that it holds is started.
pub(crate) fn unpack(package: &str, folder: &Path) -> Result<()> {
    let apt_get = apt_get()?;
    std::fs::create_dir_all(folder)?;
    let download = || run(program(&apt_get).args(["download", package]).current_dir(folder));
    if download().is_err() {
        get(&["update"])?;
        download()?;
    }
    let archives = std::fs::read_dir(folder)?.filter_map(|entry| Some(entry.ok()?.path()));
    let archive = archives.filter(|path| path.extension() == Some(OsStr::new("deb"))).max();
    let archive = archive.context("apt-get has downloaded no package")?;
    run(program("dpkg-deb").arg("--extract").arg(&archive).arg(folder))?;
    Ok(std::fs::remove_file(archive)?)
}

fn apt_get() -> Result<PathBuf> {
    find("apt-get").context("there is no apt-get to bring it")
}

fn get(arguments: &[&str]) -> Result<()> {
    let apt_get = apt_get()?;
    let frontend = "DEBIAN_FRONTEND=noninteractive";
    let Some(prefix) = privilege() else { bail!("apt-get may not be used without a password") };
    match prefix {
        [] => run(program("env").arg(frontend).arg(apt_get).args(arguments)),
        [sudo, options @ ..] => run(program(sudo).args(options).args(["env", frontend]).arg(apt_get).args(arguments)),
    }
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
