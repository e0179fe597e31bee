//! What an agreement on TLS came to, for people who look after it.

use rustls::{ClientConnection, ProtocolVersion};
use x509_parser::{extensions::GeneralName, prelude::FromDer as _, prelude::X509Certificate};

/// Names of a certificate that are told; some have hundreds.
const NAMES: usize = 8;

/// What an agreement on TLS with a far side came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsReport {
    /// The protocol and the cipher suite, as `TLS 1.3 with TLS13_AES_256_GCM_SHA384`.
    pub protocol: String,
    /// Whether the chain was verified against roots that were given, and not those of this machine.
    pub own_roots: bool,
    /// Whether the far side wanted to see a certificate of ours.
    pub wanted_ours: bool,
    /// Certificates of its chain, its own included.
    pub chain: usize,
    /// The hosts, addresses and SIP domains that its certificate is for; the first few.
    pub names: Vec<String>,
    /// Who issued it.
    pub issuer: String,
    /// When it ends, in seconds since 1970.
    pub until: i64,
}

impl TlsReport {
    /// Reads what was agreed on. The error says what of it cannot be read.
    pub(super) fn of(session: &ClientConnection, own_roots: bool, wanted_ours: bool) -> Result<Self, String> {
        let chain = session.peer_certificates().unwrap_or_default();
        let own = chain.first().ok_or("TLS: it showed no certificate")?;
        let (_, certificate) =
            X509Certificate::from_der(own).map_err(|error| format!("TLS: its certificate cannot be read: {error}"))?;
        let suite = session
            .negotiated_cipher_suite()
            .and_then(|suite| suite.suite().as_str());
        Ok(Self {
            protocol: format!(
                "{} with {}",
                version(session),
                suite.unwrap_or("a cipher without a name")
            ),
            own_roots,
            wanted_ours,
            chain: chain.len(),
            names: names(&certificate),
            issuer: certificate.issuer().to_string(),
            until: certificate.validity().not_after.timestamp(),
        })
    }
}

fn version(session: &ClientConnection) -> &'static str {
    match session.protocol_version() {
        Some(ProtocolVersion::TLSv1_3) => "TLS 1.3",
        Some(ProtocolVersion::TLSv1_2) => "TLS 1.2",
        Some(_) | None => "TLS",
    }
}

fn names(certificate: &X509Certificate<'_>) -> Vec<String> {
    let Ok(Some(names)) = certificate.subject_alternative_name() else {
        return Vec::new();
    };
    let names = names.value.general_names.iter().filter_map(|name| match name {
        GeneralName::DNSName(host) => Some((*host).to_owned()),
        GeneralName::URI(uri) => Some((*uri).to_owned()),
        GeneralName::IPAddress(octets) => address(octets),
        _ => None,
    });
    names.take(NAMES).collect()
}

fn address(octets: &[u8]) -> Option<String> {
    let four: Option<[u8; 4]> = octets.try_into().ok();
    let sixteen: Option<[u8; 16]> = octets.try_into().ok();
    four.map(std::net::IpAddr::from)
        .or(sixteen.map(std::net::IpAddr::from))
        .map(|ip| ip.to_string())
}
