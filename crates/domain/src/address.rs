//! Whom to reach: an international number, a local number in a context, or a SIP URI.
//!
//! An address is kept as it was given beside its normalised form. It is refused only when it could
//! not be dialled at all, never because some table calls a number invalid: real short codes and
//! old ranges are missing from every such table.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Whom to reach, as given and as understood.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Address {
    given: String,
    destination: Destination,
}

/// What an [`Address`] means.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Destination {
    /// An international number (ITU-T E.164): the digits, without the leading `+`.
    E164(String),
    /// A number that means something only where it is dialled, with its context where one was given.
    Local {
        /// The digits, with `*` and `#` where dialled, without spaces and dashes.
        number: String,
        /// The dial-plan context, as `from-internal` in `100@from-internal`.
        context: Option<String>,
    },
    /// A SIP URI (RFC 3261, section 19.1).
    Sip {
        /// `sip` or `sips`.
        secure: bool,
        /// The user part, percent-encoded as given; empty when the URI has none.
        user: String,
        /// The host: a name, an IPv4 address, or an IPv6 address in brackets.
        host: String,
        /// The port where one was given.
        port: Option<u16>,
        /// URI parameters as given, without the first semicolon.
        parameters: Option<String>,
    },
}

/// Why a text cannot be dialled.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// There is nothing to dial.
    #[error("the address is empty: give a number as `+6598765432`, `100@context`, or a SIP URI")]
    Empty,
    /// The text is longer than any address.
    #[error("the address is {0} characters long: the longest allowed is {max}", max = Address::LONGEST)]
    TooLong(usize),
    /// A character can be dialled in no form of address.
    #[error(
        "`{0}` cannot be dialled: numbers have digits, `+`, `*`, `#`, and spaces, dots, dashes or brackets between"
    )]
    Character(char),
    /// A `+` number must have 2 to 15 digits (E.164 allows no more than 15).
    #[error("an international number has 2 to 15 digits after the `+`, this one has {0}")]
    E164Length(usize),
    /// The context after `@` has a character that no dial plan allows.
    #[error("the context `{0}` may have letters, digits, `-`, `_` and `.` only")]
    Context(String),
    /// The SIP URI has no host, or one that cannot be read.
    #[error("the SIP URI needs a host, as in `sip:100@pbx.example.com:5060`")]
    SipHost,
    /// The SIP URI has a port that is none.
    #[error("`{0}` is not a port: give 1 to 65535")]
    SipPort(String),
}

impl Address {
    /// The most characters an address may have.
    pub const LONGEST: usize = 255;

    /// Reads an address in any of its forms.
    ///
    /// ```
    /// use outdial_domain::{Address, Destination};
    ///
    /// let address = Address::parse("+65 9876-5432").unwrap();
    /// assert_eq!(address.destination(), &Destination::E164("6598765432".into()));
    /// assert_eq!(address.to_string(), "+6598765432");
    /// assert_eq!(address.given(), "+65 9876-5432");
    /// ```
    ///
    /// # Errors
    ///
    /// An [`AddressError`] says which rule the text breaks.
    pub fn parse(given: &str) -> Result<Self, AddressError> {
        let text = given.trim();
        if text.is_empty() {
            return Err(AddressError::Empty);
        }
        if text.len() > Self::LONGEST {
            return Err(AddressError::TooLong(text.chars().count()));
        }
        let destination = match text.split_once(':') {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("sip") => parse_sip(false, rest)?,
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("sips") => parse_sip(true, rest)?,
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("tel") => parse_number(rest)?,
            _ => parse_number(text)?,
        };
        Ok(Self {
            given: text.to_owned(),
            destination,
        })
    }

    /// The text as it was given, without surrounding blanks.
    #[must_use]
    pub fn given(&self) -> &str {
        &self.given
    }

    /// What the text means.
    #[must_use]
    pub fn destination(&self) -> &Destination {
        &self.destination
    }

    /// Whether two addresses name one phone, however trunks write it: a number with or without its plus, or as
    /// the user of a URI.
    #[must_use]
    pub fn is_reached_as(&self, other: &Self) -> bool {
        let digits = |address: &Self| match address.destination() {
            Destination::E164(digits) => digits.clone(),
            Destination::Local { number, .. } => number.trim_start_matches('+').to_owned(),
            Destination::Sip { user, .. } => user.trim_start_matches('+').to_owned(),
        };
        let ours = digits(self);
        !ours.is_empty() && ours == digits(other)
    }

    /// Whether two addresses are surely one party: the same number, written as a number or as the user of a URI, or
    /// the same user at the same host and port. For what nobody means, as to be connected with oneself; two that
    /// only may be the same are not.
    ///
    /// ```
    /// use outdial_domain::Address;
    ///
    /// let is = |one: &str, other: &str| Address::parse(one).unwrap().is_same_party(&Address::parse(other).unwrap());
    /// assert!(is("+65 9876 5432", "sip:+6598765432@trunk.example.com"));
    /// assert!(is("sip:Ann@PBX.example.com", "SIP:ann@pbx.example.com:5060;transport=tcp"));
    /// assert!(!is("100", "sip:100@pbx.example.com"), "every exchange has an extension 100");
    /// ```
    #[must_use]
    pub fn is_same_party(&self, other: &Self) -> bool {
        if let (Some(one), Some(two)) = (self.digits(), other.digits())
            && one.len() >= SHORTEST_OF_ONE_PARTY
            && one == two
        {
            return match (&self.destination, &other.destination) {
                (Destination::Local { context: one, .. }, Destination::Local { context: two, .. }) => {
                    one.is_none() || two.is_none() || one == two
                }
                _ => true,
            };
        }
        match (&self.destination, &other.destination) {
            (
                Destination::Sip {
                    user: one_user,
                    host: one_host,
                    ..
                },
                Destination::Sip { user, host, .. },
            ) => {
                unescaped(one_user).eq_ignore_ascii_case(&unescaped(user))
                    && one_host == host
                    && self.port() == other.port()
            }
            (one, two) => one == two,
        }
    }

    /// The digits of a number, written as such or as the user of a URI.
    fn digits(&self) -> Option<String> {
        match &self.destination {
            Destination::E164(digits) => Some(digits.clone()),
            Destination::Local { number, .. } => Some(number.trim_start_matches('+').to_owned()),
            Destination::Sip { user, .. } => {
                let user = unescaped(user);
                let user: String = user.chars().filter(|c| !"-.()".contains(*c)).collect();
                let digits = user.strip_prefix('+').unwrap_or(&user);
                let is = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
                is.then(|| digits.to_owned())
            }
        }
    }

    /// The port that a SIP URI means (RFC 3261, section 19.1.2).
    fn port(&self) -> Option<u16> {
        match &self.destination {
            Destination::Sip { secure, port, .. } => port.or(Some(if *secure { 5061 } else { 5060 })),
            Destination::E164(_) | Destination::Local { .. } => None,
        }
    }

    /// The number to put into the user part of a request to a trunk, or `None` for a SIP URI.
    #[must_use]
    pub fn number(&self) -> Option<String> {
        match &self.destination {
            Destination::E164(digits) => Some(format!("+{digits}")),
            Destination::Local { number, .. } => Some(number.clone()),
            Destination::Sip { .. } => None,
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.destination {
            Destination::E164(digits) => write!(f, "+{digits}"),
            Destination::Local {
                number,
                context: Some(context),
            } => write!(f, "{number}@{context}"),
            Destination::Local { number, context: None } => f.write_str(number),
            Destination::Sip {
                secure,
                user,
                host,
                port,
                parameters,
            } => {
                f.write_str(if *secure { "sips:" } else { "sip:" })?;
                if !user.is_empty() {
                    write!(f, "{user}@")?;
                }
                f.write_str(host)?;
                if let Some(port) = port {
                    write!(f, ":{port}")?;
                }
                if let Some(parameters) = parameters {
                    write!(f, ";{parameters}")?;
                }
                Ok(())
            }
        }
    }
}

/// Shorter numbers are extensions and short codes, which mean something else at every exchange.
const SHORTEST_OF_ONE_PARTY: usize = 7;

/// The user of a URI without its percent-encoding; what is not encoded rightly stays as it is.
fn unescaped(user: &str) -> String {
    let mut bytes = Vec::with_capacity(user.len());
    let mut rest = user.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let encoded = (*first == b'%').then(|| after.get(..2)).flatten();
        let byte = encoded
            .and_then(|two| std::str::from_utf8(two).ok())
            .and_then(|two| u8::from_str_radix(two, 16).ok());
        match byte {
            Some(byte) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn parse_number(text: &str) -> Result<Destination, AddressError> {
    let (number, context) = match text.split_once('@') {
        Some((number, context)) => (number, Some(context)),
        None => (text, None),
    };
    if let Some(context) = context
        && (context.is_empty()
            || !context
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b)))
    {
        return Err(AddressError::Context(context.to_owned()));
    }
    let (international, rest) = match number.strip_prefix('+') {
        Some(rest) => (true, rest),
        None => (false, number),
    };
    let mut digits = String::with_capacity(rest.len());
    for character in rest.chars() {
        match character {
            '0'..='9' => digits.push(character),
            '*' | '#' if !international => digits.push(character),
            ' ' | '-' | '.' | '(' | ')' | '/' | '\u{a0}' => {}
            other => return Err(AddressError::Character(other)),
        }
    }
    match (international, digits.len()) {
        (true, 2..=15) if context.is_none() => Ok(Destination::E164(digits)),
        (true, length) if context.is_none() => Err(AddressError::E164Length(length)),
        (_, 0) => Err(AddressError::Empty),
        (true, _) => Ok(Destination::Local {
            number: format!("+{digits}"),
            context: context.map(str::to_owned),
        }),
        (false, _) => Ok(Destination::Local {
            number: digits,
            context: context.map(str::to_owned),
        }),
    }
}

fn parse_sip(secure: bool, rest: &str) -> Result<Destination, AddressError> {
    // Header parameters (`?Subject=…`) would let a caller add headers to our requests.
    if let Some(bad) = rest
        .chars()
        .find(|c| !c.is_ascii_graphic() || matches!(c, '<' | '>' | '"' | '?' | ',' | '\\'))
    {
        return Err(AddressError::Character(bad));
    }
    let (user, rest) = match rest.rsplit_once('@') {
        // A password in the user part (`user:secret@`) would end up in logs and on the wire.
        Some((user, _)) if user.contains([':', '@', ';']) => return Err(AddressError::Character(':')),
        Some((user, rest)) => (user, rest),
        None => ("", rest),
    };
    let (host_port, parameters) = match rest.split_once(';') {
        Some((host_port, parameters)) => (host_port, Some(parameters.to_owned())),
        None => (rest, None),
    };
    let (host, port) = split_port(host_port)?;
    let plain = host.strip_prefix('[').and_then(|inner| inner.strip_suffix(']'));
    let readable = match plain {
        Some(inner) => inner.parse::<std::net::Ipv6Addr>().is_ok(),
        None => !host.is_empty() && host.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b)),
    };
    if !readable {
        return Err(AddressError::SipHost);
    }
    Ok(Destination::Sip {
        secure,
        user: user.to_owned(),
        host: host.to_ascii_lowercase(),
        port,
        parameters,
    })
}

fn split_port(host_port: &str) -> Result<(&str, Option<u16>), AddressError> {
    let after_bracket = host_port.rfind(']').map_or(0, |at| at + 1);
    match host_port.get(after_bracket..).and_then(|tail| tail.find(':')) {
        None => Ok((host_port, None)),
        Some(colon) => {
            let (host, port) = host_port.split_at(after_bracket + colon);
            let digits = port.trim_start_matches(':');
            match digits.parse::<u16>() {
                Ok(port) if port > 0 => Ok((host, Some(port))),
                _ => Err(AddressError::SipPort(digits.to_owned())),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shown(given: &str) -> String {
        Address::parse(given).unwrap().to_string()
    }

    #[test]
    fn numbers_lose_their_decoration() {
        assert_eq!(shown("+65 (98) 76-54.32"), "+6598765432");
        assert_eq!(shown("123-4567"), "1234567");
        assert_eq!(shown("*61#"), "*61#");
        assert_eq!(shown("100@from-internal"), "100@from-internal");
        assert_eq!(shown("tel:+6598765432"), "+6598765432");
    }

    #[test]
    fn sip_uris_are_taken_apart() {
        assert_eq!(
            shown("SIP:Bob@PBX.example.com:5080;transport=tcp"),
            "sip:Bob@pbx.example.com:5080;transport=tcp"
        );
        assert_eq!(shown("sip:[::1]:5060"), "sip:[::1]:5060");
        assert_eq!(shown("sips:host"), "sips:host");
    }

    #[test]
    fn one_party_is_known_in_whatever_way_it_is_written() {
        let is = |one: &str, other: &str| {
            let (one, other) = (Address::parse(one).unwrap(), Address::parse(other).unwrap());
            assert_eq!(one.is_same_party(&other), other.is_same_party(&one), "{one} {other}");
            one.is_same_party(&other)
        };
        for (one, other) in [
            ("+6598765432", "6598765432"),
            ("+6598765432", "sip:+6598765432@127.0.0.1:5070"),
            ("sip:%2B6598765432@a", "sip:6598765432@b"),
            ("sip:Bob@A.example", "sips:bob@a.example:5060"),
            ("sip:b%6Fb@127.0.0.1:5070", "SIP:BOB@127.0.0.1:5070"),
            ("100", "100"),
            ("1234567@one", "1234567"),
        ] {
            assert!(is(one, other), "{one} and {other} are one");
        }
        for (one, other) in [
            ("+6598765432", "+6598765433"),
            ("sip:bob@127.0.0.1:5070", "sip:bob@127.0.0.1:5071"),
            ("sip:bob@a.example", "sip:bob@b.example"),
            ("100", "sip:100@pbx.example.com"),
            ("1234567@one", "1234567@two"),
            ("sip:a.example", "+6598765432"),
        ] {
            assert!(!is(one, other), "{one} and {other} are two");
        }
    }

    #[test]
    fn what_cannot_be_dialled_says_why() {
        assert_eq!(Address::parse(" "), Err(AddressError::Empty));
        assert_eq!(Address::parse("hello"), Err(AddressError::Character('h')));
        assert_eq!(Address::parse("+1"), Err(AddressError::E164Length(1)));
        assert_eq!(Address::parse("+1234567890123456"), Err(AddressError::E164Length(16)));
        assert_eq!(
            Address::parse("sip:a@b:99999"),
            Err(AddressError::SipPort("99999".into()))
        );
        assert_eq!(Address::parse("sip:a@"), Err(AddressError::SipHost));
        assert_eq!(Address::parse("sip:a:secret@b"), Err(AddressError::Character(':')));
        assert_eq!(Address::parse("sip:a@b?Subject=x"), Err(AddressError::Character('?')));
        assert_eq!(Address::parse("sip:a@b\r\nX: y"), Err(AddressError::Character('\r')));
        assert_eq!(Address::parse("1@a b"), Err(AddressError::Context("a b".into())));
        assert!(matches!(
            Address::parse(&"1".repeat(1_000_000)),
            Err(AddressError::TooLong(_))
        ));
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic_and_what_it_shows_it_reads(text in ".{0,80}") {
            if let Ok(address) = Address::parse(&text) {
                let again = Address::parse(&address.to_string()).unwrap();
                prop_assert_eq!(again.destination(), address.destination());
            }
        }

        #[test]
        fn sip_like_texts_are_safe_on_a_line(text in "sips?:[ -~\\r\\n]{0,60}") {
            if let Ok(address) = Address::parse(&text) {
                prop_assert!(!address.to_string().contains(['\r', '\n', '<', '>', ' ']));
                let again = Address::parse(&address.to_string()).unwrap();
                prop_assert_eq!(again.destination(), address.destination());
            }
        }
    }
}
