//! Calling hours: when a phone may be rung, by the clock on the wall where it stands.
//!
//! A call may go at an instant when every zone that it may ring in shows a time within a window there, on a
//! day that is not skipped. That decides what happens when clocks are put forward or back: a time that the
//! clocks leave out does not come, so a window within it does not open that day, and one that begins in it
//! opens when the clocks have jumped. A time that comes twice is open twice.

mod window;
pub mod zones;

use jiff::{SignedDuration, Timestamp, civil::Date, tz::TimeZone};
use serde::{Deserialize, Serialize};

use crate::Address;
pub use window::{Window, WindowError};

/// When a phone may be rung.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hours {
    /// Whose clock counts.
    pub zone: HoursZone,
    /// When it is open; never empty.
    pub windows: Vec<Window>,
    /// Days on which it does not open: holidays.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub skip: Vec<Date>,
}

/// Whose clock counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HoursZone {
    /// That of the number that is rung. Where its zone is not certain, the hours suit all that it may be in.
    Callee,
    /// That of a zone, as `Asia/Singapore`.
    Named(String),
}

/// Why hours cannot be reckoned.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HoursError {
    /// There is no such zone.
    #[error("there is no time zone `{0}`: give one of the tz database, as `Asia/Singapore`")]
    NoSuchZone(String),
    /// Nobody can say where a number is.
    #[error("the zone of {0} is not known: give `zone` by name")]
    Nowhere(String),
}

impl Hours {
    /// The most windows, and the most days to skip.
    pub const MOST: usize = 400;
    /// How far ahead an opening is looked for.
    pub const FURTHEST: SignedDuration = SignedDuration::from_hours(24 * 366);

    /// The first moment from this one on at which this address may be rung; `None` when there is none
    /// before the end, or within a year.
    ///
    /// # Errors
    ///
    /// [`HoursError`] when it cannot be reckoned.
    pub fn opening(
        &self,
        to: &Address,
        from: Timestamp,
        end: Option<Timestamp>,
    ) -> Result<Option<Timestamp>, HoursError> {
        let zones = self.zones(to)?;
        let furthest = from.saturating_add(Self::FURTHEST).unwrap_or(Timestamp::MAX);
        let end = end.unwrap_or(furthest).min(furthest);
        let mut moment = from;
        // Each zone puts the moment off until it is open there; when none does, it is open everywhere.
        loop {
            let before = moment;
            for zone in &zones {
                match self.opening_in(zone, moment, end) {
                    Some(opening) => moment = opening,
                    None => return Ok(None),
                }
            }
            if moment == before {
                return Ok((moment < end).then_some(moment));
            }
        }
    }

    fn zones(&self, to: &Address) -> Result<Vec<TimeZone>, HoursError> {
        let named = |name: &str| zones::named(name).ok_or_else(|| HoursError::NoSuchZone(name.to_owned()));
        match &self.zone {
            HoursZone::Named(name) => Ok(vec![named(name)?]),
            HoursZone::Callee => match zones::of(to) {
                [] => Err(HoursError::Nowhere(to.to_string())),
                names => names.iter().map(|name| named(name)).collect(),
            },
        }
    }

    fn is_open(&self, zone: &TimeZone, moment: Timestamp) -> bool {
        let local = zone.to_datetime(moment);
        let holds = |window: &Window| window.is_on(local.weekday()) && window.holds(local.time());
        !self.skip.contains(&local.date()) && self.windows.iter().any(holds)
    }

    /// The first moment from this one on at which it is open in one zone. A window opens when the clock
    /// comes to its first minute, or jumps into it.
    fn opening_in(&self, zone: &TimeZone, from: Timestamp, end: Timestamp) -> Option<Timestamp> {
        if self.is_open(zone, from) {
            return Some(from);
        }
        let jumps: Vec<Timestamp> = zone.following(from).map(|jump| jump.timestamp()).take(4).collect();
        let mut jumps = jumps.into_iter().filter(|jump| self.is_open(zone, *jump));
        let jump = jumps.next();
        let mut day = zone.to_datetime(from).date();
        loop {
            let on_day = self.windows.iter().filter(|window| window.is_on(day.weekday()));
            let comings = on_day.flat_map(|window| comings(zone, day, *window));
            let opening = comings
                .filter(|moment| *moment > from && self.is_open(zone, *moment))
                .chain(jump.filter(|jump| zone.to_datetime(*jump).date() <= day))
                .min();
            if opening.is_some() {
                return opening;
            }
            day = day.tomorrow().ok()?;
            if zone.to_timestamp(day.into()).ok()? >= end {
                return None;
            }
        }
    }
}

/// The moments at which the clock shows the first minute of a window on a day: one, or two where the clock
/// is put back. In what the clock leaves out there is none; the moments given then are not open, or later.
fn comings(zone: &TimeZone, day: Date, window: Window) -> impl Iterator<Item = Timestamp> + use<> {
    let local = zone.to_ambiguous_timestamp(day.to_datetime(window.opens()));
    [local.earlier(), local.later()].into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn hours(zone: &str, windows: &[&str]) -> Hours {
        Hours {
            zone: match zone {
                "callee" => HoursZone::Callee,
                name => HoursZone::Named(name.to_owned()),
            },
            windows: windows.iter().map(|window| window.parse().unwrap()).collect(),
            skip: Vec::new(),
        }
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn address(text: &str) -> Address {
        Address::parse(text).unwrap()
    }

    fn opening(hours: &Hours, from: &str) -> String {
        let opening = hours.opening(&address("+6561234567"), at(from), None).unwrap();
        opening.map(|moment| moment.to_string()).unwrap_or_default()
    }

    #[test]
    fn it_opens_at_once_today_or_on_another_day() {
        let mut office = hours("Asia/Singapore", &["mon-fri 09:00-18:00", "sat 10:00-12:00"]);
        // 2030-01-04 is a Friday; Singapore is eight hours ahead.
        assert_eq!(opening(&office, "2030-01-04T02:00:00.5Z"), "2030-01-04T02:00:00.5Z");
        assert_eq!(opening(&office, "2030-01-04T00:59:59Z"), "2030-01-04T01:00:00Z");
        assert_eq!(opening(&office, "2030-01-04T10:00:00Z"), "2030-01-05T02:00:00Z");
        assert_eq!(opening(&office, "2030-01-05T04:00:00Z"), "2030-01-07T01:00:00Z");
        office.skip = vec!["2030-01-07".parse().unwrap()];
        assert_eq!(opening(&office, "2030-01-05T04:00:00Z"), "2030-01-08T01:00:00Z");
    }

    #[test]
    fn it_suits_all_zones_that_the_number_may_be_in() {
        let day = hours("callee", &["daily 09:00-20:00"]);
        // Newfoundland to Guam, and everything between.
        let first = day
            .opening(&address("+18005550100"), at("2030-01-02T00:00:00Z"), None)
            .unwrap();
        assert_eq!(
            first.map(|first| first.to_string()).as_deref(),
            Some("2030-01-02T23:00:00Z")
        );
        let morning = hours("callee", &["daily 09:00-10:00"]);
        let never = morning.opening(&address("+18005550100"), at("2030-01-02T00:00:00Z"), None);
        assert_eq!(never, Ok(None));
    }

    #[test]
    fn it_does_not_open_after_the_end() {
        let sunday = hours("UTC", &["sun 09:00-10:00"]);
        let within = |end: &str| sunday.opening(&address("100"), at("2030-01-02T00:00:00Z"), Some(at(end)));
        assert_eq!(within("2030-01-06T09:00:00Z"), Ok(None));
        assert_eq!(within("2030-01-06T09:00:01Z"), Ok(Some(at("2030-01-06T09:00:00Z"))));
    }

    #[test]
    fn what_cannot_be_reckoned_is_told() {
        let callee = hours("callee", &["daily 09:00-20:00"]);
        assert_eq!(
            callee.opening(&address("100"), at("2030-01-02T00:00:00Z"), None),
            Err(HoursError::Nowhere("100".into()))
        );
        let nowhere = hours("Mars/Olympus", &["daily 09:00-20:00"]);
        let error = nowhere.opening(&address("100"), at("2030-01-02T00:00:00Z"), None);
        assert_eq!(error, Err(HoursError::NoSuchZone("Mars/Olympus".into())));
    }

    /// Berlin puts its clocks from 2:00 to 3:00 on 2030-03-31, at 1:00 UTC.
    #[test]
    fn what_the_clock_leaves_out_does_not_come() {
        let within = hours("Europe/Berlin", &["daily 02:15-02:45"]);
        assert_eq!(opening(&within, "2030-03-30T12:00:00Z"), "2030-04-01T00:15:00Z");
        let begins_within = hours("Europe/Berlin", &["daily 02:15-04:00"]);
        assert_eq!(opening(&begins_within, "2030-03-30T12:00:00Z"), "2030-03-31T01:00:00Z");
    }

    /// And from 3:00 to 2:00 on 2030-10-27, at 1:00 UTC.
    #[test]
    fn what_comes_twice_is_open_twice() {
        let within = hours("Europe/Berlin", &["daily 02:15-02:45"]);
        assert_eq!(opening(&within, "2030-10-26T12:00:00Z"), "2030-10-27T00:15:00Z");
        assert_eq!(opening(&within, "2030-10-27T00:45:00Z"), "2030-10-27T01:15:00Z");
        let begins_before = hours("Europe/Berlin", &["daily 01:30-02:30"]);
        assert_eq!(opening(&begins_before, "2030-10-27T00:45:00Z"), "2030-10-27T01:00:00Z");
    }

    proptest! {
        /// What is reckoned is what a look at every minute finds.
        #[test]
        fn it_is_the_first_open_minute(
            zone in 0usize..5,
            begin in 0i64..60 * 24 * 366,
            windows in proptest::collection::vec((0usize..7, 0u16..1_440, 1u16..300), 1..4),
        ) {
            // With a jump of half an hour, at midnight, and none at all.
            let zone = ["Europe/Berlin", "Australia/Lord_Howe", "America/Asuncion", "America/New_York", "Asia/Kolkata"][zone];
            let names = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
            let text = |(day, from, length): &(usize, u16, u16)| {
                let to = (from + length).min(1_440);
                format!("{} {:02}:{:02}-{:02}:{:02}", names[*day], from / 60, from % 60, to / 60, to % 60)
            };
            let texts: Vec<String> = windows.iter().map(text).collect();
            let hours = hours(zone, &texts.iter().map(String::as_str).collect::<Vec<_>>());
            let rules = zones::named(zone).unwrap();
            // 2024: a year whose rules are known.
            let begin = at("2024-01-01T00:00:00Z") + SignedDuration::from_mins(begin);
            let mut expected = begin;
            while !hours.is_open(&rules, expected) {
                expected += SignedDuration::from_mins(1);
            }
            prop_assert_eq!(hours.opening(&address("100"), begin, None), Ok(Some(expected)));
        }
    }
}
