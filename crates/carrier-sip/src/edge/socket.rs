//! The UDP socket, with the edge in front of the library.

use std::{
    borrow::Cow,
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use futures_util::future::BoxFuture;
use rsipstack::platform::net::UdpSocket;
use tokio::io::Interest;

use crate::bucket::Bucket;

use super::{Verdict, answer::answer, judge, unreached, unreached::Unreached};

/// Bad requests that are answered per second. Whoever sends more is not owed an answer.
const BAD_PER_SECOND: f64 = 50.0;

/// A UDP socket that answers bad requests itself, and hears what the network says of its datagrams.
pub(crate) struct Socket {
    socket: tokio::net::UdpSocket,
    unreached: Arc<Unreached>,
    bad: Mutex<Bucket>,
}

impl Socket {
    /// Puts the edge in front of a socket.
    pub(crate) fn new(socket: tokio::net::UdpSocket, unreached: Arc<Unreached>) -> io::Result<Self> {
        unreached::ask_for(&socket, socket.local_addr()?.is_ipv4())?;
        Ok(Self {
            socket,
            unreached,
            bad: Mutex::new(Bucket::new(BAD_PER_SECOND, Instant::now())),
        })
    }

    /// Waits for a datagram that the library is to see.
    async fn next(&self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        loop {
            let ready = self.socket.ready(Interest::READABLE | Interest::ERROR).await?;
            if ready.is_error() {
                while self
                    .socket
                    .try_io(Interest::ERROR, || self.read_report())
                    .is_ok_and(|is_more| is_more)
                {}
            }
            let (length, from) = match self.socket.try_recv_from(buffer) {
                Ok(received) => received,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
                // What the network said of something that was sent, which its report says better.
                Err(_) => {
                    self.read_reports();
                    continue;
                }
            };
            if let Some(length) = self.look_at(buffer, length, from) {
                return Ok((length, from));
            }
        }
    }

    /// How much of the buffer the library is to see; nothing, if it is not to see it at all.
    fn look_at(&self, buffer: &mut [u8], length: usize, from: SocketAddr) -> Option<usize> {
        let datagram = &buffer[..length];
        if datagram.iter().all(u8::is_ascii_whitespace) {
            return Some(length);
        }
        match judge(datagram) {
            Verdict::Read(Cow::Borrowed(_)) => Some(length),
            Verdict::Response(head) => {
                self.unreached.arrived(&head);
                Some(length)
            }
            Verdict::Read(Cow::Owned(plainer)) => {
                let room = buffer.get_mut(..plainer.len())?;
                room.copy_from_slice(&plainer);
                Some(plainer.len())
            }
            Verdict::Refused(broken, head) => {
                let now = Instant::now();
                if self.bad.lock().unwrap_or_else(PoisonError::into_inner).take(now) {
                    tracing::debug!(%from, ?broken, "a request breaks a rule and is refused");
                    // One that is lost is asked for again.
                    let _ = self.socket.try_send_to(&answer(&broken, &head, from), from);
                }
                None
            }
            Verdict::Dropped => None,
        }
    }

    /// Reads a report; `false` if there is none.
    fn read_report(&self) -> io::Result<bool> {
        if let Some(report) = unreached::next(&self.socket)? {
            self.unreached.came_back(&report);
        }
        Ok(true)
    }

    fn read_reports(&self) {
        while self.read_report().is_ok() {}
    }

    async fn send(&self, datagram: &[u8], to: SocketAddr) -> io::Result<usize> {
        match self.socket.send_to(datagram, to).await {
            Ok(length) => Ok(length),
            // An error may be about what was sent before, to somebody else. It is said once.
            Err(_) => {
                self.read_reports();
                self.socket.send_to(datagram, to).await
            }
        }
    }
}

impl UdpSocket for Socket {
    fn recv_from<'me, 'buffer, 'future>(
        &'me self,
        buffer: &'buffer mut [u8],
    ) -> BoxFuture<'future, rsipstack::Result<(usize, SocketAddr)>>
    where
        'me: 'future,
        'buffer: 'future,
        Self: 'future,
    {
        Box::pin(async move { Ok(self.next(buffer).await?) })
    }

    fn send_to<'me, 'buffer, 'future>(
        &'me self,
        datagram: &'buffer [u8],
        to: SocketAddr,
    ) -> BoxFuture<'future, rsipstack::Result<usize>>
    where
        'me: 'future,
        'buffer: 'future,
        Self: 'future,
    {
        Box::pin(async move { Ok(self.send(datagram, to).await?) })
    }

    fn local_addr(&self) -> rsipstack::Result<SocketAddr> {
        Ok(self.socket.local_addr()?)
    }
}
