//! The address of ours from which a far side is reached.

use std::{
    collections::HashMap,
    io,
    net::{IpAddr, SocketAddr, UdpSocket},
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// How long the system's word holds. Routes change seldom, and asking takes a socket.
const FRESH: Duration = Duration::from_secs(1);

/// More places than these are not remembered.
const MOST: usize = 1_000;

/// Asks the system which of our addresses leads to a place, and remembers it for a moment.
pub(crate) struct Routes {
    bind: IpAddr,
    /// Our address and when it was asked for, by the far side's, without its port.
    known: Mutex<HashMap<SocketAddr, (IpAddr, Instant)>>,
}

impl Routes {
    /// Routes of a socket that is bound to this address.
    pub(crate) fn new(bind: IpAddr) -> Self {
        Self {
            bind,
            known: Mutex::default(),
        }
    }

    /// The address of ours from which a destination is reached. Sends nothing.
    pub(crate) fn to(&self, destination: SocketAddr) -> io::Result<IpAddr> {
        self.to_at(destination, Instant::now())
    }

    fn to_at(&self, destination: SocketAddr, now: Instant) -> io::Result<IpAddr> {
        let known = || self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let mut far = destination;
        far.set_port(0);
        if let Some((ours, asked)) = known().get(&far)
            && now.saturating_duration_since(*asked) < FRESH
        {
            return Ok(*ours);
        }
        let probe = UdpSocket::bind(SocketAddr::new(self.bind, 0))?;
        // The system only says that an argument is invalid.
        probe
            .connect(destination)
            .map_err(|error| match self.bind.is_loopback() {
                true => io::Error::new(
                    error.kind(),
                    format!(
                        "SIP is bound to {}, which other machines cannot be reached from: \
                     set `[sip] bind` to this machine's own address",
                        self.bind
                    ),
                ),
                false => error,
            })?;
        let ours = probe.local_addr()?.ip();
        let mut known = known();
        if known.len() >= MOST {
            known.clear();
        }
        known.insert(far, (ours, now));
        Ok(ours)
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn place(ip: [u8; 4]) -> SocketAddr {
        (ip, 5060).into()
    }

    #[test]
    fn what_the_system_said_holds_for_a_moment() {
        let routes = Routes::new(Ipv4Addr::UNSPECIFIED.into());
        let now = Instant::now();
        assert_eq!(routes.to_at(place([127, 0, 0, 1]), now).unwrap(), Ipv4Addr::LOCALHOST);
        // A word that is only remembered here shows whether the system is asked.
        let other = IpAddr::from([192, 0, 2, 1]);
        let remembered = || routes.known.lock().unwrap();
        remembered().insert(([127, 0, 0, 1], 0).into(), (other, now));
        assert_eq!(routes.to_at(place([127, 0, 0, 1]), now + FRESH / 2).unwrap(), other);
        assert_eq!(
            routes.to_at(place([127, 0, 0, 1]), now + FRESH).unwrap(),
            Ipv4Addr::LOCALHOST
        );
    }

    #[test]
    fn a_place_without_a_way_is_asked_for_again() {
        let routes = Routes::new(Ipv4Addr::LOCALHOST.into());
        for _ in 0..2 {
            let error = routes.to(place([192, 0, 2, 1])).unwrap_err().to_string();
            assert!(error.contains("127.0.0.1") && error.contains("`[sip] bind`"), "{error}");
        }
        assert!(routes.known.lock().unwrap().is_empty());
    }

    #[test]
    fn no_more_places_are_remembered_than_there_may_be() {
        let routes = Routes::new(Ipv4Addr::UNSPECIFIED.into());
        for number in 0..=MOST {
            let [high, low] = u16::try_from(number).unwrap().to_be_bytes();
            routes.to(place([127, 1, high, low])).unwrap();
        }
        assert_eq!(routes.known.lock().unwrap().len(), 1);
    }
}
