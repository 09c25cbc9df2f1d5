//! What an artifact consists of: a manifest, which names a configuration and one layer, the component. The Wasm OCI
//! Artifact guide of the CNCF says so, and `wkg` does.

use serde::{Deserialize, Serialize};
use task_state_host::Sha256;

use crate::error::Why;

/// The type of a manifest.
pub(crate) const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

/// The type of the configuration of an artifact that is WebAssembly.
pub(crate) const CONFIG: &str = "application/vnd.wasm.config.v0+json";

/// The type of a component.
pub(crate) const COMPONENT: &str = "application/wasm";

/// Bytes that a manifest may have: as many as registries take, and more than a thousand times what one has.
pub(crate) const MAX_MANIFEST: u64 = 4 << 20;

/// A manifest, as far as it matters here. What else it says is not heeded.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Manifest {
    pub(crate) schema_version: u32,
    pub(crate) media_type: Option<String>,
    pub(crate) config: Descriptor,
    pub(crate) layers: Vec<Descriptor>,
}

/// A reference to bytes by their digest.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Descriptor {
    pub(crate) media_type: String,
    pub(crate) digest: String,
    pub(crate) size: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) annotations: Option<Annotations>,
}

/// The one annotation that is written.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Annotations {
    #[serde(rename = "org.opencontainers.image.title", skip_serializing_if = "Option::is_none")]
    pub(crate) title: Option<String>,
}

/// The configuration.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Config<'a> {
    pub(crate) created: String,
    pub(crate) author: Option<&'a str>,
    pub(crate) architecture: &'static str,
    pub(crate) os: &'static str,
    pub(crate) layer_digests: Vec<String>,
    pub(crate) component: World<'a>,
}

/// The interfaces of a component, with their versions.
#[derive(Debug, Serialize)]
pub(crate) struct World<'a> {
    pub(crate) exports: &'a [String],
    pub(crate) imports: &'a [String],
    /// The name of the world that it was made for, which nobody knows here.
    pub(crate) target: Option<&'a str>,
}

impl Descriptor {
    /// What refers to these bytes.
    pub(crate) fn of(media_type: &str, bytes: &[u8]) -> Self {
        let digest = format!("sha256:{}", Sha256::of(bytes));
        Self { media_type: media_type.to_owned(), digest, size: bytes.len() as u64, annotations: None }
    }

    /// The digest, if it is of the one kind that is checked here.
    pub(crate) fn sum(&self) -> Result<Sha256, Why> {
        let sum = self.digest.strip_prefix("sha256:").and_then(|sum| sum.parse().ok());
        sum.ok_or_else(|| Why::NotComponent("its digest is not of SHA-256".to_owned()))
    }
}

impl Manifest {
    /// The component that a manifest names.
    pub(crate) fn component(bytes: &[u8]) -> Result<Descriptor, Why> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Kind {
            media_type: Option<String>,
        }

        let unreadable = |_| Why::NotComponent("its manifest is no JSON as a manifest is".to_owned());
        let kind: Kind = serde_json::from_slice(bytes).map_err(unreadable)?;
        check("manifest", kind.media_type.as_deref().unwrap_or(MANIFEST), MANIFEST)?;
        let Self { config, layers, .. } = serde_json::from_slice(bytes).map_err(unreadable)?;
        check("configuration", &config.media_type, CONFIG)?;
        let [layer] = &layers[..] else {
            return Err(Why::NotComponent(format!("it has {} layers, and a component is one", layers.len())));
        };
        check("layer", &layer.media_type, COMPONENT)?;
        Ok(layer.clone())
    }
}

/// Types are a stranger's: of a long one a message has the beginning.
fn check(what: &'static str, found: &str, expected: &'static str) -> Result<(), Why> {
    if found == expected {
        return Ok(());
    }
    Err(Why::MediaType { what, found: found.chars().take(100).collect(), expected })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest(kind: &str, config: &str, layers: &[&str]) -> String {
        let one = |kind: &str| format!(r#"{{"mediaType":"{kind}","digest":"sha256:{}","size":1}}"#, "0".repeat(64));
        let layers = layers.iter().map(|layer| one(layer)).collect::<Vec<_>>().join(",");
        format!(r#"{{"schemaVersion":2,"mediaType":"{kind}","config":{},"layers":[{layers}],"else":[1]}}"#, one(config))
    }

    #[test]
    fn a_manifest_names_one_component() {
        let text = manifest(MANIFEST, CONFIG, &[COMPONENT]);
        assert_eq!(Manifest::component(text.as_bytes()).unwrap().size, 1);
        let untyped = text.replace(&format!(r#""mediaType":"{MANIFEST}","#), "");
        assert!(Manifest::component(untyped.as_bytes()).is_ok());
    }

    #[test]
    fn what_is_no_component_is_refused_with_its_type() {
        let index = r#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}"#;
        for (text, why) in [
            (manifest("text/html", CONFIG, &[COMPONENT]), r#"manifest is of type "text/html""#),
            (index.to_owned(), r#"manifest is of type "application/vnd.oci.image.index.v1+json""#),
            (manifest(MANIFEST, "application/vnd.oci.image.config.v1+json", &[COMPONENT]), "configuration is of type"),
            (manifest(MANIFEST, CONFIG, &["a\\u001b[2J"]), r#"layer is of type "a\u{1b}[2J", and that of a component"#),
            (manifest(MANIFEST, CONFIG, &[]), "it has 0 layers"),
            (manifest(MANIFEST, CONFIG, &[COMPONENT, COMPONENT]), "it has 2 layers"),
            ("<html>".to_owned(), "no JSON"),
            ("{}".to_owned(), "no JSON"),
        ] {
            let error = Manifest::component(text.as_bytes()).unwrap_err().to_string();
            assert!(error.contains(why), "{text}: {error}");
        }
        let other = manifest(MANIFEST, CONFIG, &[COMPONENT]).replace("sha256:", "sha512:");
        let descriptor = Manifest::component(other.as_bytes()).unwrap();
        assert!(descriptor.sum().unwrap_err().to_string().contains("not of SHA-256"));
    }
}
