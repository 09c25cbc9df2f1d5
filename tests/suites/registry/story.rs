//! What a user does with a registry, by commands.

use anyhow::{Context, Result, ensure};
use task_state_host::Sha256;
use task_state_tests::command::{Running, finish};
use task_state_tests::guests::guest;
use task_state_tests::registry_server::RegistryServer;

use super::fixture::{User, refused, run};

#[test]
fn what_was_pushed_is_pulled_run_inspected_and_compiled() -> Result<()> {
    let (registry, user) = (RegistryServer::start()?, User::new()?);
    let pinned = user.push(&registry.address(), "plugins/quickstart:1.0")?;
    let tag = format!("oci://{}/plugins/quickstart:1.0", registry.address());
    ensure!(pinned.starts_with(&format!("{tag}@sha256:")), "{pinned}");

    std::fs::remove_file(user.path("quickstart.wasm"))?;
    assert_eq!(user.done(&["pull", &tag])?, format!("quickstart.wasm: {pinned}"));
    assert_eq!(std::fs::read(user.path("quickstart.wasm"))?, std::fs::read(guest("quickstart"))?);
    user.done(&["pull", &pinned, "-o", "other/place.wasm"])?;
    assert_eq!(std::fs::read(user.path("other/place.wasm"))?, std::fs::read(guest("quickstart"))?);

    // A pipe stays one, and is not replaced by a file.
    ensure!(std::process::Command::new("mkfifo").arg(user.path("pipe")).status()?.success());
    let pipe = user.path("pipe");
    let reader = std::thread::spawn(move || std::fs::read(pipe));
    user.done(&["pull", &pinned, "-o", "pipe"])?;
    assert_eq!(reader.join().ok().context("the reader panicked")??, std::fs::read(guest("quickstart"))?);

    user.done(&run(&pinned))?;
    let by_tag = user.run(&run(&tag))?;
    assert_eq!(by_tag.code, Some(0), "{by_tag:?}");
    // The digest is told, to be pinned.
    ensure!(by_tag.stderr.contains(&format!("{tag} is {pinned}\n")), "{by_tag:?}");
    let inspected = user.run(&["inspect", &pinned, "--output", "json"])?.json()?;
    assert_eq!((&inspected["component"], &inspected["loads"]), (&pinned.as_str().into(), &true.into()), "{inspected}");
    assert_eq!(user.done(&["compile", &pinned])?, format!("{pinned}: compiled"));
    Ok(())
}

#[test]
fn a_component_that_was_pulled_needs_no_registry() -> Result<()> {
    let (mut registry, user) = (RegistryServer::start()?, User::new()?);
    let pinned = user.push(&registry.address(), "plugins/quickstart:1.0")?;
    user.done(&run(&pinned))?;
    registry.kill();
    user.done(&run(&pinned))?;
    // What a tag stands for is the registry's to say.
    let tag = pinned.split_once('@').context("no digest")?.0;
    refused(&user.run(&run(tag))?, 5, &[tag, "cannot be reached: Connection refused"])?;
    // Another user has not pulled it.
    refused(&User::new()?.run(&run(&pinned))?, 5, &[&pinned, "cannot be reached"])
}

#[test]
fn what_was_changed_in_the_cache_is_pulled_anew() -> Result<()> {
    let (registry, user) = (RegistryServer::start()?, User::new()?);
    let pinned = user.push(&registry.address(), "plugins/quickstart:1.0")?;
    user.done(&run(&pinned))?;
    let kept: Vec<_> = std::fs::read_dir(user.path("cache/task-state/oci/sha256"))?.collect::<Result<_, _>>()?;
    assert_eq!(kept.len(), 2, "{kept:?}");
    for file in &kept {
        std::fs::write(file.path(), std::fs::read(guest("csv-profile"))?)?;
    }
    user.done(&run(&pinned))?;
    for file in kept {
        let sum = Sha256::of(&std::fs::read(file.path())?);
        assert_eq!(file.file_name().to_string_lossy(), sum.to_string());
    }
    Ok(())
}

#[test]
fn several_processes_may_pull_the_same_at_once() -> Result<()> {
    let (registry, user) = (RegistryServer::start()?, User::new()?);
    let pinned = user.push(&registry.address(), "plugins/quickstart:1.0")?;
    let start = |_| Running::start(&mut user.command(&["inspect", &pinned]));
    let running: Vec<Running> = (0..4).map(start).collect::<Result<_>>()?;
    for one in running {
        let finished = one.finish()?;
        assert_eq!(finished.code, Some(0), "{finished:?}");
    }
    let kept: Vec<_> = std::fs::read_dir(user.path("cache/task-state/oci/sha256"))?.collect::<Result<_, _>>()?;
    assert_eq!(kept.len(), 2, "{kept:?}");
    Ok(())
}

#[test]
fn a_home_that_cannot_be_written_to_hinders_nothing() -> Result<()> {
    let (registry, user) = (RegistryServer::start()?, User::new()?);
    let pinned = user.push(&registry.address(), "plugins/quickstart:1.0")?;
    let user = user.with("XDG_CACHE_HOME", "/dev/null/cache");
    let finished = user.run(&run(&pinned))?;
    assert_eq!(finished.code, Some(0), "{finished:?}");
    Ok(())
}

#[test]
fn what_cannot_be_pushed_or_pulled_is_named() -> Result<()> {
    let (registry, user) = (RegistryServer::start()?, User::new()?);
    let pinned = user.push(&registry.address(), "plugins/quickstart:1.0")?;
    let at = |name: &str| format!("oci://{}/{name}", registry.address());
    std::fs::write(user.path("bad.wasm"), "not wasm")?;
    let (tag, _) = pinned.split_once('@').context("no digest")?;
    let missing = format!("{tag}@sha256:{}", "0".repeat(64));
    for (arguments, texts) in [
        (["push", "bad.wasm", &at("a")], &["\"bad.wasm\" is not loaded: it is not a WebAssembly component"][..]),
        (["push", "none.wasm", &at("a")], &["cannot read \"none.wasm\""]),
        (["push", "quickstart.wasm", &pinned], &["what is pushed has the digest that comes of it"]),
        (["push", "quickstart.wasm", "oci://u:hunter2@r/a"], &["invalid reference (not shown"]),
        (
            ["pull", &at("plugins/quickstart:2.0"), "-oq.wasm"],
            &["plugins/quickstart:2.0: the registry has no such manifest"],
        ),
        (["pull", &at("plugins/other"), "-oq.wasm"], &["plugins/other: the registry has no such manifest"]),
        (["pull", &missing, "-oq.wasm"], &["the registry has no such manifest"]),
        (["pull", "oci://127.0.0.1", "-oq.wasm"], &["invalid reference \"oci://127.0.0.1\""]),
    ] {
        refused(&user.run(&arguments)?, 2, texts)?;
    }
    refused(&user.run(&run(&at("plugins/quickstart:2.0")))?, 2, &["the registry has no such manifest"])?;
    let small = ["--limit", "component=1KiB"];
    let finished = user.run(&run(&pinned).into_iter().chain(small).collect::<Vec<_>>())?;
    refused(&finished, 2, &[&pinned, "its component has more than the 1024 bytes that it may have"])?;
    assert_eq!(user.run(&["list"])?.stderr, "no tasks\n");
    assert!(!user.path("q.wasm").exists());
    Ok(())
}

#[test]
fn a_manifest_pins_and_grants_as_for_a_file() -> Result<()> {
    let (registry, user) = (RegistryServer::start()?, User::new()?);
    let pinned = user.push(&registry.address(), "plugins/quickstart:1.0")?;
    let with_manifest: Vec<&str> = run(&pinned).into_iter().chain(["--manifest", "m.toml"]).collect();
    std::fs::write(user.path("m.toml"), format!("sha256 = '{}'", "0".repeat(64)))?;
    refused(&user.run(&with_manifest)?, 2, &[&pinned, "is not loaded: its SHA-256 sum is", "and it is pinned to"])?;
    let sum = Sha256::of(&std::fs::read(guest("quickstart"))?);
    std::fs::write(user.path("m.toml"), format!("sha256 = '{sum}'\n[grants]\nservices = ['analytics']"))?;
    user.done(&with_manifest)?;
    Ok(())
}

#[test]
fn the_examples_of_push_and_pull_work_as_they_stand() -> Result<()> {
    let (registry, user) = (RegistryServer::start()?, User::new()?);
    let path = task_state_tests::command::program().parent().context("the program is in a directory")?;
    for name in ["push", "pull"] {
        let help = user.done(&[name, "--help"])?;
        let (_, examples) = help.split_once("Example:\n").context("no example")?;
        for example in examples.lines().map(|line| line.trim().replace("registry.example.com", &registry.address())) {
            let mut sh = std::process::Command::new("sh");
            sh.args(["-euc", &format!("PATH={}:$PATH; {example}", path.display())]).current_dir(user.shell.directory());
            user.at_home(&mut sh);
            let finished = finish(&mut sh)?;
            assert_eq!(finished.code, Some(0), "{example}: {finished:?}");
        }
    }
    Ok(())
}
