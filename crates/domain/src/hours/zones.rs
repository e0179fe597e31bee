//! Time zones: by name, and by the prefix of a number.

use std::{collections::HashMap, sync::OnceLock};

use jiff::tz::{TimeZone, TimeZoneDatabase};

use crate::{Address, Destination};

/// Facts of libphonenumber; `script/zones` makes the file and says more.
const TABLE: &str = include_str!("zones.txt");

/// The zone of this name, as `Asia/Singapore`. The rules are those that were built in, so every node and
/// every test has the same.
#[must_use]
pub fn named(name: &str) -> Option<TimeZone> {
    static RULES: OnceLock<TimeZoneDatabase> = OnceLock::new();
    RULES.get_or_init(TimeZoneDatabase::bundled).get(name).ok()
}

/// The names of the zones that a number may be in; none when nobody can say.
#[must_use]
pub fn of(address: &Address) -> &'static [&'static str] {
    let Destination::E164(digits) = address.destination() else {
        return &[];
    };
    let table = table();
    let mut prefixes = (1..=digits.len()).rev().filter_map(|end| digits.get(..end));
    prefixes
        .find_map(|prefix| table.get(prefix.as_bytes()))
        .map_or(&[], Vec::as_slice)
}

type Table = HashMap<Vec<u8>, Vec<&'static str>>;

fn table() -> &'static Table {
    static READ: OnceLock<Table> = OnceLock::new();
    READ.get_or_init(|| {
        let mut table = Table::new();
        for line in TABLE.lines().filter(|line| !line.starts_with('#')) {
            let mut words = line.split(' ');
            let zones: Vec<&'static str> = words.next().into_iter().flat_map(|zones| zones.split(',')).collect();
            for run in words {
                table.extend(prefixes(run).map(|prefix| (prefix, zones.clone())));
            }
        }
        table
    })
}

/// The prefixes of a run, as `2433-2436`.
fn prefixes(run: &str) -> impl Iterator<Item = Vec<u8>> {
    let (first, last) = run.split_once('-').unwrap_or((run, run));
    // What is no number makes an empty run; a test reads the whole file.
    let (first, last): (u64, u64) = (first.parse().unwrap_or(1), last.parse().unwrap_or(0));
    (first..=last).map(|prefix| prefix.to_string().into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn zones(number: &str) -> Vec<&'static str> {
        of(&Address::parse(number).unwrap()).to_vec()
    }

    #[test]
    fn numbers_have_the_zones_of_their_longest_prefix() {
        assert_eq!(zones("+65 6123 4567"), ["Asia/Singapore"]);
        assert_eq!(zones("+44 20 7946 0000"), ["Europe/London"]);
        assert_eq!(zones("+1 212 555 0100"), ["America/New_York"]);
        assert_eq!(zones("+1 808 555 0100"), ["Pacific/Honolulu"]);
        assert!(zones("+7 495 123 4567").contains(&"Europe/Moscow"));
        let anywhere = zones("+1 800 555 0100");
        assert!(anywhere.contains(&"America/New_York") && anywhere.contains(&"Pacific/Honolulu"));
    }

    #[test]
    fn what_is_no_international_number_is_nowhere() {
        for address in ["100", "100@from-internal", "sip:+6561234567@127.0.0.1", "+999 123"] {
            assert!(zones(address).is_empty(), "{address}");
        }
    }

    #[test]
    fn every_zone_of_the_table_has_rules() {
        assert!(table().len() > 1_500, "{}", table().len());
        for (prefix, zones) in table() {
            assert!(prefix.iter().all(u8::is_ascii_digit) && !zones.is_empty());
            for zone in zones {
                assert!(named(zone).is_some(), "{zone}");
            }
        }
    }

    #[test]
    fn no_name_leads_to_a_file() {
        for name in ["", "/etc/localtime", "../UTC", "Nowhere/Nowhere", "Europe"] {
            assert!(named(name).is_none(), "{name}");
        }
        assert!(named("UTC").is_some());
    }
}
