//! The ports that streams listen at.

use std::{
    collections::VecDeque,
    io,
    net::{IpAddr, SocketAddr, UdpSocket},
    ops::RangeInclusive,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use socket2::{Domain, Protocol, Socket, Type};

use crate::OpenError;

/// A port stays unused for so long after its stream closed, so that stragglers of the old stream
/// do not reach the new one. The order of reuse, longest free first, usually makes it much longer.
const REST: Duration = Duration::from_secs(1);

/// How many ports that somebody else holds are passed over before giving up.
const MOST_TAKEN: usize = 64;

/// What the kernel may keep for one stream, about a second and a half of packets.
/// It bounds the memory that a flood of packets can take.
const RECEIVE_BUFFER: usize = 32 * 1024;

/// Expedited forwarding (RFC 3246), for networks that look at it.
const EXPEDITED: u32 = 0xB8;

/// The even ports of a range, each with the moment it became free.
#[derive(Debug)]
pub(crate) struct Ports {
    bind: IpAddr,
    total: usize,
    free: Mutex<VecDeque<(u16, Option<Instant>)>>,
}

/// A pair of sockets and the right to their ports, which ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Sockets {
    pub(crate) rtp: UdpSocket,
    pub(crate) rtcp: UdpSocket,
    pub(crate) local: SocketAddr,
    lease: Lease,
}

#[derive(Debug)]
struct Lease {
    port: u16,
    ports: Arc<Ports>,
}

impl Ports {
    pub(crate) fn new(bind: IpAddr, range: &RangeInclusive<u16>) -> Self {
        let free: VecDeque<_> = range
            .clone()
            .filter(|port| port % 2 == 0 && *port > 0 && *port < *range.end())
            .map(|port| (port, None))
            .collect();
        Self {
            bind,
            total: free.len(),
            free: Mutex::new(free),
        }
    }

    /// How many streams can be open at the same time.
    pub(crate) fn total(&self) -> usize {
        self.total
    }

    /// Binds the pair of ports that has been free for longest.
    pub(crate) fn open(self: &Arc<Self>, now: Instant) -> Result<Sockets, OpenError> {
        let mut last = None;
        for _ in 0..MOST_TAKEN {
            let lease = self.take(now).ok_or(OpenError::Exhausted { total: self.total })?;
            let local = SocketAddr::new(self.bind, lease.port);
            match bind(local).and_then(|rtp| Ok((rtp, bind(SocketAddr::new(self.bind, lease.port + 1))?))) {
                Ok((rtp, rtcp)) => {
                    return Ok(Sockets {
                        rtp,
                        rtcp,
                        local,
                        lease,
                    });
                }
                Err(error) if error.kind() == io::ErrorKind::AddrInUse => last = Some(error),
                Err(source) => return Err(OpenError::Socket { local, source }),
            }
        }
        Err(OpenError::Taken {
            tried: MOST_TAKEN,
            source: last.unwrap_or_else(|| io::ErrorKind::AddrInUse.into()),
        })
    }

    fn take(self: &Arc<Self>, now: Instant) -> Option<Lease> {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        let (_, since) = free.front()?;
        if since.is_some_and(|since| now.saturating_duration_since(since) < REST) {
            return None;
        }
        let (port, _) = free.pop_front()?;
        Some(Lease {
            port,
            ports: Arc::clone(self),
        })
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let mut free = self.ports.free.lock().unwrap_or_else(PoisonError::into_inner);
        free.push_back((self.port, Some(Instant::now())));
    }
}

impl Sockets {
    /// Gives the sockets to whoever runs them, with the lease to be dropped after them.
    pub(crate) fn into_parts(self) -> (UdpSocket, UdpSocket, impl Send) {
        (self.rtp, self.rtcp, self.lease)
    }
}

fn bind(local: SocketAddr) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(local), Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_nonblocking(true)?;
    // Neither changes what is sent and received, so a system that refuses them is fine too.
    let _ = socket.set_recv_buffer_size(RECEIVE_BUFFER);
    if local.is_ipv4() {
        let _ = socket.set_tos_v4(EXPEDITED);
    } else {
        #[cfg(unix)]
        let _ = socket.set_tclass_v6(EXPEDITED);
    }
    socket.bind(&local.into())?;
    Ok(socket.into())
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn ports(range: RangeInclusive<u16>) -> Arc<Ports> {
        Arc::new(Ports::new(Ipv4Addr::LOCALHOST.into(), &range))
    }

    #[test]
    fn only_even_ports_with_a_neighbour_are_used() {
        assert_eq!(ports(10_000..=10_003).total(), 2);
        assert_eq!(ports(10_001..=10_004).total(), 1);
        assert_eq!(ports(10_001..=10_002).total(), 0);
        assert_eq!(ports(0..=1).total(), 0);
    }

    #[test]
    fn a_port_rests_before_it_is_used_again() {
        let ports = ports(47_610..=47_613);
        let now = Instant::now();
        let first = ports.open(now).unwrap();
        let second = ports.open(now).unwrap();
        assert_ne!(first.local, second.local);
        assert!(matches!(ports.open(now), Err(OpenError::Exhausted { total: 2 })));
        drop(first);
        assert!(matches!(ports.open(now), Err(OpenError::Exhausted { total: 2 })));
        assert_eq!(ports.open(now + 2 * REST).unwrap().local.port(), 47_610);
    }

    #[test]
    fn a_port_that_somebody_else_holds_is_passed_over() {
        let ports = ports(47_620..=47_623);
        let _held = UdpSocket::bind((Ipv4Addr::LOCALHOST, 47_621)).unwrap();
        assert_eq!(ports.open(Instant::now()).unwrap().local.port(), 47_622);
    }
}
