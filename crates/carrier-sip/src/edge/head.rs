//! The start line and headers of a message, as far as they must be understood to judge it.

use std::borrow::Cow;

/// The head of a message.
pub(crate) struct Head<'a> {
    /// The first line, without its end.
    pub(super) start: &'a str,
    headers: Vec<Line<'a>>,
    /// How many octets follow it.
    pub(super) body: usize,
    /// Whether lines were folded, or blanks stood before a colon.
    pub(super) is_odd: bool,
}

/// A header line.
pub(super) struct Line<'a> {
    /// Its name, written out.
    pub(super) name: &'a str,
    /// Its value, in one line.
    pub(super) value: Cow<'a, str>,
}

/// The short names of headers that are looked at here (RFC 3261, section 7.3.3).
const SHORT: [(&str, &str); 6] = [
    ("i", "Call-ID"),
    ("f", "From"),
    ("t", "To"),
    ("v", "Via"),
    ("l", "Content-Length"),
    ("m", "Contact"),
];

impl<'a> Head<'a> {
    /// Reads the head of a message. Nothing if there is no end of it, or it is not text.
    pub(super) fn read(message: &'a [u8]) -> Option<Self> {
        // Empty lines before a message are passed over (RFC 3261, section 7.5).
        let blank = message
            .iter()
            .take_while(|octet| matches!(octet, b'\r' | b'\n'))
            .count();
        let message = &message[blank..];
        let end = message.windows(4).position(|four| four == b"\r\n\r\n")?;
        let text = std::str::from_utf8(&message[..end]).ok()?;
        let mut lines = text.split("\r\n");
        let mut head = Self {
            start: lines.next()?,
            headers: Vec::with_capacity(16),
            body: message.len() - end - 4,
            is_odd: false,
        };
        for line in lines {
            head.take(line);
        }
        Some(head)
    }

    fn take(&mut self, line: &'a str) {
        if line.starts_with([' ', '\t']) {
            self.is_odd = true;
            if let Some(last) = self.headers.last_mut() {
                let whole = last.value.to_mut();
                whole.push(' ');
                whole.push_str(line.trim());
            }
            return;
        }
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        self.is_odd |= name.ends_with([' ', '\t']);
        let name = name.trim();
        let long = SHORT.iter().find(|(short, _)| short.eq_ignore_ascii_case(name));
        self.headers.push(Line {
            name: long.map_or(name, |(_, long)| long),
            value: Cow::Borrowed(value.trim()),
        });
    }

    /// Whether it is the head of a request.
    pub(super) fn is_request(&self) -> bool {
        !self.start.starts_with("SIP/")
    }

    /// Whether it is an ACK, which is never answered.
    pub(super) fn is_acknowledgement(&self) -> bool {
        self.start.starts_with("ACK ")
    }

    /// Whether it says enough for an answer to find the request that it answers.
    pub(super) fn can_be_answered(&self) -> bool {
        ["Via", "From", "To", "Call-ID", "CSeq"]
            .iter()
            .all(|name| self.first(name).is_some())
            && self
                .start
                .rsplit(' ')
                .find(|part| !part.is_empty())
                .is_some_and(|last| last.starts_with("SIP/"))
    }

    /// All headers, from the top.
    pub(super) fn lines(&self) -> impl Iterator<Item = &Line<'a>> {
        self.headers.iter()
    }

    /// The values of a header, from the top.
    pub(super) fn all<'s>(&'s self, name: &'s str) -> impl Iterator<Item = &'s str> {
        let lines = self
            .headers
            .iter()
            .filter(move |line| line.name.eq_ignore_ascii_case(name));
        lines.map(|line| &*line.value)
    }

    /// The uppermost value of a header.
    pub(super) fn first(&self, name: &str) -> Option<&str> {
        let line = self.headers.iter().find(|line| line.name.eq_ignore_ascii_case(name))?;
        Some(&line.value)
    }
}

/// The text with each character, and whether it stands outside of quotes and angle brackets.
pub(super) fn outside(text: &str) -> impl Iterator<Item = (char, bool)> {
    let (mut quoted, mut escaped, mut bracketed) = (false, false, false);
    text.chars().map(move |character| {
        let was_quoted = quoted;
        match character {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' if !bracketed => quoted = !quoted,
            '<' if !quoted => bracketed = true,
            '>' if !quoted => bracketed = false,
            _ => {}
        }
        let is_outside = !was_quoted && !quoted && !bracketed && character != '>';
        (character, is_outside)
    })
}

/// Whether every quote and bracket that opens is closed.
pub(super) fn is_balanced(text: &str) -> bool {
    let (mut quoted, mut escaped, mut bracketed) = (false, false, false);
    for character in text.chars() {
        match character {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' if !bracketed => quoted = !quoted,
            '<' if !quoted => bracketed = true,
            '>' if !quoted => bracketed = false,
            _ => {}
        }
    }
    !quoted && !bracketed
}
