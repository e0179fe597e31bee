//! Answers to 401 and 407 (RFC 3261, section 22; RFC 8760).

use rsipstack::sip::{Header, Request, Response, StatusCode};
use secrecy::{ExposeSecret, SecretString};

use crate::{
    digest::{Challenge, Proof},
    headers::{self, Fault},
};

/// How often a far side may say that only our nonce was too old, before it is taken to mean no.
const STALE: u8 = 2;

/// How many realms may ask in one request: the far side, and proxies before it.
const REALMS: usize = 4;

/// Why a challenge is not answered, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
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

/// A name and the password that belongs to it.
#[derive(Clone)]
pub(crate) struct Password {
    pub(crate) user: String,
    pub(crate) secret: SecretString,
    /// The realm that may ask for it; any if not set.
    pub(crate) realm: Option<String>,
}

/// Whom we are to whoever asks, and what was asked so far.
#[derive(Clone)]
pub(crate) struct Challenges {
    password: Option<Password>,
    /// The trunk, in words.
    trunk: String,
    held: Vec<Held>,
}

/// A challenge that was answered, and may be answered again.
#[derive(Clone)]
struct Held {
    proxy: bool,
    challenge: Challenge,
    count: u32,
    stale: u8,
}

impl Challenges {
    pub(crate) fn new(password: Option<Password>, trunk: String) -> Self {
        Self {
            password,
            trunk,
            held: Vec::new(),
        }
    }

    /// The request again, with the answer to the challenge. A second challenge of a realm means that
    /// the first answer was wrong, unless it says that only the nonce was too old.
    pub(crate) fn answer(
        &mut self,
        asked: &Request,
        challenge: &Response,
        cnonce: &str,
    ) -> Result<Request, Unanswered> {
        let Some(password) = &self.password else {
            return Err(Unanswered::NoPassword(self.trunk.clone()));
        };
        let proxy = challenge.status_code == StatusCode::ProxyAuthenticationRequired;
        let chosen = strongest(challenge, proxy).map_err(Unanswered::Unknown)?;
        if let Some(wanted) = &password.realm
            && *wanted != chosen.realm
        {
            return Err(Unanswered::OtherRealm {
                given: chosen.realm,
                trunk: self.trunk.clone(),
            });
        }
        self.hold(proxy, chosen)?;
        let mut again = headers::again(asked).map_err(|Fault(fault)| Unanswered::Unknown(fault))?;
        self.authorize(&mut again, cnonce);
        Ok(again)
    }

    fn hold(&mut self, proxy: bool, challenge: Challenge) -> Result<(), Unanswered> {
        let is_full = self.held.len() == REALMS;
        let known = self
            .held
            .iter_mut()
            .find(|held| held.proxy == proxy && held.challenge.realm == challenge.realm);
        match known {
            None if is_full => Err(Unanswered::Unknown("too many realms want one".into())),
            None => {
                self.held.push(Held {
                    proxy,
                    challenge,
                    count: 0,
                    stale: 0,
                });
                Ok(())
            }
            Some(held) if challenge.stale && held.stale < STALE => {
                held.stale += 1;
                held.count = 0;
                held.challenge = challenge;
                Ok(())
            }
            Some(_) => Err(Unanswered::WrongPassword(self.trunk.clone())),
        }
    }

    /// Writes the answers to all challenges so far into a request, each with its next count.
    pub(crate) fn authorize(&mut self, request: &mut Request, cnonce: &str) {
        request
            .headers
            .retain(|header| !matches!(header, Header::Authorization(_) | Header::ProxyAuthorization(_)));
        let Some(password) = &self.password else {
            return;
        };
        let (method, uri) = (request.method.to_string(), request.uri.to_string());
        for held in &mut self.held {
            held.count += 1;
            let value = held.challenge.answer(&Proof {
                user: &password.user,
                password: password.secret.expose_secret(),
                method: &method,
                uri: &uri,
                cnonce,
                count: held.count,
            });
            request.headers.push(if held.proxy {
                Header::ProxyAuthorization(value.into())
            } else {
                Header::Authorization(value.into())
            });
        }
    }

    /// Forgets what was asked, because somebody else is asked now.
    pub(crate) fn forget(&mut self) {
        self.held.clear();
    }

    /// Forgets how often a nonce was too old, when something was accepted in between.
    pub(crate) fn accepted(&mut self) {
        for held in &mut self.held {
            held.stale = 0;
        }
    }
}

/// The strongest of the challenges that can be answered; or those offered, in words.
fn strongest(response: &Response, proxy: bool) -> Result<Challenge, String> {
    let offered: Vec<&str> = response
        .headers
        .iter()
        .filter_map(|header| match header {
            Header::ProxyAuthenticate(value) if proxy => Some(value.value()),
            Header::WwwAuthenticate(value) if !proxy => Some(value.value()),
            _ => None,
        })
        .collect();
    offered
        .iter()
        .filter_map(|value| Challenge::parse(value))
        // Of equals the last is the greatest, and the first is meant to be preferred.
        .rev()
        .max_by_key(|challenge| challenge.algorithm)
        .ok_or_else(|| match offered.first() {
            Some(first) => first.chars().take(80).collect(),
            None => "it does not say how".to_owned(),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request() -> Request {
        "INVITE sip:100@far SIP/2.0\r\nVia: SIP/2.0/UDP us:5060;branch=z9hG4bK1;rport\r\nFrom: <sip:a@us>;tag=1\r\n\
         To: <sip:100@far>\r\nCall-ID: 1\r\nCSeq: 7 INVITE\r\nContent-Length: 0\r\n\r\n"
            .try_into()
            .unwrap()
    }

    fn response(code: u16, challenges: &[&str]) -> Response {
        let name = if code == 407 {
            "Proxy-Authenticate"
        } else {
            "WWW-Authenticate"
        };
        let mut text = format!("SIP/2.0 {code} X\r\n");
        for challenge in challenges {
            text += &format!("{name}: {challenge}\r\n");
        }
        (text + "Content-Length: 0\r\n\r\n").as_str().try_into().unwrap()
    }

    fn challenges() -> Challenges {
        let password = Password {
            user: "u".into(),
            secret: "p".to_owned().into(),
            realm: None,
        };
        Challenges::new(Some(password), "trunk `x`".into())
    }

    fn answers(request: &Request) -> Vec<String> {
        let headers = request.headers.iter();
        headers
            .map(ToString::to_string)
            .filter(|text| text.contains("uthorization:"))
            .collect()
    }

    #[test]
    fn the_strongest_is_chosen_whatever_the_order() {
        let md5 = r#"Digest realm="r", nonce="m", algorithm=MD5, qop="auth""#;
        let sha = r#"Digest realm="r", nonce="s", algorithm=SHA-256, qop="auth,auth-int""#;
        let odd = r#"Digest realm="r", nonce="o", algorithm=SHA-512-256"#;
        for offered in [[md5, sha, odd], [odd, sha, md5], [sha, md5, odd]] {
            let again = challenges().answer(&request(), &response(401, &offered), "c").unwrap();
            let answers = answers(&again);
            assert_eq!(answers.len(), 1);
            assert!(
                answers[0].contains("nonce=\"s\"") && answers[0].contains("algorithm=SHA-256"),
                "{answers:?}"
            );
            assert_eq!(headers::sequence(&again), Some(8));
        }
        let first = r#"Digest realm="r", nonce="1""#;
        let second = r#"Digest realm="r", nonce="2""#;
        let again = challenges()
            .answer(&request(), &response(401, &[first, second]), "c")
            .unwrap();
        assert!(answers(&again)[0].contains("nonce=\"1\""));
        let unknown = challenges().answer(&request(), &response(401, &[odd]), "c");
        assert!(matches!(unknown, Err(Unanswered::Unknown(shown)) if shown.contains("SHA-512-256")));
    }

    #[test]
    fn a_second_no_is_one_unless_the_nonce_was_stale() {
        let mut ours = challenges();
        let fresh = response(401, &[r#"Digest realm="r", nonce="1", qop="auth""#]);
        let stale = response(401, &[r#"Digest realm="r", nonce="2", qop="auth", stale=true"#]);
        let once = ours.answer(&request(), &fresh, "c").unwrap();
        assert!(answers(&once)[0].contains("nc=00000001"));
        let twice = ours.answer(&once, &stale, "c").unwrap();
        assert!(answers(&twice)[0].contains("nonce=\"2\"") && answers(&twice)[0].contains("nc=00000001"));
        assert!(ours.answer(&twice, &stale, "c").is_ok());
        assert!(matches!(
            ours.answer(&twice, &stale, "c"),
            Err(Unanswered::WrongPassword(_))
        ));
        assert!(matches!(
            ours.answer(&twice, &fresh, "c"),
            Err(Unanswered::WrongPassword(_))
        ));
    }

    #[test]
    fn a_proxy_and_the_far_side_may_both_ask_and_counts_go_on() {
        let mut ours = challenges();
        let by_proxy = response(407, &[r#"Digest realm="p", nonce="1", qop="auth""#]);
        let by_far = response(401, &[r#"Digest realm="f", nonce="2", qop="auth""#]);
        let first = ours.answer(&request(), &by_proxy, "c").unwrap();
        let second = ours.answer(&first, &by_far, "c").unwrap();
        let shown = answers(&second);
        assert_eq!(shown.len(), 2, "{shown:?}");
        assert!(shown[0].starts_with("Proxy-Authorization: ") && shown[0].contains("nc=00000002"));
        assert!(shown[1].starts_with("Authorization: ") && shown[1].contains("nc=00000001"));
        let mut later = request();
        ours.authorize(&mut later, "c");
        assert!(answers(&later)[1].contains("nc=00000002"));
    }
}
