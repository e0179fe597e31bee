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

use crate::{Stream, pacer, ports::Ports, slot::Slot};

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
}

#[derive(Debug)]
struct Worker {
    /// Taken away when the threads are to end. Locked when a stream begins, never per packet.
    streams: RwLock<Option<mpsc::Sender<Box<Slot>>>>,
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
                    .spawn(move || pacer::run(&receiver, &counted))?
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
            }),
        })
    }

    /// Opens a stream: takes a pair of ports. Nothing is sent before [`Stream::start`].
    ///
    /// # Errors
    ///
    /// [`OpenError`] when there is no port or no socket left.
    pub fn open(&self) -> Result<Stream, OpenError> {
        let sockets = self.ports.open(Instant::now())?;
        Ok(Stream::new(sockets, Arc::clone(&self.workers)))
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
}

impl Workers {
    /// Gives a stream to the thread that has the fewest.
    pub(crate) fn give(&self, slot: Box<Slot>) {
        let first = self.next.fetch_add(1, Ordering::Relaxed);
        let count = self.threads.len();
        let least = (0..count)
            .map(|offset| &self.threads[(first + offset) % count])
            .min_by_key(|worker| worker.load.load(Ordering::Relaxed));
        if let Some(worker) = least {
            worker.load.fetch_add(1, Ordering::Relaxed);
            let streams = worker.streams.read().unwrap_or_else(PoisonError::into_inner);
            // The thread outlives the senders, so the stream arrives; dropping it would close it.
            if let Some(sender) = streams.as_ref() {
                let _ = sender.send(slot);
            }
            worker.thread.unpark();
        }
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
