//! Digits in the body of a SIP INFO request.
//!
//! Two bodies are in use, neither of them a standard: `application/dtmf-relay` with `Signal=` and `Duration=` lines, and `application/dtmf` with the bare key.

use std::time::Duration;

use crate::digit::Digit;

/// The media type that we send.
pub const DTMF_RELAY: &str = "application/dtmf-relay";

/// The media type of the bare key.
pub const DTMF: &str = "application/dtmf";

/// A key press that came by INFO.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InfoDigit {
    /// The key.
    pub digit: Digit,
    /// How long it was pressed, where the sender said so.
    pub duration: Option<Duration>,
}

/// Why the body of an INFO request is no digit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InfoError {
    /// The content type is another one: the request is not about digits, and belongs to somebody else.
    #[error("an INFO body of another type than {DTMF_RELAY} or {DTMF}")]
    OtherType,
    /// The type says digits, but no `Signal` is there.
    #[error("an INFO body of digits without a Signal; expected a line such as Signal=5")]
    NoSignal,
    /// The signal is no key, for example a hook flash.
    #[error("an INFO Signal that is no key: {0:?}")]
    NotAKey(String),
}

/// Reads the body of an INFO request with this `Content-Type`.
///
/// ```
/// use outdial_media::sip_info;
///
/// let pressed = sip_info::parse("application/dtmf-relay", b"Signal=5\r\nDuration=160\r\n")?;
/// assert_eq!(pressed.digit.as_char(), '5');
/// # Ok::<(), sip_info::InfoError>(())
/// ```
pub fn parse(content_type: &str, body: &[u8]) -> Result<InfoDigit, InfoError> {
    let media_type = content_type.split(';').next().unwrap_or_default().trim();
    if !media_type.eq_ignore_ascii_case(DTMF_RELAY) && !media_type.eq_ignore_ascii_case(DTMF) {
        return Err(InfoError::OtherType);
    }
    let body = String::from_utf8_lossy(body);
    let (mut signal, mut duration) = (None, None);
    for line in body.lines().map(str::trim).filter(|line| !line.is_empty()) {
        match line.split_once('=') {
            Some((name, value)) if name.trim().eq_ignore_ascii_case("signal") => {
                signal = signal.or(Some(value.trim()));
            }
            Some((name, value)) if name.trim().eq_ignore_ascii_case("duration") => {
                duration = value.trim().parse().ok().map(Duration::from_millis);
            }
            Some(_) => {}
            None => signal = signal.or(Some(line)),
        }
    }
    let signal = signal.ok_or(InfoError::NoSignal)?;
    let digit = key(signal).ok_or_else(|| InfoError::NotAKey(signal.chars().take(16).collect()))?;
    Ok(InfoDigit { digit, duration })
}

/// Writes the `application/dtmf-relay` body for one key.
pub fn write(digit: Digit, duration: Duration) -> String {
    format!("Signal={digit}\r\nDuration={}\r\n", duration.as_millis())
}

/// Some senders write the event code of a key that is not a figure: 10 for the star, 11 for the hash.
fn key(signal: &str) -> Option<Digit> {
    signal.parse().ok().or_else(|| {
        let code: u8 = signal.parse().ok()?;
        Digit::from_event(code)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn relay(body: &str) -> Result<InfoDigit, InfoError> {
        parse(DTMF_RELAY, body.as_bytes())
    }

    #[test]
    fn what_we_write_we_read() {
        for digit in Digit::all() {
            let body = write(digit, Duration::from_millis(160));
            let duration = Some(Duration::from_millis(160));
            assert_eq!(relay(&body), Ok(InfoDigit { digit, duration }));
        }
    }

    #[test]
    fn bodies_seen_in_the_field() {
        let cases = [
            ("application/dtmf-relay", "Signal= 5\nDuration= 100\n", '5'),
            ("Application/DTMF-Relay; charset=utf-8", "signal=*\r\nduration=x", '*'),
            ("application/dtmf-relay", "Duration=250\r\nSignal=11", '#'),
            ("application/dtmf", "7", '7'),
            ("application/dtmf", "#\r\n", '#'),
            ("application/dtmf", "Signal=d\r\n", 'D'),
        ];
        for (content_type, body, expected) in cases {
            let pressed = parse(content_type, body.as_bytes()).unwrap();
            assert_eq!(pressed.digit.as_char(), expected, "{body:?}");
        }
    }

    #[test]
    fn what_is_no_digit_says_why() {
        assert_eq!(parse("text/plain", b"5"), Err(InfoError::OtherType));
        assert_eq!(relay(""), Err(InfoError::NoSignal));
        assert_eq!(relay("Duration=100"), Err(InfoError::NoSignal));
        assert_eq!(relay("Signal=16"), Err(InfoError::NotAKey("16".into())));
        assert_eq!(relay("Signal="), Err(InfoError::NotAKey(String::new())));
    }

    proptest::proptest! {
        #[test]
        fn any_body_is_answered(body: Vec<u8>) {
            let _ = parse(DTMF_RELAY, &body);
            let _ = parse(DTMF, &body);
        }
    }
}
