//! TLS: whom we trust, whom we are, and whose certificate is the right one (RFC 5922).

mod client;
mod report;

use std::sync::Arc;

use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, RootCertStore, ServerConfig, SignatureScheme,
    client::{
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
        verify_server_cert_signed_by_trust_anchor, verify_server_name,
    },
    crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime, pem::PemObject},
    server::ParsedCertificate,
};
use secrecy::{ExposeSecret, SecretString};

pub(crate) use self::client::Client;
pub use self::report::TlsReport;

/// What a trunk's TLS is made of; everything in PEM.
#[derive(Debug, Clone, Default)]
pub struct TlsSettings {
    /// Whom we trust; the roots of this machine if not set.
    pub roots: Option<String>,
    /// Our certificate, for far sides that want to see one.
    pub certificate: Option<String>,
    /// The key that belongs to it.
    pub key: Option<SecretString>,
    /// The name that the far side's certificate must have; the host if not set. One with a wildcard,
    /// as in `*.example.com`, is accepted only when it is given here, letter by letter.
    pub name: Option<String>,
}

/// Why a certificate or key cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TlsError {
    /// It is not what it should be.
    #[error("the {what} cannot be read: {reason}")]
    Unreadable {
        /// Which file.
        what: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// One of two is missing.
    #[error("a certificate needs its key, and a key its certificate: give both or neither")]
    Half,
    /// There is nobody to trust.
    #[error("this machine has no root certificates: install them (Debian: ca-certificates), or name a file with roots")]
    NoRoots,
    /// The TLS library refuses it.
    #[error("the TLS settings cannot be used: {0}")]
    Refused(String),
}

/// How far sides speak TLS to us.
pub(crate) fn server(certificate: &str, key: &SecretString) -> Result<Arc<ServerConfig>, TlsError> {
    let (chain, key) = identity(Some(certificate), Some(key))?.ok_or(TlsError::Half)?;
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(refused)?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(refused)?;
    Ok(Arc::new(config))
}

fn refused(error: impl std::fmt::Display) -> TlsError {
    TlsError::Refused(error.to_string())
}

fn roots(given: Option<&str>) -> Result<Arc<RootCertStore>, TlsError> {
    let mut store = RootCertStore::empty();
    match given {
        Some(pem) => {
            for root in chain(pem, "file with roots")? {
                store.add(root).map_err(refused)?;
            }
        }
        None => {
            // One that cannot be read is no reason to trust none.
            store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
    }
    if store.is_empty() {
        return Err(TlsError::NoRoots);
    }
    Ok(Arc::new(store))
}

type Identity = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

fn identity(certificate: Option<&str>, key: Option<&SecretString>) -> Result<Option<Identity>, TlsError> {
    match (certificate, key) {
        (None, None) => Ok(None),
        (Some(certificate), Some(key)) => {
            let key = PrivateKeyDer::from_pem_slice(key.expose_secret().as_bytes());
            let key = key.map_err(|error| TlsError::Unreadable {
                what: "key",
                reason: error.to_string(),
            })?;
            Ok(Some((chain(certificate, "certificate")?, key)))
        }
        _ => Err(TlsError::Half),
    }
}

fn chain(pem: &str, what: &'static str) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let unreadable = |reason: String| TlsError::Unreadable { what, reason };
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
    let chain = chain.map_err(|error| unreadable(error.to_string()))?;
    if chain.is_empty() {
        return Err(unreadable("there is no certificate in it".into()));
    }
    Ok(chain)
}

/// Checks a far side's certificate: its chain and time as everybody does, its name as SIP wants.
#[derive(Debug)]
struct Verifier {
    roots: Arc<RootCertStore>,
    name: Option<String>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let certificate = ParsedCertificate::try_from(end_entity)?;
        let algorithms = self.provider.signature_verification_algorithms.all;
        verify_server_cert_signed_by_trust_anchor(&certificate, &self.roots, intermediates, now, algorithms)?;
        let parsed = webpki::EndEntityCert::try_from(end_entity)
            .map_err(|_| rustls::Error::InvalidCertificate(CertificateError::BadEncoding))?;
        let wanted = self.name.clone().unwrap_or_else(|| server_name.to_str().into_owned());
        let names = Names {
            uris: parsed.valid_uri_names().collect(),
            hosts: parsed.valid_dns_names().collect(),
        };
        let address = ServerName::try_from(wanted.as_str())
            .ok()
            .filter(|name| matches!(name, ServerName::IpAddress(_)));
        let is_right = match &address {
            Some(address) => verify_server_name(&certificate, address).is_ok(),
            None => names.have(&wanted),
        };
        if is_right {
            Ok(ServerCertVerified::assertion())
        } else {
            Err(rustls::Error::InvalidCertificate(CertificateError::NotValidForName))
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }

    fn root_hint_subjects(&self) -> Option<&[DistinguishedName]> {
        None
    }
}

/// The names in a certificate.
struct Names<'a> {
    uris: Vec<&'a str>,
    hosts: Vec<&'a str>,
}

impl Names<'_> {
    /// Whether a domain is one of them (RFC 5922, sections 7.1 and 7.2): SIP URIs count before host
    /// names, those with a user do not count, and a wildcard stands for nothing but itself.
    fn have(&self, domain: &str) -> bool {
        let identities: Vec<&str> = self.uris.iter().filter_map(|uri| sip_domain(uri)).collect();
        let candidates = if identities.is_empty() {
            &self.hosts
        } else {
            &identities
        };
        candidates.iter().any(|name| name.eq_ignore_ascii_case(domain))
    }
}

/// The domain of a SIP URI that stands for the whole domain.
fn sip_domain(uri: &str) -> Option<&str> {
    let (scheme, rest) = uri.split_once(':')?;
    (scheme.eq_ignore_ascii_case("sip") && !rest.contains(['@', ':', ';', '?'])).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_checked_as_sip_wants_it() {
        for (uris, hosts, domain, right) in [
            (&[][..], &["Sip.Example.com"][..], "sip.example.COM", true),
            (&[], &["example.com"], "sip.example.com", false),
            (&[], &["*.example.com"], "sip.example.com", false),
            (&[], &["*.example.com"], "*.example.com", true),
            (&["sip:example.com"], &["other.com"], "example.com", true),
            (&["sip:example.com"], &["other.com"], "other.com", false),
            (&["sip:alice@example.com"], &["other.com"], "example.com", false),
            (&["sip:alice@example.com"], &["other.com"], "other.com", true),
            (&["https://example.com"], &["example.com"], "example.com", true),
            (&[], &[], "example.com", false),
        ] {
            let names = Names {
                uris: uris.to_vec(),
                hosts: hosts.to_vec(),
            };
            assert_eq!(names.have(domain), right, "{uris:?} {hosts:?} {domain}");
        }
    }

    #[test]
    fn files_that_are_none_say_so() {
        let with = |settings: TlsSettings| Client::new(&settings).map(|_| ());
        assert!(matches!(
            with(TlsSettings {
                roots: Some("hello".into()),
                ..TlsSettings::default()
            }),
            Err(TlsError::Unreadable {
                what: "file with roots",
                ..
            })
        ));
        let half = TlsSettings {
            certificate: Some("x".into()),
            ..TlsSettings::default()
        };
        assert!(matches!(with(half), Err(TlsError::Half | TlsError::NoRoots)));
    }
}
