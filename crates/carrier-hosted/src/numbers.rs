//! Numbers as services write them.

use outdial_domain::{Address, Destination};

/// A number with its country, as `+6511111111`.
pub(crate) fn international(address: &Address, service: &str) -> Result<String, String> {
    match address.destination() {
        Destination::E164(digits) => Ok(format!("+{digits}")),
        Destination::Local { .. } | Destination::Sip { .. } => Err(format!(
            "{service} reaches numbers with their country only, as +6511111111, and not {address}"
        )),
    }
}

/// A number with or without its country, of digits alone but for the plus.
pub(crate) fn digits(address: &Address, service: &str) -> Result<String, String> {
    let refused = || format!("{service} reaches plain numbers only, and not {address}");
    match address.destination() {
        Destination::E164(digits) => Ok(format!("+{digits}")),
        Destination::Local { number, context: None } => {
            let plain = number.bytes().all(|byte| byte.is_ascii_digit());
            plain.then(|| number.clone()).ok_or_else(refused)
        }
        Destination::Local { .. } | Destination::Sip { .. } => Err(refused()),
    }
}

/// Whether two texts name one number, however its country is written: as `+919876543210` and `09876543210`.
pub(crate) fn are_same(one: &str, other: &str) -> bool {
    /// So many of the last digits tell numbers apart.
    const TELLING: usize = 8;
    let digits = |text: &str| text.chars().filter(char::is_ascii_digit).collect::<String>();
    let (one, other) = (digits(one), digits(other));
    let last = |text: &str| text[text.len().saturating_sub(TELLING)..].to_owned();
    !one.is_empty() && last(&one) == last(&other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_and_compared() {
        let address = |text: &str| Address::parse(text).unwrap();
        assert_eq!(international(&address("+65 1111-1111"), "X").unwrap(), "+6511111111");
        for refused in ["123-4567", "100@office", "sip:a@example.com"] {
            assert!(international(&address(refused), "X").is_err(), "{refused}");
        }
        assert_eq!(digits(&address("098-7654321"), "X").unwrap(), "0987654321");
        for refused in ["*61#", "100@office", "sip:a@example.com"] {
            assert!(digits(&address(refused), "X").is_err(), "{refused}");
        }
        assert!(are_same("+919876543210", "09876543210") && are_same("100", "100"));
        assert!(!are_same("09876543210", "09876543211") && !are_same("", ""));
    }
}
