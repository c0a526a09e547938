//! Whom we trust: the system's authorities, or the bundled ones where the system has none.

use super::HttpError;
use rustls::pki_types::{CertificateDer, ServerName, pem::PemObject};
use rustls::{ClientConfig, RootCertStore};
use std::path::Path;
use std::sync::Arc;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::limits::TLS_TIMEOUT;

/// The settings of every TLS connection. Blocks: it reads files.
///
/// The system's authorities are those of its certificate folder, or of `SSL_CERT_FILE` and `SSL_CERT_DIR` where
/// they are set. `extra_ca` adds to them; nothing turns verification off.
pub(super) fn configure(extra_ca: Option<&Path>) -> Result<Arc<ClientConfig>, String> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    if let Some(path) = extra_ca {
        let explain = |error: &dyn std::fmt::Display| {
            format!("cannot use the certificates in {}: {error}", path.display())
        };
        for certificate in CertificateDer::pem_file_iter(path).map_err(|error| explain(&error))? {
            let certificate = certificate.map_err(|error| explain(&error))?;
            roots.add(certificate).map_err(|error| explain(&error))?;
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// The handshake with `host`, whose certificate must be valid for that name or address.
pub(super) async fn handshake(
    config: Arc<ClientConfig>,
    host: &str,
    stream: TcpStream,
) -> Result<TlsStream<TcpStream>, HttpError> {
    let failed = |reason: String| HttpError::Tls { host: host.to_owned(), reason };
    let name = ServerName::try_from(host.to_owned()).map_err(|error| failed(error.to_string()))?;
    match timeout(TLS_TIMEOUT, TlsConnector::from(config).connect(name, stream)).await {
        Ok(result) => result.map_err(|error| failed(error.to_string())),
        Err(_) => Err(HttpError::Timeout("the TLS handshake")),
    }
}
