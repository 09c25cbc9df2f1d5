//! What `run` says of a component that it does not load, and what it has of one that was made to harm it.

use anyhow::{Result, ensure};
use task_state_host::Sha256;
use task_state_tests::bombs;
use task_state_tests::command::Shell;
use task_state_tests::guests::guest;

use super::bad_input::refused;

#[test]
fn run_says_why_a_component_is_not_loaded() -> Result<()> {
    let shell = Shell::new()?;
    let bytes = std::fs::read(guest("quickstart"))?;
    std::fs::write(shell.directory().join("plugin.wasm"), &bytes)?;
    let found = Sha256::of(&bytes).to_string();
    let wrong = "0".repeat(64);
    let run = ["run", "plugin.wasm", "--service", "s", "--user", "u"];
    for (manifest, more, said) in [
        (format!("sha256 = '{wrong}'"), &[][..], vec![found.as_str(), &wrong, "\"plugin.wasm\" is not loaded: "]),
        ("sha256 = 'beef'".to_owned(), &[], vec!["sha256: invalid SHA-256 sum \"beef\"", "plugin.toml"]),
        ("[limits]\ncomponent = '2KiB'".to_owned(), &[], vec!["component size limit of 2 KiB exceeded: it has "]),
        (String::new(), &["--limit", "size=1KiB"], vec!["--limit size=1KiB", "unknown field `size`"]),
        (String::new(), &["--limit", "memory"], vec!["invalid limit \"memory\": it has the form KEY=VALUE"]),
        (String::new(), &["--limit", "component=1KiB"], vec!["component size limit of 1 KiB exceeded: it has "]),
        (String::new(), &["--limit", "compile-memory=1MiB"], vec!["compilation memory limit of 1 MiB exceeded"]),
    ] {
        std::fs::write(shell.directory().join("plugin.toml"), manifest)?;
        refused(&shell.run(run.iter().chain(more))?, 2, &said)?;
    }
    assert_eq!(shell.run(["list"])?.stderr, "no tasks\n");
    let manifest = format!("sha256 = '{found}'\n[grants]\nservices = ['analytics']");
    std::fs::write(shell.directory().join("plugin.toml"), manifest)?;
    shell.done(run)?;
    Ok(())
}

#[test]
fn a_component_made_to_take_all_memory_takes_none_of_the_commands() -> Result<()> {
    const MOST: usize = 256 << 20;
    for (name, bomb, said) in [
        ("doubling", bombs::doubling(30), "instance limit of 1000 exceeded"),
        ("nested", bombs::nested(20_000), "component nesting limit of 32 exceeded"),
        ("functions", bombs::many_functions(100_000), "function limit of 80000 exceeded"),
        ("loops", bombs::loops(1_000, 1_900), "compilation memory limit of 128 MiB exceeded"),
    ] {
        let shell = Shell::new()?;
        let file = format!("{name}.wasm");
        std::fs::write(shell.directory().join(&file), bomb)?;
        let limit = ["--limit", "compile-memory=128MiB"];
        let run = ["run", &file, "--service", "s", "--user", "u"];
        let (finished, peak) = shell.start(run.iter().chain(&limit))?.finish_measured()?;
        refused(&finished, 2, &[&file, said])?;
        ensure!(peak < MOST, "{name}: {peak} bytes");
    }
    let shell = Shell::new()?;
    let (finished, peak) = shell.start(["run", "/dev/zero", "--service", "s", "--user", "u"])?.finish_measured()?;
    refused(&finished, 2, &["/dev/zero", "it is a device"])?;
    ensure!(peak < MOST, "{peak} bytes");
    Ok(())
}
