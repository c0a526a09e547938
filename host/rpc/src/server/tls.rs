//! HTTPS, with a certificate that the user names, or one that is made for them.

use super::self_signed::{SelfSigned, pem};
use crate::http::rules::HttpSettings;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use thiserror::Error;
use tokio_rustls::TlsAcceptor;

/// Why there is no HTTPS.
#[derive(Debug, Error)]
pub enum TlsError {
    /// One of the two settings is missing.
    #[error("rpc-tls-cert and rpc-tls-key belong together: only one of them is set")]
    Half,
    /// A file that is not what it should be.
    #[error("cannot use {}: {reason}", .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// Certificate and key do not fit.
    #[error("the certificate and the key do not fit: {0}")]
    Mismatch(String),
    /// A certificate of our own cannot be made or kept.
    #[error("cannot make a certificate in {}: {reason}", .folder.display())]
    SelfSigned {
        /// Where it would be kept.
        folder: PathBuf,
        /// What is wrong.
        reason: String,
    },
}

/// Where a certificate of our own is kept, and its key, in the config directory.
const OWN: [&str; 2] = ["rpc-tls-cert.pem", "rpc-tls-key.pem"];

/// What makes TLS of a connection; `None` if no certificate is named or wished for. `folder`: where one that is made is
/// kept.
pub(crate) fn acceptor(settings: &HttpSettings, folder: &Path) -> Result<Option<TlsAcceptor>, TlsError> {
    let (certificate, key) = match (&settings.tls_certificate, &settings.tls_key) {
        (None, None) if settings.tls_self_signed => &own(folder)?,
        (None, None) => return Ok(None),
        (Some(certificate), Some(key)) => &(certificate.clone(), key.clone()),
        (Some(_), None) | (None, Some(_)) => return Err(TlsError::Half),
    };
    let chain = CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| unusable(certificate, &error))?;
    let key = PrivateKeyDer::from_pem_file(key).map_err(|error| unusable(key, &error))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| TlsError::Mismatch(error.to_string()))?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(|error| TlsError::Mismatch(error.to_string()))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Some(TlsAcceptor::from(Arc::new(config))))
}

/// A certificate of our own and its key: those of an earlier start, or new ones.
fn own(folder: &Path) -> Result<(PathBuf, PathBuf), TlsError> {
    let [certificate, key] = OWN.map(|name| folder.join(name));
    if !certificate.exists() || !key.exists() {
        make(&certificate, &key)
            .map_err(|reason| TlsError::SelfSigned { folder: folder.to_path_buf(), reason })?;
    }
    Ok((certificate, key))
}

/// Makes a certificate for the names of this machine, and signs it with its own key.
fn make(certificate: &Path, key: &Path) -> Result<(), String> {
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let names = ["localhost", "127.0.0.1", "::1"].map(str::to_owned).into_iter();
    let names: Vec<String> = names.chain(Some(host).filter(|host| !host.is_empty())).collect();
    let made = SelfSigned::new(&names).ok_or("no key can be made")?;
    let keep = |path: &Path, text: String| {
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()
    };
    // The key first: a certificate without one is made anew.
    keep(key, pem("PRIVATE KEY", &made.key))
        .and_then(|()| keep(certificate, pem("CERTIFICATE", &made.certificate)))
        .map_err(|error| error.to_string())?;
    let digest = ring::digest::digest(&ring::digest::SHA256, &made.certificate);
    let fingerprint: Vec<String> = digest.as_ref().iter().map(|byte| format!("{byte:02X}")).collect();
    let fingerprint = fingerprint.join(":");
    tracing::info!(certificate = %certificate.display(), sha256 = %fingerprint, "a certificate for HTTPS was made");
    Ok(())
}

fn unusable(path: &Path, error: &dyn std::fmt::Display) -> TlsError {
    TlsError::File { path: path.to_path_buf(), reason: error.to_string() }
}
