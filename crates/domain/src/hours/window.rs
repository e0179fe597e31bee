//! One calling window: some days of the week, from a time of day to another.

use std::{fmt, str::FromStr};

use jiff::civil::{Time, Weekday};
use serde::{Deserialize, Serialize};

/// Some days of the week, from one minute of the day up to another.
///
/// As a text: `mon-fri 09:00-18:00`, `sat,sun 10:00-12:30`, `daily 00:00-24:00`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Window {
    /// A bit for each day, Monday first.
    days: u8,
    from: u16,
    to: u16,
}

/// Why a text is no window.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WindowError {
    /// It does not consist of days and times.
    #[error("write days and times, as `mon-fri 09:00-18:00`")]
    Form,
    /// A day has no such name.
    #[error("`{0}` is no day: give mon, tue, wed, thu, fri, sat, sun, or daily")]
    Day(String),
    /// A time is none.
    #[error("`{0}` is no time of day: give 00:00 to 24:00")]
    Time(String),
    /// It would end before it begins.
    #[error("a window ends after it begins: give one that passes midnight as two, `22:00-24:00` and `00:00-02:00`")]
    Order,
}

const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
const ALL_DAYS: u8 = 0b111_1111;
const LAST_MINUTE: u16 = 24 * 60;

impl Window {
    /// Whether it is about this day of the week.
    #[must_use]
    pub fn is_on(self, day: Weekday) -> bool {
        self.days & (1 << day.to_monday_zero_offset()) != 0
    }

    /// Whether it holds this time of a day that it is about.
    #[must_use]
    pub fn holds(self, time: Time) -> bool {
        let minute = i32::from(time.hour()) * 60 + i32::from(time.minute());
        (i32::from(self.from)..i32::from(self.to)).contains(&minute)
    }

    /// When it opens, on a day that it is about.
    #[must_use]
    pub fn opens(self) -> Time {
        // A window that ends after it begins begins before midnight.
        Time::midnight() + jiff::SignedDuration::from_mins(i64::from(self.from))
    }
}

impl FromStr for Window {
    type Err = WindowError;

    fn from_str(text: &str) -> Result<Self, WindowError> {
        let (days, times) = text.trim().rsplit_once(char::is_whitespace).ok_or(WindowError::Form)?;
        let (from, to) = times.split_once('-').ok_or(WindowError::Form)?;
        let (from, to) = (minute(from)?, minute(to)?);
        if from >= to {
            return Err(WindowError::Order);
        }
        let days = days.split(',').try_fold(0, |all, part| Ok(all | run(part)?))?;
        Ok(Self { days, from, to })
    }
}

/// `mon`, `mon-fri` or `daily`. A run may pass the end of the week, as `sat-mon`.
fn run(part: &str) -> Result<u8, WindowError> {
    let part = part.trim().to_ascii_lowercase();
    if part == "daily" {
        return Ok(ALL_DAYS);
    }
    let (first, last) = part.split_once('-').unwrap_or((&part, &part));
    let (first, last) = (day(first)?, day(last)?);
    let length = (last + 7 - first) % 7;
    Ok((0..=length).fold(0, |days, ahead| days | 1 << ((first + ahead) % 7)))
}

fn day(name: &str) -> Result<usize, WindowError> {
    let known = DAYS.iter().position(|day| *day == name.trim());
    known.ok_or_else(|| WindowError::Day(shortened(name)))
}

fn minute(text: &str) -> Result<u16, WindowError> {
    let wrong = || WindowError::Time(shortened(text));
    let (hour, minute) = text.trim().split_once(':').ok_or_else(wrong)?;
    let number = |digits: &str| match digits.len() {
        2 if digits.bytes().all(|byte| byte.is_ascii_digit()) => digits.parse::<u16>().map_err(|_| wrong()),
        _ => Err(wrong()),
    };
    let (hour, minute) = (number(hour)?, number(minute)?);
    let all = hour * 60 + minute;
    if minute < 60 && all <= LAST_MINUTE {
        Ok(all)
    } else {
        Err(wrong())
    }
}

/// Error texts repeat what was given, and what was given may be a megabyte.
fn shortened(given: &str) -> String {
    given.trim().chars().take(40).collect()
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.days == ALL_DAYS {
            f.write_str("daily")?;
        } else {
            let is_on = |day: usize| day < DAYS.len() && self.days & (1 << day) != 0;
            let mut separator = "";
            let mut day = 0;
            while day < DAYS.len() {
                let length = (day..).take_while(|day| is_on(*day)).count();
                if length > 0 {
                    write!(f, "{separator}{}", DAYS[day])?;
                    separator = ",";
                }
                if length > 1 {
                    write!(f, "-{}", DAYS[day + length - 1])?;
                }
                day += length.max(1);
            }
        }
        let time = |minute: u16| (minute / 60, minute % 60);
        let ((hour, minute), (end_hour, end_minute)) = (time(self.from), time(self.to));
        write!(f, " {hour:02}:{minute:02}-{end_hour:02}:{end_minute:02}")
    }
}

impl From<Window> for String {
    fn from(window: Window) -> Self {
        window.to_string()
    }
}

impl TryFrom<String> for Window {
    type Error = WindowError;

    fn try_from(text: String) -> Result<Self, WindowError> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn windows_are_read_and_shown() {
        let table = [
            ("mon-fri 09:00-18:00", "mon-fri 09:00-18:00"),
            ("MON,tue,Wed 09:00-09:01", "mon-wed 09:00-09:01"),
            ("sat-mon 00:00-24:00", "mon,sat-sun 00:00-24:00"),
            ("mon-sun 08:30-20:15", "daily 08:30-20:15"),
            ("sun , wed 10:00 - 12:00", ""),
        ];
        for (text, shown) in table {
            let read: Result<Window, _> = text.parse();
            assert_eq!(
                read.map(|window| window.to_string()).unwrap_or_default(),
                shown,
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_no_window_is_told_why() {
        let table = [
            ("", WindowError::Form),
            ("mon", WindowError::Form),
            ("mon 9-18", WindowError::Time("9".into())),
            ("mon 09:00-25:00", WindowError::Time("25:00".into())),
            ("mon 09:60-10:00", WindowError::Time("09:60".into())),
            ("mon 18:00-09:00", WindowError::Order),
            ("mon 09:00-09:00", WindowError::Order),
            ("monday 09:00-18:00", WindowError::Day("monday".into())),
            ("mon-fri-sun 09:00-18:00", WindowError::Day("fri-sun".into())),
        ];
        for (text, error) in table {
            assert_eq!(text.parse::<Window>(), Err(error), "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_shown_reads_back(days in 1u8..=ALL_DAYS, from in 0u16..LAST_MINUTE, length in 1u16..=LAST_MINUTE) {
            let window = Window { days, from, to: (from + length).min(LAST_MINUTE) };
            prop_assert_eq!(window.to_string().parse(), Ok(window));
        }

        #[test]
        fn no_text_is_too_much(text in ".{0,60}", tail in "[0-9:-]{0,20}") {
            let _ = text.parse::<Window>();
            let _ = format!("mon {tail}").parse::<Window>();
        }
    }
}
