//! The tests of the platform's page, in a real browser: the Chromium that is there, or the one that apt-get brings.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::run::{find, heading, output, program, root, run};
use crate::{apt, build};

/// The programs looked for on the `PATH`, the first one first.
const NAMES: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];

/// How else a browser can be had.
const WANTED: &str =
    "the tests of the page need Chromium: install it so that it is on the PATH, or name the program in CHROMIUM";

/// What the tests run in.
#[derive(Debug)]
pub(crate) struct Browser {
    chromium: PathBuf,
}

impl Browser {
    /// Finds or installs a browser and the packages that drive it. What cannot be had is said loudly, and in CI it is an
    /// error.
    pub(crate) fn ensure() -> Result<Option<Self>> {
        match ensure() {
            Ok(browser) => Ok(Some(browser)),
            Err(error) if env::var_os("CI").is_some_and(|ci| !ci.is_empty()) => {
                Err(error.context("the page cannot be tested"))
            }
            Err(error) => {
                eprintln!("\n!!! SKIPPED: all tests of the page: {error:#}\n");
                Ok(None)
            }
        }
    }

    /// Runs the tests, on the command and the plugins that were built.
    pub(crate) fn test(&self, target: &Path, redis: &Path) -> Result<()> {
        heading("The page, in Chromium");
        run(self.tests(target, redis).args(["run", "--silent", "test"]))
    }

    fn tests(&self, target: &Path, redis: &Path) -> Command {
        let mut npm = program("npm");
        npm.current_dir(tests())
            .env("CARGO_TARGET_DIR", target)
            .env("TASK_STATE", build::command(target))
            .env("CHROMIUM", &self.chromium)
            .env("REDIS_SERVER", redis);
        npm
    }
}

fn tests() -> PathBuf {
    root().join("tests/page")
}

fn ensure() -> Result<Browser> {
    heading("Chromium, to test the page");
    for tool in ["node", "npm"] {
        if find(tool).is_none() {
            bail!("there is no {tool} on the PATH");
        }
    }
    let named = env::var_os("CHROMIUM").filter(|value| !value.is_empty()).map(PathBuf::from);
    let chromium = match named.or_else(present) {
        Some(chromium) => chromium,
        None => {
            apt::install("chromium", WANTED)?;
            present().context("the package was installed, but there is no chromium on the PATH")?
        }
    };
    let version = output(program(&chromium).arg("--version"))?;
    eprintln!("{}: {}", chromium.display(), version.trim());
    ensure_packages()?;
    Ok(Browser { chromium })
}

fn present() -> Option<PathBuf> {
    NAMES.into_iter().find_map(find)
}

/// The packages of the tests, as their lock file has them.
fn ensure_packages() -> Result<()> {
    let installed = tests().join("node_modules/.package-lock.json");
    let changed = |path: &Path| path.metadata().and_then(|found| found.modified()).ok();
    if changed(&installed) >= changed(&tests().join("package-lock.json")) && installed.is_file() {
        return Ok(());
    }
    // Without their scripts: those would fetch browsers.
    let quiet: [OsString; 4] = ["ci", "--no-audit", "--no-fund", "--ignore-scripts"].map(Into::into);
    run(program("npm").args(quiet).current_dir(tests())).context("npm ci")
}
