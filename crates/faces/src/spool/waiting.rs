//! Files that are looked at later, though nothing happens to them.

use std::{
    collections::{BTreeSet, HashMap},
    ffi::{OsStr, OsString},
};

use jiff::Timestamp;

/// Names, each with when it is looked at.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    by_time: BTreeSet<(Timestamp, OsString)>,
    by_name: HashMap<OsString, Timestamp>,
}

impl Waiting {
    /// Looks at this file then, and not before.
    pub(super) fn insert(&mut self, name: OsString, until: Timestamp) {
        self.remove(&name);
        self.by_time.insert((until, name.clone()));
        self.by_name.insert(name, until);
    }

    pub(super) fn remove(&mut self, name: &OsStr) {
        if let Some((name, until)) = self.by_name.remove_entry(name) {
            self.by_time.remove(&(until, name));
        }
    }

    pub(super) fn has(&self, name: &OsStr) -> bool {
        self.by_name.contains_key(name)
    }

    /// When the next one is looked at.
    pub(super) fn next(&self) -> Option<Timestamp> {
        self.by_time.first().map(|(until, _)| *until)
    }

    /// Takes those whose time has come.
    pub(super) fn due(&mut self, now: Timestamp) -> Vec<OsString> {
        let mut due = Vec::new();
        while self.next().is_some_and(|until| until <= now) {
            if let Some((_, name)) = self.by_time.pop_first() {
                self.by_name.remove(&name);
                due.push(name);
            }
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_name_comes_once_when_its_time_has() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let mut waiting = Waiting::default();
        for (name, second) in [("a", 5), ("b", 3), ("a", 2), ("c", 1)] {
            waiting.insert(name.into(), at(second));
        }
        waiting.remove(OsStr::new("c"));
        assert!(waiting.has(OsStr::new("a")) && !waiting.has(OsStr::new("c")));
        assert_eq!(waiting.next(), Some(at(2)));
        assert_eq!(waiting.due(at(2)), ["a"]);
        assert_eq!(waiting.due(at(9)), ["b"]);
        assert!(waiting.due(at(9)).is_empty() && waiting.next().is_none());
    }
}
