use std::{str::FromStr, time::SystemTime};

use jiff::{Timestamp, Zoned, civil::DateTime, fmt::temporal::DateTimeParser, tz::Disambiguation};

/// When Asterisk shall place a call.
///
/// Made from a [`Timestamp`], a [`Zoned`] (so zones and their changes of time are counted right), a
/// [`SystemTime`], or a text such as `2026-12-01T01:00:00+08:00` or
/// `2026-12-01T01:00[Asia/Singapore]`. Asterisk counts whole seconds; a part of one is rounded up,
/// so that no call comes too early.
///
/// ```
/// use outdial_callfile::When;
///
/// let texts = ["2026-12-01T01:00:00+08:00", "2026-12-01T01:00[Asia/Singapore]", "2026-11-30T17:00:00Z"];
/// let times: Vec<When> = texts.iter().map(|text| text.parse()).collect::<Result<_, _>>()?;
/// assert!(times.iter().all(|time| *time == times[0]));
/// assert!("2026-12-01T01:00:00".parse::<When>().is_err(), "a time without zone is anybody's guess");
/// # Ok::<(), outdial_callfile::InvalidTime>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct When(Timestamp);

/// A time that cannot be understood, or that the file system cannot hold.
///
/// Remedy: write it with its zone, as `2026-12-01T01:00:00+08:00`; for a far one, ask the file
/// system's documentation how far it counts (ext4: to the year 2446). Nothing has been written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidTime {
    /// It is not a time.
    #[error("{text:?} is no time: write it with its zone, as 2026-12-01T01:00:00+08:00 ({reason})")]
    Text {
        /// What was given.
        text: String,
        /// What is wrong with it.
        reason: String,
    },
    /// It is further away than time is counted.
    #[error("{text:?} is further away than time is counted, to the last days of the year 9999: give an earlier one")]
    TooFar {
        /// What was given.
        text: String,
    },
    /// The clocks of its zone jump over it.
    #[error(
        "{text:?} does not exist, because clocks are set forward over it: give the time before or after, or write its \
         offset, as 2026-12-01T01:00:00+08:00"
    )]
    Skipped {
        /// What was given.
        text: String,
    },
    /// The clocks of its zone show it twice.
    #[error(
        "{text:?} comes twice, because clocks are set back then: write which of the two it is by its offset, as in \
         2026-10-25T02:30+01:00[Europe/Berlin]"
    )]
    Twice {
        /// What was given.
        text: String,
    },
    /// The file system gives back another time than was set.
    #[error("the file system cannot hold the time {asked}; it makes {held} of it")]
    NotHeld {
        /// What was asked for.
        asked: Timestamp,
        /// What it holds.
        held: Timestamp,
    },
}

impl When {
    /// The time.
    #[must_use]
    pub fn timestamp(self) -> Timestamp {
        self.0
    }

    fn rounded_up(time: Timestamp) -> Self {
        let second = time.as_second() + i64::from(time.subsec_nanosecond() > 0);
        // Only the very last second that can be counted has none after it.
        Self(Timestamp::from_second(second).unwrap_or(Timestamp::MAX))
    }
}

impl From<Timestamp> for When {
    fn from(time: Timestamp) -> Self {
        Self::rounded_up(time)
    }
}

impl From<Zoned> for When {
    fn from(time: Zoned) -> Self {
        time.timestamp().into()
    }
}

impl From<&Zoned> for When {
    fn from(time: &Zoned) -> Self {
        time.timestamp().into()
    }
}

impl TryFrom<SystemTime> for When {
    type Error = InvalidTime;

    fn try_from(time: SystemTime) -> Result<Self, Self::Error> {
        let time = Timestamp::try_from(time).map_err(|error| InvalidTime::Text {
            text: format!("{time:?}"),
            reason: error.to_string(),
        })?;
        Ok(time.into())
    }
}

impl FromStr for When {
    type Err = InvalidTime;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let Some((local, _)) = text.split_once('[') else {
            let time = text.parse::<Timestamp>();
            return time.map(Self::from).map_err(|error| no_time(text, &error));
        };
        let strict = DateTimeParser::new().disambiguation(Disambiguation::Reject);
        let refused = match strict.parse_zoned(text) {
            Ok(zoned) => return Ok(zoned.into()),
            Err(refused) => refused,
        };
        // A call that is moved by an hour is not the one that was asked for.
        let text = text.to_owned();
        Err(match text.parse::<Zoned>() {
            Ok(moved) if local.parse::<DateTime>().is_ok_and(|local| local == moved.datetime()) => {
                InvalidTime::Twice { text }
            }
            Ok(_) => InvalidTime::Skipped { text },
            Err(_) => no_time(&text, &refused),
        })
    }
}

fn no_time(text: &str, error: &jiff::Error) -> InvalidTime {
    // What has a date and a time of day lacks nothing but a place among the moments that are counted.
    let mut after_the_date = text.char_indices().skip("2026-12-01".len());
    let zone = after_the_date.find(|(_, c)| "Zz+-[".contains(*c));
    let local = &text[..zone.map_or(text.len(), |(at, _)| at)];
    if error.is_range() && local.parse::<DateTime>().is_ok() {
        return InvalidTime::TooFar { text: text.to_owned() };
    }
    InvalidTime::Text {
        text: text.to_owned(),
        reason: error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_a_second_are_rounded_up() {
        let when: When = "2026-12-01T01:00:00.001Z".parse().unwrap();
        assert_eq!(when.timestamp().to_string(), "2026-12-01T01:00:01Z");
        let when: When = Timestamp::new(-1, -500_000_000).unwrap().into();
        assert_eq!(when.timestamp().as_second(), -1);
        assert_eq!(When::from(Timestamp::MAX).timestamp(), Timestamp::MAX);
    }

    #[test]
    fn zones_count() {
        // One in the morning of the day on which clocks went back at three.
        let berlin: When = "2026-10-25T01:00[Europe/Berlin]".parse().unwrap();
        assert_eq!(berlin.timestamp().to_string(), "2026-10-24T23:00:00Z");
        let after: When = "2026-10-25T04:00[Europe/Berlin]".parse().unwrap();
        assert_eq!(after.timestamp().to_string(), "2026-10-25T03:00:00Z");
    }

    #[test]
    fn times_that_clocks_jump_over_or_show_twice_are_refused() {
        let skipped = "2027-03-28T02:30[Europe/Berlin]".parse::<When>().unwrap_err();
        assert!(matches!(skipped, InvalidTime::Skipped { .. }), "{skipped}");
        let twice = "2026-10-25T02:30[Europe/Berlin]".parse::<When>().unwrap_err();
        assert!(matches!(twice, InvalidTime::Twice { .. }), "{twice}");
        let second: When = "2026-10-25T02:30+01:00[Europe/Berlin]".parse().unwrap();
        assert_eq!(second.timestamp().to_string(), "2026-10-25T01:30:00Z");
    }

    #[test]
    fn what_is_too_far_is_told_from_what_is_no_time() {
        for text in ["9999-12-31T23:59:59Z", "9999-12-31T23:59[UTC]"] {
            let refused = text.parse::<When>().unwrap_err();
            assert!(matches!(refused, InvalidTime::TooFar { .. }), "{refused}");
        }
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in [
            "",
            "tomorrow",
            "2026-12-01",
            "2026-12-01T01:00:00",
            "2026-13-01T00:00:00Z",
            "99999-01-01T00:00:00Z",
        ] {
            let refused = text.parse::<When>().unwrap_err();
            assert!(refused.to_string().contains("with its zone"), "{refused}");
        }
    }
}
