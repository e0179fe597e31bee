//! Remembers values up to a total size, and forgets first what was not used for the longest time.

use std::collections::{BTreeMap, HashMap};

use super::Key;

/// Values under keys, in the order of their last use.
pub(super) struct Lru<V> {
    most: u64,
    held: u64,
    clock: u64,
    entries: HashMap<Key, Entry<V>>,
    by_age: BTreeMap<u64, Key>,
}

struct Entry<V> {
    value: V,
    size: u64,
    used: u64,
}

impl<V> Lru<V> {
    /// Holds values of at most this size together.
    pub(super) fn new(most: u64) -> Self {
        Self {
            most,
            held: 0,
            clock: 0,
            entries: HashMap::new(),
            by_age: BTreeMap::new(),
        }
    }

    /// Whether a value of this size could be held at all.
    pub(super) fn fits(&self, size: u64) -> bool {
        size <= self.most
    }

    /// The value and its size, which now counts as used.
    pub(super) fn get(&mut self, key: &Key) -> Option<(&V, u64)> {
        let entry = self.entries.get_mut(key)?;
        self.by_age.remove(&entry.used);
        self.clock += 1;
        entry.used = self.clock;
        self.by_age.insert(entry.used, *key);
        Some((&entry.value, entry.size))
    }

    /// Holds a value, and gives the keys that had to make room for it.
    /// A value that does not fit at all makes no room and is not held.
    pub(super) fn put(&mut self, key: Key, value: V, size: u64) -> Vec<Key> {
        self.remove(&key);
        if !self.fits(size) {
            return Vec::new();
        }
        let mut gone = Vec::new();
        while self.held + size > self.most {
            let Some(oldest) = self.by_age.first_key_value().map(|(_, key)| *key) else {
                break;
            };
            self.remove(&oldest);
            gone.push(oldest);
        }
        self.clock += 1;
        self.held += size;
        self.by_age.insert(self.clock, key);
        self.entries.insert(
            key,
            Entry {
                value,
                size,
                used: self.clock,
            },
        );
        gone
    }

    /// Forgets a value.
    pub(super) fn remove(&mut self, key: &Key) {
        if let Some(entry) = self.entries.remove(key) {
            self.by_age.remove(&entry.used);
            self.held -= entry.size;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_unused_longest_makes_room() {
        let [a, b, c, d] = ["a", "b", "c", "d"].map(|name| Key::upload(name, 8_000));
        let mut lru = Lru::new(10);
        assert!(lru.put(a, 'a', 4).is_empty());
        assert!(lru.put(b, 'b', 4).is_empty());
        assert_eq!(lru.get(&a), Some((&'a', 4)));
        assert_eq!(lru.put(c, 'c', 4), [b]);
        assert_eq!(lru.put(d, 'd', 10), [a, c]);
        assert_eq!((lru.held, lru.entries.len(), lru.by_age.len()), (10, 1, 1));
        assert_eq!(lru.get(&a), None);
    }

    #[test]
    fn what_does_not_fit_moves_nobody() {
        let [a, b] = ["a", "b"].map(|name| Key::upload(name, 8_000));
        let mut lru = Lru::new(10);
        lru.put(a, 'a', 10);
        assert!(lru.put(b, 'b', 11).is_empty());
        assert_eq!(lru.get(&b), None);
        assert_eq!(lru.get(&a), Some((&'a', 10)));
    }

    #[test]
    fn a_value_put_again_counts_once() {
        let a = Key::upload("a", 8_000);
        let mut lru = Lru::new(10);
        lru.put(a, 'a', 6);
        assert!(lru.put(a, 'A', 7).is_empty());
        assert_eq!((lru.held, lru.by_age.len(), lru.get(&a)), (7, 1, Some((&'A', 7))));
        lru.remove(&a);
        assert_eq!((lru.held, lru.by_age.len()), (0, 0));
    }
}
