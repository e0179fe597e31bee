//! TLS: whom we trust, whom we are, and whose certificate is the right one (RFC 5922).

mod client;
mod report;
mod words;

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
use x509_parser::prelude::{FromDer as _, X509Certificate};

pub(crate) use self::client::Client;
pub use self::report::TlsReport;

/// What a trunk's TLS is made of; everything in PEM.
#[derive(Debug, Clone, Default)]
pub struct TlsSettings {
    /// Whom we trust; the roots of this machine if not set. A certificate in it that is the far side's own is trusted
    /// as it is, so that those that signed themselves can be used.
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
    /// Certificate and key are of two pairs.
    #[error("the key does not belong to the certificate: give the key that the certificate was asked for with")]
    Mismatch,
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

fn refused(error: rustls::Error) -> TlsError {
    match error {
        rustls::Error::InconsistentKeys(_) => TlsError::Mismatch,
        error => {
            tracing::debug!(?error, "the TLS settings cannot be used");
            TlsError::Refused(
                "the certificate or its key is damaged, or of a kind that is not in use any more; use RSA of 2048 bits or \
                 more, or ECDSA"
                    .into(),
            )
        }
    }
}

/// Whom we trust: as issuers, and by themselves.
struct Trusted {
    roots: Arc<RootCertStore>,
    named: Vec<CertificateDer<'static>>,
}

fn trusted(given: Option<&str>) -> Result<Trusted, TlsError> {
    const FILE: &str = "file with roots";
    let mut store = RootCertStore::empty();
    let mut named = Vec::new();
    match given {
        Some(pem) => {
            named = chain(pem, FILE)?;
            for root in &named {
                store.add(root.clone()).map_err(|_| TlsError::Unreadable {
                    what: FILE,
                    reason: "one of its certificates is damaged, or of a kind that is not used any more".into(),
                })?;
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
    Ok(Trusted {
        roots: Arc::new(store),
        named,
    })
}

type Identity = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

fn identity(certificate: Option<&str>, key: Option<&SecretString>) -> Result<Option<Identity>, TlsError> {
    match (certificate, key) {
        (None, None) => Ok(None),
        (Some(certificate), Some(key)) => {
            let key = PrivateKeyDer::from_pem_slice(key.expose_secret().as_bytes());
            let key = key.map_err(|error| TlsError::Unreadable {
                what: "key",
                reason: words::of_pem(&error, "PRIVATE KEY"),
            })?;
            Ok(Some((chain(certificate, "certificate")?, key)))
        }
        _ => Err(TlsError::Half),
    }
}

fn chain(pem: &str, what: &'static str) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let unreadable = |reason: String| TlsError::Unreadable { what, reason };
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
    let chain = chain.map_err(|error| unreadable(words::of_pem(&error, "CERTIFICATE")))?;
    if chain.is_empty() {
        return Err(unreadable("there is no certificate in it".into()));
    }
    Ok(chain)
}

/// Checks a far side's certificate: its chain and time as everybody does, its name as SIP wants.
#[derive(Debug)]
struct Verifier {
    roots: Arc<RootCertStore>,
    /// Certificates that are trusted by themselves, and need nobody who vouches for them.
    named: Vec<CertificateDer<'static>>,
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
        let is_named = self.named.contains(end_entity);
        if is_named {
            check_time(end_entity, now)?;
        } else {
            let algorithms = self.provider.signature_verification_algorithms.all;
            verify_server_cert_signed_by_trust_anchor(&certificate, &self.roots, intermediates, now, algorithms)?;
        }
        let parsed = webpki::EndEntityCert::try_from(end_entity)
            .map_err(|_| rustls::Error::InvalidCertificate(CertificateError::BadEncoding))?;
        let wanted = self.name.clone().unwrap_or_else(|| server_name.to_str().into_owned());
        let mut names = Names {
            uris: parsed.valid_uri_names().collect(),
            hosts: parsed.valid_dns_names().collect(),
        };
        // Of old, the name stood elsewhere. Who names exactly this certificate knows whose it is.
        let common = common_name(end_entity).filter(|_| is_named && !has_names(end_entity));
        names.hosts.extend(common.as_deref());
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

/// Whether a certificate holds at this time. That is part of checking a chain, and has to be done where there is none.
fn check_time(certificate: &CertificateDer<'_>, now: UnixTime) -> Result<(), rustls::Error> {
    let wrong = |error| Err(rustls::Error::InvalidCertificate(error));
    let Ok((_, parsed)) = X509Certificate::from_der(certificate) else {
        return wrong(CertificateError::BadEncoding);
    };
    let now = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
    match parsed.validity() {
        validity if now < validity.not_before.timestamp() => wrong(CertificateError::NotValidYet),
        validity if now > validity.not_after.timestamp() => wrong(CertificateError::Expired),
        _ => Ok(()),
    }
}

/// Whether a certificate has names where they belong (RFC 5280, section 4.2.1.6).
fn has_names(certificate: &CertificateDer<'_>) -> bool {
    let Ok((_, parsed)) = X509Certificate::from_der(certificate) else {
        return true;
    };
    !matches!(parsed.subject_alternative_name(), Ok(None))
}

/// The only common name of whom a certificate is for.
fn common_name(certificate: &CertificateDer<'_>) -> Option<String> {
    let (_, parsed) = X509Certificate::from_der(certificate).ok()?;
    let mut names = parsed.subject().iter_common_name();
    let name = names.next()?.as_str().ok()?.to_owned();
    names.next().is_none().then_some(name)
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
