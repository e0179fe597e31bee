//! What went wrong with TLS, for people: what it is, and what to do.

use rustls::{AlertDescription, CertificateError, Error, OtherError, pki_types::pem};

/// What is wrong with a file.
pub(super) fn of_pem(error: &pem::Error, section: &str) -> String {
    match error {
        pem::Error::NoItemsFound => format!("there is no `-----BEGIN {section}-----` in it"),
        _ => format!(
            "a part of it that begins with `-----BEGIN …-----` is damaged; each ends with `-----END {section}-----`"
        ),
    }
}

/// Why TLS came to no agreement, where neither certificate is to blame.
pub(super) fn of(error: &Error) -> String {
    match error {
        Error::InvalidCertificate(wrong) => of_certificate(wrong),
        Error::AlertReceived(alert) => of_alert(*alert),
        Error::InvalidMessage(_) | Error::InappropriateMessage { .. } | Error::InappropriateHandshakeMessage { .. } => {
            "what is there does not speak TLS; check `port` and `transport`".into()
        }
        Error::PeerIncompatible(_) => NOTHING_IN_COMMON.into(),
        error => {
            tracing::debug!(?error, "TLS failed in an unusual way");
            "it does not keep to the rules of TLS".into()
        }
    }
}

const NOTHING_IN_COMMON: &str =
    "it has no version or cipher of TLS in common with us; have it speak TLS 1.2 or 1.3 with a cipher of today";

/// Why the far side broke off.
fn of_alert(alert: AlertDescription) -> String {
    match alert {
        AlertDescription::HandshakeFailure
        | AlertDescription::ProtocolVersion
        | AlertDescription::InsufficientSecurity => NOTHING_IN_COMMON.into(),
        AlertDescription::UnrecognisedName => "it knows no server of that name; check `host`".into(),
        AlertDescription::InternalError => "it failed by itself, and says no more; its log may".into(),
        other => format!(
            "it broke off with alert {}, and says no more; its log may",
            u8::from(other)
        ),
    }
}

/// What is wrong with the far side's certificate.
pub(super) fn of_certificate(wrong: &CertificateError) -> String {
    match wrong {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "its certificate has expired; check this machine's clock, too".into()
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "its certificate is not valid yet; check this machine's clock".into()
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "its certificate is for another name; set `tls.name` if that name is right".into()
        }
        CertificateError::UnknownIssuer => {
            "its certificate is of a root that is not trusted; name the root, or the certificate itself, with `tls.roots`"
                .into()
        }
        CertificateError::BadSignature => {
            "its certificate was not signed by the root of that name that is trusted; name the right one with `tls.roots`"
                .into()
        }
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            "its certificate is not for servers; name exactly this certificate with `tls.roots` if you trust it".into()
        }
        CertificateError::Other(OtherError(other)) => match other.downcast_ref::<webpki::Error>() {
            Some(webpki::Error::CaUsedAsEndEntity) => {
                "its certificate is that of an authority (CA:TRUE) and not of a server; name exactly this certificate with \
                 `tls.roots` if you trust it, or have it use another"
                    .into()
            }
            _ => unusual(wrong),
        },
        _ => unusual(wrong),
    }
}

fn unusual(wrong: &CertificateError) -> String {
    tracing::debug!(?wrong, "a certificate is wrong in an unusual way");
    "its certificate cannot be checked: it is damaged, or of a kind that is not in use any more. Name exactly this \
     certificate with `tls.roots` if you trust it, or have it use another"
        .into()
}
