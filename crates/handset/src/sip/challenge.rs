//! Digest challenges (RFC 3261, section 22) with MD5.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use rsipstack::dialog::authenticate::verify_digest;
use rsipstack::sip::headers::auth::Algorithm;
use rsipstack::sip::typed::Authorization;
use rsipstack::sip::{HasHeaders, Header, Request, StatusCode};

use super::call_id;
use crate::script::Challenge;

/// What to do with a request for a phone that wants credentials.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// They are right.
    Welcome,
    /// Reply this, with this header if any.
    Reply(StatusCode, Option<Header>),
}

/// What was asked of a call before.
#[derive(Debug, Clone)]
struct Asked {
    nonce: String,
    wrong: u32,
}

/// The challenges that are under way, by Call-ID.
#[derive(Debug, Default)]
pub(crate) struct Challenges(Mutex<HashMap<String, Asked>>);

impl Challenges {
    /// Judges the credentials of a request. Wrong ones are asked for once more, then refused.
    pub(crate) fn judge(&self, challenge: &Challenge, request: &Request) -> Verdict {
        let call_id = call_id(request);
        let mut asked = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let before = asked.get(&call_id).cloned();
        let credentials = credentials(challenge, request);
        if let (Some(before), Some(credentials)) = (&before, &credentials)
            && is_right(challenge, request, credentials, &before.nonce)
        {
            asked.remove(&call_id);
            return Verdict::Welcome;
        }
        let wrong = before.map_or(0, |before| before.wrong) + u32::from(credentials.is_some());
        if wrong > 1 {
            asked.remove(&call_id);
            return Verdict::Reply(StatusCode::Forbidden, None);
        }
        let nonce = format!("{:032x}", StdRng::from_os_rng().random::<u128>());
        let (status, header) = question(challenge, &nonce);
        asked.insert(call_id, Asked { nonce, wrong });
        Verdict::Reply(status, Some(header))
    }
}

fn question(challenge: &Challenge, nonce: &str) -> (StatusCode, Header) {
    let realm = &challenge.realm;
    let value = format!("Digest realm=\"{realm}\", nonce=\"{nonce}\", algorithm=MD5, qop=\"auth\"");
    match challenge.status {
        401 => (StatusCode::Unauthorized, Header::WwwAuthenticate(value.into())),
        _ => (
            StatusCode::ProxyAuthenticationRequired,
            Header::ProxyAuthenticate(value.into()),
        ),
    }
}

/// The credentials for our realm, in the header that goes with the status.
fn credentials(challenge: &Challenge, request: &Request) -> Option<String> {
    let values = request.headers().iter().filter_map(|header| match header {
        Header::Authorization(value) if challenge.status == 401 => Some(value.value().to_owned()),
        Header::ProxyAuthorization(value) if challenge.status != 401 => Some(value.value().to_owned()),
        _ => None,
    });
    let ours = |value: &String| Authorization::parse(value).is_ok_and(|parsed| parsed.realm == challenge.realm);
    values.into_iter().find(ours)
}

fn is_right(challenge: &Challenge, request: &Request, value: &str, nonce: &str) -> bool {
    let Ok(parsed) = Authorization::parse(value) else {
        return false;
    };
    let algorithm = parsed.algorithm.unwrap_or(Algorithm::Md5);
    parsed.username == challenge.user
        && parsed.nonce == nonce
        && algorithm == Algorithm::Md5
        && verify_digest(&parsed, &challenge.password, request.method(), value)
}
