//! When a registration is renewed, and when one that failed is tried again.

use std::time::Duration;

/// The longest pause after a failure, in multiples of the first.
const MOST: u32 = 60;

/// How long after a registration was granted it is renewed: early enough for a failure and another try.
pub(super) fn renewal(granted: Duration) -> Duration {
    (granted * 4 / 5).max(Duration::from_millis(500))
}

/// How long after so many failures the next try is made: twice as long each time, up to half an hour
/// where the first pause is 30 s, and a random share of it less, so that not everybody comes back at
/// once (RFC 5626, section 4.5). What the far side asks for is the least.
pub(super) fn pause(failures: u32, first: Duration, asked: Option<Duration>, dice: u8) -> Duration {
    let doublings = failures.saturating_sub(1).min(10);
    let upper = first * (1 << doublings).min(MOST);
    let pause = upper - upper * u32::from(dice) / 512;
    pause.max(asked.unwrap_or_default().min(Duration::from_secs(3600)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_half_an_hour() {
        let first = Duration::from_secs(30);
        let upper: Vec<_> = (1..=9)
            .map(|failures| pause(failures, first, None, 0).as_secs())
            .collect();
        assert_eq!(upper, [30, 60, 120, 240, 480, 960, 1800, 1800, 1800]);
        let lower = pause(1, first, None, 255);
        assert!(lower > first / 2 && lower < first, "{lower:?}");
        assert_eq!(pause(1, first, Some(Duration::from_secs(300)), 0).as_secs(), 300);
        assert_eq!(pause(u32::MAX, first, Some(Duration::MAX), 255).as_secs(), 3600);
    }

    #[test]
    fn renewals_come_in_time() {
        assert_eq!(renewal(Duration::from_secs(3600)).as_secs(), 2880);
        assert_eq!(renewal(Duration::from_secs(1)).as_millis(), 800);
        assert_eq!(renewal(Duration::ZERO).as_millis(), 500);
    }
}
