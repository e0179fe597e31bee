//! What the far side says of a transfer that it was asked for (RFC 3515).

use std::time::{Duration, Instant};

use rsipstack::sip::{HeadersExt, Request, Response};

/// How long a far side may take to say what became of it: it rings somebody meanwhile.
const PATIENCE: Duration = Duration::from_secs(180);

/// A transfer under way.
#[derive(Debug, Clone, Copy)]
pub(super) struct Transfer {
    until: Instant,
}

impl Transfer {
    pub(super) fn begun(now: Instant) -> Self {
        Self { until: now + PATIENCE }
    }

    /// When it is not waited for any more.
    pub(super) const fn until(self) -> Instant {
        self.until
    }

    /// Whether the far side, which agreed, will say nothing more (RFC 4488).
    pub(super) fn is_silent(response: &Response) -> bool {
        let sub = response.header_value("Refer-Sub");
        sub.is_some_and(|value| value.trim().eq_ignore_ascii_case("false"))
    }
}

/// Whether a NOTIFY is about a transfer.
pub(super) fn is_about_transfer(notify: &Request) -> bool {
    let event = notify.header_value("Event").or_else(|| notify.header_value("o"));
    let package = event.as_deref().and_then(|event| event.split(';').next());
    package.is_some_and(|package| package.trim().eq_ignore_ascii_case("refer"))
}

/// What a NOTIFY says became of it, if that is decided: the body is the status line of the far side's own call (RFC 3420).
pub(super) fn result(notify: &Request) -> Option<Result<(), String>> {
    let body = String::from_utf8_lossy(&notify.body);
    let line = body.lines().next().unwrap_or_default();
    let status = line.strip_prefix("SIP/2.0 ").and_then(|rest| {
        let (code, phrase) = rest.split_once(' ').unwrap_or((rest, ""));
        Some((code.trim().parse::<u16>().ok()?, phrase))
    });
    let state = notify.header_value("Subscription-State").unwrap_or_default();
    let is_over = state.trim().to_ascii_lowercase().starts_with("terminated");
    match status {
        Some((200..=299, _)) => Some(Ok(())),
        Some((code @ 300..=699, phrase)) => {
            let phrase: String = phrase.chars().filter(|c| !c.is_control()).take(60).collect();
            Some(Err(format!("whom it was sent to answered {code} {phrase}")))
        }
        _ if is_over => Some(Err("the far side does not say what became of it".into())),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn notify(state: &str, body: &str) -> Request {
        let text = format!(
            "NOTIFY sip:us@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\n\
             To: <sip:c@d>;tag=2\r\nCall-ID: x\r\nCSeq: 2 NOTIFY\r\nEvent: refer;id=93\r\nSubscription-State: {state}\r\n\
             Content-Type: message/sipfrag\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        Request::try_from(text.as_str()).unwrap()
    }

    #[test]
    fn only_a_final_status_decides() {
        let cases = [
            ("active;expires=60", "SIP/2.0 100 Trying\r\n", None),
            ("active", "SIP/2.0 180 Ringing\r\n", None),
            ("terminated;reason=noresource", "SIP/2.0 200 OK\r\n", Some(Ok(()))),
            (
                "terminated",
                "SIP/2.0 486 Busy Here",
                Some(Err("answered 486 Busy Here")),
            ),
            (
                "terminated;reason=timeout",
                "SIP/2.0 100 Trying",
                Some(Err("does not say")),
            ),
            ("active", "", None),
            ("active", "nonsense\r\nSIP/2.0 200 OK", None),
            ("active", "SIP/2.0 9999 No", None),
        ];
        for (state, body, expected) in cases {
            let notify = notify(state, body);
            assert!(is_about_transfer(&notify));
            match (result(&notify), expected) {
                (Some(Err(reason)), Some(Err(part))) => assert!(reason.contains(part), "{reason}"),
                (result, expected) => {
                    assert_eq!(
                        result.map(|result| result.is_ok()),
                        expected.map(|expected| expected.is_ok()),
                        "{body}"
                    );
                }
            }
        }
    }
}
