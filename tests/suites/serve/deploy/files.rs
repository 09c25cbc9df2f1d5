//! The files of the folder, read.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use serde_json::Value;
use task_state_host::plugin::{parse_bytes, parse_duration};
use task_state_tests::guests::guest;

/// The root of the repository.
pub(super) fn root() -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().unwrap_or(tests).to_owned()
}

/// A file or folder of `host/cli/deploy`.
pub(super) fn deploy(name: &str) -> PathBuf {
    root().join("host/cli/deploy").join(name)
}

pub(super) fn text(name: &str) -> Result<String> {
    let path = deploy(name);
    std::fs::read_to_string(&path).with_context(|| path.display().to_string())
}

/// Says that something is not tested for want of a program. In CI that is an error.
pub(super) fn skipped(why: &str) {
    assert!(std::env::var_os("CI").is_none_or(|ci| ci.is_empty()), "{why}");
    let _ = writeln!(std::io::stderr(), "SKIPPED: {why}");
}

/// A program on the PATH.
pub(super) fn find(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    // What root alone is meant to call is elsewhere.
    let folders = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/sbin".into()]);
    folders.map(|folder| folder.join(name)).find(|file| file.is_file())
}

/// A document of a YAML file.
#[derive(Debug, Deserialize)]
pub(super) struct Document {
    pub(super) file: PathBuf,
    pub(super) document: Value,
    /// What Kubernetes has against it.
    pub(super) refusal: Option<String>,
}

/// The documents of YAML files. None where there is no Python to read them, which is said.
pub(super) fn documents(files: &[PathBuf]) -> Result<Option<Vec<Document>>> {
    let Some(python) = std::env::var_os("TASK_STATE_PYTHON") else {
        skipped("no YAML is read, for TASK_STATE_PYTHON names no Python: run `cargo xtask test`");
        return Ok(None);
    };
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("suites/serve/deploy/documents.py");
    let output = Command::new(python).arg(program).args(files).stderr(Stdio::inherit()).output()?;
    ensure!(output.status.success(), "{}", output.status);
    Ok(Some(serde_json::from_slice(&output.stdout)?))
}

/// The one document of a YAML file in this folder.
pub(super) fn document(name: &str) -> Result<Option<Value>> {
    let read = documents(&[deploy(name)])?;
    read.map(|mut all| all.pop().map(|one| one.document).context("it is empty")).transpose()
}

/// A `platform.toml` of the folder.
pub(super) struct Platform {
    name: &'static str,
    table: toml::Table,
}

/// All of them: for one machine, and for a cluster.
pub(super) const PLATFORMS: [&str; 2] = ["platform.toml", "kubernetes/platform.toml"];

impl Platform {
    pub(super) fn read(name: &'static str) -> Result<Self> {
        Ok(Self { name, table: toml::from_str(&text(name)?)? })
    }

    /// How long its runs may take to end when the process is to stop.
    pub(super) fn drain(&self) -> Result<Duration> {
        Ok(parse_duration(self.table["drain"].as_str().context("drain")?)?)
    }

    fn limits<'a>(&'a self, key: &'a str) -> Result<impl Iterator<Item = &'a str>> {
        let plugins = self.table["plugins"].as_array().context("plugins")?;
        ensure!(plugins.iter().all(|plugin| plugin["limits"][key].is_str()), "a plugin without {key}");
        Ok(plugins.iter().filter_map(move |plugin| plugin["limits"][key].as_str()))
    }

    /// How long its longest run may take.
    pub(super) fn longest_run(&self) -> Result<Duration> {
        let times = self.limits("wall-clock")?.map(parse_duration).collect::<Result<Vec<_>, _>>()?;
        times.into_iter().max().context("no plugin")
    }

    /// The most bytes that its runs and its compilers, of which there are two at most, take together.
    pub(super) fn most_memory(&self) -> Result<u64> {
        let memory = self.limits("memory")?.map(parse_bytes).collect::<Result<Vec<_>, _>>()?;
        let runs = self.table["max-concurrent-runs"].as_integer().context("max-concurrent-runs")?;
        let compiler = parse_bytes(self.table["loading"]["compile-memory"].as_str().context("compile-memory")?)?;
        let largest = memory.into_iter().max().context("no plugin")?;
        Ok(u64::try_from(runs)? * largest as u64 + 2 * compiler as u64)
    }

    /// Where it listens.
    pub(super) fn listen(&self) -> Result<std::net::SocketAddr> {
        Ok(self.table["listen"].as_str().context("listen")?.parse()?)
    }

    /// Its text, with the plugins that were built here and a token in this folder, and without an address.
    pub(super) fn here(&self, folder: &Path) -> Result<String> {
        std::fs::write(folder.join("operator.token"), "operators-t0ken\n")?;
        let built = guest("quickstart").parent().context("no directory")?.display().to_string();
        let text = text(self.name)?;
        let text = text.replace("/run/task-state/", "").replace("\"/plugins/", "\"plugins/");
        let text = text.replace("\"plugins/", &format!("\"{built}/"));
        let lines = text.lines().filter(|line| !line.starts_with("listen = "));
        Ok(lines.map(|line| format!("{line}\n")).collect())
    }
}

#[test]
fn the_example_platforms_pass_their_own_check() -> Result<()> {
    for name in PLATFORMS {
        let shell = task_state_tests::command::Shell::new()?;
        let here = Platform::read(name)?.here(shell.directory())?;
        std::fs::write(shell.directory().join("platform.toml"), here)?;
        let finished = shell.run(["serve", "--config", "platform.toml", "--check"])?;
        assert_eq!((finished.code, finished.stderr.as_str()), (Some(0), ""), "{name}: {finished:?}");
        assert_eq!(finished.stdout.matches(": loads, for ").count(), 2, "{name}: {finished:?}");
    }
    Ok(())
}
