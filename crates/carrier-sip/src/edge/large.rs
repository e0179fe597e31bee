//! Messages over UDP that are longer than the library reads.

use crate::headers::LEFT_OUT;

use super::head::Head;

/// What is needed of a response beside its body to go on.
const NEEDED: [&str; 17] = [
    "Via",
    "From",
    "To",
    "Call-ID",
    "CSeq",
    "Contact",
    "Record-Route",
    "Require",
    "RSeq",
    "Session-Expires",
    "Min-SE",
    "Reason",
    "Retry-After",
    "WWW-Authenticate",
    "Proxy-Authenticate",
    "Content-Type",
    "c",
];

/// A response with what is needed of it, in at most so many octets. Where its body has to be left out it says so, so
/// that whoever answered is heard, and hung up on. Nothing if even that is too long.
pub(super) fn slim(head: &Head<'_>, message: &[u8], room: usize) -> Option<Vec<u8>> {
    let mut slim = format!("{}\r\n", head.start);
    let needed = head
        .lines()
        .filter(|line| NEEDED.iter().any(|name| name.eq_ignore_ascii_case(line.name)));
    for line in needed {
        slim.push_str(line.name);
        slim.push_str(": ");
        slim.push_str(&line.value);
        slim.push_str("\r\n");
    }
    let body = &message[message.len() - head.body..];
    let mut whole = format!("{slim}Content-Length: {}\r\n\r\n", body.len()).into_bytes();
    whole.extend_from_slice(body);
    if whole.len() <= room {
        return Some(whole);
    }
    let without = format!("{slim}{LEFT_OUT}: {}\r\nContent-Length: 0\r\n\r\n", message.len());
    (without.len() <= room).then(|| without.into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slimmed(headers: &str, body: usize, room: usize) -> Option<String> {
        let message = format!(
            "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP us;branch=1\r\nf: <sip:us>;tag=1\r\nTo: <sip:far>;tag=2\r\ni: 1\r\n\
             CSeq: 1 INVITE\r\nm: <sip:far@far>\r\n{headers}c: application/sdp\r\n\r\n{}",
            "x".repeat(body)
        );
        let head = Head::read(message.as_bytes()).unwrap();
        slim(&head, message.as_bytes(), room).map(|slim| String::from_utf8(slim).unwrap())
    }

    #[test]
    fn what_is_not_needed_goes_first_and_then_the_body() {
        let junk = format!("X-Junk: {}\r\n", "y".repeat(9_000));
        let slim = slimmed(&junk, 100, 8192).unwrap();
        assert!(
            !slim.contains("X-Junk") && slim.ends_with(&format!("Content-Length: 100\r\n\r\n{}", "x".repeat(100))),
            "{slim}"
        );
        for needed in ["Via: ", "From: ", "To: ", "Call-ID: ", "CSeq: ", "Contact: "] {
            assert!(slim.contains(needed), "{slim}");
        }
        let slim = slimmed("", 60_000, 8192).unwrap();
        assert!(
            slim.contains("Outdial-Left-Out: 60") && slim.ends_with("Content-Length: 0\r\n\r\n"),
            "{slim}"
        );
        let routes = format!("Record-Route: <sip:{}>\r\n", "z".repeat(9_000));
        assert_eq!(slimmed(&routes, 0, 8192), None);
    }
}
