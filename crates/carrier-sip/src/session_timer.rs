//! Session timers (RFC 4028): who shows that a session lives, and when it is taken to be dead.

use std::time::{Duration, Instant};

use rsipstack::sip::{Header, Headers, HeadersExt};

/// The interval that is asked for when nothing else is set.
pub(crate) const USUAL: Duration = Duration::from_secs(1800);

/// The shortest interval that the standard allows.
pub(crate) const LEAST: Duration = Duration::from_secs(90);

/// The longest interval that makes sense to anybody.
const MOST: u64 = 7 * 24 * 3600;

/// What we want of session timers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Wish {
    /// How long a session lives without a refresh; never ending if `None`.
    pub(crate) interval: Option<Duration>,
    /// The shortest interval that we agree to.
    pub(crate) least: Duration,
}

impl Wish {
    /// What is wanted of far sides about which nothing is set.
    pub(crate) const USUAL: Self = Self {
        interval: Some(USUAL),
        least: LEAST,
    };

    /// The headers of a request that begins or refreshes a session.
    pub(crate) fn headers(self) -> Vec<Header> {
        let mut headers = Vec::new();
        if let Some(interval) = self.interval {
            let interval = interval.max(self.least);
            headers.push(Header::SessionExpires(interval.as_secs().to_string().into()));
            if self.least != LEAST {
                headers.push(Header::MinSE(self.least.as_secs().to_string().into()));
            }
        }
        headers
    }
}

/// Who sends the refreshes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refresher {
    Us,
    Them,
}

/// A session that ends by itself unless it is refreshed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SessionTimer {
    pub(crate) interval: Duration,
    pub(crate) refresher: Refresher,
    since: Instant,
}

/// What is to be done next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Due {
    /// Show that the session lives.
    Refresh,
    /// End it: nobody did.
    Expire,
}

impl SessionTimer {
    /// What a 2xx to a request of ours says.
    pub(crate) fn of_answer(headers: &Headers, now: Instant) -> Option<Self> {
        let (interval, role) = expires(headers)?;
        Some(Self {
            interval,
            refresher: match role {
                Some(Role::Uas) => Refresher::Them,
                Some(Role::Uac) | None => Refresher::Us,
            },
            since: now,
        })
    }

    /// What a request of the far side asks for, with the headers that grant it; or the shortest
    /// interval that we agree to, if it wants less.
    pub(crate) fn of_request(
        headers: &Headers,
        wish: Wish,
        now: Instant,
    ) -> Result<Option<(Self, Vec<Header>)>, Duration> {
        let Some((interval, role)) = expires(headers) else {
            return Ok(None);
        };
        if interval < wish.least {
            return Err(wish.least);
        }
        let knows_timers = supports(headers, "timer");
        // Whoever does not know timers cannot refresh, so that is left to us.
        let refresher = match role {
            Some(Role::Uac) => Refresher::Them,
            Some(Role::Uas) => Refresher::Us,
            None if knows_timers => Refresher::Them,
            None => Refresher::Us,
        };
        let word = if refresher == Refresher::Them { "uac" } else { "uas" };
        let mut answer = vec![Header::SessionExpires(
            format!("{};refresher={word}", interval.as_secs()).into(),
        )];
        if refresher == Refresher::Them {
            answer.push(Header::Require("timer".into()));
        }
        let timer = Self {
            interval,
            refresher,
            since: now,
        };
        Ok(Some((timer, answer)))
    }

    /// The same session, refreshed now.
    pub(crate) fn again(self, now: Instant) -> Self {
        Self { since: now, ..self }
    }

    /// The headers of a refresh of ours.
    pub(crate) fn refresh(&self, wish: Wish) -> Vec<Header> {
        let mut headers = vec![Header::SessionExpires(
            format!("{};refresher=uac", self.interval.as_secs()).into(),
        )];
        if wish.least != LEAST {
            headers.push(Header::MinSE(wish.least.as_secs().to_string().into()));
        }
        headers
    }

    /// When the next thing is to be done, and what. A refresh of ours is due at half time, and once
    /// it is under way the session lives to its end; silence of theirs ends it a little earlier, so
    /// that our BYE still reaches somebody (RFC 4028, section 10).
    pub(crate) fn next(&self, refreshing: bool) -> (Instant, Due) {
        let margin = (self.interval / 3).min(Duration::from_secs(32));
        let end = self.since + self.interval - margin;
        match self.refresher {
            Refresher::Us if !refreshing => (self.since + self.interval / 2, Due::Refresh),
            Refresher::Us | Refresher::Them => (end, Due::Expire),
        }
    }
}

/// The shortest interval that a 422 allows.
pub(crate) fn least(headers: &Headers) -> Option<Duration> {
    headers.iter().find_map(|header| match header {
        Header::MinSE(value) => seconds(value.value()),
        _ => None,
    })
}

/// Whether an option is in `Supported` or `Require`.
pub(crate) fn supports(headers: &Headers, option: &str) -> bool {
    headers.iter().any(|header| match header {
        Header::Supported(value) => lists(value.value(), option),
        Header::Require(value) => lists(value.value(), option),
        _ => false,
    })
}

/// Whether a header that is a list has this word.
pub(crate) fn lists(value: &str, word: &str) -> bool {
    value.split(',').any(|entry| entry.trim().eq_ignore_ascii_case(word))
}

/// Whether a message allows a method.
pub(crate) fn allows(message: &impl HeadersExt, method: &str) -> bool {
    message.headers().iter().any(|header| match header {
        Header::Allow(value) => lists(value.value(), method),
        _ => false,
    })
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Uac,
    Uas,
}

fn expires(headers: &Headers) -> Option<(Duration, Option<Role>)> {
    let value = headers.iter().find_map(|header| match header {
        Header::SessionExpires(value) => Some(value.value()),
        // The short form of its name.
        Header::Other(name, value) if name.eq_ignore_ascii_case("x") => Some(value.as_str()),
        _ => None,
    })?;
    let interval = seconds(value)?;
    let role = value.split(';').skip(1).find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        if !name.trim().eq_ignore_ascii_case("refresher") {
            return None;
        }
        match value.trim().to_ascii_lowercase().as_str() {
            "uac" => Some(Role::Uac),
            "uas" => Some(Role::Uas),
            _ => None,
        }
    });
    Some((interval, role))
}

fn seconds(value: &str) -> Option<Duration> {
    let digits = value.split(';').next()?.trim();
    let seconds: u64 = digits.parse().ok()?;
    (seconds > 0).then(|| Duration::from_secs(seconds.min(MOST)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const WISH: Wish = Wish {
        interval: Some(USUAL),
        least: LEAST,
    };

    fn headers(lines: &[(&str, &str)]) -> Headers {
        let headers: Vec<Header> = lines
            .iter()
            .map(|(name, value)| match *name {
                "Session-Expires" => Header::SessionExpires((*value).into()),
                "Supported" => Header::Supported((*value).into()),
                "Min-SE" => Header::MinSE((*value).into()),
                other => Header::Other(other.into(), (*value).into()),
            })
            .collect();
        headers.into()
    }

    #[test]
    fn an_answer_says_who_refreshes() {
        let now = Instant::now();
        for (value, refresher) in [
            ("1800;refresher=uac", Some(Refresher::Us)),
            (" 1800 ; x=1; Refresher = UAS", Some(Refresher::Them)),
            ("1800", Some(Refresher::Us)),
            ("0", None),
            ("soon", None),
            ("-1", None),
        ] {
            let timer = SessionTimer::of_answer(&headers(&[("Session-Expires", value)]), now);
            assert_eq!(timer.map(|timer| timer.refresher), refresher, "{value}");
        }
        assert_eq!(SessionTimer::of_answer(&headers(&[]), now), None);
    }

    #[test]
    fn a_request_is_granted_or_told_the_least() {
        let now = Instant::now();
        for (value, supported, expected) in [
            (
                "1800;refresher=uac",
                "timer",
                Ok(Some(("1800;refresher=uac", Refresher::Them))),
            ),
            (
                "1800;refresher=uas",
                "timer",
                Ok(Some(("1800;refresher=uas", Refresher::Us))),
            ),
            (
                "1800",
                "100rel, timer",
                Ok(Some(("1800;refresher=uac", Refresher::Them))),
            ),
            ("1800", "", Ok(Some(("1800;refresher=uas", Refresher::Us)))),
            ("89", "timer", Err(LEAST)),
            ("x", "timer", Ok(None)),
        ] {
            let asked = headers(&[("Session-Expires", value), ("Supported", supported)]);
            let granted = SessionTimer::of_request(&asked, WISH, now);
            let granted = granted.map(|granted| {
                granted.map(|(timer, answer)| {
                    let Header::SessionExpires(value) = &answer[0] else {
                        panic!("{answer:?}")
                    };
                    (value.value().to_owned(), timer.refresher)
                })
            });
            let expected = expected.map(|granted| granted.map(|(value, who)| (value.to_owned(), who)));
            assert_eq!(granted, expected, "{value} {supported}");
        }
    }

    #[test]
    fn we_refresh_at_half_time_and_give_up_a_little_before_the_end() {
        let now = Instant::now();
        let timer = |value| SessionTimer::of_answer(&headers(&[("Session-Expires", value)]), now).unwrap();
        let after = |seconds| now + Duration::from_secs(seconds);
        let ours = timer("1800;refresher=uac");
        assert_eq!(ours.next(false), (after(900), Due::Refresh));
        assert_eq!(ours.next(true), (after(1768), Due::Expire));
        assert_eq!(timer("1800;refresher=uas").next(false), (after(1768), Due::Expire));
        assert_eq!(timer("90;refresher=uas").next(false), (after(60), Due::Expire));
    }

    #[test]
    fn a_wish_is_never_below_the_least() {
        let shown = |wish: Wish| wish.headers().iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(shown(WISH), ["Session-Expires: 1800"]);
        let raised = Wish {
            least: Duration::from_secs(3600),
            ..WISH
        };
        assert_eq!(shown(raised), ["Session-Expires: 3600", "Min-SE: 3600"]);
        assert!(shown(Wish { interval: None, ..WISH }).is_empty());
        assert_eq!(least(&headers(&[("Min-SE", "120;x")])), Some(Duration::from_secs(120)));
    }

    proptest! {
        #[test]
        fn whatever_it_says_the_next_moment_is_one(value in "\\PC{0,40}", number in any::<u64>()) {
            let now = Instant::now();
            for value in [value, number.to_string()] {
                if let Some(timer) = SessionTimer::of_answer(&headers(&[("Session-Expires", &value)]), now) {
                    prop_assert!(timer.next(false).0 > now);
                    prop_assert!(timer.next(true).0 > now);
                }
            }
        }
    }
}
