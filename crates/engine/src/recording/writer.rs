//! The thread that writes all recordings of this node.
//!
//! It looks at every tap ten times a second, as long as there is any, and writes what came; once a second it
//! mends the sizes in the header, so that a file says itself how long it is up to the last second.

use std::{
    io,
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{self, Receiver, RecvTimeoutError, Sender},
    },
    thread,
    time::{Duration, Instant},
};

use outdial_domain::{Channels, Recording, RecordingEnd, RecordingId, recording::Made};
use tokio::sync::mpsc::UnboundedSender;

use super::{track::Track, wav::HEADER};
use crate::ports::{RecordingFile, RecordingFiles, Tap};

/// How often taps are looked at.
const LOOK: Duration = Duration::from_millis(100);

/// How often the sizes in a header are mended.
const MEND: Duration = Duration::from_secs(1);

/// Frames that a tap holds: three seconds, for which the disk may stand still.
pub(crate) const ROOM: usize = 150;

/// One recording to be written.
pub(crate) struct Order {
    pub(crate) id: RecordingId,
    pub(crate) tap: Tap,
    pub(crate) channels: Channels,
    /// The longest that it may become.
    pub(crate) most: Duration,
    /// How long nobody may speak.
    pub(crate) silence: Option<Duration>,
    /// Told what it came to. There are few recordings of a leg, and each is told of once.
    pub(crate) done: UnboundedSender<(RecordingId, Made)>,
}

enum Command {
    Begin(Box<Order>),
    Pause(RecordingId, bool),
    Stop(RecordingId, RecordingEnd),
}

/// Hands recordings to the thread, which is started with the first one.
pub(crate) struct Writer {
    files: Arc<dyn RecordingFiles>,
    thread: Mutex<Option<Sender<Command>>>,
}

impl Writer {
    pub(crate) fn new(files: Arc<dyn RecordingFiles>) -> Self {
        Self {
            files,
            thread: Mutex::default(),
        }
    }

    /// Begins a recording.
    ///
    /// # Errors
    ///
    /// When the system gives no thread.
    pub(crate) fn begin(&self, order: Order) -> io::Result<()> {
        // A sender is whole whatever happened to the thread that held the lock.
        let mut thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner);
        let sender = match &*thread {
            Some(sender) => sender,
            None => thread.insert(start(Arc::clone(&self.files))?),
        };
        sender
            .send(Command::Begin(Box::new(order)))
            .map_err(|_| io::Error::other("the thread that writes recordings has failed"))
    }

    /// Keeps nothing of what is said from now on, or keeps it again.
    pub(crate) fn pause(&self, id: RecordingId, paused: bool) {
        self.tell(Command::Pause(id, paused));
    }

    /// Ends a recording with what waits in its tap.
    pub(crate) fn stop(&self, id: RecordingId, end: RecordingEnd) {
        self.tell(Command::Stop(id, end));
    }

    fn tell(&self, command: Command) {
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(sender) = &*thread {
            // Who waits for the end learns of a thread that failed by the loss of its channel.
            let _ = sender.send(command);
        }
    }
}

fn start(files: Arc<dyn RecordingFiles>) -> io::Result<Sender<Command>> {
    let (sender, commands) = mpsc::channel();
    thread::Builder::new()
        .name("recordings".to_owned())
        .spawn(move || run(&*files, &commands))?;
    Ok(sender)
}

/// Runs until the engine is gone.
fn run(files: &dyn RecordingFiles, commands: &Receiver<Command>) {
    let mut running: Vec<Running> = Vec::new();
    loop {
        let command = if running.is_empty() {
            commands.recv().map_err(|_| RecvTimeoutError::Disconnected)
        } else {
            commands.recv_timeout(LOOK)
        };
        match command {
            Ok(Command::Begin(order)) => running.extend(Running::begin(files, *order)),
            Ok(Command::Pause(id, paused)) => {
                for one in running.iter_mut().filter(|one| one.order.id == id) {
                    // What was said before is kept, and what was said while it was paused is not.
                    one.take_over();
                    one.paused = paused;
                }
            }
            Ok(Command::Stop(id, end)) => {
                for one in running.iter_mut().filter(|one| one.order.id == id) {
                    one.take_over();
                    one.over.get_or_insert(end);
                }
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => {
                running
                    .into_iter()
                    .for_each(|one| one.finish(RecordingEnd::Interrupted));
                return;
            }
        }
        let now = Instant::now();
        running = running.into_iter().filter_map(|one| one.turned(now)).collect();
    }
}

/// A recording under way.
struct Running {
    order: Order,
    track: Track,
    file: Box<dyn RecordingFile>,
    /// Bytes of sound in the file.
    data: u64,
    mend_at: Instant,
    paused: bool,
    /// Why it is over.
    over: Option<RecordingEnd>,
}

impl Running {
    fn begin(files: &dyn RecordingFiles, order: Order) -> Option<Self> {
        let track = Track::new(order.channels);
        let header = track.format().header(0);
        let file = files.create(order.id).and_then(|mut file| {
            file.write_at(0, &header)?;
            Ok(file)
        });
        match file {
            Ok(file) => Some(Self {
                track,
                file,
                order,
                data: 0,
                mend_at: Instant::now() + MEND,
                paused: false,
                over: None,
            }),
            Err(error) => {
                let made = Made {
                    end: because(&error),
                    rate: track.format().rate,
                    length: Duration::ZERO,
                    bytes: 0,
                };
                tracing::error!(recording = %order.id, %error, "a recording cannot begin");
                let _ = order.done.send((order.id, made));
                None
            }
        }
    }

    /// Takes what has come, writes it, and ends where it is over.
    fn turned(mut self, now: Instant) -> Option<Self> {
        self.take_over();
        if self.order.tap.is_over() {
            self.over.get_or_insert(RecordingEnd::HungUp);
        }
        let written = self.write(now);
        match (written, self.over) {
            (Err(error), _) => {
                tracing::error!(recording = %self.order.id, %error, "a recording ends, because it cannot be written");
                self.finish(because(&error));
                None
            }
            (Ok(()), Some(end)) => {
                self.finish(end);
                None
            }
            (Ok(()), None) => Some(self),
        }
    }

    /// Takes the frames that wait in the tap.
    fn take_over(&mut self) {
        while self.over.is_none()
            && let Some(frame) = self.order.tap.next()
        {
            if self.paused {
                self.track.skip(&frame);
                continue;
            }
            self.track.add(&frame);
            if self.track.length() >= self.order.most.min(Recording::LONGEST) {
                self.over = Some(RecordingEnd::Longest);
            } else if self.order.silence.is_some_and(|most| self.track.quiet() >= most) {
                self.over = Some(RecordingEnd::Silence);
            }
        }
    }

    fn write(&mut self, now: Instant) -> io::Result<()> {
        let bytes = self.track.take();
        if !bytes.is_empty() {
            self.file.write_at(HEADER + self.data, &bytes)?;
            self.data += bytes.len() as u64;
        }
        if self.mend_at <= now {
            self.mend_at = now + MEND;
            self.file.write_at(0, &self.track.format().header(self.data))?;
        }
        Ok(())
    }

    /// Makes the file whole and tells what it came to.
    fn finish(mut self, end: RecordingEnd) {
        let id = self.order.id;
        let mut end = end;
        if !matches!(end, RecordingEnd::DiskFull | RecordingEnd::Failed)
            && let Err(error) = self.rest(end)
        {
            end = because(&error);
        }
        let format = self.track.format();
        let header = format.header(self.data);
        let whole = self
            .file
            .cut(HEADER + self.data)
            .and_then(|()| self.file.write_at(0, &header))
            .and_then(|()| self.file.sync());
        if let Err(error) = whole {
            tracing::error!(recording = %id, %error, "a recording could not be finished; it is mended at the next start");
        }
        if self.track.missed() > 0 {
            let missed = self.track.missed();
            metrics::counter!("outdial_recording_frames_missed_total").increment(missed);
            tracing::warn!(recording = %id, missed, "the disk was too slow for a recording: these frames are silence");
        }
        let made = Made {
            end,
            rate: format.rate,
            length: format.length(self.data),
            bytes: HEADER + self.data,
        };
        // Whoever wanted to know may have gone; the next start accounts for it then.
        let _ = self.order.done.send((id, made));
    }

    /// Writes what is left: silence for frames that found no room after the last that did, too.
    fn rest(&mut self, end: RecordingEnd) -> io::Result<()> {
        if !self.paused && !matches!(end, RecordingEnd::Longest | RecordingEnd::Silence) {
            self.track.add_missed_at_end(self.order.tap.missed());
        }
        self.track.close();
        self.write(Instant::now())
    }
}

fn because(error: &io::Error) -> RecordingEnd {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => RecordingEnd::DiskFull,
        _ => RecordingEnd::Failed,
    }
}
