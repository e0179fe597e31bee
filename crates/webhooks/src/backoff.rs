//! How long to wait before something is tried again.

use std::time::Duration;

/// The pauses after the first failures; the last one goes on.
const PAUSES: [u64; 6] = [5, 30, 120, 600, 1_800, 3_600];
/// The longest time that a receiver may ask us to wait.
pub(crate) const LONGEST_WISH: Duration = Duration::from_secs(24 * 3600);
/// After so many failures in a row it is the receiver that fails, not the notification.
pub(crate) const BROKEN: u32 = 5;
/// The longest pause of a receiver: after it, one notification is tried.
const LONGEST_PAUSE: Duration = Duration::from_secs(600);

/// The pause after so many tries in vain, up to a tenth longer, so that what failed together is not tried
/// together.
pub(crate) fn pause(tries: u32, random: u8) -> Duration {
    let last = PAUSES.len() - 1;
    let step = usize::try_from(tries.saturating_sub(1)).map_or(last, |step| step.min(last));
    let pause = Duration::from_secs(PAUSES[step]);
    pause + pause.mul_f64(f64::from(random) / 2_550.0)
}

/// The pause of a receiver that failed so often in a row; none while it may be the notifications.
pub(crate) fn pause_of_receiver(failed: u32, random: u8) -> Option<Duration> {
    let beyond = failed.checked_sub(BROKEN)?;
    Some(pause(beyond + 1, random).min(LONGEST_PAUSE))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_an_hour() {
        let pauses: Vec<u64> = (1..=8).map(|tries| pause(tries, 0).as_secs()).collect();
        assert_eq!(pauses, [5, 30, 120, 600, 1_800, 3_600, 3_600, 3_600]);
        assert_eq!(pause(1, 255), Duration::from_millis(5_500));
        assert_eq!(pause(u32::MAX, 0).as_secs(), 3_600);
    }

    #[test]
    fn a_receiver_is_left_alone_after_some_failures() {
        let pauses: Vec<Option<u64>> = [0, 4, 5, 6, 50]
            .map(|failed| pause_of_receiver(failed, 0).map(|pause| pause.as_secs()))
            .to_vec();
        assert_eq!(pauses, [None, None, Some(5), Some(30), Some(600)]);
    }
}
