//! Starts the threads and deals streams out to them.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    num::NonZeroUsize,
    ops::RangeInclusive,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    thread,
    time::Instant,
};

use outdial_domain::{LegId, RoomId};
use outdial_engine::ports::{Clip, Joining, RoomSound, TapSink};

use crate::{
    Stream,
    pacer::{self, Arriving},
    ports::Ports,
    room::RoomCommand,
    rooms::{self, Entry, Join, Rooms},
    slot::Slot,
};

/// Why the media cannot be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The range has no even port with a neighbour.
    #[error(
        "the RTP ports {first}-{last} leave no room for a call: each takes an even port and the next one, \
         as in 16384-32767"
    )]
    NoPorts {
        /// The first port.
        first: u16,
        /// The last port.
        last: u16,
    },
    /// The system gives no thread.
    #[error("a media thread cannot be started: {0}")]
    Thread(#[from] io::Error),
}

/// Why no stream can be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Every port is in use or was until a moment ago.
    #[error("all {total} pairs of RTP ports are in use: widen the range of ports or place fewer calls at a time")]
    Exhausted {
        /// How many pairs there are.
        total: usize,
    },
    /// Other programs hold the ports.
    #[error("{tried} RTP ports in a row are held by other programs: choose another range of ports")]
    Taken {
        /// How many were tried.
        tried: usize,
        /// What the system said of the last one.
        source: io::Error,
    },
    /// The system gives no socket.
    #[error("no RTP socket at {local}: {source}; check the address, and the limit of open files (`ulimit -n`)")]
    Socket {
        /// The address that was tried.
        local: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
}

/// Runs streams. A clone runs the same ones; the threads end with the last clone and the last stream.
#[derive(Debug, Clone)]
pub struct MediaEngine {
    ports: Arc<Ports>,
    workers: Arc<Workers>,
}

#[derive(Debug)]
pub(crate) struct Workers {
    threads: Vec<Worker>,
    next: AtomicUsize,
    rooms: Rooms,
}

/// By how many streams one thread may be ahead of another before a new room goes elsewhere.
const MORE_THAN_OTHERS: usize = 32;

#[derive(Debug)]
struct Worker {
    /// Taken away when the threads are to end. Locked when a stream begins, never per packet.
    streams: RwLock<Option<mpsc::Sender<Arriving>>>,
    load: Arc<AtomicUsize>,
    thread: thread::Thread,
}

impl MediaEngine {
    /// Starts so many threads, or one per core for 0. Streams listen at `bind`, on even ports of the range.
    ///
    /// # Errors
    ///
    /// [`StartError`] for a range without room, or when the system gives no thread.
    pub fn start(threads: usize, bind: IpAddr, ports: RangeInclusive<u16>) -> Result<Self, StartError> {
        let pool = Ports::new(bind, &ports);
        if pool.total() == 0 {
            return Err(StartError::NoPorts {
                first: *ports.start(),
                last: *ports.end(),
            });
        }
        let count = match threads {
            0 => thread::available_parallelism().map_or(1, NonZeroUsize::get),
            count => count,
        };
        let threads = (0..count)
            .map(|number| {
                let (sender, receiver) = mpsc::channel();
                let load = Arc::new(AtomicUsize::new(0));
                let counted = Arc::clone(&load);
                let thread = thread::Builder::new()
                    .name(format!("media-{number}"))
                    .spawn(move || pacer::run(number, &receiver, &counted))?
                    .thread()
                    .clone();
                Ok(Worker {
                    streams: RwLock::new(Some(sender)),
                    load,
                    thread,
                })
            })
            .collect::<Result<_, io::Error>>()?;
        Ok(Self {
            ports: Arc::new(pool),
            workers: Arc::new(Workers {
                threads,
                next: AtomicUsize::new(0),
                rooms: Rooms::default(),
            }),
        })
    }

    /// Opens a stream for a leg: takes a pair of ports. Nothing is sent before [`Stream::start`].
    ///
    /// # Errors
    ///
    /// [`OpenError`] when there is no port or no socket left.
    pub fn open(&self, leg: LegId) -> Result<Stream, OpenError> {
        let sockets = self.ports.open(Instant::now())?;
        Ok(Stream::new(leg, sockets, Arc::clone(&self.workers)))
    }

    /// How many streams run.
    #[must_use]
    pub fn running(&self) -> usize {
        self.workers
            .threads
            .iter()
            .map(|worker| worker.load.load(Ordering::Relaxed))
            .sum()
    }

    /// How many streams can be open at the same time.
    #[must_use]
    pub fn room(&self) -> usize {
        self.ports.total()
    }

    fn tell(&self, room: RoomId, command: RoomCommand) {
        match self.workers.rooms.get(room).and_then(|entry| entry.home()) {
            Some(home) => self.workers.send(home, Arriving::Command(room, command)),
            None => tracing::debug!(%room, "nobody is in the room that something was to be done in"),
        }
    }
}

impl RoomSound for MediaEngine {
    fn play(&self, room: RoomId, clips: Vec<Arc<Clip>>) {
        match rooms::in_one_band(&clips) {
            Ok((band, clips)) => self.tell(room, RoomCommand::Play(band, clips)),
            Err(error) => tracing::warn!(%room, %error, "a clip cannot be played to a room"),
        }
    }

    fn stop_playing(&self, room: RoomId) {
        self.tell(room, RoomCommand::StopPlaying);
    }

    fn tap(&self, room: RoomId, tap: TapSink) {
        self.tell(room, RoomCommand::Tap(tap));
    }

    fn speaking(&self, room: RoomId) -> Vec<LegId> {
        let entry = self.workers.rooms.get(room);
        entry.map_or_else(Vec::new, |entry| entry.speaking())
    }
}

impl Workers {
    /// Gives a stream to the thread that has the fewest.
    pub(crate) fn give(&self, slot: Box<Slot>) {
        let least = self.least_loaded();
        self.threads[least].load.fetch_add(1, Ordering::Relaxed);
        self.send(least, Arriving::Stream(slot));
    }

    /// The number of the thread that has the fewest streams.
    fn least_loaded(&self) -> usize {
        let first = self.next.fetch_add(1, Ordering::Relaxed);
        let count = self.threads.len();
        let numbers = (0..count).map(|offset| (first + offset) % count);
        // There is always a thread.
        numbers.min_by_key(|number| self.load(*number)).unwrap_or(0)
    }

    fn load(&self, number: usize) -> usize {
        self.threads[number].load.load(Ordering::Relaxed)
    }

    fn send(&self, number: usize, arriving: Arriving) {
        let worker = &self.threads[number];
        let streams = worker.streams.read().unwrap_or_else(PoisonError::into_inner);
        // The thread outlives the senders, so the stream arrives; dropping it would close it.
        if let Some(sender) = streams.as_ref() {
            let _ = sender.send(arriving);
        }
        worker.thread.unpark();
    }

    /// What a stream needs to join a room.
    pub(crate) fn join(self: &Arc<Self>, leg: LegId, joining: Joining) -> Join {
        let entry = self.rooms.enter(joining);
        Join {
            presence: entry.announce(leg),
            entry,
            muted: joining.muted,
            workers: Arc::clone(self),
        }
    }

    /// The thread of a room. One that has none yet stays with its first member, unless that thread has much more to do than
    /// another.
    pub(crate) fn home(&self, entry: &Entry, own: usize) -> usize {
        entry.home().unwrap_or_else(|| {
            let least = self.least_loaded();
            let spare = self.load(own) <= self.load(least) + MORE_THAN_OTHERS;
            entry.settle(if spare { own } else { least })
        })
    }

    /// Moves a stream to the thread of the room that it joins.
    pub(crate) fn hand_over(&self, from: usize, to: usize, slot: Box<Slot>, join: Box<Join>) {
        self.threads[from].load.fetch_sub(1, Ordering::Relaxed);
        self.threads[to].load.fetch_add(1, Ordering::Relaxed);
        self.send(to, Arriving::Member(slot, join));
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        for worker in &self.threads {
            worker.streams.write().unwrap_or_else(PoisonError::into_inner).take();
            worker.thread.unpark();
        }
    }
}
