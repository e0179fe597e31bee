//! Tells a registrar where we are (RFC 3261, section 10).

use std::time::Duration;

use rsipstack::{
    sip::{Header, Headers, HeadersExt, Method, Request, Response, Route, StatusCodeKind, typed},
    transaction::make_tag,
};

use crate::{
    ask::{AskError, ask},
    challenge::Challenges,
    flow::Flow,
    headers::{self, Fault},
    incoming::ALLOW,
    start::Shared,
    target::Target,
};

use super::Trunk;

/// What a registrar knows us by, from one REGISTER to the next.
pub(super) struct Binding {
    call_id: String,
    tag: rsipstack::sip::param::Tag,
    sequence: u32,
    challenges: Challenges,
}

/// Why a registrar was not told.
#[derive(Debug)]
pub(super) enum Refused {
    /// It wants to be told for longer.
    Brief(Duration),
    /// It does not want to be told, and may say when to try again.
    For(String, Option<Duration>),
}

/// What a registrar granted.
#[derive(Debug)]
pub(super) struct Granted {
    pub(super) lasting: Duration,
    /// The way that calls through it are to take (RFC 3608).
    pub(super) routes: Vec<Header>,
}

impl Binding {
    pub(super) fn new(shared: &Shared, trunk: &Trunk) -> Self {
        let random = crate::digest::hexadecimal(&shared.ids.secret()[..12]);
        Self {
            call_id: format!("{random}@outdial"),
            tag: make_tag(),
            sequence: 0,
            challenges: trunk.challenges(),
        }
    }

    /// Tells the first registrar of the trunk that listens; for no time at all to withdraw.
    pub(super) async fn tell(&mut self, shared: &Shared, trunk: &Trunk, expires: Duration) -> Result<Granted, Refused> {
        let hops = shared.names.hops(&trunk.settings.place()).await;
        let hops = hops.map_err(|reason| Refused::For(format!("its name leads nowhere: {reason}"), None))?;
        let mut reasons = Vec::new();
        for hop in hops {
            let mut flow = match Flow::open(shared, hop, &trunk.door).await {
                Ok(flow) => flow,
                Err(reason) => {
                    reasons.push(format!("{hop}: {reason}"));
                    continue;
                }
            };
            let request = self.request(shared, trunk, &flow, expires);
            let request = request.map_err(|Fault(fault)| Refused::For(fault, None))?;
            self.challenges.forget();
            let response = Box::pin(ask(shared, &mut flow, request, &mut self.challenges)).await;
            match response {
                Ok(response) if response.status_code.code() == 503 => reasons.push(format!("{hop} answered 503")),
                Ok(response) => {
                    self.sequence = headers::sequence(&response).unwrap_or(self.sequence);
                    return judged(&response, &trunk.contact, expires);
                }
                Err(AskError::Unanswered { code, why, .. }) => {
                    return Err(Refused::For(format!("it answered {code}: {why}"), None));
                }
                Err(error) => reasons.push(format!("{hop}: {error}")),
            }
        }
        Err(Refused::For(reasons.join("; "), None))
    }

    fn request(&mut self, shared: &Shared, trunk: &Trunk, flow: &Flow, expires: Duration) -> Result<Request, Fault> {
        self.sequence = self.sequence.wrapping_add(1);
        let us = Target::address_of_record(&trunk.settings).map_err(Fault)?;
        let mut request = shared.endpoint.make_request(
            Method::Register,
            Target::of_trunk(&trunk.settings).map_err(Fault)?,
            flow.via(shared)?,
            typed::From::from(us.clone()).with_tag(self.tag.clone()),
            typed::To::from(us),
            self.sequence,
            Some(self.call_id.clone().into()),
        );
        request.headers.extend(trunk.proxy().into_iter().collect());
        request
            .headers
            .push(typed::Contact::from(flow.contact(&trunk.contact)).into());
        request
            .headers
            .push(Header::Expires(expires.as_secs().to_string().into()));
        request.headers.push(Header::Allow(ALLOW.into()));
        Ok(request)
    }
}

fn judged(response: &Response, contact: &str, asked: Duration) -> Result<Granted, Refused> {
    let code = response.status_code.code();
    if response.status_code.kind() == StatusCodeKind::Successful {
        return Ok(Granted {
            lasting: granted(response, contact).unwrap_or(asked),
            routes: routes(&response.headers),
        });
    }
    let least = response.headers.iter().find_map(|header| match header {
        Header::MinExpires(value) => value.value().trim().parse::<u64>().ok(),
        _ => None,
    });
    if let (423, Some(least)) = (code, least)
        && Duration::from_secs(least) > asked
        && least <= 7 * 24 * 3600
    {
        return Err(Refused::Brief(Duration::from_secs(least)));
    }
    let later = response.headers.iter().find_map(|header| match header {
        Header::RetryAfter(value) => seconds(value.value()),
        _ => None,
    });
    let phrase = headers::phrase(response);
    let remedy = match code {
        403 | 404 => "; check `username`, and whether the account may register",
        _ => "",
    };
    Err(Refused::For(format!("it answered {code} {phrase}{remedy}"), later))
}

/// For how long the registrar knows us: as it says of our contact, or of all.
fn granted(response: &Response, contact: &str) -> Option<Duration> {
    let ours = response
        .typed_contact_headers()
        .unwrap_or_default()
        .into_iter()
        .find(|known| known.uri.auth.as_ref().is_some_and(|auth| auth.user == contact));
    let of_contact = ours.and_then(|ours| {
        let parameters = ours.params.iter().map(ToString::to_string);
        parameters
            .filter_map(|parameter| seconds(parameter.trim_start_matches(';').strip_prefix("expires=")?))
            .next()
    });
    of_contact.or_else(|| {
        response.headers.iter().find_map(|header| match header {
            Header::Expires(value) => seconds(value.value()),
            _ => None,
        })
    })
}

fn seconds(value: &str) -> Option<Duration> {
    let digits: String = value.trim().chars().take_while(char::is_ascii_digit).collect();
    digits
        .parse::<u32>()
        .ok()
        .map(|seconds| Duration::from_secs(seconds.into()))
}

fn routes(headers: &Headers) -> Vec<Header> {
    let mut routes = Vec::new();
    for header in headers.iter() {
        if let Header::ServiceRoute(value) = header {
            let entries = typed::Route::parse_header_list(value.value()).unwrap_or_default();
            routes.extend(
                entries
                    .into_iter()
                    .map(|entry| Header::Route(Route::new(entry.to_string()))),
            );
        }
    }
    routes.truncate(16);
    routes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(status: &str, headers: &str) -> Result<Granted, Refused> {
        let text = format!("SIP/2.0 {status}\r\n{headers}Content-Length: 0\r\n\r\n");
        let response = text.as_str().try_into().unwrap();
        judged(&response, "token", Duration::from_secs(3600))
    }

    #[test]
    fn what_is_granted_is_found_at_our_contact_first() {
        for (headers, expected) in [
            ("", 3600),
            ("Expires: 600\r\n", 600),
            (
                "Contact: <sip:other@x>;expires=7, <sip:token@y;transport=tcp>;expires=120\r\nExpires: 600\r\n",
                120,
            ),
            ("Contact: <sip:other@x>;expires=7\r\nExpires: 600\r\n", 600),
        ] {
            assert_eq!(
                told("200 OK", headers).unwrap().lasting.as_secs(),
                expected,
                "{headers}"
            );
        }
        let granted = told("200 OK", "Service-Route: <sip:a;lr>, <sip:b;lr>\r\n").unwrap();
        let routes: Vec<_> = granted.routes.iter().map(ToString::to_string).collect();
        assert_eq!(routes, ["Route: <sip:a;lr>", "Route: <sip:b;lr>"]);
    }

    #[test]
    fn refusals_say_what_to_do() {
        assert!(
            matches!(told("423 Brief", "Min-Expires: 7200\r\n"), Err(Refused::Brief(least)) if least.as_secs() == 7200)
        );
        assert!(matches!(
            told("423 Brief", "Min-Expires: 60\r\n"),
            Err(Refused::For(..))
        ));
        let Err(Refused::For(reason, later)) = told("403 Forbidden", "Retry-After: 18 (later)\r\n") else {
            panic!("it was granted")
        };
        assert!(
            reason.contains("403 Forbidden") && reason.contains("`username`"),
            "{reason}"
        );
        assert_eq!(later.map(|later| later.as_secs()), Some(18));
    }
}
