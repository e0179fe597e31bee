//! The `Reason` header (RFC 3326).

use rsipstack::sip::{Header, Headers};

/// The Q.850 cause in these headers, where there is one.
pub(crate) fn q850(headers: &Headers) -> Option<u8> {
    headers
        .iter()
        .filter_map(|header| match header {
            Header::Reason(reason) => cause(reason.value()),
            _ => None,
        })
        .next()
}

/// One header may hold several reasons, and texts may hold commas, but a cause never follows a text
/// that looks like `Q.850;cause=`.
fn cause(value: &str) -> Option<u8> {
    let lower = value.to_ascii_lowercase();
    let (_, after) = lower.split_once("q.850")?;
    let parameters = after.split(',').next().unwrap_or(after);
    parameters
        .split(';')
        .find_map(|parameter| parameter.trim().strip_prefix("cause"))
        .and_then(|rest| rest.trim().strip_prefix('='))
        .and_then(|digits| digits.trim().parse().ok())
        .filter(|cause| *cause <= 127)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn causes_are_found_wherever_they_stand() {
        assert_eq!(cause("Q.850;cause=17;text=\"User busy\""), Some(17));
        assert_eq!(cause("SIP;cause=487, q.850 ; text=\"x\" ; cause = 16"), Some(16));
        assert_eq!(cause("SIP;cause=200;text=\"Call completed elsewhere\""), None);
        assert_eq!(cause("Q.850;cause=999"), None);
        assert_eq!(cause("Q.850"), None);
        assert_eq!(cause(""), None);
    }
}
