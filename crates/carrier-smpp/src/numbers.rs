//! How numbers and names are written for an SMSC, and what kind it is told that they are (SMPP 3.4, section 5.2.5
//! and the one after it).

/// Applies to numbers that begin so; the first rule that does is used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NumberRule {
    /// What a number must begin with; nothing for any.
    pub begins_with: String,
    /// The most digits that it may have; any number of them if not set.
    pub at_most: Option<usize>,
    /// The type of the number.
    pub ton: u8,
    /// Its plan.
    pub npi: u8,
    /// Whether what it begins with is left out.
    pub strip: bool,
    /// What is written before it.
    pub prepend: String,
}

/// What an SMSC is given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Written {
    pub(crate) ton: u8,
    pub(crate) npi: u8,
    pub(crate) number: String,
}

/// The most characters of a name that stands for a sender: what fits in ten octets (3GPP TS 23.040, section
/// 9.1.2.5).
pub const LONGEST_NAME: usize = 11;

/// The most digits of a number (SMPP 3.4, section 4.4.1).
const LONGEST_NUMBER: usize = 20;

const INTERNATIONAL: (u8, u8) = (1, 1);
const UNKNOWN: (u8, u8) = (0, 1);
const NETWORK_SPECIFIC: (u8, u8) = (3, 0);
const ALPHANUMERIC: (u8, u8) = (5, 0);

/// Numbers of services are at most so long.
const SHORT: usize = 6;

/// Writes the sender of a text: a number, a short number, or a name.
pub(crate) fn sender(rules: &[NumberRule], from: &str) -> Result<Written, String> {
    if is_number(from) {
        return number(rules, from);
    }
    let length = from.chars().count();
    if length > LONGEST_NAME {
        return Err(format!(
            "the sender `{}` has {length} characters, and a name may have {LONGEST_NAME} at most",
            from.chars().take(40).collect::<String>()
        ));
    }
    // What a phone shows of it is in the alphabet of GSM 03.38, and most SMSCs take it as ASCII.
    if !from.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ') || from.trim().is_empty() {
        return Err(format!(
            "the sender `{}` may have letters, digits and spaces only",
            from.escape_debug()
        ));
    }
    let (ton, npi) = ALPHANUMERIC;
    Ok(Written {
        ton,
        npi,
        number: from.to_owned(),
    })
}

/// Writes a number by the first rule that applies, or else by what it looks like.
pub(crate) fn number(rules: &[NumberRule], number: &str) -> Result<Written, String> {
    if !is_number(number) {
        return Err(format!(
            "`{}` is no number that a text can be sent to",
            number.escape_debug()
        ));
    }
    let digits = number.trim_start_matches('+');
    let written = match rules.iter().find(|rule| rule.applies(number, digits)) {
        Some(rule) => rule.write(number),
        None => {
            let (ton, npi) = match number.starts_with('+') {
                true => INTERNATIONAL,
                false if digits.len() <= SHORT => NETWORK_SPECIFIC,
                false => UNKNOWN,
            };
            Written {
                ton,
                npi,
                number: digits.to_owned(),
            }
        }
    };
    let length = written.number.len();
    if !(1..=LONGEST_NUMBER).contains(&length) {
        return Err(format!(
            "`{number}` is written with {length} characters, and SMPP has room for 1 to {LONGEST_NUMBER}"
        ));
    }
    Ok(written)
}

impl NumberRule {
    fn applies(&self, number: &str, digits: &str) -> bool {
        number.starts_with(&self.begins_with) && self.at_most.is_none_or(|most| digits.len() <= most)
    }

    fn write(&self, number: &str) -> Written {
        let rest = match self.strip {
            true => number.strip_prefix(&self.begins_with).unwrap_or(number),
            false => number,
        };
        Written {
            ton: self.ton,
            npi: self.npi,
            number: format!("{}{}", self.prepend, rest.trim_start_matches('+')),
        }
    }
}

fn is_number(text: &str) -> bool {
    let digits = text.strip_prefix('+').unwrap_or(text);
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(written: Result<Written, String>) -> Result<(u8, u8, String), String> {
        written.map(|written| (written.ton, written.npi, written.number))
    }

    #[test]
    fn without_rules_the_kind_is_what_it_looks_like() {
        let of = |from: &str| parts(sender(&[], from)).unwrap();
        assert_eq!(of("+6598765432"), (1, 1, "6598765432".into()));
        assert_eq!(of("98765432"), (0, 1, "98765432".into()));
        assert_eq!(of("72345"), (3, 0, "72345".into()));
        assert_eq!(of("My Shop 24"), (5, 0, "My Shop 24".into()));
    }

    #[test]
    fn the_first_rule_that_applies_is_used() {
        let rule = |begins_with: &str, at_most, strip, prepend: &str| NumberRule {
            begins_with: begins_with.to_owned(),
            at_most,
            ton: 2,
            npi: 8,
            strip,
            prepend: prepend.to_owned(),
        };
        let rules = [
            rule("+65", None, true, "0"),
            rule("", Some(5), false, ""),
            rule("00", None, true, "+"),
        ];
        let of = |to: &str| parts(number(&rules, to)).unwrap();
        assert_eq!(of("+6598765432"), (2, 8, "098765432".into()));
        assert_eq!(of("72345"), (2, 8, "72345".into()));
        assert_eq!(of("004912345"), (2, 8, "+4912345".into()));
        assert_eq!(of("+4912345678"), (1, 1, "4912345678".into()));
    }

    #[test]
    fn what_cannot_be_written_is_refused_with_the_reason() {
        assert!(
            sender(&[], "a name of thirty letters or so")
                .unwrap_err()
                .contains("11 at most")
        );
        assert!(sender(&[], "Bücher").unwrap_err().contains("letters"));
        assert!(sender(&[], " ").is_err());
        assert!(sender(&[], "").is_err());
        assert!(number(&[], "Shop").is_err());
        assert!(number(&[], "+").is_err());
        assert!(number(&[], &"1".repeat(21)).unwrap_err().contains("1 to 20"));
    }
}
