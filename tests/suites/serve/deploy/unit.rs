//! The unit of systemd.

use std::collections::BTreeMap;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use task_state_host::plugin::parse_duration;
use task_state_tests::command::{Shell, finish, program};

use super::files::{Platform, find, text};
use super::image::Image;

/// What cancelled runs have to end in, and what the last answers take, after the time to drain.
pub(super) const AFTER_DRAIN: Duration = Duration::from_secs(5 + 10);

/// Its settings; what is set more than once is joined.
fn settings() -> Result<BTreeMap<String, String>> {
    let mut settings = BTreeMap::<String, String>::new();
    for line in text("task-state.service")?.lines().filter(|line| !line.starts_with(['#', '['])) {
        if let Some((key, value)) = line.split_once('=') {
            let all = settings.entry(key.to_owned()).or_default();
            all.push_str(value);
            all.push(' ');
        }
    }
    Ok(settings.into_iter().map(|(key, value)| (key, value.trim().to_owned())).collect())
}

#[test]
fn systemd_takes_the_unit_and_finds_little_that_it_is_exposed_to() -> Result<()> {
    let Some(analyze) = find("systemd-analyze") else {
        eprintln!("SKIPPED: there is no systemd-analyze on the PATH");
        return Ok(());
    };
    let folder = tempfile::tempdir()?;
    let unit = folder.path().join("task-state.service");
    let text = text("task-state.service")?;
    // It looks whether the program is there.
    let here = text.replace("ExecStart=/usr/local/bin/task-state", &format!("ExecStart={}", program().display()));
    assert_ne!(here, text);
    std::fs::write(&unit, here)?;
    let verified = finish(Command::new(&analyze).arg("verify").arg(&unit))?;
    assert!(verified.code == Some(0) && !verified.stderr.contains("task-state.service"), "{verified:?}");
    // In tenths: what is below 2.0 of 10 is as good as it gets for a program that is on the network.
    let security = ["security", "--offline=true", "--threshold=20", "--no-pager"];
    let exposed = finish(Command::new(&analyze).args(security).arg(&unit))?;
    assert_eq!(exposed.code, Some(0), "{exposed:?}");
    Ok(())
}

#[test]
fn the_unit_agrees_with_the_command_the_image_and_its_platform() -> Result<()> {
    let settings = settings()?;
    let of = |key: &str| settings.get(key).map(String::as_str).with_context(|| format!("no {key}"));
    let shell = Shell::new()?;
    let platform = Platform::read("platform.toml")?;
    std::fs::write(shell.directory().join("platform.toml"), platform.here(shell.directory())?)?;
    let words: Vec<&str> =
        of("ExecStart")?.split(' ').map(|word| word.trim_start_matches("/etc/task-state/")).collect();
    let finished = shell.run(words[1..].iter().copied().chain(["--check"]))?;
    assert_eq!(finished.code, Some(0), "{finished:?}");

    let stop = parse_duration(&of("TimeoutStopSec")?.replace("min", "m"))?;
    assert!(platform.drain()? + AFTER_DRAIN < stop && platform.longest_run()? <= platform.drain()?);
    let memory = of("MemoryMax")?.strip_suffix('G').context("no gigabytes")?.parse::<u64>()? << 30;
    assert!(platform.most_memory()? + (256 << 20) <= memory, "{memory}");

    // systemd makes folders of these names where the image has its volumes.
    let image = Image::read()?;
    let volumes = ["CacheDirectory", "StateDirectory"].map(|key| of(key).map(str::to_owned));
    let [cache, state] = volumes;
    assert_eq!(image.words("VOLUME")?, [format!("/var/cache/{}", cache?), format!("/var/lib/{}", state?)]);
    let variables: Vec<(&str, &str)> = of("Environment")?.split(' ').filter_map(|pair| pair.split_once('=')).collect();
    let of_image = image.variables()?;
    assert!(variables.len() == 2 && variables.iter().all(|variable| of_image.contains(variable)), "{variables:?}");
    Ok(())
}

/// Compiled plugins are code that is made while the process runs, and compilers limit themselves.
#[test]
fn the_unit_lets_the_command_compile() -> Result<()> {
    let settings = settings()?;
    assert!(!settings.contains_key("MemoryDenyWriteExecute"));
    assert!(!settings["SystemCallFilter"].contains("@resources"), "{settings:?}");
    Ok(())
}
