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

use super::{Broken, Verdict, answer::answer, head::Head, judge, large, unreached, unreached::Unreached};

/// Bad requests that are answered per second. Whoever sends more is not owed an answer.
const BAD_PER_SECOND: f64 = 50.0;

/// A UDP socket that answers bad requests itself, and hears what the network says of its datagrams.
pub(crate) struct Socket {
    socket: tokio::net::UdpSocket,
    unreached: Arc<Unreached>,
    bad: Mutex<Bucket>,
    /// Room for the longest datagram that there is.
    datagram: Mutex<Box<[u8]>>,
}

/// The most octets of a datagram.
const LONGEST: usize = 65_535;

impl Socket {
    /// Puts the edge in front of a socket.
    pub(crate) fn new(socket: tokio::net::UdpSocket, unreached: Arc<Unreached>) -> io::Result<Self> {
        unreached::ask_for(&socket, socket.local_addr()?.is_ipv4())?;
        Ok(Self {
            socket,
            unreached,
            bad: Mutex::new(Bucket::new(BAD_PER_SECOND, Instant::now())),
            datagram: Mutex::new(vec![0; LONGEST].into()),
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
            match self.take(buffer) {
                Ok((Some(length), from)) => return Ok((length, from)),
                Ok((None, _)) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
                // What the network said of something that was sent, which its report says better.
                Err(_) => self.read_reports(),
            }
        }
    }

    /// Takes the next datagram, and gives how much of the buffer the library is to see: nothing, if it is not to see it
    /// at all.
    fn take(&self, buffer: &mut [u8]) -> io::Result<(Option<usize>, SocketAddr)> {
        let mut datagram = self.datagram.lock().unwrap_or_else(PoisonError::into_inner);
        let (length, from) = self.socket.try_recv_from(&mut datagram)?;
        let shown = self.shown(&datagram[..length], buffer.len(), from);
        let length = shown.map(|shown| {
            let length = shown.len().min(buffer.len());
            buffer[..length].copy_from_slice(&shown[..length]);
            length
        });
        Ok((length, from))
    }

    /// What the library is to see of a datagram, in so much room.
    fn shown<'d>(&self, datagram: &'d [u8], room: usize, from: SocketAddr) -> Option<Cow<'d, [u8]>> {
        if datagram.iter().all(u8::is_ascii_whitespace) {
            return Some(Cow::Borrowed(datagram));
        }
        match judge(datagram) {
            Verdict::Response(head) => {
                self.unreached.arrived(&head);
                if datagram.len() <= room {
                    return Some(Cow::Borrowed(datagram));
                }
                let slim = large::slim(&head, datagram, room).map(Cow::Owned);
                let read = slim.is_some();
                tracing::debug!(%from, octets = datagram.len(), read, "a response is longer than what is read");
                slim
            }
            Verdict::Read(shown) if shown.len() <= room => Some(shown),
            Verdict::Read(_) => {
                let head = Head::read(datagram).filter(|head| head.can_be_answered() && !head.is_acknowledgement());
                self.refuse(&Broken::Long, &head?, from);
                None
            }
            Verdict::Refused(broken, head) => {
                self.refuse(&broken, &head, from);
                None
            }
            Verdict::Dropped => None,
        }
    }

    fn refuse(&self, broken: &Broken, head: &Head<'_>, from: SocketAddr) {
        let now = Instant::now();
        if self.bad.lock().unwrap_or_else(PoisonError::into_inner).take(now) {
            tracing::debug!(%from, ?broken, "a request breaks a rule and is refused");
            // One that is lost is asked for again.
            let _ = self.socket.try_send_to(&answer(broken, head, from), from);
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
