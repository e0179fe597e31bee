//! Slows down whoever tries secrets that open nothing.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

/// How many failures in a row are answered before a peer has to wait.
const BURST: u32 = 10;
/// After how long a peer may fail once more.
const EACH: Duration = Duration::from_secs(6);
/// The most peers that are told apart; those beyond them share one bucket.
const MOST_PEERS: usize = 4_096;

/// Counts the failed logins of each peer, in a bounded table.
///
/// Only failures are counted and held back. A good key is always let in, so that a program with a
/// wrong key behind the same proxy locks nobody out. The secrets cannot be guessed at any rate; this
/// is for the logs, and for the program that should notice.
#[derive(Debug, Default)]
pub(crate) struct FailedLogins(Mutex<HashMap<Option<Peer>, Failures>>);

/// Who is told apart: an IPv4 address, or an IPv6 network of 64 bits, which one peer has all of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Peer(u64);

/// The failures that are not forgotten yet, as the time at which all of them will be.
#[derive(Debug)]
struct Failures {
    forgotten: Instant,
}

impl FailedLogins {
    /// Notes a failure. Says how long the peer has to wait when it has failed too often.
    pub(crate) fn note(&self, peer: Option<IpAddr>, now: Instant) -> Result<(), Duration> {
        let mut table = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut peer = peer.map(Peer::of);
        if table.len() >= MOST_PEERS && !table.contains_key(&peer) {
            table.retain(|_, failures| failures.forgotten > now);
            if table.len() >= MOST_PEERS {
                peer = None;
            }
        }
        let failures = table.entry(peer).or_insert(Failures { forgotten: now });
        let forgotten = failures.forgotten.max(now) + EACH;
        let most = now + EACH * BURST;
        if forgotten > most {
            return Err(forgotten - most);
        }
        failures.forgotten = forgotten;
        Ok(())
    }
}

impl Peer {
    fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            // The high half of an IPv6 address in use is never this small.
            IpAddr::V4(address) => Self(u64::from(u32::from(address))),
            IpAddr::V6(address) => {
                let [a, b, c, d, e, f, g, h, ..] = address.octets();
                Self(u64::from_be_bytes([a, b, c, d, e, f, g, h]))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> Option<IpAddr> {
        Some(text.parse().unwrap())
    }

    #[test]
    fn a_peer_waits_after_a_burst_and_may_fail_again_later() {
        let (logins, now) = (FailedLogins::default(), Instant::now());
        for _ in 0..BURST {
            assert_eq!(logins.note(ip("192.0.2.1"), now), Ok(()));
        }
        assert_eq!(logins.note(ip("192.0.2.1"), now), Err(EACH));
        assert_eq!(logins.note(ip("192.0.2.2"), now), Ok(()));
        assert_eq!(logins.note(ip("192.0.2.1"), now + EACH), Ok(()));
        assert_eq!(logins.note(ip("192.0.2.1"), now + EACH), Err(EACH));
        assert_eq!(logins.note(ip("192.0.2.1"), now + EACH * 100), Ok(()));
    }

    #[test]
    fn one_network_is_one_peer() {
        let (logins, now) = (FailedLogins::default(), Instant::now());
        for last in 0..BURST {
            assert_eq!(logins.note(ip(&format!("2001:db8::{last:x}")), now), Ok(()));
        }
        assert!(logins.note(ip("2001:db8::ffff"), now).is_err());
        assert!(logins.note(ip("2001:db8:0:1::1"), now).is_ok());
        assert!(logins.note(None, now).is_ok());
    }

    #[test]
    fn the_table_is_bounded_and_forgets() {
        let (logins, now) = (FailedLogins::default(), Instant::now());
        let peers = |count: usize| (0..count as u32).map(|number| Some(IpAddr::from(number.to_be_bytes())));
        for peer in peers(MOST_PEERS + usize::try_from(BURST).unwrap() - 1) {
            assert_eq!(logins.note(peer, now), Ok(()));
        }
        assert!(logins.0.lock().unwrap().len() <= MOST_PEERS + 1);
        assert_eq!(logins.note(ip("203.0.113.1"), now), Ok(()));
        assert!(logins.note(ip("203.0.113.2"), now).is_err());
        assert_eq!(logins.note(ip("203.0.113.3"), now + EACH * 2), Ok(()));
        // What is left is the newcomer, and the bucket of those beyond the table.
        assert_eq!(logins.0.lock().unwrap().len(), 2);
    }
}
