//! The names that SMSCs give to texts: the same text may have one in decimal and one in hexadecimal digits.

/// How an SMSC writes the names of texts in its answers, and how in its receipts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MessageIds {
    /// The same in both.
    #[default]
    Same,
    /// In hexadecimal digits in answers, in decimal ones in receipts.
    HexThenDecimal,
    /// In decimal digits in answers, in hexadecimal ones in receipts.
    DecimalThenHex,
}

impl MessageIds {
    /// The words that a configuration uses.
    pub const WORDS: [(&'static str, Self); 3] = [
        ("same", Self::Same),
        ("hex_then_decimal", Self::HexThenDecimal),
        ("decimal_then_hex", Self::DecimalThenHex),
    ];

    /// The form in which the name in an answer is kept.
    #[must_use]
    pub fn of_answer(self, id: &str) -> String {
        match self {
            Self::Same => plain(id),
            Self::HexThenDecimal => number(id, 16),
            Self::DecimalThenHex => number(id, 10),
        }
    }

    /// The same of the name in a receipt.
    #[must_use]
    pub fn of_receipt(self, id: &str) -> String {
        match self {
            Self::Same => plain(id),
            Self::HexThenDecimal => number(id, 10),
            Self::DecimalThenHex => number(id, 16),
        }
    }

    /// The form that the SMSC takes when it is asked about a text: that of its answers.
    #[must_use]
    pub fn to_ask(self, kept: &str) -> String {
        match (self, kept.parse::<u128>()) {
            (Self::HexThenDecimal, Ok(number)) => format!("{number:X}"),
            (Self::Same | Self::HexThenDecimal | Self::DecimalThenHex, _) => kept.to_owned(),
        }
    }
}

/// Letters of one size and no zeros before it: SMSCs pad to ten digits in one place and not in the other.
fn plain(id: &str) -> String {
    let id = id.trim().to_ascii_lowercase();
    let short = id.trim_start_matches('0');
    if short.is_empty() { id } else { short.to_owned() }
}

/// A number in decimal digits; what is none stays a name.
fn number(id: &str, radix: u32) -> String {
    u128::from_str_radix(id.trim(), radix).map_or_else(|_| plain(id), |number| number.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_of_a_name_are_the_same() {
        for (ids, answer, receipt) in [
            (MessageIds::Same, "0000001A2B", "1a2b"),
            (MessageIds::Same, "7b6f3c1e-0001", "7B6F3C1E-0001"),
            (MessageIds::HexThenDecimal, "1A2B", "0000006699"),
            (MessageIds::HexThenDecimal, "0x-none", "0X-NONE"),
            (MessageIds::DecimalThenHex, "6699", "00001a2b"),
            (MessageIds::DecimalThenHex, "18446744073709551616", "10000000000000000"),
        ] {
            assert_eq!(ids.of_answer(answer), ids.of_receipt(receipt), "{answer} {receipt}");
        }
        assert_ne!(MessageIds::Same.of_answer("0"), "");
    }

    #[test]
    fn an_smsc_is_asked_by_the_name_that_it_gave() {
        let ids = MessageIds::HexThenDecimal;
        assert_eq!(ids.to_ask(&ids.of_answer("1A2B")), "1A2B");
        let ids = MessageIds::DecimalThenHex;
        assert_eq!(ids.to_ask(&ids.of_answer("6699")), "6699");
    }
}
