//! Pushing: a component, what is said of it, and the manifest that names both.

use bytes::Bytes;
use http::{Method, StatusCode};
use task_state_host::plugin::{Inspection, Interface};

use crate::error::{RegistryError, Why};
use crate::manifest::{Annotations, COMPONENT, CONFIG, Config, Descriptor, MANIFEST, Manifest, World};
use crate::session::{Ask, Session};
use crate::{Artifact, Reference, Registry};

/// The type of bytes of any kind.
const BYTES: &str = "application/octet-stream";

/// A component that is pushed, and what is said of it.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Contents {
    /// The component.
    pub bytes: Bytes,
    /// The interfaces that it exports, with their versions.
    pub exports: Vec<String>,
    /// The interfaces that it imports.
    pub imports: Vec<String>,
    /// The name of its file, for tools that write it to one.
    pub title: Option<String>,
    /// Who has made it.
    pub author: Option<String>,
}

impl Contents {
    /// A component that was inspected.
    pub fn new(bytes: impl Into<Bytes>, inspection: &Inspection) -> Self {
        let names = |interfaces: &[Interface]| interfaces.iter().map(name).collect();
        Self {
            bytes: bytes.into(),
            exports: names(&inspection.exports),
            imports: names(&inspection.imports),
            title: None,
            author: None,
        }
    }

    fn config(&self, layer: &Descriptor) -> Config<'_> {
        Config {
            created: jiff::Timestamp::now().to_string(),
            author: self.author.as_deref(),
            architecture: "wasm",
            os: "wasip2",
            layer_digests: vec![layer.digest.clone()],
            component: World { exports: &self.exports, imports: &self.imports, target: None },
        }
    }
}

fn name(interface: &Interface) -> String {
    match &interface.version {
        Some(version) => format!("{}@{version}", interface.name),
        None => interface.name.clone(),
    }
}

impl Registry {
    /// Pushes a component to a tag, and gives the reference that it is pinned to from now on.
    ///
    /// # Errors
    /// [`RegistryError`]; the tag is as it was then, unless it was the last answer that did not come.
    pub async fn push(&self, artifact: &Artifact, contents: &Contents) -> Result<Reference, RegistryError> {
        self.push_to_tag(artifact, contents).await.map_err(|why| RegistryError::new(&artifact.reference, why))
    }

    async fn push_to_tag(&self, artifact: &Artifact, contents: &Contents) -> Result<Reference, Why> {
        let reference = &artifact.reference;
        if reference.digest().is_some() {
            return Err(Why::PushedByDigest);
        }
        let unwritable = |error: serde_json::Error| Why::NotComponent(error.to_string());
        let mut layer = Descriptor::of(COMPONENT, &contents.bytes);
        layer.annotations = contents.title.clone().map(|title| Annotations { title: Some(title) });
        let config: Bytes = serde_json::to_vec(&contents.config(&layer)).map_err(unwritable)?.into();
        let manifest = Manifest {
            schema_version: 2,
            media_type: Some(MANIFEST.to_owned()),
            config: Descriptor::of(CONFIG, &config),
            layers: vec![layer],
        };
        let mut session = Session::open(self, artifact).await?;
        // What a manifest names has to be there before it.
        session.upload(&manifest.layers[0].digest, contents.bytes.clone(), "component").await?;
        session.upload(&manifest.config.digest, config, "configuration").await?;
        let bytes: Bytes = serde_json::to_vec(&manifest).map_err(unwritable)?.into();
        let digest = task_state_host::Sha256::of(&bytes);
        let url = session.url(&format!("manifests/{}", reference.version()))?;
        let ask = Ask { body: Some((bytes, MANIFEST)), ..Ask::new(Method::PUT, url) };
        session.done(ask, StatusCode::CREATED, "manifest").await?;
        Ok(reference.pinned_to(digest))
    }
}

impl Session<'_> {
    /// Uploads bytes, unless the repository has them.
    async fn upload(&mut self, digest: &str, bytes: Bytes, what: &'static str) -> Result<(), Why> {
        let there = self.url(&format!("blobs/{digest}"))?;
        if self.send(Ask::new(Method::HEAD, there)).await?.status == StatusCode::OK {
            return Ok(());
        }
        let start = self.url("blobs/uploads/")?;
        let answer = self.done(Ask::new(Method::POST, start.clone()), StatusCode::ACCEPTED, what).await?;
        let mut url = self.location(&start, &answer)?;
        url.query_pairs_mut().append_pair("digest", digest);
        let ask = Ask { body: Some((bytes, BYTES)), ..Ask::new(Method::PUT, url) };
        self.done(ask, StatusCode::CREATED, what).await?;
        Ok(())
    }

    async fn done(&mut self, ask: Ask, wanted: StatusCode, what: &'static str) -> Result<crate::exchange::Answer, Why> {
        let answer = self.send(ask).await?;
        if answer.status == wanted { Ok(answer) } else { Err(self.refusal(answer, what).await) }
    }
}
