//! Keeps what identifies people out of what is shown to others: numbers, users of URIs and names.
//!
//! Use it where a trace or an explanation leaves the hands of those who may see everything: what is
//! stored stays whole. A mask is as long as what it hides, in octets, so that lengths which a message
//! tells of itself stay true; of long numbers the ends remain, so that two can be told apart.

mod sip;

pub use sip::message;

/// Numbers with fewer digits are extensions and short codes; nothing of them remains.
const SHORTEST_NUMBER: usize = 7;
/// From so many digits on, a number begins with a country or an area that many share.
const WITH_AREA: usize = 10;

/// The schemes whose URIs name people.
const SCHEMES: [&str; 5] = ["sip:", "sips:", "tel:", "im:", "pres:"];

/// Masks an address in any form that an [`Address`](crate::Address) is given in.
///
/// ```
/// use outdial_domain::masking::address;
///
/// assert_eq!(address("+6598765432"), "+65******32");
/// assert_eq!(address("100@from-internal"), "***@from-internal");
/// assert_eq!(address("sip:bob@example.com"), "sip:***@example.com");
/// ```
#[must_use]
pub fn address(text: &str) -> String {
    if scheme_at(text, 0).is_some() {
        return addresses(text);
    }
    match text.rsplit_once('@') {
        Some((number, context)) => format!("{}@{context}", user(number)),
        None => user(text),
    }
}

/// Masks a sentence: the users of URIs, numbers, and the addresses that are known to be meant.
#[must_use]
pub fn sentence(text: &str, known: &[&str]) -> String {
    let mut shown = text.to_owned();
    for address in known.iter().filter(|address| address.len() > 2) {
        shown = shown.replace(*address, &self::address(address));
    }
    addresses(&shown)
}

/// Masks the users of URIs, and numbers that stand by themselves.
fn addresses(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut at = 0;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        let begins = begins_at(&text.as_bytes()[..at]);
        let scheme = scheme_at(text, at).filter(|_| begins);
        let taken = match scheme {
            Some(scheme) => {
                shown.push_str(&rest[..scheme]);
                scheme + uri(&rest[scheme..], &mut shown)
            }
            None => number(rest, begins, &mut shown),
        };
        at += taken;
    }
    shown
}

/// Whether a number or a URI may begin after this. The tags of dialogs look like numbers and are none.
fn begins_at(before: &[u8]) -> bool {
    let tag = before
        .last_chunk::<4>()
        .is_some_and(|last| last.eq_ignore_ascii_case(b"tag="));
    !tag && !before.last().is_some_and(u8::is_ascii_alphanumeric)
}

/// How long the scheme is that begins here, if one does.
fn scheme_at(text: &str, at: usize) -> Option<usize> {
    let rest = &text.as_bytes()[at..];
    SCHEMES
        .iter()
        .find(|scheme| {
            rest.get(..scheme.len())
                .is_some_and(|start| start.eq_ignore_ascii_case(scheme.as_bytes()))
        })
        .map(|scheme| scheme.len())
}

/// Masks what names somebody in a URI without its scheme, and says how much of the text that was.
/// A user may have commas and semicolons, so all before the last `@` is taken for it.
fn uri(text: &str, shown: &mut String) -> usize {
    let whole = &text[..text.find([' ', '\t', '\r', '\n', '<', '>', '"']).unwrap_or(text.len())];
    let name = whole
        .rfind('@')
        .unwrap_or_else(|| match whole.find([';', '?', ',']).unwrap_or(whole.len()) {
            end if is_number(&whole[..end]) => end,
            _ => 0,
        });
    shown.push_str(&user(&whole[..name]));
    name
}

/// Masks the number that begins here, or copies one character; says how much of the text that was.
fn number(text: &str, begins: bool, shown: &mut String) -> usize {
    let sign = usize::from(text.starts_with('+'));
    let digits = text[sign..].bytes().take_while(u8::is_ascii_digit).count();
    let length = sign + digits;
    let alone = begins && !text[length..].starts_with(|next: char| next.is_alphanumeric());
    if digits >= SHORTEST_NUMBER && alone {
        shown.push_str(&user(&text[..length]));
        return length;
    }
    let taken = if digits > 0 {
        length
    } else {
        text.chars().next().map_or(1, char::len_utf8)
    };
    shown.push_str(&text[..taken]);
    taken
}

/// Masks a user: of a number the ends remain, of a name nothing.
fn user(text: &str) -> String {
    if !is_number(text) {
        return stars(text);
    }
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    let first = if digits >= WITH_AREA { 2 } else { 0 };
    let mut seen = 0;
    text.chars()
        .map(|character| {
            if !character.is_ascii_digit() {
                return character;
            }
            seen += 1;
            if seen <= first || seen > digits - 2 {
                character
            } else {
                '*'
            }
        })
        .collect()
}

fn is_number(text: &str) -> bool {
    text.bytes().filter(u8::is_ascii_digit).count() >= SHORTEST_NUMBER
        && text
            .bytes()
            .all(|byte| byte.is_ascii_digit() || b"+*#-.() /".contains(&byte))
}

/// Masks what somebody is told: nothing of it remains but its length.
#[must_use]
pub fn text(text: &str) -> String {
    stars(text)
}

/// A star for every octet; what divides lines and words stays.
fn stars(text: &str) -> String {
    text.chars()
        .fold(String::with_capacity(text.len()), |mut shown, character| {
            if character.is_ascii_whitespace() {
                shown.push(character);
            } else {
                shown.extend(std::iter::repeat_n('*', character.len_utf8()));
            }
            shown
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_in_all_forms() {
        for (whole, masked) in [
            ("+6598765432", "+65******32"),
            ("+65 9876-5432", "+65 ****-**32"),
            ("98765432", "******32"),
            ("123-4567", "***-**67"),
            ("100", "***"),
            ("*72#", "****"),
            ("100@from-internal", "***@from-internal"),
            ("sip:bob@example.com:5060", "sip:***@example.com:5060"),
            (
                "SIPS:bob:secret@[2001:db8::1];user=phone",
                "SIPS:**********@[2001:db8::1];user=phone",
            ),
            ("tel:+6598765432;isub=1", "tel:+65******32;isub=1"),
            ("tel:98765432@pbx", "tel:******32@pbx"),
            ("sip:%2B6598765432@h", "sip:*************@h"),
            ("sip:a@b@c", "sip:***@c"),
            ("sip:pbx.example.com", "sip:pbx.example.com"),
            ("sip:+6598765432", "sip:+65******32"),
            ("sip:jürgen@h", "sip:*******@h"),
            ("", ""),
        ] {
            assert_eq!(address(whole), masked, "{whole}");
        }
    }

    #[test]
    fn sentences_keep_their_words() {
        for (whole, masked) in [
            ("a: does not serve +6598765432", "a: does not serve +65******32"),
            (
                "the far side answered 486 Busy Here",
                "the far side answered 486 Busy Here",
            ),
            ("127.0.0.1:5060 after 1000 ms", "127.0.0.1:5060 after 1000 ms"),
            ("no way to 4711@lab", "no way to ****@lab"),
            (
                "leg_019a9c3e5b7d7c1e8f00112233445566",
                "leg_019a9c3e5b7d7c1e8f00112233445566",
            ),
            ("(sip:bob@h, sip:eve@h)", "(sip:***@h, sip:***@h)"),
            ("gossip:bob", "gossip:bob"),
        ] {
            assert_eq!(sentence(whole, &["4711@lab", ""]), masked, "{whole}");
        }
    }
}
