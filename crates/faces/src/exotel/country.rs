//! Numbers that are given without their country, as the service's users are used to.

/// The country of numbers that are given without one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Country {
    code: String,
    digits: usize,
}

impl Country {
    /// How many digits numbers have after the code of the country, in the country that the service is from.
    pub const USUAL_DIGITS: usize = 10;

    /// The country with this calling code, as `91`, where numbers have so many digits after it. `None` where no
    /// country has such a code, or no number so many digits (ITU-T E.164).
    #[must_use]
    pub fn new(code: &str, digits: usize) -> Option<Self> {
        let is_code =
            (1..=3).contains(&code.len()) && !code.starts_with('0') && code.bytes().all(|byte| byte.is_ascii_digit());
        let fits = (4..=15 - code.len().min(3)).contains(&digits);
        (is_code && fits).then(|| Self {
            code: code.to_owned(),
            digits,
        })
    }

    /// A number with its country, where its digits say that it is one of this country, or that it names another;
    /// anything else as it is, as a name or a short code.
    pub(super) fn complete(&self, number: &str) -> String {
        let digits: String = number
            .chars()
            .filter(|c| !matches!(c, ' ' | '-' | '.' | '(' | ')'))
            .collect();
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return number.to_owned();
        }
        let national = |rest: &str| {
            let is_one = rest.len() == self.digits && !rest.starts_with('0');
            is_one.then(|| format!("+{}{rest}", self.code))
        };
        let complete = match digits.strip_prefix("00") {
            // What is shorter is dialled as it is somewhere.
            Some(rest) if rest.len() > 7 => Some(format!("+{rest}")),
            _ => national(&digits)
                .or_else(|| national(digits.strip_prefix('0')?))
                .or_else(|| national(digits.strip_prefix(&self.code)?)),
        };
        complete.unwrap_or_else(|| number.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_get_their_country() {
        let india = Country::new("91", Country::USUAL_DIGITS).unwrap();
        for (number, complete) in [
            ("9876543210", "+919876543210"),
            ("09876543210", "+919876543210"),
            ("919876543210", "+919876543210"),
            ("098-765 43210", "+919876543210"),
            // It begins as its country does.
            ("9198765432", "+919198765432"),
            ("00919876543210", "+919876543210"),
            ("006598765432", "+6598765432"),
            // These have one, or are none of the country.
            ("+919876543210", "+919876543210"),
            ("+6598765432", "+6598765432"),
            ("0987654321", "0987654321"),
            ("1800", "1800"),
            ("EXOTEL", "EXOTEL"),
            ("sip:100@example.com", "sip:100@example.com"),
            ("", ""),
        ] {
            assert_eq!(india.complete(number), complete, "{number}");
        }
        assert_eq!(Country::new("65", 8).unwrap().complete("98765432"), "+6598765432");
    }

    #[test]
    fn what_is_no_country_is_refused() {
        for (code, digits) in [("", 10), ("+91", 10), ("091", 10), ("1234", 10), ("91", 3), ("91", 14)] {
            assert_eq!(Country::new(code, digits), None, "{code} {digits}");
        }
    }
}
