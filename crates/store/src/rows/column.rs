//! What domain values look like in a column, in both directions.

use jiff::Timestamp;
use outdial_engine::ports::StoreError;
use serde::{Serialize, de::DeserializeOwned};

/// A time as it is stored. Nanoseconds are cut off.
pub(crate) fn micros(time: Timestamp) -> i64 {
    time.as_microsecond()
}

/// A time that nothing may happen before: cutting nanoseconds off would let it happen too early.
pub(crate) fn micros_up(time: Timestamp) -> i64 {
    let cut = time.as_microsecond();
    if time.subsec_nanosecond() % 1_000 > 0 {
        cut + 1
    } else {
        cut
    }
}

/// A value that is only read whole. Domain types cannot fail to serialise: they have no maps with
/// other keys than texts, and no numbers that JSON lacks.
pub(crate) fn json(value: &impl Serialize) -> String {
    json_of_about(256, value)
}

/// The same, when it is known about how long it will be.
pub(crate) fn json_of_about(bytes: usize, value: &impl Serialize) -> String {
    let mut text = Vec::with_capacity(bytes);
    serde_json::to_writer(&mut text, value).expect("domain types have only what JSON has");
    String::from_utf8(text).expect("JSON is UTF-8")
}

/// Where a value comes from, for errors that name it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'a> {
    pub(crate) table: &'static str,
    pub(crate) id: &'a dyn std::fmt::Debug,
}

impl Place<'_> {
    pub(crate) fn bad(&self, column: &'static str, reason: impl std::fmt::Display) -> StoreError {
        StoreError::BadRow {
            table: self.table,
            column,
            id: format!("{:?}", self.id),
            reason: reason.to_string(),
        }
    }

    pub(crate) fn time(&self, column: &'static str, micros: i64) -> Result<Timestamp, StoreError> {
        Timestamp::from_microsecond(micros).map_err(|error| self.bad(column, error))
    }

    pub(crate) fn maybe_time(
        &self,
        column: &'static str,
        micros: Option<i64>,
    ) -> Result<Option<Timestamp>, StoreError> {
        micros.map(|micros| self.time(column, micros)).transpose()
    }

    pub(crate) fn number<N: TryFrom<i64>>(&self, column: &'static str, number: i64) -> Result<N, StoreError> {
        N::try_from(number).map_err(|_| self.bad(column, format_args!("{number} is out of range")))
    }

    pub(crate) fn word<T>(
        &self,
        column: &'static str,
        word: &str,
        from_word: fn(&str) -> Option<T>,
    ) -> Result<T, StoreError> {
        from_word(word).ok_or_else(|| self.bad(column, format_args!("`{word}` is not one of its words")))
    }

    pub(crate) fn json<T: DeserializeOwned>(&self, column: &'static str, text: &str) -> Result<T, StoreError> {
        serde_json::from_str(text).map_err(|error| self.bad(column, error))
    }

    pub(crate) fn maybe_json<T: DeserializeOwned>(
        &self,
        column: &'static str,
        text: Option<&str>,
    ) -> Result<Option<T>, StoreError> {
        text.map(|text| self.json(column, text)).transpose()
    }
}
