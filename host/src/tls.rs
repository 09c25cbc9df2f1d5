//! TLS as the system trusts it, for whoever connects to servers beside the host.

use std::io;
use std::sync::Arc;

use rustls::{ClientConfig, RootCertStore};

/// What a client of any server trusts. Reads the system's certificates, which takes a moment.
///
/// # Errors
/// If the system has none to trust.
pub fn client_config() -> io::Result<Arc<ClientConfig>> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    let (usable, _) = roots.add_parsable_certificates(found.certs);
    if usable == 0 {
        return Err(io::Error::other("the system has no certificates to trust"));
    }
    // Named, for the program around this may have more than one.
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let versions = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    Ok(Arc::new(versions.map_err(io::Error::other)?.with_root_certificates(roots).with_no_client_auth()))
}
