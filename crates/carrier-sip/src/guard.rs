//! Challenges of ours: who calls from an address that we do not know has to show who they are.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use outdial_engine::ports::Ids;
use rsipstack::sip::{Header, HeadersExt, Request};
use secrecy::ExposeSecret;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq;

use crate::{
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
        if sources.with_login().next().is_none() {
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
            return Shown::Ask(self.challenges(&call_id, false));
        };
        match self.is_ours(answer.get("nonce").unwrap_or_default(), &call_id) {
            Nonce::Fresh => {}
            Nonce::Stale => return Shown::Ask(self.challenges(&call_id, true)),
            Nonce::Forged => return Shown::Ask(self.challenges(&call_id, false)),
        }
        let trunk = sources.with_login().find(|trunk| proves(&answer, request, trunk));
        trunk.map_or(Shown::Nothing, |trunk| Shown::Trunk(Arc::clone(trunk)))
    }

    fn challenges(&self, call_id: &str, stale: bool) -> Vec<Header> {
        let nonce = self.nonce(self.ids.now(), call_id);
        let stale = if stale { ", stale=true" } else { "" };
        // The stronger first (RFC 8760, section 2.4).
        [Algorithm::Sha256, Algorithm::Md5]
            .map(|algorithm| {
                let token = algorithm.token();
                format!("Digest realm=\"{REALM}\", nonce=\"{nonce}\", qop=\"auth\", algorithm={token}{stale}")
            })
            .map(|value| Header::WwwAuthenticate(value.into()))
            .into()
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

/// Whether an answer shows the password of this trunk.
fn proves(answer: &Parameters, request: &Request, trunk: &Trunk) -> bool {
    let Some((user, secret)) = &trunk.settings.incoming_login else {
        return false;
    };
    let get = |name| answer.get(name).unwrap_or_default();
    if get("username") != user || get("realm") != REALM || get("qop") != "auth" || get("uri") != request.uri.to_string()
    {
        return false;
    }
    let Ok(count) = u32::from_str_radix(get("nc"), 16) else {
        return false;
    };
    let Some(challenge) = Challenge::parse(&format!(
        "Digest realm=\"{REALM}\", nonce=\"{}\", qop=\"auth\", algorithm={}",
        get("nonce"),
        answer.get("algorithm").unwrap_or("MD5"),
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
    fn nobody_is_asked_where_nobody_has_a_password() {
        let ids = Ids::new(Arc::new(At(1000)), Arc::new(SystemEntropy));
        let guard = Guard::new(ids);
        assert!(matches!(
            guard.look_at(&invite("1", ""), &sources(false)),
            Shown::Nothing
        ));
    }
}
