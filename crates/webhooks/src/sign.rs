//! Signatures of notifications, by Standard Webhooks (standardwebhooks.com).

use jiff::Timestamp;
use outdial_domain::SigningSecret;
use standardwebhooks::Webhook;

/// The header with the id of the notification: the same however often it is sent.
pub const ID: &str = "webhook-id";
/// The header with the time of sending, in seconds since 1970.
pub const TIMESTAMP: &str = "webhook-timestamp";
/// The header with the signatures, one for each live secret.
pub const SIGNATURE: &str = "webhook-signature";

/// How far the time of a notification may be from that of whoever checks it, in seconds.
const TOLERANCE: i64 = 5 * 60;

/// The signatures of a notification by these secrets, as one header has them.
#[must_use]
pub fn signature<'s>(
    secrets: impl IntoIterator<Item = &'s SigningSecret>,
    id: &str,
    at: Timestamp,
    body: &str,
) -> String {
    let signed = secrets
        .into_iter()
        .filter_map(|secret| one(secret, id, at.as_second(), body).ok());
    signed.collect::<Vec<_>>().join(" ")
}

fn one(secret: &SigningSecret, id: &str, second: i64, body: &str) -> Result<String, VerifyError> {
    let signer = Webhook::new(secret.expose()).map_err(|_| VerifyError::Secret)?;
    signer
        .sign(id, second, body.as_bytes())
        .map_err(|_| VerifyError::Secret)
}

/// Why a notification is not to be believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// The secret is none.
    #[error("the secret is none: it begins with `whsec_`, and base64 follows")]
    Secret,
    /// The time is no number.
    #[error("`{TIMESTAMP}` is no number of seconds since 1970")]
    Time,
    /// It was sent too long ago, or in the future: it may be an old one, sent again by somebody else.
    #[error("`{TIMESTAMP}` is more than {TOLERANCE} s away from now")]
    Old,
    /// No signature fits.
    #[error("no signature fits: the secret is another one, or the body was changed")]
    Signature,
}

/// Checks a notification as a receiver should.
///
/// # Errors
///
/// [`VerifyError`] says why it is not to be believed.
pub fn verify(
    secret: &SigningSecret,
    id: &str,
    timestamp: &str,
    signatures: &str,
    body: &str,
    now: Timestamp,
) -> Result<(), VerifyError> {
    let second: i64 = timestamp.trim().parse().map_err(|_| VerifyError::Time)?;
    let expected = one(secret, id, second, body)?;
    let fits = |given: &str| {
        // As long for a wrong signature as for a right one.
        let differences = given.bytes().zip(expected.bytes()).fold(0, |all, (a, b)| all | (a ^ b));
        given.len() == expected.len() && differences == 0
    };
    if !signatures.split(' ').any(fits) {
        return Err(VerifyError::Signature);
    }
    if second.abs_diff(now.as_second()) > TOLERANCE.unsigned_abs() {
        return Err(VerifyError::Old);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &str) -> SigningSecret {
        SigningSecret::new(text.to_owned())
    }

    /// The vector of the specification's own libraries.
    #[test]
    fn signatures_are_those_of_the_standard() {
        let secret = secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
        let at = Timestamp::from_second(1_614_265_330).unwrap();
        let signed = signature([&secret], "msg_p5jXN8AQM9LWM0D4loKWxJek", at, r#"{"test": 2432232314}"#);
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn either_of_two_secrets_verifies_and_nothing_else() {
        let (old, new, other) = (
            secret("whsec_b2xkb2xkb2xkb2xkb2xkb2xkb2xkb2xk"),
            secret("whsec_bmV3bmV3bmV3bmV3bmV3bmV3bmV3bmV3"),
            secret("whsec_b3RoZXJvdGhlcm90aGVyb3RoZXJvdGhl"),
        );
        let at = Timestamp::from_second(1_700_000_000).unwrap();
        let signed = signature([&new, &old], "evt_1", at, "{}");
        let check = |secret, id, time: &str, body, now| verify(secret, id, time, &signed, body, now);
        let now = at;
        assert_eq!(check(&old, "evt_1", "1700000000", "{}", now), Ok(()));
        assert_eq!(check(&new, "evt_1", "1700000000", "{}", now), Ok(()));
        assert_eq!(
            check(&other, "evt_1", "1700000000", "{}", now),
            Err(VerifyError::Signature)
        );
        assert_eq!(
            check(&new, "evt_2", "1700000000", "{}", now),
            Err(VerifyError::Signature)
        );
        assert_eq!(
            check(&new, "evt_1", "1700000001", "{}", now),
            Err(VerifyError::Signature)
        );
        assert_eq!(
            check(&new, "evt_1", "1700000000", "{ }", now),
            Err(VerifyError::Signature)
        );
        assert_eq!(check(&new, "evt_1", "soon", "{}", now), Err(VerifyError::Time));
        let none = secret("a!");
        assert_eq!(check(&none, "evt_1", "1", "{}", now), Err(VerifyError::Secret));
        let later = Timestamp::from_second(1_700_000_301).unwrap();
        assert_eq!(check(&new, "evt_1", "1700000000", "{}", later), Err(VerifyError::Old));
    }
}
