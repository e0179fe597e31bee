//! How often something may happen: the generic cell rate algorithm, which is a token bucket that keeps
//! one number (ITU-T I.371, annex A).
//!
//! It keeps the theoretical arrival time: the moment at which the next call would come if all came evenly.
//! A call may come earlier than that by the tolerance of the burst, and each one moves it on by the
//! interval. All is reckoned in whole nanoseconds, so that nothing is ever rounded in a caller's favour.

/// A moment, in nanoseconds since whatever moment the clock in use begins at.
pub type Nanos = i64;

/// One second.
pub const SECOND: Nanos = 1_000_000_000;

/// A rate, and how many may come at once after a pause.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    interval: Nanos,
    burst: u32,
}

impl Rate {
    /// The longest interval that makes sense: a day. It also keeps the arithmetic far from its ends.
    pub const LONGEST: Nanos = 86_400 * SECOND;

    /// The time within which calls count as coming evenly.
    pub const MOMENT: Nanos = SECOND / 40;

    /// One call in each interval, in nanoseconds, and at most so many at once. An interval below one
    /// nanosecond, or a burst of none, counts as one; an interval over a day as a day.
    #[must_use]
    pub fn every(interval: Nanos, burst: u32) -> Self {
        Self {
            interval: interval.clamp(1, Self::LONGEST),
            burst: burst.max(1),
        }
    }

    /// So many calls in each second, and at most so many at once. `None` when it is not more than zero.
    ///
    /// Nobody can be woken at the very moment, and what is missed would be lost; so where calls are closer
    /// together than a [`Rate::MOMENT`], those of one moment may come at once.
    #[must_use]
    pub fn per_second(calls: f64, burst: u32) -> Option<Self> {
        if !calls.is_finite() || calls <= 0.0 {
            return None;
        }
        // Rounded up, so that the rate is kept or, by a trifle, undercut. A cast from a number that is too
        // great gives the greatest one, which `every` cuts down.
        #[expect(clippy::cast_possible_truncation, reason = "casts from floats saturate")]
        let interval = ((1e9 / calls).ceil() as Nanos).clamp(1, Self::LONGEST);
        let in_a_moment = u32::try_from((Self::MOMENT + interval - 1) / interval).unwrap_or(u32::MAX);
        Some(Self::every(interval, burst.max(in_a_moment)))
    }

    /// How far apart calls are when they come evenly.
    #[must_use]
    pub fn interval(self) -> Nanos {
        self.interval
    }

    /// How many may come at once after a pause.
    #[must_use]
    pub fn burst(self) -> u32 {
        self.burst
    }

    /// What it allows, for people to read: `10 calls a second`, `one call in 2.5 seconds`.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "for people to read")]
    pub fn in_words(self) -> String {
        let (second, interval) = (SECOND as f64, self.interval as f64);
        let two_digits = |number: f64| (number * 100.0).round() / 100.0;
        match self.interval {
            SECOND => "one call a second".to_owned(),
            ..SECOND => format!("{} calls a second", two_digits(second / interval)),
            _ => format!("one call in {} seconds", two_digits(interval / second)),
        }
    }

    /// By how much a call may come before the theoretical arrival time.
    fn tolerance(self) -> Nanos {
        self.interval.saturating_mul(Nanos::from(self.burst) - 1)
    }
}

/// How far one bucket is used up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bucket {
    arrival: Nanos,
}

impl Default for Bucket {
    fn default() -> Self {
        Self::NEW
    }
}

impl Bucket {
    /// A full bucket, of which nothing was ever taken.
    pub const NEW: Self = Self { arrival: Nanos::MIN };

    /// A bucket with this theoretical arrival time, as [`Bucket::arrival`] gave it.
    #[must_use]
    pub fn from_arrival(arrival: Nanos) -> Self {
        Self { arrival }
    }

    /// The theoretical arrival time: all there is to remember.
    #[must_use]
    pub fn arrival(self) -> Nanos {
        self.arrival
    }

    /// From when on a call may come.
    ///
    /// A clock that was set back would hold up every call until it has caught up. What no call can have
    /// caused is therefore not believed: after the last call the bucket was used up at most.
    #[must_use]
    pub fn free_at(self, rate: Rate, now: Nanos) -> Nanos {
        self.believed(rate, now).saturating_sub(rate.tolerance())
    }

    /// Takes one call at this moment, whether or not it is free.
    pub fn take(&mut self, rate: Rate, now: Nanos) {
        self.arrival = self.believed(rate, now).max(now).saturating_add(rate.interval);
    }

    /// Forgets what no call can have caused at this rate: after a rate was raised, or the clock was set back.
    /// It then fills up as from a call at this moment.
    pub fn settle(&mut self, rate: Rate, now: Nanos) {
        self.arrival = self.believed(rate, now);
    }

    /// Whether it is as good as new, and need not be remembered.
    #[must_use]
    pub fn is_full(self, now: Nanos) -> bool {
        self.arrival <= now
    }

    fn believed(self, rate: Rate, now: Nanos) -> Nanos {
        let latest = now.saturating_add(rate.interval).saturating_add(rate.tolerance());
        self.arrival.min(latest)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Offers a call at each of these moments, and gives those at which one was taken.
    fn taken(rate: Rate, offers: impl IntoIterator<Item = Nanos>) -> Vec<Nanos> {
        let mut bucket = Bucket::NEW;
        let mut taken = Vec::new();
        for now in offers {
            if bucket.free_at(rate, now) <= now {
                bucket.take(rate, now);
                taken.push(now);
            }
        }
        taken
    }

    #[test]
    fn a_pause_gives_a_burst_and_no_more() {
        let rate = Rate::every(10, 3);
        assert_eq!(
            taken(rate, [0, 0, 0, 0, 9, 10, 10, 1000, 1000, 1000, 1000]),
            [0, 0, 0, 10, 1000, 1000, 1000]
        );
    }

    #[test]
    fn rates_are_rounded_down() {
        assert_eq!(Rate::per_second(3.0, 1).map(Rate::interval), Some(333_333_334));
        assert_eq!(Rate::per_second(1e-30, 1).map(Rate::interval), Some(Rate::LONGEST));
        assert_eq!(Rate::per_second(1e30, 0), Some(Rate::every(1, 25_000_000)));
        assert_eq!(Rate::per_second(40.0, 0), Some(Rate::every(25_000_000, 1)));
        assert_eq!(Rate::per_second(100.0, 1), Some(Rate::every(10_000_000, 3)));
        for nothing in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert_eq!(Rate::per_second(nothing, 1), None);
        }
    }

    #[test]
    fn a_clock_that_is_set_back_holds_nobody_up_for_long() {
        let rate = Rate::every(10, 2);
        let mut bucket = Bucket::NEW;
        bucket.take(rate, 1_000_000);
        assert_eq!(bucket.free_at(rate, 50), 60, "as if two calls had come just now");
    }

    proptest! {
        #[test]
        fn no_window_has_more_than_its_rate_and_burst(
            interval in 1_i64..50,
            burst in 1_u32..6,
            steps in prop::collection::vec(0_i64..40, 1..120),
        ) {
            let offers = steps.iter().scan(0, |now, step| { *now += step; Some(*now) });
            let taken = taken(Rate::every(interval, burst), offers);
            for (first, from) in taken.iter().enumerate() {
                for (last, to) in taken.iter().enumerate().skip(first) {
                    let calls = i64::try_from(last - first + 1).unwrap();
                    prop_assert!(calls <= (to - from) / interval + i64::from(burst), "{calls} in {}", to - from);
                }
            }
        }

        #[test]
        fn whoever_comes_when_it_is_free_is_taken(
            interval in 1_i64..50,
            burst in 1_u32..6,
            calls in 1_u32..60,
        ) {
            let rate = Rate::every(interval, burst);
            let mut bucket = Bucket::NEW;
            let mut now = 0;
            for _ in 0..calls {
                now = now.max(bucket.free_at(rate, now));
                bucket.take(rate, now);
            }
            prop_assert_eq!(now, interval * i64::from(calls.saturating_sub(burst)), "nothing is wasted");
        }
    }
}
