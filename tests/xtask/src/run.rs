//! Running other programs, with their command lines shown first.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::{env, iter};

use anyhow::{Context, Result, bail};

/// The root of the workspace: every program is run there, so that the paths shown are short.
pub(crate) fn root() -> PathBuf {
    let xtask = Path::new(env!("CARGO_MANIFEST_DIR"));
    xtask.ancestors().nth(2).unwrap_or(xtask).to_owned()
}

/// A program to be run in the root of the workspace.
pub(crate) fn program(name: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(name);
    command.current_dir(root());
    command
}

/// The cargo that runs this, in the environment that it was called in. What `cargo run` has added describes this package;
/// build scripts that look at it would take it for a change, and half of the dependencies would be built anew.
pub(crate) fn cargo() -> Command {
    let mut cargo = program(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    for (name, _) in env::vars_os() {
        if ["CARGO_PKG_", "CARGO_MANIFEST_"].iter().any(|prefix| name.to_string_lossy().starts_with(prefix)) {
            cargo.env_remove(name);
        }
    }
    cargo
}

/// Shows a command line, runs it, and takes only success for an answer.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    eprintln!("$ {}", line(command));
    let status = command.status().with_context(|| cannot_run(command))?;
    check(command, status)
}

/// Whether a program says yes. It says nothing else.
pub(crate) fn succeeds(command: &mut Command) -> bool {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|s| s.success())
}

/// What a program writes to its standard output.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let output = command.stdin(Stdio::null()).stderr(Stdio::inherit()).output();
    let output = output.with_context(|| cannot_run(command))?;
    check(command, output.status)?;
    Ok(String::from_utf8(output.stdout)?)
}

fn check(command: &Command, status: ExitStatus) -> Result<()> {
    if !status.success() {
        bail!("`{}` failed: {status}", line(command));
    }
    Ok(())
}

fn cannot_run(command: &Command) -> String {
    format!("cannot run `{}`", line(command))
}

/// A program on the `PATH`.
pub(crate) fn find(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path).map(|directory| directory.join(name)).find(|file| file.is_file())
}

/// Says what comes next.
pub(crate) fn heading(text: &str) {
    eprintln!("\n== {text}");
}

/// A command as it could be typed in the root of the workspace.
fn line(command: &Command) -> String {
    let root = root();
    let short = |word: &OsStr| match Path::new(word).strip_prefix(&root) {
        Ok(inside) => quoted(&inside.to_string_lossy()),
        Err(_) => quoted(&word.to_string_lossy()),
    };
    let name = match Path::new(command.get_program()) {
        path if path.ends_with("cargo") => "cargo".to_owned(),
        path => short(path.as_os_str()),
    };
    let words = iter::once(name).chain(command.get_args().map(short));
    words.collect::<Vec<_>>().join(" ")
}

fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "-_./:=,+@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_shown_as_it_could_be_typed() {
        let mut command = program(root().join("target/debug/task-state"));
        command.args(["run", "it's", "a b", "", "--param=k"]).arg(root().join("x.wasm"));
        assert_eq!(line(&command), r"target/debug/task-state run 'it'\''s' 'a b' '' --param=k x.wasm");
    }
}
