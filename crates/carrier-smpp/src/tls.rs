//! TLS to an SMSC.

use std::{fmt, sync::Arc};

use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject as _},
};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, client::TlsStream};

/// How we speak TLS to an SMSC.
#[derive(Debug, Clone, Default)]
pub struct TlsSettings {
    /// The name in its certificate, where that is not the host.
    pub name: Option<String>,
    /// The roots that are trusted, in PEM; those of this machine if not set.
    pub roots: Option<String>,
    /// Our certificate and those between it and a root, in PEM, and its key, where the SMSC wants to see them.
    pub identity: Option<(String, SecretString)>,
}

/// TLS settings that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct TlsError(String);

/// Speaks TLS to one SMSC.
#[derive(Clone)]
pub(crate) struct Tls {
    connector: TlsConnector,
    name: ServerName<'static>,
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Tls {
    pub(crate) fn new(settings: &TlsSettings, host: &str) -> Result<Self, TlsError> {
        let name = settings.name.as_deref().unwrap_or(host).to_owned();
        let shown = name.clone();
        let name = ServerName::try_from(name)
            .map_err(|_| TlsError(format!("`{shown}` cannot be the name of a certificate: set `tls.name`")))?;
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| TlsError(error.to_string()))?
            .with_root_certificates(roots(settings.roots.as_deref())?);
        let config = match &settings.identity {
            None => builder.with_no_client_auth(),
            Some((certificate, key)) => {
                let key = PrivateKeyDer::from_pem_slice(key.expose_secret().as_bytes())
                    .map_err(|_| TlsError("`tls.key` holds no key in PEM".to_owned()))?;
                builder
                    .with_client_auth_cert(certificates(certificate, "tls.certificate")?, key)
                    .map_err(|error| TlsError(format!("`tls.certificate` and `tls.key`: {error}")))?
            }
        };
        Ok(Self {
            connector: TlsConnector::from(Arc::new(config)),
            name,
        })
    }

    pub(crate) async fn agree(&self, stream: TcpStream) -> std::io::Result<TlsStream<TcpStream>> {
        self.connector.connect(self.name.clone(), stream).await
    }
}

fn roots(given: Option<&str>) -> Result<RootCertStore, TlsError> {
    let mut store = RootCertStore::empty();
    match given {
        Some(pem) => {
            for root in certificates(pem, "tls.roots")? {
                store
                    .add(root)
                    .map_err(|error| TlsError(format!("`tls.roots`: {error}")))?;
            }
        }
        None => {
            store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
    }
    if store.is_empty() {
        let reason = "there is no root to trust: name a file with `tls.roots`, or install ca-certificates";
        return Err(TlsError(reason.to_owned()));
    }
    Ok(store)
}

fn certificates(pem: &str, setting: &str) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
    match found {
        Ok(found) if !found.is_empty() => Ok(found),
        Ok(_) | Err(_) => Err(TlsError(format!("`{setting}` holds no certificate in PEM"))),
    }
}
