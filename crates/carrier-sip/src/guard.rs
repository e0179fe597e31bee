//! Challenges of ours: who calls from an address that we do not know has to show who they are.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use outdial_engine::ports::Ids;
use rsipstack::sip::{Header, HeadersExt, Request, Uri};
use secrecy::ExposeSecret;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq;

use crate::{
    config::Digests,
    digest::{Algorithm, Challenge, Parameters, Proof, hexadecimal},
    sources::Sources,
    trunk::Trunk,
};

/// Who we say is asking.
const REALM: &str = "outdial";

/// How long an answer to a challenge is accepted.
const FRESH: Duration = Duration::from_secs(60);

/// What an INVITE from elsewhere shows.
pub(crate) enum Shown {
    /// It is this trunk's.
    Trunk(Arc<Trunk>),
    /// It is to be asked with these headers.
    Ask(Vec<Header>),
    /// Nobody here has a password to show, or the wrong one was shown.
    Nothing,
}

/// Asks for passwords. It keeps nothing of whom it asked: the nonce is a seal over the time and the
/// Call-ID, so that an answer is good for one call and for a minute.
pub(crate) struct Guard {
    secret: [u8; 32],
    ids: Ids,
}

impl Guard {
    pub(crate) fn new(ids: Ids) -> Self {
        Self {
            secret: ids.secret(),
            ids,
        }
    }

    /// What this INVITE shows.
    pub(crate) fn look_at(&self, request: &Request, sources: &Sources) -> Shown {
        let wanted: Vec<Algorithm> = BY_STRENGTH
            .into_iter()
            .filter(|algorithm| sources.with_login().any(|trunk| allows(trunk, *algorithm)))
            .collect();
        if wanted.is_empty() {
            return Shown::Nothing;
        }
        let call_id = request
            .call_id_header()
            .map(|id| id.value().to_owned())
            .unwrap_or_default();
        let answer = request.headers.iter().find_map(|header| match header {
            Header::Authorization(value) => Parameters::parse(value.value()),
            _ => None,
        });
        let Some(answer) = answer else {
            return Shown::Ask(self.challenges(&wanted, &call_id, false));
        };
        match self.is_ours(answer.get("nonce").unwrap_or_default(), &call_id) {
            Nonce::Fresh => {}
            Nonce::Stale => return Shown::Ask(self.challenges(&wanted, &call_id, true)),
            Nonce::Forged => return Shown::Ask(self.challenges(&wanted, &call_id, false)),
        }
        let trunk = sources.with_login().find(|trunk| proves(&answer, request, trunk));
        trunk.map_or(Shown::Nothing, |trunk| Shown::Trunk(Arc::clone(trunk)))
    }

    fn challenges(&self, wanted: &[Algorithm], call_id: &str, stale: bool) -> Vec<Header> {
        let nonce = self.nonce(self.ids.now(), call_id);
        let stale = if stale { ", stale=true" } else { "" };
        wanted
            .iter()
            .map(|algorithm| {
                let token = algorithm.token();
                format!("Digest realm=\"{REALM}\", nonce=\"{nonce}\", qop=\"auth\", algorithm={token}{stale}")
            })
            .map(|value| Header::WwwAuthenticate(value.into()))
            .collect()
    }

    fn nonce(&self, at: Timestamp, call_id: &str) -> String {
        let at = at.as_second();
        let mut seal = Sha256::new();
        seal.update(self.secret);
        seal.update(at.to_be_bytes());
        seal.update(call_id.as_bytes());
        format!("{at:x}.{}", hexadecimal(&seal.finalize()[..16]))
    }

    fn is_ours(&self, nonce: &str, call_id: &str) -> Nonce {
        let at = nonce.split('.').next().and_then(|at| i64::from_str_radix(at, 16).ok());
        let Some(at) = at.and_then(|at| Timestamp::from_second(at).ok()) else {
            return Nonce::Forged;
        };
        if !bool::from(self.nonce(at, call_id).as_bytes().ct_eq(nonce.as_bytes())) {
            return Nonce::Forged;
        }
        let age = self.ids.now().as_second() - at.as_second();
        if (0..=FRESH.as_secs() as i64).contains(&age) {
            Nonce::Fresh
        } else {
            Nonce::Stale
        }
    }
}

enum Nonce {
    Fresh,
    Stale,
    Forged,
}

/// The stronger first (RFC 8760, section 2.4).
const BY_STRENGTH: [Algorithm; 2] = [Algorithm::Sha256, Algorithm::Md5];

/// Whether the password of this trunk may be shown by this digest.
fn allows(trunk: &Trunk, algorithm: Algorithm) -> bool {
    match trunk.settings.incoming_digest {
        Digests::Both => true,
        Digests::Md5 => algorithm == Algorithm::Md5,
        Digests::Sha256 => algorithm == Algorithm::Sha256,
    }
}

/// Whether the URI in a digest names whom the request is for. Proxies on the way change its host.
fn names_callee(uri: &str, request: &Request) -> bool {
    let user = |uri: &Uri| uri.auth.as_ref().map(|auth| auth.user.clone());
    Uri::try_from(uri).is_ok_and(|uri| user(&uri) == user(&request.uri))
}

/// Whether an answer shows the password of this trunk.
fn proves(answer: &Parameters, request: &Request, trunk: &Trunk) -> bool {
    let Some((user, secret)) = &trunk.settings.incoming_login else {
        return false;
    };
    let get = |name| answer.get(name).unwrap_or_default();
    if get("username") != user || get("realm") != REALM || get("qop") != "auth" || !names_callee(get("uri"), request) {
        return false;
    }
    let algorithm = answer.get("algorithm").unwrap_or("MD5");
    let is_allowed = |known: &Algorithm| known.token().eq_ignore_ascii_case(algorithm) && allows(trunk, *known);
    if !BY_STRENGTH.iter().any(is_allowed) {
        return false;
    }
    let Ok(count) = u32::from_str_radix(get("nc"), 16) else {
        return false;
    };
    let Some(challenge) = Challenge::parse(&format!(
        "Digest realm=\"{REALM}\", nonce=\"{}\", qop=\"auth\", algorithm={algorithm}",
        get("nonce"),
    )) else {
        return false;
    };
    let proof = challenge.response(&Proof {
        user,
        password: secret.expose_secret(),
        method: &request.method.to_string(),
        uri: get("uri"),
        cnonce: get("cnonce"),
        count,
    });
    proof.as_bytes().ct_eq(get("response").as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use outdial_engine::ports::{Clock, SystemEntropy};

    use super::*;
    use crate::config::SipTrunk;

    struct At(i64);

    impl Clock for At {
        fn now(&self) -> Timestamp {
            Timestamp::from_second(self.0).unwrap()
        }
    }

    fn sources(login: bool) -> Sources {
        let mut settings = SipTrunk::new("t", "far", 5060);
        settings.incoming_login = login.then(|| ("carrier".to_owned(), "secret".to_owned().into()));
        Sources::new([Trunk::new(settings).unwrap()])
    }

    fn invite(call_id: &str, authorization: &str) -> Request {
        let text = format!(
            "INVITE sip:100@us SIP/2.0\r\nVia: SIP/2.0/UDP far;branch=z9hG4bK1\r\nFrom: <sip:a@far>;tag=1\r\n\
             To: <sip:100@us>\r\nCall-ID: {call_id}\r\nCSeq: 1 INVITE\r\n{authorization}Content-Length: 0\r\n\r\n"
        );
        text.as_str().try_into().unwrap()
    }

    /// The answer of somebody with this password to the challenge of this algorithm.
    fn answered(asked: &[Header], algorithm: Algorithm, password: &str) -> String {
        let challenge = asked
            .iter()
            .filter_map(|header| match header {
                Header::WwwAuthenticate(value) => Challenge::parse(value.value()),
                _ => None,
            })
            .find(|challenge| challenge.algorithm == algorithm)
            .unwrap();
        let proof = Proof {
            user: "carrier",
            password,
            method: "INVITE",
            uri: "sip:100@us",
            cnonce: "c",
            count: 1,
        };
        format!("Authorization: {}\r\n", challenge.answer(&proof))
    }

    #[test]
    fn the_right_password_shows_a_trunk_for_one_call_and_a_minute() {
        let at = |seconds| Ids::new(Arc::new(At(seconds)), Arc::new(SystemEntropy));
        let mut guard = Guard::new(at(1000));
        let sources = sources(true);
        let Shown::Ask(asked) = guard.look_at(&invite("1", ""), &sources) else {
            panic!("nobody is asked")
        };
        let shown = |guard: &Guard, call_id, authorization: &str| match guard
            .look_at(&invite(call_id, authorization), &sources)
        {
            Shown::Trunk(trunk) => trunk.settings.name.clone(),
            Shown::Ask(headers) if headers[0].to_string().contains("stale=true") => "stale".into(),
            Shown::Ask(_) => "ask".into(),
            Shown::Nothing => "nothing".into(),
        };
        for algorithm in [Algorithm::Sha256, Algorithm::Md5] {
            let right = answered(&asked, algorithm, "secret");
            assert_eq!(shown(&guard, "1", &right), "t");
            assert_eq!(shown(&guard, "2", &right), "ask", "an answer is good for one call");
            assert_eq!(shown(&guard, "1", &answered(&asked, algorithm, "wrong")), "nothing");
            assert_eq!(
                shown(&guard, "1", &right.replace("sip:100@us", "sip:101@us")),
                "nothing"
            );
        }
        let right = answered(&asked, Algorithm::Sha256, "secret");
        guard.ids = at(1061);
        assert_eq!(shown(&guard, "1", &right), "stale");
        assert_eq!(shown(&guard, "1", "Authorization: Digest nonce=\"x\"\r\n"), "ask");
    }

    #[test]
    fn only_digests_that_a_trunk_allows_are_asked_for_and_taken() {
        for (allowed, tokens) in [
            (Digests::Both, &["SHA-256", "MD5"][..]),
            (Digests::Md5, &["MD5"]),
            (Digests::Sha256, &["SHA-256"]),
        ] {
            let guard = Guard::new(Ids::new(Arc::new(At(1000)), Arc::new(SystemEntropy)));
            let mut settings = SipTrunk::new("t", "192.0.2.1", None);
            settings.incoming_login = Some(("carrier".to_owned(), "secret".to_owned().into()));
            settings.incoming_digest = allowed;
            let sources = Sources::new([Trunk::new(settings).unwrap()]);
            let Shown::Ask(asked) = guard.look_at(&invite("1", ""), &sources) else {
                panic!("nobody is asked")
            };
            assert_eq!(asked.len(), tokens.len());
            for (header, token) in asked.iter().zip(tokens) {
                assert!(header.to_string().contains(&format!("algorithm={token}")), "{header}");
            }
            for algorithm in BY_STRENGTH {
                // Whoever makes it up from another challenge is not believed either.
                let nonce = guard.nonce(guard.ids.now(), "1");
                let token = algorithm.token();
                let value = format!("Digest realm=\"{REALM}\", nonce=\"{nonce}\", qop=\"auth\", algorithm={token}");
                let asked = [Header::WwwAuthenticate(value.into())];
                let shown = guard.look_at(&invite("1", &answered(&asked, algorithm, "secret")), &sources);
                assert_eq!(
                    matches!(shown, Shown::Trunk(_)),
                    tokens.contains(&token),
                    "{allowed:?} {token}"
                );
            }
        }
    }

    #[test]
    fn proxies_may_change_the_host_but_not_whom_it_is_for() {
        let request = invite("1", "");
        for (uri, names) in [
            ("sip:100@us", true),
            ("sip:100@192.0.2.9:5070;transport=udp", true),
            ("sip:101@us", false),
            ("sip:us", false),
            ("nonsense", false),
        ] {
            assert_eq!(names_callee(uri, &request), names, "{uri}");
        }
    }

    #[test]
    fn nobody_is_asked_where_nobody_has_a_password() {
        let ids = Ids::new(Arc::new(At(1000)), Arc::new(SystemEntropy));
        let guard = Guard::new(ids);
        assert!(matches!(
            guard.look_at(&invite("1", ""), &sources(false)),
            Shown::Nothing
        ));
    }
}
