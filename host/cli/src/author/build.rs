//! `build`: makes a component of a project, by the tools of its language, and shows each command that it runs.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};

use anyhow::Context as _;
use serde::Deserialize;

use super::sdk::{absolute, of_project};
use super::{BuildFailed, Language, Project};
use crate::exit::Misuse;
use crate::output::Screen;

/// Starts the build of the Python SDK, which is in the folder that is its first argument. `-m` would look in the present
/// folder first, where there may be an `enum.py`, or another `task_state`.
const START_PYTHON: &str = "import sys, runpy; sys.path[0] = sys.argv.pop(1); \
    runpy.run_module('task_state.build', run_name='__main__', alter_sys=True)";

/// What plugins in Rust are compiled for.
const TARGET: &str = "wasm32-wasip2";

/// Makes the component of a project.
///
/// # Errors
/// [`Misuse`] if a tool is missing, with the command that installs it; [`BuildFailed`] if the source is at fault, of which
/// the tools have told.
pub(crate) fn build(project: &Project, screen: &Screen) -> anyhow::Result<()> {
    match project.language {
        Language::Rust => build_rust(project, screen),
        Language::Python => {
            let sdk = of_project(project.language, &project.folder)?;
            let mut python = Command::new(python_of(&project.folder)?);
            python.args(["-c", START_PYTHON]).arg(sdk.join("src")).env("PYTHONDONTWRITEBYTECODE", "1");
            drive(python, project, screen)
        }
        Language::Js | Language::Ts => {
            let sdk = of_project(project.language, &project.folder)?;
            let node = find("node").ok_or_else(|| missing("node", "https://nodejs.org (20.6 or later)"))?;
            let mut node = Command::new(node);
            node.arg(sdk.join("bin/build.js"));
            drive(node, project, screen)
        }
    }
}

/// Has an SDK's own program make the component.
fn drive(mut program: Command, project: &Project, screen: &Screen) -> anyhow::Result<()> {
    program.arg(&project.source).arg("-o").arg(&project.component);
    let status = run(&mut program, screen)?;
    match status.code() {
        Some(0) => Ok(()),
        Some(1) => Err(failed(project)),
        _ => Err(Misuse(format!("{} was not built", project.source.display())).into()),
    }
}

fn build_rust(project: &Project, screen: &Screen) -> anyhow::Result<()> {
    let cargo = find("cargo").ok_or_else(|| missing("cargo", "https://rustup.rs"))?;
    ensure_target()?;
    let mut cargo = Command::new(cargo);
    cargo.args(["build", "--release", "--target", TARGET, "--message-format", "json-render-diagnostics"]);
    cargo.current_dir(&project.folder).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::inherit());
    screen.line(&shown(&cargo));
    let output = cargo.output().context("cargo did not start")?;
    if !output.status.success() {
        return Err(failed(project));
    }
    let manifest = fs::canonicalize(project.folder.join("Cargo.toml"))?;
    let built = String::from_utf8_lossy(&output.stdout).lines().rev().find_map(|line| component_of(line, &manifest));
    let Some(built) = built else {
        let why = "it makes no component: its Cargo.toml needs [lib] crate-type = [\"cdylib\"]";
        return Err(Misuse(format!("{}: {why}", project.folder.display())).into());
    };
    copy(&built, &project.component)?;
    let size = fs::metadata(&project.component)?.len() as f64 / f64::from(1 << 20);
    screen.line(&format!("{}: {size:.1} MiB", project.component.display()));
    Ok(())
}

/// The component that a line of cargo's messages tells of, if it is one of this package.
fn component_of(line: &str, manifest: &Path) -> Option<PathBuf> {
    #[derive(Deserialize)]
    struct Built {
        manifest_path: PathBuf,
        filenames: Vec<PathBuf>,
    }
    let built: Built = serde_json::from_str(line).ok()?;
    let is_component = |file: &PathBuf| file.extension().is_some_and(|extension| extension == "wasm");
    if built.manifest_path == manifest { built.filenames.into_iter().find(is_component) } else { None }
}

/// Puts a file where it belongs, whole or not at all.
fn copy(from: &Path, to: &Path) -> anyhow::Result<()> {
    let partly = to.with_extension(format!("{}.part", std::process::id()));
    let copied = fs::copy(from, &partly).and_then(|_| fs::rename(&partly, to));
    if copied.is_err() {
        let _ = fs::remove_file(&partly);
    }
    copied.with_context(|| format!("cannot write {}", to.display()))
}

fn ensure_target() -> anyhow::Result<()> {
    let libraries = Command::new("rustc").args(["--print", "target-libdir", "--target", TARGET]).output();
    let directory = libraries.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    match directory {
        Ok(directory) if Path::new(&directory).is_dir() => Ok(()),
        _ => {
            let why = format!("Rust cannot compile for {TARGET} here: install it with `rustup target add {TARGET}`");
            Err(Misuse(why).into())
        }
    }
}

/// The Python of a project: that of its `.venv`, of the environment that is active, or of the system.
fn python_of(folder: &Path) -> anyhow::Result<PathBuf> {
    let active = std::env::var_os("VIRTUAL_ENV").map(PathBuf::from);
    let of_environment = [Some(folder.join(".venv")), active].into_iter().flatten().map(|path| path.join("bin/python"));
    let mut found = of_environment.filter(|python| python.is_file());
    match found.next() {
        Some(python) => absolute(&python),
        None => {
            let system = ["python3", "python"].into_iter().find_map(find);
            system.ok_or_else(|| missing("python3", "https://www.python.org (3.10 or later)").into())
        }
    }
}

/// A program on the `PATH`.
fn find(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|program| program.is_file())
}

fn missing(tool: &str, from: &str) -> Misuse {
    Misuse(format!("there is no {tool} on the PATH: install it from {from}"))
}

fn failed(project: &Project) -> anyhow::Error {
    BuildFailed(format!("{} was not built", project.source.display())).into()
}

/// Shows a command line and runs it. What it prints goes to standard error.
fn run(command: &mut Command, screen: &Screen) -> anyhow::Result<ExitStatus> {
    screen.line(&shown(command));
    let output = command.stdin(Stdio::null()).stdout(std::io::stderr());
    output.status().with_context(|| format!("{} did not start", command.get_program().display()))
}

fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let words: Vec<_> = words.map(OsStr::to_string_lossy).collect();
    format!("$ {}", words.join(" "))
}
