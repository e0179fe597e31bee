//! What the phones wrote down themselves.

use std::{collections::BTreeMap, path::Path};

use jiff::Timestamp;
use serde_json::Value;

/// The calls that reached phones, by their Call-ID.
#[derive(Debug, Default)]
pub struct Rings {
    calls: BTreeMap<String, Vec<Seen>>,
    /// How often each number was rung.
    pub numbers: BTreeMap<String, usize>,
}

/// Something that a phone saw.
#[derive(Debug)]
pub struct Seen {
    pub at: Timestamp,
    pub number: String,
    pub event: String,
}

impl Rings {
    pub fn read(log: &Path) -> Self {
        let mut rings = Self::default();
        for line in std::fs::read_to_string(log).unwrap().lines() {
            let line: Value = serde_json::from_str(line).unwrap();
            let text = |key: &str| line[key].as_str().unwrap().to_owned();
            let seen = Seen {
                at: text("time").parse().unwrap(),
                number: text("number"),
                event: text("event"),
            };
            if seen.event == "invite" {
                *rings.numbers.entry(seen.number.clone()).or_default() += 1;
            }
            rings.calls.entry(text("call_id")).or_default().push(seen);
        }
        rings
    }

    /// What was seen of a leg.
    pub fn of_leg(&self, leg: &str) -> &[Seen] {
        self.calls.get(&format!("{leg}@outdial")).map_or(&[], Vec::as_slice)
    }

    /// The Call-IDs of all that rang, with the number each of them rang.
    pub fn calls(&self) -> impl Iterator<Item = (&str, &str)> {
        self.calls
            .iter()
            .filter_map(|(id, seen)| Some((&**id, &*seen.first()?.number)))
    }
}
