//! A bad road for packets: some are lost, all are late, some more than others.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::script::Network;

/// One direction of a bad network.
#[derive(Debug)]
pub(super) struct Road {
    network: Network,
    dice: StdRng,
    under_way: BTreeMap<(Instant, u64), Vec<u8>>,
    taken: u64,
    dropped: u64,
}

impl Road {
    pub(super) fn new(network: Network, direction: u64, ring: u64) -> Self {
        let seed = network.seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ (ring << 1) ^ direction;
        Self {
            network,
            dice: StdRng::seed_from_u64(seed),
            under_way: BTreeMap::new(),
            taken: 0,
            dropped: 0,
        }
    }

    /// Takes a packet at `now`. `true` if it arrives at once; otherwise it is lost, or comes from [`arrived`](Self::arrived) later.
    pub(super) fn take(&mut self, packet: &[u8], now: Instant) -> bool {
        if self.network.loss > 0.0 && self.dice.random_bool(self.network.loss.clamp(0.0, 1.0)) {
            self.dropped += 1;
            return false;
        }
        let late = self.network.delay + self.jitter();
        if late.is_zero() {
            return true;
        }
        self.taken += 1;
        self.under_way.insert((now + late, self.taken), packet.to_vec());
        false
    }

    /// The next packet that has arrived by `now`.
    pub(super) fn arrived(&mut self, now: Instant) -> Option<Vec<u8>> {
        let (due, _) = self.under_way.first_key_value()?;
        if due.0 > now {
            return None;
        }
        self.next_arrival()
    }

    /// The next packet, whenever it arrives.
    pub(super) fn next_arrival(&mut self) -> Option<Vec<u8>> {
        self.under_way.pop_first().map(|(_, packet)| packet)
    }

    /// When the next one arrives.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.under_way.first_key_value().map(|(due, _)| due.0)
    }

    pub(super) fn dropped(&self) -> u64 {
        self.dropped
    }

    fn jitter(&mut self) -> Duration {
        if self.network.jitter.is_zero() {
            return Duration::ZERO;
        }
        self.network.jitter.mul_f64(self.dice.random::<f64>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_loses_the_same_packets() {
        let lost = |seed, direction| -> Vec<bool> {
            let now = Instant::now();
            let mut road = Road::new(Network::losing(0.3).seed(seed), direction, 1);
            (0..1000).map(|_| !road.take(&[], now)).collect()
        };
        assert_eq!(lost(1, 0), lost(1, 0));
        assert_ne!(lost(1, 0), lost(2, 0));
        assert_ne!(lost(1, 0), lost(1, 1));
        let count = lost(1, 0).iter().filter(|lost| **lost).count();
        assert!((250..350).contains(&count), "{count}");
    }

    #[test]
    fn late_packets_come_when_they_are_due() {
        let now = Instant::now();
        let delay = Duration::from_millis(80);
        let mut road = Road::new(Network::delaying(delay), 0, 1);
        assert!(!road.take(&[1], now));
        assert!(!road.take(&[2], now));
        assert_eq!(road.next_due(), Some(now + delay));
        assert_eq!(road.arrived(now), None);
        assert_eq!(road.arrived(now + delay), Some(vec![1]));
        assert_eq!(road.arrived(now + delay), Some(vec![2]));
        assert_eq!(road.next_due(), None);
    }
}
