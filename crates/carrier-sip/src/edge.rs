//! What is done with messages before the SIP library sees them.
//!
//! The library reads generously: it takes a start line with too many blanks, one of two lengths that
//! disagree, a quote that is never closed, and it drops what it cannot read without a word. RFC 3261
//! wants an answer to most of that, and RFC 4475 has the examples. So every request is held against
//! [`rules`] first, and one that breaks them is answered here, without a transaction (RFC 3261, section
//! 8.2.7). Over UDP that is done with the octets as they came ([`socket`]); over TCP and TLS, where the
//! library finds the ends of messages, with the request that it has read.
//!
//! Responses are let through. A carrier that writes them badly is understood as far as possible.

mod answer;
mod head;
mod large;
mod plain;
mod rules;
mod socket;
mod unreached;

use std::borrow::Cow;

pub(crate) use self::{rules::Broken, socket::Socket, unreached::Unreached};

use self::head::Head;

/// What becomes of a message.
pub(crate) enum Verdict<'a> {
    /// The library reads it: as it came, or in plainer words.
    Read(Cow<'a, [u8]>),
    /// It is a response, which the library reads as it came.
    Response(Head<'a>),
    /// It is answered with this status, and goes no further.
    Refused(Broken, Head<'a>),
    /// It breaks a rule and cannot be answered.
    Dropped,
}

/// What becomes of these octets, which are one message.
pub(crate) fn judge(message: &[u8]) -> Verdict<'_> {
    let Some(head) = Head::read(message) else {
        return Verdict::Read(Cow::Borrowed(message));
    };
    if !head.is_request() {
        return Verdict::Response(head);
    }
    match rules::broken(&head) {
        Some(_) if head.is_acknowledgement() || !head.can_be_answered() => Verdict::Dropped,
        Some(broken) => Verdict::Refused(broken, head),
        None => Verdict::Read(plain::plain(&head, message)),
    }
}

/// Which rule a request breaks that the library has read.
pub(crate) fn broken(request: &rsipstack::sip::Request) -> Option<Broken> {
    match judge(&request.to_bytes()) {
        Verdict::Refused(broken, _) => Some(broken),
        Verdict::Read(_) | Verdict::Response(_) | Verdict::Dropped => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const GOOD: &str = "OPTIONS sip:us SIP/2.0\r\nVia: SIP/2.0/UDP far;branch=z9hG4bK1;rport\r\n\
                        From: \"A; B\" <sip:a@far;x=1>;tag=1\r\nTo: <sip:us>\r\nCall-ID: 1\r\nCSeq: 1 OPTIONS\r\n\
                        Max-Forwards: 70\r\nContent-Length: 0\r\n\r\n";

    fn said(message: &str) -> String {
        match judge(message.as_bytes()) {
            Verdict::Read(Cow::Borrowed(_)) => "read".into(),
            Verdict::Read(Cow::Owned(plainer)) => String::from_utf8(plainer).unwrap(),
            Verdict::Response(_) => "response".into(),
            Verdict::Refused(broken, _) => broken.code().to_string(),
            Verdict::Dropped => "dropped".into(),
        }
    }

    #[test]
    fn each_rule_is_kept_or_answered_with_its_status() {
        assert_eq!(said(GOOD), "read");
        for (was, is, expected) in [
            ("OPTIONS sip:us SIP/2.0", "OPTIONS  sip:us SIP/2.0", "400"),
            ("OPTIONS sip:us SIP/2.0", "OPTIONS sip:us SIP/2.0 ", "400"),
            ("OPTIONS sip:us SIP/2.0", "OPTIONS sip:us; lr SIP/2.0", "400"),
            ("OPTIONS sip:us SIP/2.0", "OPTIONS <sip:us> SIP/2.0", "400"),
            ("OPTIONS sip:us SIP/2.0", "OPTIONS sip:us?a=b SIP/2.0", "400"),
            ("OPTIONS sip:us SIP/2.0", "OPTIONS sip:a?b@us SIP/2.0", "read"),
            ("OPTIONS sip:us SIP/2.0", "OPTIONS sip:us SIP/3.0", "505"),
            ("OPTIONS sip:us SIP/2.0", "OPTIONS sip:us HTTP/2", "dropped"),
            ("OPTIONS sip:us SIP/2.0", "OPTIONS isbn:us SIP/2.0", "416"),
            ("OPTIONS sip:us SIP/2.0", "OPTIONS tel:+49 SIP/2.0", "read"),
            ("OPTIONS sip:us SIP/2.0", "SING sip:us SIP/2.0", "501"),
            ("OPTIONS sip:us SIP/2.0", "ACK sip:us?a SIP/2.0", "dropped"),
            ("1 OPTIONS", "1 BYE", "400"),
            ("1 OPTIONS", "2147483648 OPTIONS", "400"),
            ("1 OPTIONS", "-1 OPTIONS", "400"),
            ("Max-Forwards: 70", "Max-Forwards: 256", "400"),
            ("Max-Forwards: 70\r\n", "", "read"),
            ("Length: 0", "Length: 1", "400"),
            ("Length: 0", "Length: -1", "400"),
            ("Length: 0", "Length: 0\r\nl: 1", "400"),
            ("Length: 0", "Length: 0\r\nl: 0", "read"),
            ("Call-ID: 1", "Call-ID: 1\r\ni: 2", "400"),
            ("To: <sip:us>", "To: \"us <sip:us>", "400"),
            ("To: <sip:us>", "To: \"u\\\"s\" <sip:us>", "read"),
            ("branch=z9hG4bK1", "branch=z9hG4bK1;", "400"),
            ("branch=z9hG4bK1", "branch=z9hG4bK1,,", "400"),
            (";tag=1", "", "400"),
            ("To: <sip:us>\r\n", "", "dropped"),
            ("Max", "Require: 100rel, timer\r\nMax", "read"),
            ("Max", "Require: timer, magic\r\nMax", "420"),
        ] {
            let message = GOOD.replacen(was, is, 1);
            assert_ne!(message, GOOD, "{was}");
            assert_eq!(said(&message), expected, "{message}");
        }
        assert_eq!(said("SIP/2.0 200 OK\r\nContent-Length: 9\r\n\r\n"), "response");
        assert_eq!(said("hello"), "read");
    }

    #[test]
    fn a_message_in_odd_clothes_is_read_in_plain_ones() {
        let odd = GOOD
            .replace("Via: SIP/2.0/UDP far;", "Via :\r\n SIP / 2.0\r\n\t/ UDP   far ;  ")
            .replace(";tag=1", "\r\n ; tag =\r\n 1")
            .replace("1 OPTIONS", "1\r\n  OPTIONS");
        assert_eq!(said(&odd), GOOD.replace(">;tag", " >;tag").replace(" >;tag", ">;tag"));
    }

    #[test]
    fn what_is_refused_names_what_is_not_supported() {
        let message = GOOD.replace("Max", "Require: timer, magic,tricks\r\nMax");
        let Verdict::Refused(broken, head) = judge(message.as_bytes()) else {
            panic!("it is read");
        };
        let answer = String::from_utf8(answer::answer(&broken, &head, "192.0.2.1:4000".parse().unwrap())).unwrap();
        assert!(answer.starts_with("SIP/2.0 420 Bad Extension\r\n"), "{answer}");
        assert!(answer.contains("\r\nUnsupported: magic, tricks\r\n"), "{answer}");
        assert!(
            answer.contains("\r\nVia: SIP/2.0/UDP far;branch=z9hG4bK1;rport=4000;received=192.0.2.1\r\n"),
            "{answer}"
        );
        assert!(answer.contains("\r\nTo: <sip:us>;tag="), "{answer}");
        assert!(answer.contains("\r\nCSeq: 1 OPTIONS\r\n"), "{answer}");
    }

    proptest! {
        #[test]
        fn nothing_upsets_it(octets in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = judge(&octets);
        }

        #[test]
        fn what_is_almost_right_upsets_it_neither(at in 0..GOOD.len(), octet: u8, cut in 0..GOOD.len()) {
            let mut message = GOOD.as_bytes().to_vec();
            message[at] = octet;
            for message in [&message[..], &message[..cut]] {
                if let Verdict::Refused(broken, head) = judge(message) {
                    let answer = answer::answer(&broken, &head, "192.0.2.1:4000".parse().unwrap());
                    prop_assert!(answer.ends_with(b"\r\n\r\n"));
                    prop_assert!(answer.len() < message.len() + 250);
                    prop_assert!(matches!(judge(&answer), Verdict::Response(_)));
                }
            }
        }
    }
}
