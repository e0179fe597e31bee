//! How much is taken of somebody per second.

use std::time::Instant;

/// Gives what it holds, and fills again with time.
#[derive(Debug)]
pub(crate) struct Bucket {
    per_second: f64,
    most: f64,
    left: f64,
    at: Instant,
}

impl Bucket {
    /// A full one, that holds what two seconds give.
    pub(crate) fn new(per_second: f64, now: Instant) -> Self {
        Self {
            per_second,
            most: 2.0 * per_second,
            left: 2.0 * per_second,
            at: now,
        }
    }

    /// Takes one, if there is one.
    pub(crate) fn take(&mut self, now: Instant) -> bool {
        let gained = now.saturating_duration_since(self.at).as_secs_f64() * self.per_second;
        self.left = (self.left + gained).min(self.most);
        self.at = now;
        if self.left < 1.0 {
            return false;
        }
        self.left -= 1.0;
        true
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_bucket_gives_what_it_holds_and_fills_again() {
        let now = Instant::now();
        let mut bucket = Bucket::new(100.0, now);
        let at_once = (0..1000).filter(|_| bucket.take(now)).count();
        assert_eq!(at_once, 200);
        let later = now + Duration::from_millis(100);
        assert_eq!((0..1000).filter(|_| bucket.take(later)).count(), 10);
    }
}
