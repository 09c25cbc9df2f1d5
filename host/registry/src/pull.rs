//! Pulling: the manifest that a digest or a tag stands for, and the component that it names.

use bytes::Bytes;
use http::{Method, StatusCode};
use task_state_host::Sha256;

use crate::error::{RegistryError, Why};
use crate::manifest::{Descriptor, MANIFEST, MAX_MANIFEST, Manifest};
use crate::session::{Ask, Session};
use crate::{Artifact, Reference, Registry};

/// A component that was pulled, or was there.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Pulled {
    /// The reference, pinned.
    pub reference: Reference,
    /// The component.
    pub bytes: Bytes,
}

/// A manifest whose digest is right, and which names a component.
struct Known {
    digest: Sha256,
    component: Descriptor,
}

impl Registry {
    /// The digest that an artifact has now: its own, or that of its tag.
    ///
    /// # Errors
    /// [`RegistryError`] if the registry does not give it, or it is no component.
    pub async fn digest(&self, artifact: &Artifact) -> Result<Sha256, RegistryError> {
        let found = self.manifest(artifact, &mut None).await;
        Ok(found.map_err(|why| RegistryError::new(&artifact.reference, why))?.digest)
    }

    /// Pulls a component, of at most so many bytes. One that is pinned is there without the registry for as long as the cache
    /// has it.
    ///
    /// # Errors
    /// [`RegistryError`], saying why not.
    pub async fn pull(&self, artifact: &Artifact, most: u64) -> Result<Pulled, RegistryError> {
        let failed = |why| RegistryError::new(&artifact.reference, why);
        let mut session = None;
        let known = self.manifest(artifact, &mut session).await.map_err(failed)?;
        let bytes = self.component(artifact, &known.component, most, session).await.map_err(failed)?;
        Ok(Pulled { reference: artifact.reference.pinned_to(known.digest), bytes })
    }

    async fn manifest<'r>(&'r self, artifact: &'r Artifact, session: &mut Option<Session<'r>>) -> Result<Known, Why> {
        let reference = &artifact.reference;
        if let Some(digest) = reference.digest()
            && let Some(bytes) = self.cache.read(digest, MAX_MANIFEST).await
        {
            return Ok(Known { digest, component: Manifest::component(&bytes)? });
        }
        let session = session.insert(Session::open(self, artifact).await?);
        let url = session.url(&format!("manifests/{}", reference.version()))?;
        let bytes =
            session.get(Ask { accept: Some(MANIFEST), ..Ask::new(Method::GET, url) }, "manifest", MAX_MANIFEST).await?;
        let digest = check("manifest", &bytes, reference.digest())?;
        let component = Manifest::component(&bytes)?;
        self.cache.write(digest, bytes).await;
        Ok(Known { digest, component })
    }

    async fn component<'r>(
        &'r self,
        artifact: &'r Artifact,
        descriptor: &Descriptor,
        most: u64,
        session: Option<Session<'r>>,
    ) -> Result<Bytes, Why> {
        let (digest, what) = (descriptor.sum()?, "component");
        if descriptor.size > most {
            return Err(Why::TooLarge { what, most });
        }
        if let Some(bytes) = self.cache.read(digest, descriptor.size).await {
            return Ok(bytes.into());
        }
        let mut session = match session {
            Some(session) => session,
            None => Session::open(self, artifact).await?,
        };
        let url = session.url(&format!("blobs/sha256:{digest}"))?;
        let bytes = session.get(Ask::new(Method::GET, url), what, descriptor.size).await?;
        check(what, &bytes, Some(digest))?;
        self.cache.write(digest, bytes.clone()).await;
        Ok(bytes)
    }
}

impl Session<'_> {
    async fn get(&mut self, ask: Ask, what: &'static str, most: u64) -> Result<Bytes, Why> {
        let answer = self.send(ask).await?;
        if answer.status != StatusCode::OK {
            return Err(self.refusal(answer, what).await);
        }
        answer.read(what, most, &self.registry.times).await
    }
}

/// The digest of some bytes, if it is the one that was asked for.
fn check(what: &'static str, bytes: &[u8], wanted: Option<Sha256>) -> Result<Sha256, Why> {
    let found = Sha256::of(bytes);
    match wanted {
        Some(wanted) if wanted != found => Err(Why::Digest { what, found, wanted }),
        _ => Ok(found),
    }
}
