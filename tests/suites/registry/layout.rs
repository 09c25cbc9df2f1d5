//! What lies in a registry after a push, byte for byte: as the Wasm OCI Artifact guide of the CNCF's TAG Runtime and the OCI
//! image specification have it, and as `wkg` (the crates `oci-wasm` and `wasm-pkg-client`) writes and expects it.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use task_state_host::Sha256;
use task_state_tests::guests::guest;
use task_state_tests::registry_server::RegistryServer;

use super::fixture::User;

fn keys(value: &Value) -> Vec<&str> {
    value.as_object().into_iter().flatten().map(|(key, _)| key.as_str()).collect()
}

#[test]
fn an_artifact_is_laid_out_as_the_guide_has_it() -> Result<()> {
    let (registry, user) = (RegistryServer::start()?, User::new()?);
    let reference = format!("oci://{}/plugins/quickstart:1.0", registry.address());
    let arguments = ["push", "quickstart.wasm", &reference, "--author", "Alice", "--output", "json"];
    let said: Value = serde_json::from_str(&user.done(&arguments)?)?;
    let digest = said["digest"].as_str().context("no digest")?;
    assert_eq!(said["reference"], format!("{reference}@{digest}"));
    let component = std::fs::read(guest("quickstart"))?;
    let layer = format!("sha256:{}", Sha256::of(&component));
    assert_eq!(
        (&said["size"], format!("sha256:{}", said["sha256"].as_str().unwrap_or_default())),
        (&json!(component.len()), layer.clone())
    );

    let manifest = std::fs::read(registry.blob(digest))?;
    assert_eq!(format!("sha256:{}", Sha256::of(&manifest)), digest);
    let manifest: Value = serde_json::from_slice(&manifest)?;
    let config = manifest["config"]["digest"].as_str().context("no configuration")?;
    let config_bytes = std::fs::read(registry.blob(config))?;
    let expected = json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": {
            "mediaType": "application/vnd.wasm.config.v0+json",
            "digest": format!("sha256:{}", Sha256::of(&config_bytes)),
            "size": config_bytes.len(),
        },
        "layers": [{
            "mediaType": "application/wasm",
            "digest": layer,
            "size": component.len(),
            "annotations": {"org.opencontainers.image.title": "quickstart.wasm"},
        }],
    });
    assert_eq!(manifest, expected);
    assert_eq!(std::fs::read(registry.blob(&layer))?, component);

    let config: Value = serde_json::from_slice(&config_bytes)?;
    assert_eq!(keys(&config), ["architecture", "author", "component", "created", "layerDigests", "os"]);
    assert_eq!(
        (&config["architecture"], &config["os"], &config["author"]),
        (&json!("wasm"), &json!("wasip2"), &json!("Alice"))
    );
    assert_eq!(config["layerDigests"], json!([layer]));
    let created = config["created"].as_str().context("no time")?;
    // RFC 3339, in UTC.
    ensure!(created.len() >= 20 && created.as_bytes()[10] == b'T' && created.ends_with('Z'), "{created}");
    assert_eq!(keys(&config["component"]), ["exports", "imports", "target"]);
    assert_eq!(config["component"]["exports"], json!(["dms:task-state/worker@0.1.2"]));
    let imports = config["component"]["imports"].as_array().context("no imports")?;
    ensure!(imports.contains(&json!("dms:task-state/repository@0.1.2")), "{imports:?}");
    ensure!(imports.iter().all(|name| name.as_str().is_some_and(|name| name.contains('@'))), "{imports:?}");
    Ok(())
}
