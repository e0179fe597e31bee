//! Answers to 401 and 407 (RFC 3261, section 22).

use rsipstack::{
    dialog::authenticate::{AuthRetry, Credential, handle_client_authenticate},
    sip::{Header, Response, StatusCode},
    transaction::Transaction,
};

use crate::headers::sequence;

/// Why a challenge is not answered, and what to do about it.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unanswered {
    #[error("it asks for a password and none is configured: set `username` and `password` of {0}")]
    NoPassword(String),
    #[error("it does not accept our password: mend `username` and `password` of {0}")]
    WrongPassword(String),
    #[error("it asks for the password of realm `{given}`, which is not the one configured: mend `realm` of {trunk}")]
    OtherRealm { given: String, trunk: String },
    #[error("it asks for a password in a way that is not known here: {0}")]
    Unknown(String),
}

/// Whom we are to whoever asks.
pub(crate) struct Challenges {
    pub(crate) credential: Option<Credential>,
    /// The trunk, in words.
    pub(crate) trunk: String,
    retry: AuthRetry,
}

impl Challenges {
    pub(crate) fn new(credential: Option<Credential>, trunk: String) -> Self {
        Self {
            credential,
            trunk,
            retry: AuthRetry::new(),
        }
    }

    /// The request again, with the answer to the challenge. A second challenge means that the first
    /// answer was wrong, unless it says that only the nonce was too old, twice at most.
    pub(crate) async fn answer(
        &mut self,
        asked: &Transaction,
        mut challenge: Response,
    ) -> Result<Transaction, Unanswered> {
        let Some(credential) = &self.credential else {
            return Err(Unanswered::NoPassword(self.trunk.clone()));
        };
        choose(&mut challenge);
        let realm = realm(&challenge);
        if let (Some(wanted), Some(given)) = (&credential.realm, realm)
            && *wanted != given
        {
            return Err(Unanswered::OtherRealm {
                given,
                trunk: self.trunk.clone(),
            });
        }
        if !self.retry.should_answer(&challenge) {
            return Err(Unanswered::WrongPassword(self.trunk.clone()));
        }
        let next = sequence(&asked.original).map_or(2, |number| number.wrapping_add(1));
        handle_client_authenticate(next, asked, challenge, credential)
            .await
            .map_err(|error| Unanswered::Unknown(error.to_string()))
    }
}

/// Leaves the one challenge that can be answered, where there are several, and writes it in the one
/// form that the library reads.
fn choose(challenge: &mut Response) {
    let is_proxy = challenge.status_code == StatusCode::ProxyAuthenticationRequired;
    let offered: Vec<String> = challenge
        .headers
        .iter()
        .filter_map(|header| match header {
            Header::ProxyAuthenticate(value) if is_proxy => Some(value.value().to_owned()),
            Header::WwwAuthenticate(value) if !is_proxy => Some(value.value().to_owned()),
            _ => None,
        })
        .collect();
    let Some(chosen) = offered.iter().find(|value| is_known(value)) else {
        return;
    };
    let chosen = plain(chosen);
    challenge
        .headers
        .retain(|header| !matches!(header, Header::ProxyAuthenticate(_) | Header::WwwAuthenticate(_)));
    challenge.headers.push(if is_proxy {
        Header::ProxyAuthenticate(chosen.into())
    } else {
        Header::WwwAuthenticate(chosen.into())
    });
}

/// MD5 is what every far side has; it is also meant where no algorithm is named.
fn is_known(value: &str) -> bool {
    let lower = value.to_ascii_lowercase();
    lower.trim_start().starts_with("digest")
        && parameter(&lower, "algorithm").is_none_or(|algorithm| algorithm == "md5")
}

/// A list of qualities of protection becomes the one that we use.
fn plain(value: &str) -> String {
    match parameter(value, "qop") {
        Some(list) if list.split(',').any(|qop| qop.trim().eq_ignore_ascii_case("auth")) => {
            value.replacen(&format!("\"{list}\""), "\"auth\"", 1)
        }
        _ => value.to_owned(),
    }
}

fn realm(challenge: &Response) -> Option<String> {
    challenge.headers.iter().find_map(|header| match header {
        Header::ProxyAuthenticate(value) => parameter(value.value(), "realm").map(str::to_owned),
        Header::WwwAuthenticate(value) => parameter(value.value(), "realm").map(str::to_owned),
        _ => None,
    })
}

/// The value of a parameter, without quotes.
fn parameter<'a>(value: &'a str, name: &str) -> Option<&'a str> {
    let mut rest = value.trim_start().split_once(' ')?.1;
    loop {
        let (key, after) = rest.split_once('=')?;
        let after = after.trim_start();
        let (found, next) = match after.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"')?,
            None => after.split_at(after.find(',').unwrap_or(after.len())),
        };
        if key.trim_matches([' ', ',', '\t']).eq_ignore_ascii_case(name) {
            return Some(found.trim());
        }
        rest = next;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_found_with_and_without_quotes() {
        let value = r#"Digest realm="a, b=c", nonce="n=",algorithm=MD5 , qop="auth,auth-int""#;
        assert_eq!(parameter(value, "realm"), Some("a, b=c"));
        assert_eq!(parameter(value, "nonce"), Some("n="));
        assert_eq!(parameter(value, "algorithm"), Some("MD5"));
        assert_eq!(parameter(value, "qop"), Some("auth,auth-int"));
        assert_eq!(parameter(value, "opaque"), None);
        assert_eq!(parameter("Digest", "realm"), None);
        assert!(plain(value).ends_with(r#"qop="auth""#));
    }

    #[test]
    fn the_challenge_that_can_be_answered_is_chosen() {
        let mut response = Response {
            status_code: StatusCode::Unauthorized,
            ..Response::default()
        };
        for value in [
            r#"Digest realm="r", nonce="1", algorithm=SHA-256"#,
            r#"Digest realm="r", nonce="2", algorithm=MD5"#,
            r#"Basic realm="r""#,
        ] {
            response.headers.push(Header::WwwAuthenticate(value.into()));
        }
        choose(&mut response);
        let left: Vec<_> = response.headers.iter().map(ToString::to_string).collect();
        assert_eq!(left.len(), 1);
        assert!(left[0].contains("nonce=\"2\""), "{left:?}");
        assert_eq!(realm(&response).as_deref(), Some("r"));
    }
}
