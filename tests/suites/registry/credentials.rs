//! Credentials: where they are found, who is shown them, and who is not.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use task_state_host::Sha256;
use task_state_registry::Times;
use task_state_tests::command::finish;
use task_state_tests::registry_server::{PASSWORD, RegistryServer, USER};
use task_state_tests::scripted_server::{Asked, Script, ScriptedServer};

use super::fixture::{User, artifact, refused, run};
use super::lies::Held;

/// User and password, as files and requests have them.
const ENCODED: &str = "YWxpY2U6czNjcmV0LW9mLWFsaWNl";

/// The same user with a wrong password.
const WRONG: &str = "YWxpY2U6d3JvbmctcGFzc3dvcmQ=";

fn auths(registry: &str, auth: &str) -> String {
    format!(r#"{{"auths": {{"{registry}": {{"auth": "{auth}"}}}}}}"#)
}

/// A user who trusts the authority of a registry, with a file in his directory.
fn user(registry: &RegistryServer, name: &str, text: &str) -> Result<User> {
    let user = User::new()?.with("SSL_CERT_FILE", registry.authority().context("no authority")?);
    write(&user.path(name), text)?;
    Ok(user)
}

fn write(path: &Path, text: &str) -> Result<()> {
    std::fs::create_dir_all(path.parent().context("no directory")?)?;
    Ok(std::fs::write(path, text)?)
}

#[test]
fn credentials_are_found_where_others_leave_them() -> Result<()> {
    let registry = RegistryServer::with_tls_and_password()?;
    let address = registry.address();
    let file = auths(&address, ENCODED);
    for (name, variable) in [
        ("home/.docker/config.json", None),
        ("docker/config.json", Some(("DOCKER_CONFIG", "docker"))),
        ("home/.config/containers/auth.json", None),
        ("run/containers/auth.json", Some(("XDG_RUNTIME_DIR", "run"))),
        ("any.json", Some(("REGISTRY_AUTH_FILE", "any.json"))),
    ] {
        let mut user = user(&registry, name, &file)?;
        if let Some((variable, value)) = variable {
            let value = user.path(value);
            user = user.with(variable, value);
        }
        let pinned = user.push(&address, "plugins/quickstart:1.0").with_context(|| name.to_owned())?;
        user.done(&run(&pinned)).with_context(|| name.to_owned())?;
    }
    Ok(())
}

#[test]
fn a_helper_is_asked_for_credentials() -> Result<()> {
    let registry = RegistryServer::with_tls_and_password()?;
    let address = registry.address();
    let store = r#"{"credsStore": "of-tests"}"#.to_owned();
    for file in
        [store.clone(), format!(r#"{{"auths": {{"{address}": {{}}}}, "credHelpers": {{"{address}": "of-tests"}}}}"#)]
    {
        let user = user(&registry, "home/.docker/config.json", &file)?;
        let helper = user.path("bin/docker-credential-of-tests");
        let answer = |script: &str| -> Result<()> {
            write(&helper, &format!("#!/bin/sh\nserver=$(cat)\n{script}\n"))?;
            Ok(std::fs::set_permissions(&helper, std::fs::Permissions::from_mode(0o755))?)
        };
        let path = format!("{}:{}", user.path("bin").display(), std::env::var("PATH")?);
        let user = user.with("PATH", path);
        let push = ["push", "quickstart.wasm", &format!("oci://{address}/a:1")];

        answer(&format!(
            "[ \"$1\" = get ] && [ \"$server\" = {address} ] && echo '{{\"Username\": \"{USER}\", \"Secret\": \"{PASSWORD}\"}}'"
        ))?;
        user.done(&push)?;
        answer(&format!("echo {PASSWORD}; echo {PASSWORD} >&2; exit 1"))?;
        refused(&user.run(&push)?, 2, &["config.json: the credential helper `docker-credential-of-tests` failed"])?;
        answer(&format!("echo {PASSWORD}"))?;
        refused(&user.run(&push)?, 2, &["config.json: the credential helper that it names answers something else"])?;
        assert!(!user.run(&push)?.stderr.contains(PASSWORD));
        // What the helpers of Docker say of what they do not know.
        answer("echo 'credentials not found in native keychain'; exit 1")?;
        refused(&user.run(&push)?, 6, &["the registry asks for credentials"])?;
    }
    Ok(())
}

#[test]
fn a_registry_that_refuses_is_named_with_what_to_do_and_no_secret_is_shown() -> Result<()> {
    let registry = RegistryServer::with_tls_and_password()?;
    let address = registry.address();
    let reference = format!("oci://{address}/plugins/quickstart:1.0");
    let nobody = user(&registry, "home/unrelated", "")?;
    let login = format!("docker login {address}");
    for arguments in [vec!["push", "quickstart.wasm", &reference], vec!["pull", &reference], run(&reference)] {
        let finished = nobody.run(&arguments)?;
        refused(
            &finished,
            6,
            &[&reference, "the registry asks for credentials", ".docker/config.json has none", &login],
        )?;
        let file = auths(&address, WRONG);
        let wrong = user(&registry, "home/.docker/config.json", &file)?;
        let finished = finish(wrong.command(&arguments).env("RUST_LOG", "trace"))?;
        refused(
            &finished,
            6,
            &[&reference, "the registry refuses it (401 UNAUTHORIZED)", ".docker/config.json are not"],
        )?;
        ensure!(!finished.stderr.contains(WRONG) && !finished.stderr.contains("wrong-password"), "{finished:?}");
    }
    let right = user(&registry, "home/.docker/config.json", &auths(&address, ENCODED))?;
    let finished = finish(right.command(&["push", "quickstart.wasm", &reference]).env("RUST_LOG", "trace"))?;
    assert_eq!(finished.code, Some(0), "{finished:?}");
    for secret in [PASSWORD, ENCODED] {
        ensure!(!finished.stderr.contains(secret) && !finished.stdout.contains(secret), "{finished:?}");
    }
    Ok(())
}

#[test]
fn a_registry_whose_certificate_nobody_vouches_for_is_not_spoken_to() -> Result<()> {
    let registry = RegistryServer::with_tls_and_password()?;
    let user = User::new()?;
    write(&user.path("home/.docker/config.json"), &auths(&registry.address(), ENCODED))?;
    let finished = user.run(&["pull", &format!("oci://{}/a:1", registry.address())])?;
    refused(&finished, 5, &["cannot be reached: TLS: invalid peer certificate"])
}

/// A registry that takes a token of its own server alone, and asks for it as Docker's does.
fn with_tokens(held: Held, more: impl Fn(&Asked) -> Option<Script> + Send + Sync + 'static) -> Result<ScriptedServer> {
    let server = ScriptedServer::start(move |asked| {
        if asked.target.starts_with("/token") {
            let is_known = asked.header("authorization") == Some(&format!("Basic {ENCODED}"))
                || String::from_utf8_lossy(&asked.body).contains("refresh_token=identity-of-alice");
            return match is_known {
                true => Script::ok(r#"{"token": "opaque-token"}"#),
                false => Script::status("401 Unauthorized", Vec::new()),
            };
        }
        if asked.header("authorization") == Some("Bearer opaque-token") {
            return more(asked).unwrap_or_else(|| held.answer(asked));
        }
        let realm = format!("http://{}/token", asked.header("host").unwrap_or_default());
        let wants = format!(r#"Bearer realm="{realm}",service="tests",scope="repository:a/b:pull""#);
        Script::status("401 Unauthorized", vec![("www-authenticate", wants)])
    })?;
    Ok(server)
}

#[tokio::test]
async fn a_token_is_got_for_a_password_or_for_another_token() -> Result<()> {
    for (auth, method) in
        [(format!(r#""auth": "{ENCODED}""#), "GET"), (r#""identitytoken": "identity-of-alice""#.to_owned(), "POST")]
    {
        let held = Held::new(b"component");
        let manifest = held.manifest.clone();
        let server = with_tokens(held, |_| None)?;
        let user = User::new()?;
        write(
            &user.path("home/.docker/config.json"),
            &format!(r#"{{"auths": {{"{}": {{{auth}}}}}}}"#, server.address()),
        )?;
        let reference = format!("oci://{}/a/b:1@sha256:{}", server.address(), Sha256::of(&manifest));
        let pulled = user.registry(Times::default()).pull(&artifact(&reference), 100).await?;
        assert_eq!(pulled.bytes, "component");
        let asked = server.asked();
        let token = asked.iter().find(|asked| asked.target.starts_with("/token")).context("no token was asked for")?;
        assert_eq!(token.method, method);
        let said = format!("{}&{}", token.target, String::from_utf8_lossy(&token.body));
        for part in ["service=tests", "scope=repository%3Aa%2Fb%3Apull"] {
            ensure!(said.contains(part), "{said}");
        }
        // The password went to the server of tokens, and nowhere else.
        let shown =
            asked.iter().filter(|asked| asked.header("authorization").is_some_and(|value| value.contains(ENCODED)));
        assert!(shown.into_iter().all(|asked| asked.target.starts_with("/token")));
        assert_eq!(asked.iter().filter(|asked| asked.target.starts_with("/token")).count(), 1);
    }
    Ok(())
}

#[tokio::test]
async fn credentials_do_not_follow_to_another_server() -> Result<()> {
    let elsewhere = ScriptedServer::start(|_| Script::ok("component"))?;
    let held = Held::new(b"component");
    let (manifest, location) = (held.manifest.clone(), format!("http://{}/signed?key=x", elsewhere.address()));
    let server = with_tokens(held, move |asked| {
        let moved = || Script::status("307 Temporary Redirect", vec![("location", location.clone())]);
        asked.target.contains("/blobs/").then(moved)
    })?;
    let user = User::new()?;
    write(&user.path("home/.docker/config.json"), &auths(&server.address().to_string(), ENCODED))?;
    let reference = format!("oci://{}/a/b:1@sha256:{}", server.address(), Sha256::of(&manifest));
    assert_eq!(user.registry(Times::default()).pull(&artifact(&reference), 100).await?.bytes, "component");
    let [asked] = &elsewhere.asked()[..] else { anyhow::bail!("{:?}", elsewhere.asked()) };
    assert_eq!((asked.target.as_str(), asked.header("authorization")), ("/signed?key=x", None));
    Ok(())
}

#[tokio::test]
async fn credentials_do_not_follow_an_upload_to_another_server() -> Result<()> {
    let elsewhere = ScriptedServer::start(|_| Script::status("201 Created", Vec::new()))?;
    let location = format!("http://{}/upload?session=x", elsewhere.address());
    let server = with_tokens(Held::new(b""), move |asked| match asked.method.as_str() {
        "POST" => Some(Script::status("202 Accepted", vec![("location", location.clone())])),
        "PUT" => Some(Script::status("201 Created", Vec::new())),
        _ => None,
    })?;
    let user = User::new()?;
    write(&user.path("home/.docker/config.json"), &auths(&server.address().to_string(), ENCODED))?;
    let address = server.address().to_string();
    let user = tokio::task::spawn_blocking(move || user.push(&address, "a/b:1").map(|_| user)).await??;
    let component = std::fs::read(user.path("quickstart.wasm"))?;
    let asked = elsewhere.asked();
    assert_eq!(asked.len(), 2, "{asked:?}");
    assert_eq!(asked[0].body, component);
    for asked in asked {
        ensure!(asked.target.starts_with("/upload?session=x&digest=sha256%3A"), "{}", asked.target);
        assert_eq!(asked.header("authorization"), None);
    }
    Ok(())
}

#[tokio::test]
async fn a_registry_cannot_have_a_secret_printed() -> Result<()> {
    let echo = |asked: &Asked| {
        let shown = asked.header("authorization").unwrap_or_default();
        let body = format!(r#"{{"errors": [{{"code": "{shown}", "message": "{shown}"}}]}}"#);
        Some(Script::Answer("403 Forbidden", vec![("location", shown.to_owned())], body.into_bytes()))
    };
    let server = with_tokens(Held::new(b""), echo)?;
    let user = User::new()?;
    write(&user.path("home/.docker/config.json"), &auths(&server.address().to_string(), ENCODED))?;
    let reference = format!("oci://{}/a/b:1", server.address());
    let finished =
        tokio::task::spawn_blocking(move || finish(user.command(&["pull", &reference]).env("RUST_LOG", "trace")));
    let finished = finished.await??;
    refused(&finished, 6, &["the registry refuses it (403)"])?;
    ensure!(!finished.stderr.contains("opaque-token") && !finished.stderr.contains(ENCODED), "{finished:?}");
    Ok(())
}

#[tokio::test]
async fn a_server_of_tokens_is_trusted_no_further_than_a_registry() -> Result<()> {
    let token = |text: &str| Script::ok(format!(r#"{{"token": {text:?}}}"#));
    for (script, said) in [
        (Script::Endless, "its token has more than the 65536 bytes"),
        (Script::ok("<html>"), "was asked for a token and gave none"),
        (Script::ok("{}"), "was asked for a token and gave none"),
        (token("a\r\nx-injected: y"), "gave a token that cannot be sent"),
        (Script::status("302 Found", vec![("location", "http://127.0.0.1:1/".to_owned())]), "answered 302"),
        // The registry does not take it, and is not asked for ever.
        (token("another"), "the registry refuses it (401)"),
    ] {
        let server = ScriptedServer::start(move |asked| match asked.target.as_str() {
            target if target.starts_with("/token") => script.clone(),
            _ => {
                let realm = format!(r#"Bearer realm="http://{}/token""#, asked.header("host").unwrap_or_default());
                Script::status("401 Unauthorized", vec![("www-authenticate", realm)])
            }
        })?;
        let pulled =
            User::new()?.registry(Times::default()).pull(&artifact(&format!("oci://{}/a", server.address())), 1).await;
        let error = pulled.err().context("it was pulled")?.to_string();
        assert!(error.contains(said), "{said}: {error}");
        assert!(server.asked().len() <= 3, "{:?}", server.asked());
    }
    Ok(())
}

#[tokio::test]
async fn a_challenge_that_cannot_be_met_is_an_error() -> Result<()> {
    for (challenge, said) in [
        ("Negotiate", "in a way that is not known here"),
        ("Bearer realm=\"not a url\"", "names no server of tokens"),
        ("Bearer realm=\"file:///etc/passwd\"", "which is not TLS, and is not followed"),
        ("Basic", "the registry asks for credentials, and "),
    ] {
        let server = ScriptedServer::start(move |_| {
            Script::status("401 Unauthorized", vec![("www-authenticate", challenge.to_owned())])
        })?;
        let pulled =
            User::new()?.registry(Times::default()).pull(&artifact(&format!("oci://{}/a", server.address())), 1).await;
        let error = pulled.err().context("it was pulled")?.to_string();
        assert!(error.contains(said), "{said}: {error}");
    }
    Ok(())
}
