use std::{
    fmt,
    hash::{BuildHasher, Hasher, RandomState},
    str::FromStr,
    sync::atomic::{AtomicU64, Ordering},
};

use jiff::Timestamp;

/// The name of a call file in the spool directory, without a directory.
///
/// Asterisk takes any name. Ours end in `.call`, as people expect.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FileName(String);

/// A text that cannot be the name of a file in the spool directory.
///
/// Remedy: use a name of at most 255 bytes without `/` and control characters that is not `.` or
/// `..`. Nothing has been written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no name for a call file: at most 255 bytes, without / and control characters, not . or ..")]
pub struct InvalidName(pub String);

impl FileName {
    /// A name as it is.
    ///
    /// # Errors
    ///
    /// When it would lead out of the directory, or is none.
    pub fn new(name: impl Into<String>) -> Result<Self, InvalidName> {
        let name = name.into();
        let wrong = name.is_empty()
            || name.len() > 255
            || name == "."
            || name == ".."
            || name.contains(|c: char| c == '/' || c.is_control());
        if wrong { Err(InvalidName(name)) } else { Ok(Self(name)) }
    }

    /// The name of what an id of ours stands for: `id.call`.
    ///
    /// # Errors
    ///
    /// As [`FileName::new`].
    pub fn of_id(id: impl fmt::Display) -> Result<Self, InvalidName> {
        Self::new(format!("{id}.call"))
    }

    /// A name that no other file has, sorted by time. It does not depend on the clock to be unique:
    /// that is the part of the hasher's random keys and of a counter.
    pub(crate) fn fresh(now: Timestamp) -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let mut hasher = RandomState::new().build_hasher();
        hasher.write_u64(COUNT.fetch_add(1, Ordering::Relaxed));
        hasher.write_u32(std::process::id());
        Self(format!("{}-{:016x}.call", now.as_millisecond(), hasher.finish()))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for FileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for FileName {
    type Err = InvalidName;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::new(name)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn a_name_does_not_leave_the_directory() {
        for name in [
            "",
            ".",
            "..",
            "../x",
            "/etc/passwd",
            "a/b",
            "a\0b",
            "a\nb",
            &"x".repeat(256),
        ] {
            assert_eq!(FileName::new(name), Err(InvalidName(name.to_owned())));
        }
        for name in ["x", ".x", "a..b", "\u{e9}.call"] {
            assert_eq!(FileName::new(name).unwrap().as_str(), name);
        }
        assert_eq!(FileName::of_id("leg_1").unwrap().as_str(), "leg_1.call");
        assert!(FileName::of_id("../leg_1").is_err());
    }

    #[test]
    fn fresh_names_differ_also_when_the_clock_stands_still() {
        let names: HashSet<_> = (0..10_000).map(|_| FileName::fresh(Timestamp::UNIX_EPOCH)).collect();
        assert_eq!(names.len(), 10_000);
    }
}
