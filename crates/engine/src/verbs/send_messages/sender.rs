//! Who texts may be said to come from.

use outdial_domain::{Address, NumberUse, Scope};

use super::SendMessagesError;
use crate::{Engine, verbs::Actor};

/// The most characters of a name: what fits in the ten octets of a sender (3GPP TS 23.040, section 9.1.2.5).
const LONGEST_NAME: usize = 11;

/// The most digits of a number (ITU-T E.164, section 6).
const MOST_DIGITS: usize = 15;

fn is_name(from: &str) -> bool {
    from.chars().any(char::is_alphabetic)
}

/// What no network could show as a sender, in words.
pub(super) fn flaw(from: &str) -> Option<String> {
    if !is_name(from) {
        let digits = from.chars().filter(char::is_ascii_digit).count();
        return (!(1..=MOST_DIGITS).contains(&digits))
            .then(|| format!("it has {digits} digits: give a number of 1 to {MOST_DIGITS}, or a name"));
    }
    let length = from.chars().count();
    if length > LONGEST_NAME {
        return Some(format!(
            "it has {length} characters: give a name of at most {LONGEST_NAME}"
        ));
    }
    let plain = |c: char| c.is_ascii_graphic() || c == ' ';
    (!from.chars().all(plain)).then(|| "give a name of letters from A to Z, digits and spaces only".to_owned())
}

/// The sender as the network is told it. A number must be one of the account's; names are the network's affair.
pub(super) fn may_send_as(engine: &Engine, actor: &Actor, from: &str) -> Result<String, SendMessagesError> {
    if is_name(from) {
        return Ok(from.to_owned());
    }
    let foreign = || SendMessagesError::ForeignSender(from.to_owned());
    let address = Address::parse(from).map_err(|_| foreign())?;
    let is_ours = engine.settings.numbers.iter().any(|number| {
        let may = number.uses.contains(&NumberUse::CallerId) || number.uses.contains(&NumberUse::ReceivesTexts);
        number.account == actor.account_name && may && number.address.destination() == address.destination()
    });
    match is_ours || actor.scopes.contains(&Scope::AnyCallerId) {
        true => address.number().ok_or_else(foreign),
        false => Err(foreign()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sender_is_a_number_or_a_short_name() {
        for good in [
            "Shop",
            "Shop 24/7",
            "ABCDEFGHIJK",
            "+65 6123 4567",
            "72345",
            "+123456789012345",
        ] {
            assert_eq!(flaw(good), None, "{good}");
        }
        assert!(flaw("ABCDEFGHIJKL").unwrap().contains("12 characters"));
        assert!(flaw(&"x".repeat(30)).unwrap().contains("at most 11"));
        assert!(flaw("+1234567890123456").unwrap().contains("16 digits"));
        for bad in ["Café", "a\u{0}b", "a\nb", "Компания", "+", "..."] {
            assert!(flaw(bad).is_some(), "{bad:?}");
        }
    }
}
