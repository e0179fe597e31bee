//! What the phones do, as plain data: built in Rust or read from a TOML file.

mod behaviour;
mod network;
mod phone;
mod read;
mod read_steps;
mod step;
mod table;
mod voicemail;

use std::path::PathBuf;

use crate::smsc::SmscScript;

pub use behaviour::{Behaviour, Then};
pub use network::Network;
pub use phone::{Challenge, Phone};
pub use read::ScriptError;
pub use step::{PressWay, Sound, Step};
pub(crate) use table::Length;
pub use voicemail::Voicemail;

/// A set of phones, for [`HandsetSet::start`](crate::HandsetSet::start).
///
/// ```
/// use outdial_handset::{Behaviour, Phone, Script};
///
/// let script = Script::new()
///     .phone(Phone::answering("+6598765432").wait_for_prompt().press("1"))
///     .phone(Phone::answering("+6590000001").first(Behaviour::busy()))
///     .phone(Phone::rejecting("*", 404));
/// assert_eq!(script.phones.len(), 3);
/// ```
#[derive(Debug, Clone, Default)]
pub struct Script {
    /// The phones. The most exact number wins, whatever the order.
    pub phones: Vec<Phone>,
    /// Where the ring log is kept. Without it, `rings.jsonl` in the recordings directory, and none where that is missing too.
    pub ring_log: Option<PathBuf>,
    /// What becomes of texts.
    pub smsc: SmscScript,
}

impl Script {
    /// A script without phones: every call gets a 404.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a phone.
    pub fn phone(mut self, phone: Phone) -> Self {
        self.phones.push(phone);
        self
    }

    /// Keeps the ring log in this file instead of in the recordings directory.
    pub fn ring_log(mut self, path: impl Into<PathBuf>) -> Self {
        self.ring_log = Some(path.into());
        self
    }

    /// The phone that is rung by this user part of a request URI: its exact number, else the longest prefix, else `*`.
    pub fn find(&self, number: &str) -> Option<&Phone> {
        self.phones
            .iter()
            .filter_map(|phone| Some((phone.matches(number)?, phone)))
            .max_by_key(|(exactness, _)| *exactness)
            .map(|(_, phone)| phone)
    }
}

impl From<Phone> for Script {
    fn from(phone: Phone) -> Self {
        Self::new().phone(phone)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_exact_number_is_rung() {
        let script = Script::new()
            .phone(Phone::busy("*"))
            .phone(Phone::busy("+65*"))
            .phone(Phone::busy("+6598*"))
            .phone(Phone::busy("+6598765432"));
        let cases = [
            ("+6598765432", "+6598765432"),
            ("+6598765433", "+6598*"),
            ("+6511", "+65*"),
            ("100", "*"),
        ];
        for (number, expected) in cases {
            assert_eq!(script.find(number).unwrap().number, expected);
        }
        assert!(Script::from(Phone::busy("100")).find("1000").is_none());
    }
}
