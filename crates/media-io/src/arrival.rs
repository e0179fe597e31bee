//! Datagrams with the moment at which they arrived, which is not the one at which they are read.
//!
//! RTCP is looked after twice a second only, because it costs a call of the kernel each time; but the
//! round trip is reckoned from when its reports arrive (RFC 3550, section 6.4.1). So the kernel is asked
//! to note the time. Where it does not, the time of reading is taken.

use std::{
    io::{self, IoSliceMut},
    net::{SocketAddr, UdpSocket},
    os::fd::AsRawFd as _,
    time::{Duration, Instant},
};

use nix::{
    sys::{
        socket::{ControlMessageOwned, MsgFlags, SockaddrStorage, recvmsg, setsockopt, sockopt},
        time::TimeSpec,
    },
    time::ClockId,
};

/// Longer than anything waits to be read. A clock that was set meanwhile says nothing.
const LONGEST_WAIT: Duration = Duration::from_secs(2);

/// A datagram that was read.
pub(crate) struct Arrived {
    pub(crate) length: usize,
    pub(crate) from: SocketAddr,
    pub(crate) at: Instant,
}

/// Asks the kernel to note when datagrams arrive. One that does not is fine, too.
pub(crate) fn note(socket: &UdpSocket) {
    let _ = setsockopt(socket, sockopt::ReceiveTimestampns, &true);
}

/// Reads a datagram, if there is one. `noted` is room for what the kernel noted.
pub(crate) fn receive(socket: &UdpSocket, buffer: &mut [u8], noted: &mut [u8], now: Instant) -> io::Result<Arrived> {
    let mut pieces = [IoSliceMut::new(buffer)];
    let message = recvmsg::<SockaddrStorage>(socket.as_raw_fd(), &mut pieces, Some(noted), MsgFlags::MSG_DONTWAIT)?;
    let stamp = message.cmsgs().ok().and_then(|mut notes| {
        notes.find_map(|note| match note {
            ControlMessageOwned::ScmTimestampns(stamp) => Some(stamp),
            _ => None,
        })
    });
    let from = message.address.and_then(address).ok_or(io::ErrorKind::InvalidData)?;
    Ok(Arrived {
        length: message.bytes,
        from,
        at: stamp
            .and_then(waited)
            .and_then(|time| now.checked_sub(time))
            .unwrap_or(now),
    })
}

/// How long ago this was.
fn waited(stamp: TimeSpec) -> Option<Duration> {
    let now = ClockId::CLOCK_REALTIME.now().ok()?;
    let since = now - stamp;
    let seconds = u64::try_from(since.tv_sec()).ok()?;
    let waited = Duration::new(seconds, u32::try_from(since.tv_nsec()).ok()?);
    (waited <= LONGEST_WAIT).then_some(waited)
}

fn address(address: SockaddrStorage) -> Option<SocketAddr> {
    let v4 = address
        .as_sockaddr_in()
        .map(|v4| SocketAddr::new(v4.ip().into(), v4.port()));
    v4.or_else(|| {
        let v6 = address.as_sockaddr_in6()?;
        Some(SocketAddr::new(v6.ip().into(), v6.port()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_late_arrived_when_it_did() {
        const LATE: Duration = Duration::from_millis(300);
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        note(&socket);
        let far = UdpSocket::bind("127.0.0.1:0").unwrap();
        let (mut buffer, mut noted) = ([0; 64], vec![0; 128]);
        // The kernel begins to take notes a moment after it was asked.
        let noticed = (0..20).any(|_| {
            far.send_to(b"report", socket.local_addr().unwrap()).unwrap();
            std::thread::sleep(LATE);
            let read = Instant::now();
            let arrived = receive(&socket, &mut buffer, &mut noted, read).unwrap();
            assert_eq!(&buffer[..arrived.length], b"report");
            assert_eq!(arrived.from, far.local_addr().unwrap());
            assert!(arrived.at <= read);
            read - arrived.at > LATE / 2
        });
        assert!(noticed);
        assert!(receive(&socket, &mut buffer, &mut noted, Instant::now()).is_err());
    }
}
