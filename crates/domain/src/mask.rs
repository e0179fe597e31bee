//! Masked pairs: two people who reach each other by a number of ours, and see nothing of each other.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{AccountId, Address, MaskId};

/// Two people who reach each other by a number of ours.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mask {
    /// Names it.
    pub id: MaskId,
    /// Whose it is.
    pub account: AccountId,
    /// The number that both call, and see.
    pub number: Address,
    /// The two.
    pub parties: [Address; 2],
    /// What a caller must press to be connected.
    pub pin: Option<Pin>,
    /// At this time and later it connects nobody.
    pub expires: Option<Timestamp>,
    /// Free text, echoed everywhere.
    pub tag: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
}

/// What a caller presses to be connected by a mask. Nothing but the mask's own row shows it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Pin(String);

/// A text is no PIN.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("give {} to {} digits", Pin::LENGTH.start(), Pin::LENGTH.end())]
pub struct PinError;

impl Pin {
    /// The fewest and the most digits.
    pub const LENGTH: std::ops::RangeInclusive<usize> = 3..=10;

    /// Its digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::str::FromStr for Pin {
    type Err = PinError;

    fn from_str(text: &str) -> Result<Self, PinError> {
        let is = Self::LENGTH.contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
        is.then(|| Self(text.to_owned())).ok_or(PinError)
    }
}

impl std::fmt::Debug for Pin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Pin(***)")
    }
}

impl Mask {
    /// Whether it still connects at this time.
    #[must_use]
    pub fn holds(&self, now: Timestamp) -> bool {
        self.expires.is_none_or(|end| now < end)
    }

    /// Whom somebody reaches by it; `None` when they are not one of the two.
    #[must_use]
    pub fn reaches(&self, from: &Address) -> Option<&Address> {
        let [one, other] = &self.parties;
        let is = |party: &Address| party.is_reached_as(from);
        match (is(one), is(other)) {
            (true, _) => Some(other),
            (false, true) => Some(one),
            (false, false) => None,
        }
    }

    /// Whom somebody reaches by masks of one number, newest first, each with the mask: by the first without a PIN alone
    /// where there is one, and otherwise by whichever has the PIN that they give.
    #[must_use]
    pub fn reached<'m>(masks: &'m [Self], from: &Address) -> Vec<(&'m Self, &'m Address)> {
        let theirs = masks.iter().filter_map(|mask| Some((mask, mask.reaches(from)?)));
        let theirs: Vec<_> = theirs.collect();
        let open = theirs.iter().copied().find(|(mask, _)| mask.pin.is_none());
        open.map_or(theirs, |open| vec![open])
    }

    /// Whether one of the two would not know whom of two masks they call: same number, a person in common, and no
    /// PINs that tell them apart.
    #[must_use]
    pub fn is_mistaken_for(&self, other: &Self) -> bool {
        let same = self.number.destination() == other.number.destination();
        let told_apart = self.pin.is_some() && other.pin.is_some() && self.pin != other.pin;
        same && !told_apart && self.parties.iter().any(|party| other.reaches(party).is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> Address {
        Address::parse(text).unwrap()
    }

    fn mask(number: &str, parties: [&str; 2]) -> Mask {
        let at = Timestamp::UNIX_EPOCH;
        Mask {
            id: MaskId::new(at, [1; 10]),
            account: AccountId::new(at, [1; 10]),
            number: address(number),
            parties: parties.map(address),
            pin: None,
            expires: Some(Timestamp::from_second(100).unwrap()),
            tag: None,
            created_at: at,
        }
    }

    #[test]
    fn each_of_the_two_reaches_the_other() {
        let mask = mask("+6561234567", ["+6590000001", "+6590000002"]);
        assert_eq!(mask.reaches(&address("+65 9000 0001")), Some(&mask.parties[1]));
        assert_eq!(mask.reaches(&address("+6590000002")), Some(&mask.parties[0]));
        // Trunks give numbers without the plus, or as users of a URI.
        assert_eq!(mask.reaches(&address("6590000001")), Some(&mask.parties[1]));
        assert_eq!(mask.reaches(&address("+6590000003")), None);
        assert!(mask.holds(Timestamp::from_second(99).unwrap()));
        assert!(!mask.holds(Timestamp::from_second(100).unwrap()));
    }

    #[test]
    fn a_person_has_a_number_for_one_other_person_only() {
        let one = mask("+6561234567", ["+6590000001", "+6590000002"]);
        assert!(one.is_mistaken_for(&mask("+6561234567", ["+6590000002", "+6590000003"])));
        assert!(!one.is_mistaken_for(&mask("+6561234568", ["+6590000002", "+6590000003"])));
        assert!(!one.is_mistaken_for(&mask("+6561234567", ["+6590000004", "+6590000003"])));
        let with = |pin: &str| Mask {
            pin: Some(pin.parse().unwrap()),
            ..one.clone()
        };
        assert!(!with("1234").is_mistaken_for(&with("4321")));
        assert!(with("1234").is_mistaken_for(&with("1234")));
        assert!(
            with("1234").is_mistaken_for(&one),
            "who is asked for no PIN is asked for none"
        );
    }

    #[test]
    fn a_pin_has_a_few_digits() {
        assert_eq!(format!("{:?}", "0042".parse::<Pin>()), "Ok(Pin(***))");
        for wrong in ["", "12", "12345678901", "12a4", "１２３４"] {
            assert_eq!(wrong.parse::<Pin>(), Err(PinError), "{wrong}");
        }
    }
}
