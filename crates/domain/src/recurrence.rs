//! When a plan runs again and again: a cron expression, by the clock on the wall of a zone.

use std::{fmt, str::FromStr};

use jiff::{
    SignedDuration, Timestamp, ToSpan,
    civil::{Date, Time},
    tz::TimeZone,
};
use serde::{Deserialize, Serialize};

use crate::hours::zones;

/// When a plan runs again and again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recurrence {
    /// At which minutes.
    pub cron: Cron,
    /// By the clock of this zone.
    pub zone: String,
    /// On these days not.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub skip: Vec<Date>,
}

impl Recurrence {
    /// The first occurrence after this moment; `None` when there is none within eight years, which is the
    /// longest time between two leap days, or no such zone.
    ///
    /// A minute that the clocks leave out comes as much later as they jump, and one that comes twice counts
    /// when it comes first.
    #[must_use]
    pub fn after(&self, moment: Timestamp) -> Option<Timestamp> {
        let zone = zones::named(&self.zone)?;
        // Where the clock is put back past midnight, the day before has minutes to come.
        let mut day = zone.to_datetime(moment).date().yesterday().ok()?;
        let last = day.saturating_add(8.years().days(2));
        while day <= last {
            if self.cron.is_on(day) && !self.skip.contains(&day) {
                let found = self.cron.on_day(&zone, day, moment);
                if found.is_some() {
                    return found;
                }
            }
            day = day.tomorrow().ok()?;
        }
        None
    }
}

/// A cron expression of five fields: minute, hour, day of the month, month, day of the week.
///
/// Fields have numbers, names, ranges, lists and steps. Ranges of weekdays and of months may go round, as `fri-mon`
/// and `nov-feb`. When both days are restricted, either is enough, as in every cron since the first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Cron {
    text: String,
    minutes: u64,
    hours: u64,
    days: u64,
    months: u64,
    weekdays: u64,
    /// Whether either day is enough.
    either: bool,
}

/// Why a text is no cron expression.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CronError {
    /// It does not have five fields.
    #[error(
        "give five fields, as `30 9 * * mon-fri`: minute, hour, day of the month, month, day of the week; nothing \
         runs more often than once a minute"
    )]
    Fields,
    /// A field cannot be understood.
    #[error("`{given}` is no {field}: give {least} to {most}, with `-`, `,` and `/` between, or `*`")]
    Field {
        /// What was given.
        given: String,
        /// Which field.
        field: &'static str,
        /// The least value.
        least: u32,
        /// The greatest value.
        most: u32,
    },
    /// A range of minutes, hours or days of the month goes down: what it would go round into is another hour, day or
    /// month.
    #[error("`{given}` goes down, and a {field} does not go round: give `{instead}`")]
    Down {
        /// The range.
        given: String,
        /// Which field.
        field: &'static str,
        /// What means the same in two ranges.
        instead: String,
    },
}

struct Field {
    name: &'static str,
    least: u32,
    most: u32,
    words: &'static [&'static str],
}

const MONTHS: &[&str] = &[
    "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
];
const WEEKDAYS: &[&str] = &["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

const fn field(name: &'static str, least: u32, most: u32, words: &'static [&'static str]) -> Field {
    Field {
        name,
        least,
        most,
        words,
    }
}

const MINUTE: Field = field("minute", 0, 59, &[]);
const HOUR: Field = field("hour", 0, 23, &[]);
const DAY: Field = field("day of the month", 1, 31, &[]);
const MONTH: Field = field("month", 1, 12, MONTHS);
/// Sunday is 0 and 7.
const WEEKDAY: Field = field("day of the week", 0, 7, WEEKDAYS);

/// From one value to another, the second less than the first where it goes round.
struct Range {
    first: u32,
    last: u32,
    step: usize,
}

impl Field {
    fn read(&self, given: &str) -> Result<u64, CronError> {
        given.split(',').try_fold(0, |all, part| {
            let range = self.part(part).ok_or_else(|| CronError::Field {
                given: given.chars().take(40).collect(),
                field: self.name,
                least: self.least,
                most: self.most,
            })?;
            Ok(all | self.bits(&range)?)
        })
    }

    /// One value, a range, or all, each with a step or without.
    fn part(&self, part: &str) -> Option<Range> {
        let (range, step) = part
            .split_once('/')
            .map_or((part, None), |(range, step)| (range, Some(step)));
        let step = step
            .map_or(Some(1), number)
            .filter(|step| (1..=self.most).contains(step))?;
        let (first, last) = match range.split_once('-') {
            _ if range == "*" => (self.least, self.most),
            Some((first, last)) => (self.value(first)?, self.value(last)?),
            // `5/10` goes on from 5 to the end.
            None if part.contains('/') => (self.value(range)?, self.most),
            None => (self.value(range)?, self.value(range)?),
        };
        let step = usize::try_from(step).ok()?;
        Some(Range { first, last, step })
    }

    fn bits(&self, &Range { first, last, step }: &Range) -> Result<u64, CronError> {
        // As many as there are names: weeks and years go round, and Sunday is in a week once.
        let round = u32::try_from(self.words.len()).unwrap_or_default();
        let last = match last {
            last if first <= last => last,
            last if round > 0 => last + round,
            last => {
                return Err(CronError::Down {
                    given: format!("{first}-{last}"),
                    field: self.name,
                    instead: format!("{first}-{},{}-{last}", self.most, self.least),
                });
            }
        };
        let within = |value: u32| if value > self.most { value - round } else { value };
        let values = (first..=last).step_by(step).map(within);
        Ok(values.fold(0, |bits, value| bits | 1 << value))
    }

    fn value(&self, text: &str) -> Option<u32> {
        let word = self.words.iter().position(|word| text.eq_ignore_ascii_case(word));
        let value = match word {
            Some(index) => u32::try_from(index).ok()? + u32::from(self.least == 1),
            None => number(text)?,
        };
        (self.least..=self.most).contains(&value).then_some(value)
    }
}

fn number(text: &str) -> Option<u32> {
    let plain = (1..=2).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| text.parse().ok())?
}

impl FromStr for Cron {
    type Err = CronError;

    fn from_str(text: &str) -> Result<Self, CronError> {
        let fields: Vec<&str> = text.split_whitespace().collect();
        let &[minute, hour, day, month, weekday] = fields.as_slice() else {
            return Err(CronError::Fields);
        };
        let weekdays = WEEKDAY.read(weekday)?;
        Ok(Self {
            text: fields.join(" "),
            minutes: MINUTE.read(minute)?,
            hours: HOUR.read(hour)?,
            days: DAY.read(day)?,
            months: MONTH.read(month)?,
            weekdays: (weekdays | weekdays >> 7) & 0b111_1111,
            either: !day.starts_with('*') && !weekday.starts_with('*'),
        })
    }
}

impl Cron {
    fn is_on(&self, day: Date) -> bool {
        let has = |bits: u64, value: i8| bits & (1 << value) != 0;
        let of_month = has(self.days, day.day());
        let of_week = has(self.weekdays, day.weekday().to_sunday_zero_offset());
        let fits = if self.either {
            of_month || of_week
        } else {
            of_month && of_week
        };
        has(self.months, day.month()) && fits
    }

    /// The first minute on a day that comes after this moment.
    fn on_day(&self, zone: &TimeZone, day: Date, after: Timestamp) -> Option<Timestamp> {
        let mut first: Option<Timestamp> = None;
        for hour in (0..24).filter(|hour| self.hours & (1 << hour) != 0) {
            for minute in (0..60).filter(|minute| self.minutes & (1 << minute) != 0) {
                let time = Time::midnight() + SignedDuration::from_mins(hour * 60 + minute);
                // What is left out comes later, what comes twice sooner: "compatible", as RFC 5545 has it.
                let moment = zone.to_ambiguous_timestamp(day.to_datetime(time)).compatible().ok()?;
                if moment > after {
                    first = Some(first.map_or(moment, |first| first.min(moment)));
                }
            }
            // Where the clock jumps, a minute of a later hour may come sooner, but by no more than that.
            if first.is_some_and(|first| zone.to_datetime(first).hour() < i8::try_from(hour - 3).unwrap_or(0)) {
                break;
            }
        }
        first
    }
}

impl fmt::Display for Cron {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl From<Cron> for String {
    fn from(cron: Cron) -> Self {
        cron.text
    }
}

impl TryFrom<String> for Cron {
    type Error = CronError;

    fn try_from(text: String) -> Result<Self, CronError> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn recurrence(cron: &str, zone: &str) -> Recurrence {
        Recurrence {
            cron: cron.parse().unwrap(),
            zone: zone.to_owned(),
            skip: Vec::new(),
        }
    }

    fn series(recurrence: &Recurrence, from: &str, count: usize) -> Vec<String> {
        let mut moment: Timestamp = from.parse().unwrap();
        let mut found = Vec::new();
        while found.len() < count {
            moment = recurrence.after(moment).unwrap();
            found.push(moment.to_string());
        }
        found
    }

    #[test]
    fn expressions_occur_when_they_say() {
        let table = [
            ("30 9 * * mon-fri", ["2030-01-04T09:30:00Z", "2030-01-07T09:30:00Z"]),
            ("*/20 8-9 * * *", ["2030-01-04T08:00:00Z", "2030-01-04T08:20:00Z"]),
            ("0 0 29 feb *", ["2032-02-29T00:00:00Z", "2036-02-29T00:00:00Z"]),
            ("0 12 13 * fri", ["2030-01-04T12:00:00Z", "2030-01-11T12:00:00Z"]),
            ("5/30 0 1 jan,JUL *", ["2030-07-01T00:05:00Z", "2030-07-01T00:35:00Z"]),
            ("0 10 * * 7", ["2030-01-06T10:00:00Z", "2030-01-13T10:00:00Z"]),
            ("0 9 * * fri-mon", ["2030-01-04T09:00:00Z", "2030-01-05T09:00:00Z"]),
            ("0 9 * * sat-sun", ["2030-01-05T09:00:00Z", "2030-01-06T09:00:00Z"]),
            ("0 9 * * fri-mon/3", ["2030-01-04T09:00:00Z", "2030-01-07T09:00:00Z"]),
            ("0 9 1 nov-feb *", ["2030-02-01T09:00:00Z", "2030-11-01T09:00:00Z"]),
            ("* * * * *", ["2030-01-04T00:01:00Z", "2030-01-04T00:02:00Z"]),
        ];
        for (cron, expected) in table {
            let found = series(&recurrence(cron, "UTC"), "2030-01-04T00:00:00Z", 2);
            assert_eq!(found, expected, "{cron}");
        }
    }

    #[test]
    fn what_is_no_expression_is_told_why() {
        for text in ["", "* * * *", "* * * * * *", "@daily", "*/1 * * * * *"] {
            assert_eq!(text.parse::<Cron>(), Err(CronError::Fields), "{text}");
        }
        for text in [
            "60 * * * *",
            "* 24 * * *",
            "* * 0 * *",
            "* * * 13 *",
            "* * * * 8",
            "*/0 * * * *",
            "*/60 * * * *",
            "+5 * * * *",
            "mon * * * *",
            "1,,2 * * * *",
        ] {
            assert!(matches!(text.parse::<Cron>(), Err(CronError::Field { .. })), "{text}");
        }
        for (text, instead) in [
            ("5-1 * * * *", "5-59,0-1"),
            ("0 22-2 * * *", "22-23,0-2"),
            ("0 0 28-3 * *", "28-31,1-3"),
        ] {
            let why = text.parse::<Cron>().unwrap_err();
            assert!(why.to_string().ends_with(&format!("give `{instead}`")), "{why}");
        }
        assert_eq!(recurrence("0 0 31 feb *", "UTC").after(Timestamp::UNIX_EPOCH), None);
        assert_eq!(
            recurrence("0 0 * * *", "Mars/Olympus").after(Timestamp::UNIX_EPOCH),
            None
        );
    }

    #[test]
    fn days_are_skipped() {
        let mut daily = recurrence("0 9 * * *", "Asia/Singapore");
        daily.skip = vec!["2030-01-05".parse().unwrap()];
        let found = series(&daily, "2030-01-04T00:00:00Z", 2);
        assert_eq!(found, ["2030-01-04T01:00:00Z", "2030-01-06T01:00:00Z"]);
    }

    /// Berlin puts its clocks forward at 2:00 on 2030-03-31, and back at 3:00 on 2030-10-27.
    #[test]
    fn clocks_that_jump_lose_no_occurrence_and_repeat_none() {
        let early = recurrence("30 2 * * *", "Europe/Berlin");
        let spring = series(&early, "2030-03-30T12:00:00Z", 2);
        assert_eq!(spring, ["2030-03-31T01:30:00Z", "2030-04-01T00:30:00Z"]);
        let autumn = series(&early, "2030-10-26T12:00:00Z", 2);
        assert_eq!(autumn, ["2030-10-27T00:30:00Z", "2030-10-28T01:30:00Z"]);
        // 2:30 comes at 3:30 that day, when there is an occurrence already: it is one.
        let both = recurrence("30 2,3 * * *", "Europe/Berlin");
        let spring = series(&both, "2030-03-30T12:00:00Z", 2);
        assert_eq!(spring, ["2030-03-31T01:30:00Z", "2030-04-01T00:30:00Z"]);
    }

    #[test]
    fn a_year_of_weeks_has_all_of_them() {
        let weekly = recurrence("0 9 * * mon", "America/New_York");
        let year = series(&weekly, "2030-01-01T00:00:00Z", 52);
        assert_eq!(year.first().unwrap(), "2030-01-07T14:00:00Z");
        assert_eq!(year.last().unwrap(), "2030-12-30T14:00:00Z");
        assert!(year.contains(&"2030-07-01T13:00:00Z".to_owned()));
    }

    proptest! {
        #[test]
        fn occurrences_are_minutes_and_go_forward(minute in 0u8..60, hour in 0u8..24, day in "\\*|[1-9]|mon", from in 0i64..60_000_000) {
            let (day, weekday) = if day == "mon" { ("*", "mon") } else { (day.as_str(), "*") };
            let found = recurrence(&format!("{minute} {hour} {day} * {weekday}"), "Europe/Berlin");
            let from = Timestamp::from_second(1_700_000_000 + from).unwrap();
            let first = found.after(from).unwrap();
            let second = found.after(first).unwrap();
            prop_assert!(from < first && first < second);
            prop_assert_eq!(first.as_second() % 60, 0);
            // Nothing lies between: asked from just before, the answer is the same.
            prop_assert_eq!(found.after(first - SignedDuration::from_secs(1)), Some(first));
        }

        #[test]
        fn no_text_is_too_much(text in ".{0,80}", fields in "[0-9*,/ -]{0,40}") {
            let _ = text.parse::<Cron>();
            let _ = fields.parse::<Cron>();
        }
    }
}
