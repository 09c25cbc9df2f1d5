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
    Ok(Arc::new(ClientConfig::builder().with_root_certificates(roots).with_no_client_auth()))
}
