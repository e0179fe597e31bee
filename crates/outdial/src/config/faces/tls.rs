//! `[faces.tls]`: where faces are served over TLS, so that the names of the original services can lead here.

use std::{net::SocketAddr, path::PathBuf, sync::Arc};

use rustls::{
    ServerConfig,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
};
use serde::Deserialize;

use crate::config::{ConfigError, trunk::read_file};

/// `[faces.tls]`: where `exotel` and `hoiio` are served over TLS.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// Where.
    pub bind: SocketAddr,
    /// The file with our certificate, and those between it and a root.
    pub certificate: PathBuf,
    /// The file with its key.
    pub key: PathBuf,
}

impl Tls {
    /// What connections are accepted with.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] when a file cannot be read, or does not hold what it should.
    pub fn settings(&self) -> Result<Arc<ServerConfig>, ConfigError> {
        let bad = |key: &str, why: &str| ConfigError::value(format!("faces.tls.{key}"), why);
        let certificate = read_file("faces.tls.certificate".into(), &self.certificate)?;
        let key = read_file("faces.tls.key".into(), &self.key)?;
        let chain: Vec<_> = CertificateDer::pem_slice_iter(certificate.as_bytes())
            .collect::<Result<_, _>>()
            .map_err(|_| bad("certificate", "the file holds no certificates in PEM"))?;
        let key =
            PrivateKeyDer::from_pem_slice(key.as_bytes()).map_err(|_| bad("key", "the file holds no key in PEM"))?;
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key))
            .map_err(|error| bad("certificate", &format!("it cannot be used with its key: {error}")))?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Arc::new(config))
    }
}
