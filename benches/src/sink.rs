//! Where sound goes to: takes RTP of thousands of streams and says how much of it came in time.
//!
//! The time of a packet is the kernel's, taken when the packet arrived at the socket. So it does not
//! matter how late this program gets to read it, and a busy reader makes nobody look late.

mod clock;
mod talker;

use std::{
    collections::HashMap,
    io::IoSliceMut,
    net::{Ipv4Addr, UdpSocket},
    os::fd::AsRawFd,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

use anyhow::{Context, Result};
use nix::{
    cmsg_space,
    errno::Errno,
    sys::{
        socket::{
            ControlMessageOwned, MsgFlags, MultiHeaders, SockaddrIn, recvmmsg, setsockopt,
            sockopt::{RcvBuf, RcvBufForce, ReceiveTimestampns},
        },
        time::TimeSpec,
    },
};
use outdial_testkit::peers::{PortLease, lease_ports};

pub(crate) use self::clock::Tally;
use self::{
    clock::{Arrival, tally},
    talker::{Listener, Talker},
};
use crate::machine;

/// Enough that the buffer of each lasts while this program is not running.
const SOCKETS: u16 = 8;
const BUFFER: usize = 8 * 1024 * 1024;
const BATCH: usize = 64;
/// How long packets wait in the buffers before they are read.
const REST: Duration = Duration::from_millis(2);
/// A stream is over when nothing came for so long.
const LIVE: i64 = 200_000_000;

/// Which stream a packet belongs to: the port it came from, and its SSRC.
type Source = (u16, u32);

#[derive(Default)]
struct Streams {
    sources: HashMap<Source, Stream>,
    newest: i64,
    /// Since when arrivals are written down, in nanoseconds of the kernel's clock.
    since: Option<i64>,
}

#[derive(Default)]
struct Stream {
    last: i64,
    /// Which socket it comes to.
    socket: usize,
    payload_type: u8,
    arrivals: Vec<Arrival>,
}

/// Takes RTP until it is dropped.
pub(crate) struct Sink {
    ports: Vec<u16>,
    sockets: Vec<UdpSocket>,
    streams: Arc<Mutex<Streams>>,
    stop: Arc<AtomicBool>,
    reader: Option<JoinHandle<()>>,
    // RTCP is wanted by nobody, but a closed port would be answered by the kernel.
    _control: Vec<UdpSocket>,
    _lease: PortLease,
}

impl Sink {
    pub(crate) fn open() -> Result<Self> {
        let lease = lease_ports(2 * SOCKETS)?;
        let ports: Vec<u16> = (0..SOCKETS).map(|number| lease.nth(2 * number)).collect();
        let bind = |port| UdpSocket::bind((Ipv4Addr::LOCALHOST, port)).with_context(|| format!("bind port {port}"));
        let sockets = ports
            .iter()
            .map(|port| prepare(bind(*port)?))
            .collect::<Result<Vec<_>>>()?;
        let control = ports.iter().map(|port| bind(port + 1)).collect::<Result<_>>()?;
        let streams = Arc::new(Mutex::new(Streams::default()));
        let stop = Arc::new(AtomicBool::new(false));
        let ours = sockets.iter().map(UdpSocket::try_clone);
        let ours = ours.collect::<Result<_, _>>().context("share a socket")?;
        let reader = {
            let (streams, stop) = (Arc::clone(&streams), Arc::clone(&stop));
            std::thread::spawn(move || read(&sockets, &streams, &stop))
        };
        Ok(Self {
            ports,
            sockets: ours,
            streams,
            stop,
            reader: Some(reader),
            _control: control,
            _lease: lease,
        })
    }

    /// Where it wants sound.
    pub(crate) fn ports(&self) -> &[u16] {
        &self.ports
    }

    /// How many streams flow at this moment.
    pub(crate) fn live(&self) -> usize {
        let streams = self.lock();
        let newest = streams.newest;
        streams
            .sources
            .values()
            .filter(|stream| newest - stream.last < LIVE)
            .count()
    }

    /// Speaks to all whose streams flow, from where they send to.
    pub(crate) fn talk(&self) -> Result<Talker> {
        let streams = self.lock();
        let newest = streams.newest;
        let live = streams.sources.iter().filter(|(_, stream)| newest - stream.last < LIVE);
        let listeners = live.map(|((port, _), stream)| Listener {
            socket: stream.socket,
            port: *port,
            payload_type: stream.payload_type,
        });
        let sockets = self.sockets.iter().map(UdpSocket::try_clone);
        let sockets = sockets.collect::<Result<_, _>>().context("share a socket")?;
        Ok(Talker::start(sockets, listeners.collect()))
    }

    /// Waits until so many streams flow, but not for ever; says how many do.
    pub(crate) async fn wait_for(&self, count: usize, patience: Duration) -> usize {
        let started = std::time::Instant::now();
        loop {
            let live = self.live();
            if live >= count || started.elapsed() > patience {
                return live;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Listens for so long, and says how well the streams kept the time. So many are expected: those
    /// that were not heard at all are counted as lost.
    pub(crate) async fn listen(&self, length: Duration, expected: usize) -> Tally {
        let dropped = machine::dropped(&self.ports);
        {
            let mut streams = self.lock();
            streams.sources.clear();
            streams.since = Some(streams.newest);
        }
        tokio::time::sleep(length).await;
        // What is in the buffers has arrived.
        tokio::time::sleep(10 * REST).await;
        let mut streams = self.lock();
        let since = streams.since.take().unwrap_or_default();
        let until = since + i64::try_from(length.as_nanos()).unwrap_or(i64::MAX);
        let mut sum = Tally::default();
        for stream in streams.sources.values() {
            sum.add(&tally(&stream.arrivals, until));
        }
        sum.add_silent(expected.saturating_sub(sum.streams), length);
        sum.dropped = machine::dropped(&self.ports) - dropped;
        sum
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Streams> {
        self.streams.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(reader) = self.reader.take() {
            let _ = reader.join();
        }
    }
}

fn prepare(socket: UdpSocket) -> Result<UdpSocket> {
    setsockopt(&socket, ReceiveTimestampns, &true).context("ask for the kernel's times")?;
    // Only root may have more than the system's limit; others get that.
    if setsockopt(&socket, RcvBufForce, &BUFFER).is_err() {
        let _ = setsockopt(&socket, RcvBuf, &BUFFER);
    }
    Ok(socket)
}

fn read(sockets: &[UdpSocket], streams: &Mutex<Streams>, stop: &AtomicBool) {
    // The header is all that is looked at; the rest of a packet is cut off.
    let mut packets = [[0_u8; 12]; BATCH];
    let mut headers = MultiHeaders::<SockaddrIn>::preallocate(BATCH, Some(cmsg_space!(TimeSpec)));
    while !stop.load(Ordering::Relaxed) {
        for (number, socket) in sockets.iter().enumerate() {
            while read_batch((number, socket), &mut packets, &mut headers, streams) == BATCH {}
        }
        std::thread::sleep(REST);
    }
}

/// Reads what has arrived, up to a batch; says how many packets that were.
fn read_batch(
    (number, socket): (usize, &UdpSocket),
    packets: &mut [[u8; 12]; BATCH],
    headers: &mut MultiHeaders<SockaddrIn>,
    streams: &Mutex<Streams>,
) -> usize {
    let mut slices: Vec<_> = packets.iter_mut().map(|packet| [IoSliceMut::new(packet)]).collect();
    let received = recvmmsg(
        socket.as_raw_fd(),
        headers,
        slices.iter_mut(),
        MsgFlags::MSG_DONTWAIT,
        None,
    );
    let received = match received {
        Ok(received) => received,
        Err(Errno::EAGAIN | Errno::EINTR) => return 0,
        Err(error) => panic!("a UDP socket of our own can be read: {error}"),
    };
    let mut count = 0;
    let mut streams = streams.lock().unwrap_or_else(PoisonError::into_inner);
    for message in received {
        count += 1;
        let at = message.cmsgs().ok().and_then(|mut found| {
            found.find_map(|one| match one {
                ControlMessageOwned::ScmTimestampns(at) => Some(at.tv_sec() * 1_000_000_000 + at.tv_nsec()),
                _ => None,
            })
        });
        let header = message.iovs().next().and_then(|bytes| <[u8; 12]>::try_from(bytes).ok());
        let (Some(from), Some(at), Some(header)) = (message.address, at, header) else {
            continue;
        };
        streams.take(number, from.port(), &header, at);
    }
    count
}

impl Streams {
    /// RFC 3550, section 5.1: the sequence number is in octets 2 and 3, the SSRC in 8 to 11.
    fn take(&mut self, socket: usize, port: u16, header: &[u8; 12], at: i64) {
        let [first, kind, high, low, _, _, _, _, ssrc @ ..] = *header;
        if first >> 6 != 2 {
            return;
        }
        self.newest = self.newest.max(at);
        let stream = self.sources.entry((port, u32::from_be_bytes(ssrc))).or_default();
        stream.last = at;
        (stream.socket, stream.payload_type) = (socket, kind & 0x7F);
        if self.since.is_some_and(|since| at >= since) {
            stream.arrivals.push(Arrival {
                sequence: u16::from_be_bytes([high, low]),
                at,
            });
        }
    }
}
