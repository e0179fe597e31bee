//! Digest authentication (RFC 7616, RFC 8760): what a challenge says, and what answers it.
//!
//! Both sides use it: we answer challenges of trunks, and challenge those who call us.

use md5::{Digest as _, Md5};
use sha2::Sha256;

/// The hash of a digest; the stronger is the greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Algorithm {
    Md5,
    Sha256,
}

impl Algorithm {
    /// As it stands in headers.
    pub(crate) const fn token(self) -> &'static str {
        match self {
            Self::Md5 => "MD5",
            Self::Sha256 => "SHA-256",
        }
    }

    /// Variants of a session (`-sess`) are nobody's custom in SIP and not known here.
    fn from_token(token: &str) -> Option<Self> {
        [Self::Md5, Self::Sha256]
            .into_iter()
            .find(|algorithm| algorithm.token().eq_ignore_ascii_case(token))
    }

    fn hash(self, text: &str) -> String {
        match self {
            Self::Md5 => hexadecimal(&Md5::digest(text.as_bytes())),
            Self::Sha256 => hexadecimal(&<Sha256 as sha2::Digest>::digest(text.as_bytes())),
        }
    }
}

/// Octets in hexadecimal.
pub(crate) fn hexadecimal(octets: &[u8]) -> String {
    use std::fmt::Write as _;

    octets
        .iter()
        .fold(String::with_capacity(2 * octets.len()), |mut text, octet| {
            // Writing to a string cannot fail.
            let _ = write!(text, "{octet:02x}");
            text
        })
}

/// What a far side asks for, in a way that we can answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Challenge {
    pub(crate) algorithm: Algorithm,
    pub(crate) realm: String,
    pub(crate) nonce: String,
    pub(crate) opaque: Option<String>,
    /// Whether it knows about qualities of protection, of which we take `auth`.
    pub(crate) qop: bool,
    /// Whether only the nonce of the answer before was wrong.
    pub(crate) stale: bool,
}

impl Challenge {
    /// Reads a challenge; `None` if it is none, or none that we can answer. One that wants the body
    /// protected and nothing less (`auth-int`) is not answered.
    pub(crate) fn parse(value: &str) -> Option<Self> {
        let parameters = Parameters::parse(value)?;
        let algorithm = match parameters.get("algorithm") {
            Some(token) => Algorithm::from_token(token)?,
            None => Algorithm::Md5,
        };
        let qop = parameters.get("qop");
        if qop.is_some_and(|list| !list.split(',').any(|qop| qop.trim().eq_ignore_ascii_case("auth"))) {
            return None;
        }
        Some(Self {
            algorithm,
            realm: parameters.get("realm")?.to_owned(),
            nonce: parameters.get("nonce")?.to_owned(),
            opaque: parameters.get("opaque").map(str::to_owned),
            qop: qop.is_some(),
            stale: parameters
                .get("stale")
                .is_some_and(|stale| stale.eq_ignore_ascii_case("true")),
        })
    }

    /// The value of the header that answers it.
    pub(crate) fn answer(&self, proof: &Proof<'_>) -> String {
        let Proof {
            user,
            uri,
            cnonce,
            count,
            ..
        } = proof;
        let response = self.response(proof);
        let mut text = format!(
            "Digest username={}, realm={}, nonce={}, uri=\"{uri}\", response=\"{response}\", algorithm={}",
            quoted(user),
            quoted(&self.realm),
            quoted(&self.nonce),
            self.algorithm.token(),
        );
        if let Some(opaque) = &self.opaque {
            text += &format!(", opaque={}", quoted(opaque));
        }
        if self.qop {
            text += &format!(", qop=auth, cnonce=\"{cnonce}\", nc={count:08x}");
        }
        text
    }

    /// The proof that somebody knows the password.
    pub(crate) fn response(&self, proof: &Proof<'_>) -> String {
        let Proof {
            user,
            password,
            method,
            uri,
            cnonce,
            count,
        } = proof;
        let hash = |text: String| self.algorithm.hash(&text);
        let who = hash(format!("{user}:{}:{password}", self.realm));
        let what = hash(format!("{method}:{uri}"));
        let nonce = &self.nonce;
        hash(if self.qop {
            format!("{who}:{nonce}:{count:08x}:{cnonce}:auth:{what}")
        } else {
            format!("{who}:{nonce}:{what}")
        })
    }
}

/// What a response is made of, beside the challenge.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Proof<'a> {
    pub(crate) user: &'a str,
    pub(crate) password: &'a str,
    pub(crate) method: &'a str,
    /// As it stands in the request.
    pub(crate) uri: &'a str,
    /// Chosen by whoever answers.
    pub(crate) cnonce: &'a str,
    /// How often the nonce was answered, this time included.
    pub(crate) count: u32,
}

/// The parameters of a challenge, or of an answer to one.
pub(crate) struct Parameters(Vec<(String, String)>);

impl Parameters {
    /// Reads the value of a header; `None` if it is not about digests, or cannot be read to its end.
    pub(crate) fn parse(value: &str) -> Option<Self> {
        let (scheme, mut rest) = value.trim().split_once([' ', '\t'])?;
        if !scheme.eq_ignore_ascii_case("digest") {
            return None;
        }
        let mut found = Vec::new();
        loop {
            rest = rest.trim_start_matches([' ', '\t', '\r', '\n', ',']);
            if rest.is_empty() {
                return Some(Self(found));
            }
            let (name, after) = rest.split_once('=')?;
            let (value, next) = value_of(after.trim_start())?;
            found.push((name.trim().to_ascii_lowercase(), value));
            rest = next;
        }
    }

    /// The value of a parameter, without quotes.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }
}

/// A value with or without quotes, and what follows it.
fn value_of(text: &str) -> Option<(String, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        let (value, rest) = text.split_at(text.find(',').unwrap_or(text.len()));
        return Some((value.trim().to_owned(), rest));
    };
    let mut value = String::new();
    let mut characters = quoted.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Some((value, &quoted[at + 1..])),
            '\\' => value.push(characters.next()?.1),
            other => value.push(other),
        }
    }
    None
}

fn quoted(text: &str) -> String {
    let mut shown = String::with_capacity(text.len() + 2);
    shown.push('"');
    for character in text.chars() {
        if matches!(character, '"' | '\\') {
            shown.push('\\');
        }
        shown.push(character);
    }
    shown.push('"');
    shown
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The example of RFC 7616, section 3.9.1.
    fn example(algorithm: &str) -> (Challenge, Proof<'static>) {
        let challenge = format!(
            "Digest realm=\"http-auth@example.org\", qop=\"auth, auth-int\", algorithm={algorithm}, \
             nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\", \
             opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\""
        );
        let proof = Proof {
            user: "Mufasa",
            password: "Circle of Life",
            method: "GET",
            uri: "/dir/index.html",
            cnonce: "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
            count: 1,
        };
        (Challenge::parse(&challenge).unwrap(), proof)
    }

    #[test]
    fn the_examples_of_the_standard_come_out() {
        let (md5, proof) = example("MD5");
        assert_eq!(md5.response(&proof), "8ca523f5e9506fed4657c9700eebdbec");
        let (sha, proof) = example("SHA-256");
        assert_eq!(
            sha.response(&proof),
            "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"
        );
        let answer = sha.answer(&proof);
        assert!(answer.contains("algorithm=SHA-256"), "{answer}");
        assert!(answer.contains("qop=auth, cnonce=\"f2/w"), "{answer}");
        assert!(answer.ends_with("nc=00000001"), "{answer}");
        assert!(answer.contains("opaque=\"FQhe"), "{answer}");
    }

    #[test]
    fn without_a_quality_the_old_form_is_used() {
        // RFC 2069's form, with the values of RFC 2617, section 3.5.
        let challenge =
            Challenge::parse("digest realm=\"testrealm@host.com\",nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\"")
                .unwrap();
        let proof = Proof {
            user: "Mufasa",
            password: "Circle Of Life",
            method: "GET",
            uri: "/dir/index.html",
            cnonce: "unused",
            count: 1,
        };
        assert_eq!(challenge.response(&proof), "670fd8c2df070c60b045671b8b24ff02");
        assert!(!challenge.answer(&proof).contains("nc="));
    }

    #[test]
    fn only_what_can_be_answered_is_a_challenge() {
        let answerable = |value: &str| Challenge::parse(value).is_some();
        assert!(answerable(r#"Digest realm="a", nonce="1""#));
        assert!(answerable(r#"Digest realm="a", nonce="1", qop="auth-int, AUTH""#));
        assert!(!answerable(r#"Digest realm="a", nonce="1", qop="auth-int""#));
        assert!(!answerable(r#"Digest realm="a", nonce="1", algorithm=MD5-sess"#));
        assert!(!answerable(r#"Digest realm="a", nonce="1", algorithm=SHA-512-256"#));
        assert!(!answerable(r#"Digest realm="a""#));
        assert!(!answerable(r#"Basic realm="a""#));
        assert!(!answerable(r#"Digest realm="a, nonce="1"#));
    }

    #[test]
    fn values_are_read_with_and_without_quotes() {
        let value = r#"Digest realm="a, b=\"c\"", nonce="n=",algorithm=MD5 , stale=TRUE,"#;
        let challenge = Challenge::parse(value).unwrap();
        assert_eq!(challenge.realm, "a, b=\"c\"");
        assert_eq!(challenge.nonce, "n=");
        assert!(challenge.stale);
        assert_eq!(challenge.algorithm, Algorithm::Md5);
    }

    proptest! {
        #[test]
        fn whatever_comes_is_read_or_not(value in "\\PC{0,200}") {
            let _ = Challenge::parse(&value);
            let _ = Challenge::parse(&format!("Digest {value}"));
        }

        #[test]
        fn what_we_write_we_read(realm in "\\PC{1,40}", nonce in "\\PC{1,40}", opaque in "\\PC{0,40}") {
            let challenge = Challenge {
                algorithm: Algorithm::Sha256,
                realm: realm.clone(),
                nonce,
                opaque: Some(opaque.clone()),
                qop: true,
                stale: false,
            };
            let proof = Proof { user: "u", password: "p", method: "INVITE", uri: "sip:a", cnonce: "c", count: 255 };
            let read = Parameters::parse(&challenge.answer(&proof)).unwrap();
            prop_assert_eq!(read.get("realm"), Some(realm.as_str()));
            prop_assert_eq!(read.get("opaque"), Some(opaque.as_str()));
            prop_assert_eq!(read.get("nc"), Some("000000ff"));
            let response = challenge.response(&proof);
            prop_assert_eq!(read.get("response"), Some(response.as_str()));
        }
    }
}
