//! Provisional answers that are acknowledged (RFC 3262).

use std::time::{Duration, Instant};

use rsipstack::sip::{Header, Headers, HeadersExt, Method, Response};

use crate::session_timer::lists;

/// The number of a provisional answer that wants to be acknowledged.
pub(crate) fn wants_acknowledgement(response: &Response) -> Option<u32> {
    let is_required = response.headers.iter().any(|header| match header {
        Header::Require(value) => lists(value.value(), "100rel"),
        _ => false,
    });
    response.rseq_value().filter(|_| is_required)
}

/// The provisional answers of one far side, which come in order and each once.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Heard(Option<u32>);

impl Heard {
    /// Whether this one is to be acknowledged. One out of order, or that was acknowledged before, is
    /// not: the far side repeats what it misses.
    pub(crate) fn is_next(&mut self, number: u32) -> bool {
        let is_next = number > 0 && self.0.is_none_or(|last| last.checked_add(1) == Some(number));
        if is_next {
            self.0 = Some(number);
        }
        is_next
    }
}

/// A provisional answer of ours that is repeated until it is acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Said {
    number: u32,
    invite: u32,
    pause: Duration,
    again: Instant,
    until: Instant,
}

impl Said {
    /// One that has just been sent for the first time.
    pub(crate) fn new(number: u32, invite: u32, t1: Duration, now: Instant) -> Self {
        Self {
            number,
            invite,
            pause: t1,
            again: now + t1,
            until: now + 64 * t1,
        }
    }

    /// When it is to be sent again.
    pub(crate) fn again(&self) -> Instant {
        self.again
    }

    /// It is sent again; `false` if it was sent often enough.
    pub(crate) fn repeat(&mut self) -> bool {
        self.pause *= 2;
        self.again += self.pause;
        self.again <= self.until + self.pause
    }

    /// Whether a PRACK with these headers is about it.
    pub(crate) fn is_acknowledged_by(&self, headers: &Headers) -> bool {
        headers.iter().any(|header| match header {
            Header::RAck(value) => {
                let mut words = value.value().split_whitespace();
                let mut number = || words.next().and_then(|word| word.parse::<u32>().ok());
                number() == Some(self.number)
                    && number() == Some(self.invite)
                    && words.next().is_some_and(|word| word == Method::Invite.to_string())
            }
            _ => false,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_acknowledged_in_order_and_once() {
        let mut heard = Heard::default();
        let taken: Vec<_> = [0, 701, 701, 703, 702, 700, 703, 702]
            .into_iter()
            .filter(|number| heard.is_next(*number))
            .collect();
        assert_eq!(taken, [701, 702, 703]);
        let mut last = Heard(Some(u32::MAX));
        assert!(!last.is_next(0));
    }

    #[test]
    fn what_wants_none_gets_none() {
        let response = |headers: &str| -> Response {
            let text = format!("SIP/2.0 183 X\r\n{headers}Content-Length: 0\r\n\r\n");
            text.as_str().try_into().unwrap()
        };
        let number = |headers| wants_acknowledgement(&response(headers));
        assert_eq!(number("Require: timer, 100REL\r\nRSeq: 7\r\n"), Some(7));
        assert_eq!(number("RSeq: 7\r\n"), None);
        assert_eq!(number("Require: 100rel\r\n"), None);
        assert_eq!(number("Require: 100rel\r\nRSeq: x\r\n"), None);
    }

    #[test]
    fn ours_is_repeated_until_the_time_is_up() {
        let now = Instant::now();
        let t1 = Duration::from_millis(500);
        let mut said = Said::new(1, 7, t1, now);
        let mut at = vec![said.again()];
        while said.repeat() {
            at.push(said.again());
        }
        let millis: Vec<_> = at.iter().map(|at| at.duration_since(now).as_millis()).collect();
        assert_eq!(millis[..4], [500, 1500, 3500, 7500]);
        assert!(*millis.last().unwrap() <= 64_000);

        let acknowledged = |value: &str| said.is_acknowledged_by(&vec![Header::RAck(value.into())].into());
        assert!(acknowledged("1 7 INVITE"));
        for other in ["2 7 INVITE", "1 8 INVITE", "1 7 UPDATE", "1 7", "x"] {
            assert!(!acknowledged(other), "{other}");
        }
    }
}
