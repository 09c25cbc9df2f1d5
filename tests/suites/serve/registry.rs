//! Plugins of a platform that are in a registry.

use anyhow::{Context, Result};
use task_state_tests::command::Shell;
use task_state_tests::guests::guest;
use task_state_tests::port;
use task_state_tests::registry_server::RegistryServer;
use task_state_tests::tasks::Status;

use super::fixture::{Request, Serving, Task};

/// A shell with a cache of its own, as a variable of its commands.
fn shell() -> Result<(Shell, [(&'static str, String); 1])> {
    let shell = Shell::new()?;
    let cache = shell.directory().join("cache").display().to_string();
    Ok((shell, [("XDG_CACHE_HOME", cache)]))
}

/// Pushes a plugin, and gives the reference that it is pinned to.
fn push(registry: &RegistryServer, plugin: &str, tag: &str) -> Result<String> {
    let plugin = guest(plugin).to_str().context("a strange path")?;
    let reference = format!("oci://{}/plugins/served:{tag}", registry.address());
    Ok(Shell::new()?.done(["push", plugin, &reference])?.trim_end().to_owned())
}

fn config(component: &str) -> String {
    format!("[[plugins]]\ncomponent = '{component}'\nservices = ['analytics']\n")
}

fn borrowed<'a>(variables: &'a [(&'static str, String)]) -> Vec<(&'a str, &'a str)> {
    variables.iter().map(|(name, value)| (*name, value.as_str())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_platform_runs_plugins_of_a_registry_and_starts_again_without_it() -> Result<()> {
    let mut registry = RegistryServer::start()?;
    let pinned = push(&registry, "served", "1")?;
    let (shell, variables) = shell()?;
    let store = shell.store().to_owned();
    let serving = Serving::start_with(shell, &config(&pinned), &borrowed(&variables)).await?;
    serving.run(&Task::to("one", "nothing")).await?;
    serving.until("one", Status::Completed).await;
    let keep = serving.shell.clone();
    serving.stop().await?;

    registry.kill();
    let serving = Serving::start_with(Shell::at(store)?, &config(&pinned), &borrowed(&variables)).await?;
    serving.run(&Task::to("two", "nothing")).await?;
    serving.until("two", Status::Completed).await;
    drop(keep);
    Ok(())
}

#[test]
fn a_tag_alone_is_refused_with_the_line_to_write() -> Result<()> {
    let registry = RegistryServer::start()?;
    let pinned = push(&registry, "served", "1")?;
    let tag = pinned.split_once('@').context("no digest")?.0;
    let (shell, variables) = shell()?;
    std::fs::write(shell.directory().join("platform.toml"), config(tag))?;
    let run = |more: &str| {
        let arguments: Vec<&str> = ["serve", "--config", "platform.toml"].into_iter().chain(more.split(' ')).collect();
        task_state_tests::command::finish(shell.command(arguments).envs(variables.iter().cloned()))
    };
    let finished = run("--listen 127.0.0.1:0")?;
    assert_eq!(finished.code, Some(2), "{finished:?}");
    assert!(finished.stderr.contains(&format!("{tag}: a tag may be")), "{finished:?}");
    assert!(finished.stderr.contains(&format!("today it is {pinned:?}: write that")), "{finished:?}");
    let checked = run("--check")?;
    assert_eq!(checked.code, Some(2), "{checked:?}");
    assert!(
        checked.stdout.contains(&format!("{tag}: does not load: ")) && checked.stdout.contains(&pinned),
        "{checked:?}"
    );

    std::fs::write(shell.directory().join("platform.toml"), config(&pinned))?;
    let checked = run("--check")?;
    assert_eq!(checked.stdout, format!("{pinned}: loads, for analytics\n"), "{checked:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_that_cannot_be_pulled_leaves_the_old_one_in_place() -> Result<()> {
    let mut registry = RegistryServer::start()?;
    let old = push(&registry, "served", "1")?;
    // Another digest, of the same component.
    let new = push(&registry, "served", "2")?;
    let (shell, variables) = shell()?;
    let mut serving = Serving::start_with(shell, &config(&old), &borrowed(&variables)).await?;
    registry.kill();

    let path = serving.shell.directory().join("platform.toml");
    std::fs::write(path, format!("listen = '127.0.0.1:0'\n{}", config(&new)))?;
    serving.running.signal(task_state_tests::command::Signal::HUP)?;
    let said = serving.running.wait_for("warning: ")?;
    assert!(said.contains(&new) && said.contains("cannot be reached"), "{said}");
    assert!(said.ends_with("the one from before goes on, for analytics"), "{said}");
    serving.running.wait_for("read anew: 1 plugin")?;
    serving.run(&Task::to("one", "nothing")).await?;
    serving.until("one", Status::Completed).await;
    let ready = serving.ask(Request::get("/readyz")).await?;
    assert_eq!(ready.json()["not_loaded"][0], new.as_str(), "{ready:?}");

    registry.restart()?;
    serving.reload(&config(&new))?;
    let ready = serving.ask(Request::get("/readyz")).await?;
    assert_eq!(ready.json()["not_loaded"].as_array().map(Vec::len), Some(0), "{ready:?}");
    serving.run(&Task::to("two", "nothing")).await?;
    serving.until("two", Status::Completed).await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_platform_whose_registry_is_away_may_be_started_again_and_one_whose_plugin_is_none_may_not() -> Result<()> {
    let shell = Shell::new()?;
    std::fs::write(shell.directory().join("text.wasm"), "not wasm")?;
    let away = format!(
        "[[plugins]]\ncomponent = 'oci://127.0.0.1:{}/plugin@sha256:{}'\nplain-http = true\nservices = ['a']\n",
        port::free()?,
        "0".repeat(64)
    );
    let none = "[[plugins]]\ncomponent = 'text.wasm'\nservices = ['b']\n";
    // systemd starts it again but for the code 2.
    for (config, code) in [(away.clone(), 5), (none.to_owned(), 2), (format!("{away}{none}"), 2)] {
        std::fs::write(shell.directory().join("platform.toml"), &config)?;
        let finished = shell.run(["serve", "--config", "platform.toml"])?;
        assert_eq!(finished.code, Some(code), "{config}: {finished:?}");
    }
    Ok(())
}
