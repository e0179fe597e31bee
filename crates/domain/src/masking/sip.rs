//! SIP messages (RFC 3261) as texts. They come from outside, so nothing is taken for granted of them:
//! what cannot be read is masked rather than shown.

use super::{addresses, stars};

/// Headers that name nobody and must stay as they are to be understood.
const HARMLESS: &[&str] = &[
    "accept",
    "accept-encoding",
    "accept-language",
    "allow",
    "allow-events",
    "authorization",
    "c",
    "call-id",
    "content-disposition",
    "content-encoding",
    "content-length",
    "content-type",
    "cseq",
    "date",
    "event",
    "expires",
    "i",
    "k",
    "l",
    "max-forwards",
    "mime-version",
    "min-expires",
    "min-se",
    "o",
    "privacy",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-require",
    "rack",
    "require",
    "retry-after",
    "rseq",
    "server",
    "session-expires",
    "subscription-state",
    "supported",
    "timestamp",
    "u",
    "unsupported",
    "user-agent",
    "v",
    "via",
    "www-authenticate",
    "x",
];

/// Headers with addresses that may have a name before them (RFC 3261, 3325, 3515, 3892, 5806, 7044, 7315).
const NAMED: &[&str] = &[
    "b",
    "contact",
    "diversion",
    "f",
    "from",
    "history-info",
    "m",
    "p-asserted-identity",
    "p-associated-uri",
    "p-called-party-id",
    "p-preferred-identity",
    "p-served-user",
    "r",
    "refer-to",
    "referred-by",
    "remote-party-id",
    "reply-to",
    "t",
    "to",
];

/// Headers whose whole value may tell who somebody is: free text, and what is signed about a caller.
const PERSONAL: &[&str] = &[
    "alert-info",
    "call-info",
    "error-info",
    "geolocation",
    "identity",
    "in-reply-to",
    "organization",
    "s",
    "subject",
    "user-to-user",
    "y",
];

/// Lines of SDP (RFC 8866) that are free text, addresses of people, or keys.
const PERSONAL_LINES: &[&str] = &["s=", "i=", "u=", "e=", "p=", "k="];

/// Masks a whole SIP message: the users of its URIs, the names beside them, and what is said of people
/// in free text. Hosts, tags, branches, the Call-ID and the media stay, and so does every length.
///
/// Of bodies, SDP and pressed keys are understood; every other body is hidden as a whole.
#[must_use]
pub fn message(text: &str) -> String {
    let (head, body) = head_and_body(text);
    let mut shown = String::with_capacity(text.len());
    let mut lines = head.split_inclusive('\n').peekable();
    shown.push_str(&addresses(lines.next().unwrap_or_default()));
    let mut content_type = String::new();
    while let Some(line) = lines.next() {
        let mut header = line.to_owned();
        // A header goes on in the lines that begin with a blank.
        while let Some(next) = lines.next_if(|next| next.starts_with([' ', '\t'])) {
            header.push_str(next);
        }
        let Some((name, value)) = header.split_once(':') else {
            shown.push_str(&addresses(&header));
            continue;
        };
        let known = name.trim().to_ascii_lowercase();
        if known == "content-type" || known == "c" {
            content_type = value.trim().to_ascii_lowercase();
        }
        shown.push_str(name);
        shown.push(':');
        shown.push_str(&header_value(&known, value));
    }
    shown.push_str(&masked_body(&content_type, body));
    shown
}

/// The start line with the headers and the line that ends them, and what follows.
fn head_and_body(text: &str) -> (&str, &str) {
    let mut end = 0;
    for line in text.split_inclusive('\n') {
        end += line.len();
        if line.trim_end_matches(['\r', '\n']).is_empty() && end > line.len() {
            break;
        }
    }
    text.split_at(end)
}

fn header_value(name: &str, value: &str) -> String {
    let is_in = |names: &[&str]| names.contains(&name);
    if is_in(HARMLESS) {
        value.to_owned()
    } else if is_in(NAMED) {
        named(value)
    } else if is_in(PERSONAL) {
        stars(value)
    } else {
        addresses(value)
    }
}

/// A list of addresses: what is quoted or stands before a `<` is a name.
fn named(value: &str) -> String {
    let mut shown = String::with_capacity(value.len());
    let mut rest = value;
    while !rest.is_empty() {
        let stop = rest.find(['"', '<', ',']).unwrap_or(rest.len());
        let (plain, after) = rest.split_at(stop);
        let is_name = after.starts_with('<') && !plain.trim_start().starts_with(';');
        shown.push_str(&if is_name { stars(plain) } else { addresses(plain) });
        rest = match after.chars().next() {
            Some('"') => quoted(after, &mut shown),
            Some('<') => enclosed(after, &mut shown),
            Some(_) => {
                shown.push(',');
                &after[1..]
            }
            None => after,
        };
    }
    shown
}

/// Masks a quoted text, to its end or to that of everything, and gives what follows.
fn quoted<'a>(text: &'a str, shown: &mut String) -> &'a str {
    let mut escaped = false;
    let end = text[1..].find(|character| {
        let ends = character == '"' && !escaped;
        escaped = character == '\\' && !escaped;
        ends
    });
    let inside = end.map_or(&text[1..], |end| &text[1..=end]);
    shown.push('"');
    shown.push_str(&stars(inside));
    let rest = &text[1 + inside.len()..];
    let Some(rest) = rest.strip_prefix('"') else {
        return rest;
    };
    shown.push('"');
    rest
}

/// Masks an address in angle brackets and gives what follows.
fn enclosed<'a>(text: &'a str, shown: &mut String) -> &'a str {
    let end = text.find('>').map_or(text.len(), |end| end + 1);
    shown.push_str(&addresses(&text[..end]));
    &text[end..]
}

fn masked_body(content_type: &str, body: &str) -> String {
    let kind = content_type.split(';').next().unwrap_or_default().trim();
    match kind {
        "application/sdp" => body.split_inclusive('\n').map(sdp_line).collect(),
        "application/dtmf-relay" | "application/dtmf" => body.to_owned(),
        _ => stars(body),
    }
}

fn sdp_line(line: &str) -> String {
    if PERSONAL_LINES.iter().any(|kind| line.starts_with(kind)) {
        return format!("{}{}", &line[..2], unless_dash(&line[2..]));
    }
    match line.strip_prefix("o=").map(|origin| origin.split_once(' ')) {
        Some(Some((name, rest))) => format!("o={} {rest}", unless_dash(name)),
        Some(None) => format!("o={}", unless_dash(&line[2..])),
        None => line.to_owned(),
    }
}

/// A dash stands where nothing is told.
fn unless_dash(text: &str) -> String {
    if text.trim() == "-" {
        text.to_owned()
    } else {
        stars(text)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const WHOLE: &str = "INVITE sip:+6598765432@192.0.2.1;user=phone SIP/2.0\r\n\
        Via: SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bK12345678\r\n\
        From: \"Alice \\\" Smith\" <sip:alice@example.com>;tag=12345678\r\n\
        To: Bob Jones\r\n  <sip:+6598765432@192.0.2.1>\r\n\
        m: <sip:alice@192.0.2.9:5060>;expires=60, \"A\" <sip:a@h>\r\n\
        P-Asserted-Identity: Carol <tel:+6561234567>\r\n\
        Diversion: <sip:dave@h>;reason=unconditional\r\n\
        Reply-To: sip:erin@h;x=1\r\n\
        Call-ID: leg_019a@outdial\r\n\
        CSeq: 12345678 INVITE\r\n\
        Subject: for Frank\r\n\
        Reason: Q.850;cause=16;text=\"ask 61234567\"\r\n\
        X-Account: 42\r\n\
        Record-Route: <sip:token@192.0.2.7;lr>\r\n\
        Content-Type: application/sdp\r\n\
        Content-Length: 95\r\n\r\n\
        v=0\r\no=grace 1234567890 1 IN IP4 192.0.2.9\r\ns=-\r\ni=about Heidi\r\n\
        c=IN IP4 192.0.2.9\r\na=ptime:20\r\n";

    const MASKED: &str = "INVITE sip:+65******32@192.0.2.1;user=phone SIP/2.0\r\n\
        Via: SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bK12345678\r\n\
        From: \"***** ** *****\" <sip:*****@example.com>;tag=12345678\r\n\
        To: *** *****\r\n  <sip:+65******32@192.0.2.1>\r\n\
        m: <sip:*****@192.0.2.9:5060>;expires=60, \"*\" <sip:*@h>\r\n\
        P-Asserted-Identity: ***** <tel:+65******67>\r\n\
        Diversion: <sip:****@h>;reason=unconditional\r\n\
        Reply-To: sip:****@h;x=1\r\n\
        Call-ID: leg_019a@outdial\r\n\
        CSeq: 12345678 INVITE\r\n\
        Subject: *** *****\r\n\
        Reason: Q.850;cause=16;text=\"ask ******67\"\r\n\
        X-Account: 42\r\n\
        Record-Route: <sip:*****@192.0.2.7;lr>\r\n\
        Content-Type: application/sdp\r\n\
        Content-Length: 95\r\n\r\n\
        v=0\r\no=***** 1234567890 1 IN IP4 192.0.2.9\r\ns=-\r\ni=***** *****\r\n\
        c=IN IP4 192.0.2.9\r\na=ptime:20\r\n";

    #[test]
    fn people_are_masked_and_nothing_else() {
        assert_eq!(message(WHOLE), MASKED);
    }

    #[test]
    fn bodies_that_are_not_understood_are_hidden() {
        let with = |kind: &str, body: &str| message(&format!("INFO sip:h SIP/2.0\r\nc: {kind}\r\n\r\n{body}"));
        assert!(with("application/dtmf-relay; x=y", "Signal=5\r\n").ends_with("Signal=5\r\n"));
        assert!(with("multipart/mixed", "--x\r\nAlice").ends_with("***\r\n*****"));
        assert!(with("", "Alice").ends_with("\r\n*****"));
    }

    #[test]
    fn broken_headers_hide_rather_than_show() {
        for (line, masked) in [
            ("From: \"Alice <sip:a@h>", "From: \"***** *********"),
            ("From: Alice <sip:alice@h", "From: ***** <sip:*****@h"),
            ("from : Alice <sip:alice@h>", "from : ***** <sip:*****@h>"),
            ("no colon +6598765432", "no colon +65******32"),
        ] {
            let shown = message(&format!("BYE sip:h SIP/2.0\r\n{line}\r\n\r\n"));
            assert_eq!(shown, format!("BYE sip:h SIP/2.0\r\n{masked}\r\n\r\n"));
        }
    }

    proptest! {
        #[test]
        fn whatever_comes_keeps_its_length(text in "(?s).{0,300}") {
            prop_assert_eq!(message(&text).len(), text.len());
            let headers = format!("INVITE sip:h SIP/2.0\r\nFrom: {text}\r\n\r\n{text}");
            prop_assert_eq!(message(&headers).len(), headers.len());
        }

        #[test]
        fn a_user_is_never_shown(user in "[a-z]{4,12}", name in "[A-Z]{4,12}", mess in "[ <>\",;:@a-z0-9]{0,20}") {
            let user = format!("q{user}");
            let text = format!("INVITE sip:{user}@h SIP/2.0\r\nTo: {mess}\"{name}\" <sip:{user}@h>\r\nFrom: {name} <sip:{user}@h>\r\n\r\n");
            let shown = message(&text);
            prop_assert!(!shown.lines().next().unwrap().contains(&user));
            prop_assert!(!shown.lines().nth(2).unwrap().contains(&user));
            prop_assert!(!shown.lines().nth(2).unwrap().contains(&name));
        }
    }
}
