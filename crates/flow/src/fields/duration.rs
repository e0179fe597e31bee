//! Lengths of time as people write them: `30s`, `1500ms`, `2m`, `4h`.

use std::time::Duration;

use serde_json::Number;

/// Why something is no length of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DurationError {
    /// There is a number without a unit, or with one that does not exist.
    #[error("write a number and its unit, as 30s, 1500ms, 2m or 4h")]
    Unit,
    /// It does not begin with a number.
    #[error("write a plain number and its unit, as 30s, 1.5s or 4h")]
    Form,
    /// It is negative, or greater than anything that we count.
    #[error("it is out of range")]
    OutOfRange,
}

/// Each unit with its length in nanoseconds, the greatest first.
const UNITS: [(&str, u64); 4] = [
    ("h", 3_600_000_000_000),
    ("m", 60_000_000_000),
    ("s", 1_000_000_000),
    ("ms", 1_000_000),
];

/// Reads a length of time: a number, which may have a fraction, and one of the units `ms`, `s`, `m`, `h`.
///
/// ```
/// use std::time::Duration;
/// use outdial_flow::fields::duration::parse;
///
/// assert_eq!(parse("1.5s"), Ok(Duration::from_millis(1500)));
/// assert_eq!(parse("4h"), Ok(Duration::from_secs(4 * 3600)));
/// ```
///
/// # Errors
///
/// A [`DurationError`] says what to write instead.
pub fn parse(text: &str) -> Result<Duration, DurationError> {
    let text = text.trim();
    if text.starts_with('-') {
        return Err(DurationError::OutOfRange);
    }
    let end = text
        .find(|character: char| !character.is_ascii_digit() && character != '.')
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    if whole.is_empty() || fraction.is_empty() || fraction.contains('.') {
        return Err(DurationError::Form);
    }
    let unit = unit.trim_start();
    let nanos = UNITS.iter().find(|(name, _)| *name == unit);
    let (_, nanos) = nanos.ok_or(DurationError::Unit)?;
    // The longest that we count has 14 digits in milliseconds.
    if whole.len() > 14 || fraction.len() > 9 {
        return Err(DurationError::OutOfRange);
    }
    let number = |digits: &str| digits.parse::<u128>().map_err(|_| DurationError::Form);
    let length = u32::try_from(fraction.len()).map_err(|_| DurationError::Form)?;
    let total = u128::from(*nanos) * number(whole)? + u128::from(*nanos) * number(fraction)? / 10u128.pow(length);
    u64::try_from(total)
        .map(Duration::from_nanos)
        .map_err(|_| DurationError::OutOfRange)
}

/// Reads a number of seconds.
pub(super) fn from_seconds(number: &Number) -> Result<Duration, DurationError> {
    match number.as_u64() {
        Some(seconds) => Ok(Duration::from_secs(seconds)),
        None => number
            .as_f64()
            .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
            .ok_or(DurationError::OutOfRange),
    }
}

/// Writes a length of time so that [`parse`] reads the same back, in the greatest unit that it is a
/// whole number of.
#[must_use]
pub fn shown(length: Duration) -> String {
    let nanos = length.as_nanos();
    match UNITS.iter().find(|(_, unit)| nanos.is_multiple_of(u128::from(*unit))) {
        Some(_) if nanos == 0 => "0s".to_owned(),
        Some((name, unit)) => format!("{}{name}", nanos / u128::from(*unit)),
        None => format!("{}.{:09}s", length.as_secs(), length.subsec_nanos()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn units_and_fractions_are_read() {
        let table = [
            ("30s", Ok(30_000)),
            ("1500ms", Ok(1_500)),
            ("2m", Ok(120_000)),
            ("4h", Ok(14_400_000)),
            ("1.5h", Ok(5_400_000)),
            (" 0.25 s ", Ok(250)),
            ("0s", Ok(0)),
            ("30", Err(DurationError::Unit)),
            ("30 days", Err(DurationError::Unit)),
            ("30S", Err(DurationError::Unit)),
            ("", Err(DurationError::Form)),
            ("s", Err(DurationError::Form)),
            (".5s", Err(DurationError::Form)),
            ("5.s", Err(DurationError::Form)),
            ("1.2.3s", Err(DurationError::Form)),
            ("١s", Err(DurationError::Form)),
            ("-1s", Err(DurationError::OutOfRange)),
            ("18446744073709ms", Ok(18_446_744_073_709)),
            ("18446744073710ms", Err(DurationError::OutOfRange)),
            ("999999999999h", Err(DurationError::OutOfRange)),
            (
                "99999999999999999999999999999999999999999999h",
                Err(DurationError::OutOfRange),
            ),
        ];
        for (text, expected) in table {
            assert_eq!(parse(text), expected.map(Duration::from_millis), "{text}");
        }
    }

    #[test]
    fn the_greatest_unit_is_written() {
        let table = [
            (0, "0s"),
            (100, "100ms"),
            (1_500, "1500ms"),
            (5_000, "5s"),
            (600_000, "10m"),
        ];
        for (millis, text) in table {
            assert_eq!(shown(Duration::from_millis(millis)), text);
        }
        assert_eq!(shown(Duration::new(1, 1)), "1.000000001s");
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(nanos in any::<u64>()) {
            let length = Duration::from_nanos(nanos);
            prop_assert_eq!(parse(&shown(length)), Ok(length));
        }

        #[test]
        fn no_text_is_too_much(text in ".{0,40}", tail in "[0-9.]{0,30}(h|m|s|ms)?") {
            let _ = parse(&text);
            let _ = parse(&tail);
        }
    }
}
