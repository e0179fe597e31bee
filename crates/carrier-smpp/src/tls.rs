//! TLS to an SMSC.

use std::{fmt, sync::Arc};

use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
        verify_server_name,
    },
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime, pem::PemObject as _},
    server::ParsedCertificate,
};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, client::TlsStream};

/// How we speak TLS to an SMSC.
#[derive(Debug, Clone, Default)]
pub struct TlsSettings {
    /// The name in its certificate, where that is not the host.
    pub name: Option<String>,
    /// Whom we trust, in PEM; the roots of this machine if not set. A certificate in it that is the SMSC's own is
    /// trusted by itself, whoever signed it and until when.
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
        let named = match &settings.roots {
            Some(pem) => certificates(pem, "tls.roots")?,
            None => Vec::new(),
        };
        let provider = Arc::new(ring::default_provider());
        let others = WebPkiServerVerifier::builder_with_provider(Arc::new(roots(&named)?), Arc::clone(&provider));
        let others = others.build().map_err(|error| TlsError(error.to_string()))?;
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| TlsError(error.to_string()))?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Verifier { named, others }));
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

/// What went wrong with a connection, and where the SMSC's certificate is to blame what helps.
pub(crate) fn in_words(error: &std::io::Error) -> String {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    let Some(rustls::Error::InvalidCertificate(wrong)) = inner else {
        return error.to_string();
    };
    let remedy = if matches!(
        wrong,
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. }
    ) {
        "set `tls.name` to the name that it is for, if that is right"
    } else if matches!(wrong, CertificateError::UnknownIssuer | CertificateError::Other(_)) {
        "name its root, or exactly this certificate, with `tls.roots` if you trust it"
    } else {
        "have the operator renew it, and check this machine's clock"
    };
    format!("{error}: {remedy}")
}

/// Checks the SMSC's certificate as everybody does, unless it is one that was named.
#[derive(Debug)]
struct Verifier {
    named: Vec<CertificateDer<'static>>,
    others: Arc<WebPkiServerVerifier>,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if self.named.contains(end_entity) {
            verify_server_name(&ParsedCertificate::try_from(end_entity)?, server_name)?;
            return Ok(ServerCertVerified::assertion());
        }
        self.others
            .verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.others.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.others.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.others.supported_verify_schemes()
    }
}

/// These, or those of this machine where there are none.
fn roots(named: &[CertificateDer<'static>]) -> Result<RootCertStore, TlsError> {
    let mut store = RootCertStore::empty();
    for root in named {
        store
            .add(root.clone())
            .map_err(|error| TlsError(format!("`tls.roots`: {error}")))?;
    }
    if named.is_empty() {
        store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
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
