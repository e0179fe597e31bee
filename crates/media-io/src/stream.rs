//! The owner's end of a stream.

use std::{
    fmt,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError, mpsc},
};

use outdial_domain::{Digit, LegId, Quality, digit::Digits};
use outdial_engine::ports::{Joining, TapSink};
use outdial_media::{srtp::SrtpKeys, stream::StreamConfig};
use tokio::sync::{mpsc as events, oneshot};

use crate::{
    MediaEvent, Remote,
    engine::Workers,
    event::{Command, Terms},
    ports::Sockets,
    slot::{Owner, Slot},
};

/// Events that may wait for the owner. More wait in the stream itself, which asks again every turn.
const EVENTS: usize = 32;

/// One stream: at first a pair of ports, later, once the far side is known, sound both ways.
/// Dropping it closes it.
pub struct Stream {
    leg: LegId,
    local: SocketAddr,
    workers: Arc<Workers>,
    state: State,
    /// Given before it runs. Never locked: the mutex only lets a stream be looked at from several threads.
    taps: Mutex<Vec<TapSink>>,
}

enum State {
    Open(Box<Sockets>),
    Running {
        commands: mpsc::Sender<Command>,
        events: events::Receiver<MediaEvent>,
        quality: oneshot::Receiver<Quality>,
    },
    Closed,
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Stream({})", self.local)
    }
}

impl Stream {
    pub(crate) fn new(leg: LegId, sockets: Sockets, workers: Arc<Workers>) -> Self {
        Self {
            leg,
            local: sockets.local,
            workers,
            state: State::Open(Box::new(sockets)),
            taps: Mutex::default(),
        }
    }

    /// The address of its RTP socket; RTCP is at the next port.
    #[must_use]
    pub fn local(&self) -> SocketAddr {
        self.local
    }

    /// Whether sound flows.
    #[must_use]
    pub fn is_running(&self) -> bool {
        matches!(self.state, State::Running { .. })
    }

    /// Begins to send and receive. A stream that runs already takes the new settings over instead.
    pub fn start(&mut self, config: StreamConfig, remote: Remote) {
        self.run(config, remote, None);
    }

    /// The same with every packet protected (RFC 3711), where `a=crypto` lines were agreed on. What is
    /// not protected by the far side's key is dropped. A key that a running stream has already goes on
    /// where it is.
    pub fn start_protected(&mut self, config: StreamConfig, remote: Remote, keys: SrtpKeys) {
        self.run(config, remote, Some(keys));
    }

    fn run(&mut self, config: StreamConfig, remote: Remote, keys: Option<SrtpKeys>) {
        let terms = Terms { config, remote, keys };
        match std::mem::replace(&mut self.state, State::Closed) {
            State::Open(sockets) => {
                let (command_sender, commands) = mpsc::channel();
                let (events, event_receiver) = events::channel(EVENTS);
                let (quality, quality_receiver) = oneshot::channel();
                let owner = Owner {
                    commands,
                    events,
                    quality: Some(quality),
                };
                for tap in std::mem::take(self.waiting_taps()) {
                    let _ = command_sender.send(Command::Tap(tap));
                }
                self.workers.give(Box::new(Slot::new(*sockets, terms, owner)));
                self.state = State::Running {
                    commands: command_sender,
                    events: event_receiver,
                    quality: quality_receiver,
                };
            }
            running => {
                self.state = running;
                self.tell(Command::Renegotiate(Box::new(terms)));
            }
        }
    }

    /// Plays these clips after whatever is still to be played; they are at the codec's sample rate.
    pub fn play(&self, play: u64, clips: Vec<Arc<[i16]>>) {
        self.tell(Command::Play { play, clips });
    }

    /// Stops everything that is played or waits for it.
    pub fn stop_playing(&self) {
        self.tell(Command::StopPlaying);
    }

    /// Presses keys.
    pub fn send_digits(&self, digits: Digits) {
        self.tell(Command::SendDigits(digits));
    }

    /// Puts the sound of both sides in here with every turn, from the first one on if it does not run yet. There may
    /// be several; one whose other end is gone is let go.
    pub fn tap(&mut self, tap: TapSink) {
        match &self.state {
            State::Open(_) => self.waiting_taps().push(tap),
            State::Running { .. } | State::Closed => self.tell(Command::Tap(tap)),
        }
    }

    fn waiting_taps(&mut self) -> &mut Vec<TapSink> {
        self.taps.get_mut().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends or stays silent, for hold.
    pub fn set_sending(&self, sending: bool) {
        self.tell(Command::SetSending(sending));
    }

    /// Joins a room, and leaves the one it is in; [`MediaEvent::Joined`] follows. Only for a stream that runs.
    pub fn join(&self, joining: Joining) {
        let join = self.workers.join(self.leg, joining);
        self.tell(Command::Join(Box::new(join)));
    }

    /// Leaves the room, if it is in one; [`MediaEvent::Left`] follows.
    pub fn leave(&self) {
        self.tell(Command::Leave);
    }

    /// Keeps what the far side says out of the room, or lets it in again.
    pub fn set_muted(&self, muted: bool) {
        self.tell(Command::Mute(muted));
    }

    /// Holds the far side or takes it back. Who is held is not heard in its room, and hears only what is played to it.
    pub fn set_held(&self, held: bool) {
        self.tell(Command::Hold(held));
    }

    /// Passes a key to the other side of a bridge that the far side pressed in another way than by its sound.
    pub fn pass_digit(&self, digit: Digit) {
        self.tell(Command::Pass(digit));
    }

    /// What happened next. `None` when the stream does not run, and never again anything after that.
    pub async fn event(&mut self) -> Option<MediaEvent> {
        match &mut self.state {
            State::Running { events, .. } => events.recv().await,
            State::Open(_) | State::Closed => None,
        }
    }

    /// Closes the stream and says how good it was; `None` if it never ran. Takes no longer than a turn, or two in a room,
    /// where its voice fades.
    pub async fn close(mut self) -> Option<Quality> {
        match std::mem::replace(&mut self.state, State::Closed) {
            State::Running { commands, quality, .. } => {
                drop(commands);
                quality.await.ok()
            }
            State::Open(_) | State::Closed => None,
        }
    }

    /// A stream that failed takes no commands any more, which its owner learnt from [`MediaEvent::Failed`].
    fn tell(&self, command: Command) {
        if let State::Running { commands, .. } = &self.state {
            let _ = commands.send(command);
        }
    }
}
