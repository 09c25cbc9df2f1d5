//! The SDKs of other languages than Rust: their tools, in folders of this project's own, and their own tests.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::run::{find, heading, program, root, run};
use crate::{build, python};

/// What is needed to build and test plugins in Python and JavaScript.
#[derive(Debug, Default)]
pub(crate) struct Tools {
    /// The Python that has them.
    python: Option<PathBuf>,
    /// Whether the packages of the JavaScript SDK are installed.
    has_node: bool,
}

impl Tools {
    /// Installs what can be installed. What cannot is said loudly, and in CI it is an error.
    pub(crate) fn ensure(target: &Path) -> Result<Self> {
        let python = unless_missing("plugins in Python", python::ensure_sdk(target))?;
        let has_node = unless_missing("plugins in JavaScript", ensure_node())?.is_some();
        Ok(Self { python, has_node })
    }

    /// Lets a command, and what it calls, find them.
    pub(crate) fn give_to(&self, command: &mut Command) -> Result<()> {
        let of_python = self.python.iter().filter_map(|python| python.parent().map(Path::to_owned));
        let of_node = self.has_node.then(|| root().join("guest/js/node_modules/.bin"));
        let tools: Vec<PathBuf> = of_python.chain(of_node).collect();
        let before = env::var_os("PATH").unwrap_or_default();
        let path = env::join_paths(tools.into_iter().chain(env::split_paths(&before)))?;
        let languages = [self.python.as_ref().map(|_| "python"), self.has_node.then_some("js")];
        let languages: Vec<&str> = languages.into_iter().flatten().collect();
        command.env("PATH", path).env("TASK_STATE_LANGUAGES", languages.join(","));
        Ok(())
    }

    /// Runs the tests that the SDKs have in their own languages, with the command for what they try on the real host.
    pub(crate) fn test_sdks(&self, target: &Path) -> Result<()> {
        let task_state = build::command(target);
        if let Some(python) = &self.python {
            heading("The Python SDK's own tests");
            let sdk = root().join("guest/python");
            for arguments in [&["-m", "ruff", "check", "."][..], &["-m", "mypy"], &["-m", "pytest", "-q"]] {
                let mut check = program(python);
                self.give_to(&mut check)?;
                run(check.args(arguments).current_dir(&sdk).env("TASK_STATE", &task_state))?;
            }
        }
        if self.has_node {
            heading("The JavaScript SDK's own tests");
            for script in ["check", "test"] {
                let mut check = program("npm");
                self.give_to(&mut check)?;
                let sdk = root().join("guest/js");
                run(check.args(["run", "--silent", script]).current_dir(sdk).env("TASK_STATE", &task_state))?;
            }
        }
        Ok(())
    }
}

/// What was installed; none if it could not be. What is not tested then is said, and in CI it is an error.
pub(crate) fn unless_missing<T>(tested: &str, ensured: Result<T>) -> Result<Option<T>> {
    match ensured {
        Ok(tools) => Ok(Some(tools)),
        Err(error) if env::var_os("CI").is_some_and(|ci| !ci.is_empty()) => {
            Err(error.context(format!("{tested} cannot be tested")))
        }
        Err(error) => {
            eprintln!("\n!!! SKIPPED: all tests of {tested}: {error:#}\n");
            Ok(None)
        }
    }
}

/// The packages of the JavaScript SDK, as its lock file has them.
fn ensure_node() -> Result<()> {
    heading("Node.js, to make plugins of JavaScript and TypeScript");
    for tool in ["node", "npm"] {
        if find(tool).is_none() {
            bail!("there is no {tool} on the PATH");
        }
    }
    let sdk = root().join("guest/js");
    let installed = sdk.join("node_modules/.package-lock.json");
    let changed = |path: &Path| path.metadata().and_then(|found| found.modified()).ok();
    if changed(&installed) >= changed(&sdk.join("package-lock.json")) && installed.is_file() {
        return Ok(());
    }
    let quiet: [OsString; 4] = ["ci", "--no-audit", "--no-fund", "--ignore-scripts"].map(Into::into);
    run(program("npm").args(quiet).current_dir(sdk)).context("npm ci")
}
