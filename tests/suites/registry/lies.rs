//! Registries that lie, and what becomes of that.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::json;
use task_state_host::Sha256;
use task_state_registry::{RegistryError, Times, Why};
use task_state_tests::scripted_server::{Asked, Script, ScriptedServer};

use super::fixture::{User, artifact, refused, run};

/// As many bytes as a component may have in these tests.
const MOST: u64 = 1 << 20;

/// What an honest registry holds: one artifact.
pub(crate) struct Held {
    pub(crate) component: Vec<u8>,
    pub(crate) manifest: Vec<u8>,
}

impl Held {
    pub(crate) fn new(component: &[u8]) -> Self {
        Self::with_layer(component, component.len() as u64, "application/wasm")
    }

    fn with_layer(component: &[u8], size: u64, kind: &str) -> Self {
        let digest = format!("sha256:{}", Sha256::of(component));
        let config = json!({"mediaType": "application/vnd.wasm.config.v0+json", "digest": digest, "size": 2});
        let layer = json!({"mediaType": kind, "digest": digest, "size": size});
        let kind = "application/vnd.oci.image.manifest.v1+json";
        let manifest = json!({"schemaVersion": 2, "mediaType": kind, "config": config, "layers": [layer]});
        Self { component: component.to_vec(), manifest: manifest.to_string().into_bytes() }
    }

    /// What an honest registry answers.
    pub(crate) fn answer(&self, asked: &Asked) -> Script {
        let path = asked.target.split('?').next().unwrap_or_default();
        if path.contains("/manifests/") {
            Script::ok(self.manifest.clone())
        } else if path.ends_with(&format!("/blobs/sha256:{}", Sha256::of(&self.component))) {
            Script::ok(self.component.clone())
        } else {
            Script::status("404 Not Found", Vec::new())
        }
    }

    /// The reference to it, pinned.
    pub(crate) fn reference(&self, server: &ScriptedServer) -> String {
        format!("oci://{}/a/b:1@sha256:{}", server.address(), Sha256::of(&self.manifest))
    }
}

/// A registry that lies where something is said, and is honest else; with the reference of what it holds.
fn lying(
    held: Held,
    lie: impl Fn(&Asked) -> Option<Script> + Send + Sync + 'static,
) -> Result<(ScriptedServer, String)> {
    let held = Arc::new(held);
    let honest = held.clone();
    let server = ScriptedServer::start(move |asked| lie(asked).unwrap_or_else(|| honest.answer(asked)))?;
    let reference = held.reference(&server);
    Ok((server, reference))
}

/// Lies about one part of what is asked for.
fn about(part: &'static str, lie: Script) -> impl Fn(&Asked) -> Option<Script> + Send + Sync + 'static {
    move |asked| asked.target.contains(part).then(|| lie.clone())
}

fn hasty() -> Times {
    let mut times = Times::default();
    (times.answer, times.pause) = (Duration::from_millis(500), Duration::from_millis(500));
    times
}

/// Pulls as a new user, and finds nothing of the component kept if that fails.
async fn pulled(reference: &str, times: Times) -> Result<Result<Vec<u8>, RegistryError>> {
    let user = User::new()?;
    let pulled = user.registry(times).pull(&artifact(reference), MOST).await;
    if pulled.is_err() {
        let kept = std::fs::read_dir(user.path("cache/task-state/oci/sha256")).into_iter().flatten().count();
        // A manifest may be, if it was right.
        ensure!(kept <= 1, "{kept} files");
    }
    Ok(pulled.map(|pulled| pulled.bytes.to_vec()))
}

async fn lie_is_found(held: Held, lie: impl Fn(&Asked) -> Option<Script> + Send + Sync + 'static) -> Result<Why> {
    let (_server, reference) = lying(held, lie)?;
    let error = pulled(&reference, hasty()).await?.err().context("it was pulled")?;
    assert_eq!(error.reference, reference);
    Ok(error.why)
}

#[tokio::test]
async fn an_honest_registry_is_believed() -> Result<()> {
    let (server, reference) = lying(Held::new(b"component"), |_| None)?;
    assert_eq!(pulled(&reference, Times::default()).await??, b"component");
    let asked: Vec<String> = server.asked().iter().map(|asked| format!("{} {}", asked.method, asked.target)).collect();
    let sum = |bytes: &[u8]| format!("sha256:{}", Sha256::of(bytes));
    let held = Held::new(b"component");
    let expected =
        [format!("GET /v2/a/b/manifests/{}", sum(&held.manifest)), format!("GET /v2/a/b/blobs/{}", sum(b"component"))];
    assert_eq!(asked, expected);
    Ok(())
}

#[tokio::test]
async fn other_bytes_than_those_of_the_digest_are_refused() -> Result<()> {
    let other = Held::new(b"another").manifest;
    let why = lie_is_found(Held::new(b"component"), about("/manifests/", Script::ok(other))).await?;
    assert!(matches!(why, Why::Digest { what: "manifest", .. }), "{why}");
    let why = lie_is_found(Held::new(b"component"), about("/blobs/", Script::ok("kumponent"))).await?;
    assert!(matches!(why, Why::Digest { what: "component", .. }), "{why}");
    Ok(())
}

#[tokio::test]
async fn no_more_is_read_than_there_may_be() -> Result<()> {
    let held = || Held::new(b"component");
    for (part, lie) in [
        ("/manifests/", Script::Endless),
        ("/blobs/", Script::Endless),
        ("/blobs/", Script::ok("component and more")),
        ("/manifests/", Script::ok(vec![b' '; (4 << 20) + 1])),
    ] {
        let why = lie_is_found(held(), about(part, lie.clone())).await?;
        assert!(matches!(why, Why::TooLarge { .. }), "{part}: {why}");
    }
    let why = lie_is_found(held(), about("/manifests/", Script::EndlessHead)).await?;
    assert!(matches!(why, Why::Answer { .. }), "{why}");
    Ok(())
}

#[tokio::test]
async fn what_is_too_large_is_not_asked_for() -> Result<()> {
    for size in [MOST + 1, u64::MAX] {
        let (server, reference) = lying(Held::with_layer(b"component", size, "application/wasm"), |_| None)?;
        let error = pulled(&reference, Times::default()).await?.err().context("it was pulled")?;
        assert!(matches!(error.why, Why::TooLarge { what: "component", most: MOST }), "{error}");
        assert!(!server.asked().iter().any(|asked| asked.target.contains("/blobs/")));
    }
    Ok(())
}

#[tokio::test]
async fn a_registry_that_dawdles_is_not_waited_for() -> Result<()> {
    let held = || Held::new(b"component");
    for (part, lie) in [("/manifests/", Script::Silent), ("/manifests/", Script::Stalls), ("/blobs/", Script::Silent)] {
        let why = lie_is_found(held(), about(part, lie.clone())).await?;
        assert!(matches!(why, Why::Slow { .. }), "{part}, {lie:?}: {why}");
    }
    Ok(())
}

#[tokio::test]
async fn what_breaks_off_is_refused() -> Result<()> {
    let why = lie_is_found(Held::new(b"component"), about("/blobs/", Script::Cut(b"compone".to_vec()))).await?;
    assert!(matches!(why, Why::Answer { .. }), "{why}");
    Ok(())
}

#[tokio::test]
async fn a_manifest_that_is_nested_without_an_end_is_refused() -> Result<()> {
    for text in ["[".repeat(1 << 20), r#"{"layers":"#.repeat(100_000)] {
        let held = Held { manifest: text.into_bytes(), ..Held::new(b"component") };
        let why = lie_is_found(held, |_| None).await?;
        assert!(matches!(why, Why::NotComponent(_)), "{why}");
    }
    Ok(())
}

#[tokio::test]
async fn what_another_server_says_is_not_blamed_on_the_credentials() -> Result<()> {
    let elsewhere = ScriptedServer::start(|_| Script::status("403 Forbidden", Vec::new()))?;
    let moved =
        Script::status("307 Temporary Redirect", vec![("location", format!("http://{}/x", elsewhere.address()))]);
    let why = lie_is_found(Held::new(b"component"), about("/blobs/", moved)).await?;
    assert_eq!(
        why.to_string(),
        format!("http://{} answered 403 when it was asked for the component", elsewhere.address())
    );
    Ok(())
}

#[tokio::test]
async fn what_is_no_component_is_refused_by_its_type() -> Result<()> {
    let image = Held::with_layer(b"component", 9, "application/vnd.oci.image.layer.v1.tar+gzip");
    let why = lie_is_found(image, |_| None).await?;
    assert!(matches!(why, Why::MediaType { what: "layer", expected: "application/wasm", .. }), "{why}");
    Ok(())
}

#[tokio::test]
async fn a_way_that_leads_nowhere_is_not_followed() -> Result<()> {
    let to = |location: &str| Script::status("307 Temporary Redirect", vec![("location", location.to_owned())]);
    for (location, said) in [
        ("file:///etc/passwd", "which is not TLS, and is not followed"),
        ("gopher://127.0.0.1/", "which is not TLS, and is not followed"),
        ("http://[::", "sends on to no address"),
        ("?again", "answered 307"),
    ] {
        let why = lie_is_found(Held::new(b"component"), about("/blobs/", to(location))).await?.to_string();
        assert!(why.contains(said), "{location}: {why}");
    }
    let why = lie_is_found(Held::new(b"component"), about("/blobs/", Script::status("302 Found", Vec::new()))).await?;
    assert!(why.to_string().contains("sends on to no address"), "{why}");
    Ok(())
}

#[tokio::test]
async fn a_digest_that_is_a_path_leads_nowhere() -> Result<()> {
    let held = Held::new(b"component");
    let manifest =
        String::from_utf8(held.manifest)?.replace(&format!("{}", Sha256::of(b"component")), "../../../../other");
    let (server, reference) = lying(Held { manifest: manifest.into_bytes(), ..held }, |_| None)?;
    let error = pulled(&reference, Times::default()).await?.err().context("it was pulled")?;
    assert!(matches!(error.why, Why::NotComponent(_)), "{error}");
    assert_eq!(server.asked().len(), 1);
    Ok(())
}

#[tokio::test]
async fn a_server_elsewhere_is_not_spoken_to_in_plain_text_unless_that_is_asked_for() -> Result<()> {
    let (server, reference) = lying(Held::new(b"component"), |_| None)?;
    // The same server, by an address that is not one of this machine's own to those who do not look closely.
    let mapped = reference.replace("127.0.0.1", "[::ffff:127.0.0.1]");
    let error = pulled(&mapped, Times::default()).await?.err().context("it was pulled")?;
    assert!(error.to_string().contains("it does not speak TLS"), "{error}");
    assert!(server.asked().is_empty());
    let (user, mut plain) = (User::new()?, artifact(&mapped));
    plain.plain_http = true;
    assert_eq!(user.registry(Times::default()).pull(&plain, MOST).await?.bytes, "component");
    Ok(())
}

#[test]
fn a_lie_is_told_by_the_command_with_both_digests() -> Result<()> {
    let (_server, reference) = lying(Held::new(b"component"), about("/blobs/", Script::ok("kumponent")))?;
    let user = User::new()?;
    let (found, wanted) = (Sha256::of(b"kumponent").to_string(), Sha256::of(b"component").to_string());
    refused(&user.run(&run(&reference))?, 2, &[&reference, &found, &wanted, "gave a component of digest"])?;
    refused(&user.run(&["pull", &reference])?, 2, &[&found])?;
    assert!(!user.path("b.wasm").exists());
    assert_eq!(user.run(&["list"])?.stderr, "no tasks\n");
    Ok(())
}

#[tokio::test]
async fn what_a_registry_has_is_not_uploaded_again() -> Result<()> {
    let server = ScriptedServer::start(|asked| match asked.method.as_str() {
        "HEAD" => Script::status("200 OK", Vec::new()),
        "PUT" => Script::status("201 Created", Vec::new()),
        _ => Script::status("500 Internal Server Error", Vec::new()),
    })?;
    let user = User::new()?;
    user.push(&server.address().to_string(), "a:1")?;
    let methods: Vec<String> = server.asked().into_iter().map(|asked| asked.method).collect();
    assert_eq!(methods, ["HEAD", "HEAD", "PUT"]);
    Ok(())
}
