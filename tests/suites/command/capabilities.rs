//! What `run` grants a plugin, by a manifest and by its arguments.

use std::path::Path;

use anyhow::Result;
use task_state_tests::command::{Finished, Shell, finish};
use task_state_tests::http_server::HttpServer;
use task_state_tests::tls::Certificates;

use super::bad_input::refused;
use super::run::{last_entry, run};

const SECRET: &str = "hunter2-and-more";

/// Runs the guest that makes these attempts, with a secret in the host's environment.
fn attempts(shell: &Shell, lines: &str, more: &[&str]) -> Result<Finished> {
    std::fs::write(shell.directory().join("attempts"), lines)?;
    let more: Vec<&str> = ["--input", "attempts", "--output", "json"].iter().chain(more).copied().collect();
    finish(shell.command(run("reach", "t", &more)).env("TOKEN", SECRET).env("RUST_LOG", "info"))
}

fn printed(finished: &Finished) -> Result<String> {
    Ok(finished.json()?["result"]["launcher_output"].as_str().unwrap_or_default().to_owned())
}

#[test]
fn the_example_runs_with_its_manifest_and_what_the_arguments_add() -> Result<()> {
    let shell = Shell::new()?;
    let site = HttpServer::start()?;
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("../guest/examples/link-check/link-check.toml");
    let http = format!("localhost:{},private", site.port());
    let setting = format!("SITE={}", site.url("localhost", ""));
    let more = ["--manifest", manifest.to_str().unwrap_or_default(), "--http", &http, "--env", &setting];
    let arguments: Vec<&str> = run("link-check", "t", &more).into_iter().chain(["--output", "json"]).collect();

    let missing = finish(shell.command(&arguments).env_remove("API_TOKEN"))?;
    refused(&missing, 2, &["secret API_TOKEN", "environment variable API_TOKEN is not set"])?;
    refused(&shell.run(["get", "t"])?, 4, &[])?;

    let finished = finish(shell.command(&arguments).env("API_TOKEN", SECRET))?;
    assert_eq!(finished.code, Some(0), "{finished:?}");
    assert!(last_entry(&finished.json()?).ends_with("1 of 2 links are broken"), "{finished:?}");
    assert_eq!(printed(&finished)?, "200 5 /hello\n404 12 /missing\n");
    Ok(())
}

#[test]
fn arguments_grant_what_a_manifest_grants() -> Result<()> {
    let shell = Shell::new()?;
    let server = HttpServer::start()?;
    std::fs::create_dir(shell.directory().join("lent"))?;
    std::fs::write(shell.directory().join("lent/file"), "lent")?;
    let http = format!("localhost:{}", server.port());
    let get = server.url("localhost", "/hello?query=1");
    let lines = format!("read /lent/file\nwrite /lent/new\nenv MODE\nenv TOKEN\nenv HOME\nget {get}");

    let all =
        ["--dir", "lent::/lent:rw", "--env", "MODE=fast", "--secret", "TOKEN", "--http", &format!("{http},private")];
    let secrets = "get-at TOKEN\ntell TOKEN\nprint-in-pieces TOKEN";
    let finished = attempts(&shell, &format!("{lines}\n{secrets}"), &all)?;
    let said = printed(&finished)?;
    for part in [
        "/lent/file: lent\n",
        "/lent/new: written\n",
        "MODE: fast\n",
        "TOKEN: <TOKEN>\n",
        "HOME: error",
        "404 no such page",
        "<TOKEN>.example",
        "printed: <TOKEN>.\n",
    ] {
        assert!(said.contains(part), "{part}: {finished:?}");
    }
    assert!(!finished.stderr.contains(SECRET) && !finished.stdout.contains(SECRET), "{finished:?}");
    let logged = finished.stderr.lines().find(|line| line.contains("http request")).unwrap_or_default();
    assert!(logged.contains(&http) && logged.contains("GET") && logged.contains("404"), "{finished:?}");
    assert!(!logged.contains("query") && !logged.contains("/hello"), "{logged}");

    shell.done(["delete", "t"])?;
    let less = ["--dir", "lent::/lent", "--http", &http];
    let finished = attempts(&shell, &lines, &less)?;
    let said = printed(&finished)?;
    for part in ["/lent/file: lent\n", "/lent/new: error", "MODE: error", "TOKEN: error", "private = true"] {
        assert!(said.contains(part), "{part}: {finished:?}");
    }
    Ok(())
}

#[test]
fn a_refused_request_is_a_warning_that_shows_the_line_to_add() -> Result<()> {
    let shell = Shell::new()?;
    std::fs::write(shell.directory().join("attempts"), "get http://api.example.com/secret?query")?;
    let finished = shell.run(run("reach", "t", &["--input", "attempts"]))?;
    let warned = finished.stderr.lines().filter(|line| line.contains("WARN")).collect::<Vec<_>>();
    assert_eq!(warned.len(), 1, "{finished:?}");
    assert!(warned[0].contains("http = [\"api.example.com\"]") && !warned[0].contains("query"), "{finished:?}");
    Ok(())
}

#[test]
fn a_host_is_reached_by_tls_as_the_system_trusts_it() -> Result<()> {
    let shell = Shell::new()?;
    let certificates = Certificates::generate(shell.directory())?;
    let server = HttpServer::with_tls(&certificates)?;
    let http = format!("localhost:{},private", server.port());
    let get = server.url("localhost", "/hello").replace("http:", "https:");
    std::fs::write(shell.directory().join("attempts"), format!("get {get}"))?;
    let run = |id| run("reach", id, &["--input", "attempts", "--output", "json", "--http", &http]);
    let trusted = finish(shell.command(run("trusted")).env("SSL_CERT_FILE", &certificates.authority))?;
    assert!(printed(&trusted)?.ends_with(": 200 hello\n"), "{trusted:?}");
    let unknown = finish(shell.command(run("unknown")).env("SSL_CERT_FILE", &certificates.certificate))?;
    assert!(printed(&unknown)?.contains("error: ErrorCode::TlsCertificateError"), "{unknown:?}");
    Ok(())
}

#[test]
fn what_cannot_be_granted_is_named_and_no_task_is_made() -> Result<()> {
    let shell = Shell::new()?;
    std::fs::write(shell.directory().join("short"), "abc")?;
    for (grant, texts) in [
        (["--dir", "missing::/m"], &["directory \"missing\""][..]),
        (["--dir", "missing"], &["\"missing\"", "HOST::GUEST"]),
        (["--http", "https://a.example"], &["\"https://a.example\""]),
        (["--env", "MODE"], &["\"MODE\"", "NAME=VALUE"]),
        (["--secret", "TOKEN=file:short"], &["secret TOKEN", "fewer than 4 bytes"]),
        (["--secret", "TOKEN=file:no-such"], &["secret TOKEN", "no-such"]),
    ] {
        refused(&shell.run(run("reach", "t", &grant))?, 2, texts)?;
        refused(&shell.run(["get", "t"])?, 4, &[])?;
    }
    // A value is no way to give a secret, and is not shown.
    let by_value = shell.run(run("reach", "t", &["--secret", "TOKEN=hunter2-and-more"]))?;
    refused(&by_value, 2, &["invalid secret \"TOKEN\""])?;
    assert!(!by_value.stderr.contains("hunter2"), "{by_value:?}");
    Ok(())
}
