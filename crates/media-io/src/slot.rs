//! One stream as its thread sees it.

mod joined;

use std::{
    collections::VecDeque,
    io,
    net::{SocketAddr, UdpSocket},
    sync::mpsc::{Receiver, TryRecvError},
    time::{Duration, Instant},
};

use outdial_domain::{Digit, Quality, RoomId};
use outdial_engine::ports::{DigitWay, TapSink};
use outdial_media::{
    MAX_PACKET, digit,
    srtp::{Srtp, SrtpKeys},
    stream::{self, MediaStream, StreamConfig, StreamEvent},
};
use tokio::sync::{mpsc, oneshot};

use crate::{
    MediaEvent, Remote,
    arrival::{self, Arrived},
    event::{Command, Terms},
    keypad::{Key, Keypad},
    latch::{Latch, Seen, Verdict, same_host},
    ports::Sockets,
    rooms::Join,
};

/// Datagrams that one stream may take in one turn; a flood beyond waits in the kernel and is dropped there.
const DATAGRAMS_PER_TURN: usize = 16;

/// Events that an owner who does not listen may leave behind; what comes after them is lost.
const MOST_WAITING: usize = 256;

/// RTCP is looked after every half second; its reports go out every five.
const TURNS_PER_RTCP: u32 = 25;

/// A turn so soon after the last one, in another phase, only sends.
const EARLY: Duration = Duration::from_millis(15);

/// The names of the keys that the owner has pressed, and of those of the other side of a bridge.
const OWN_KEYS: u64 = 0;
const PASSED_KEYS: u64 = 1;

/// What all streams of a thread share while they are turned.
pub(crate) struct Buffers {
    received: [u8; MAX_PACKET],
    sent: [u8; MAX_PACKET],
    /// What the kernel notes of a datagram. On the heap, because it has to be aligned.
    noted: Vec<u8>,
}

impl Default for Buffers {
    fn default() -> Self {
        Self {
            received: [0; MAX_PACKET],
            sent: [0; MAX_PACKET],
            noted: vec![0; 128],
        }
    }
}

/// Whether a stream is to be turned again.
pub(crate) enum Turn {
    Goes,
    /// It is to be turned in a room from now on.
    Joins(Box<Join>),
    Orphaned,
}

/// What came of the owner's commands.
pub(crate) enum Obeyed {
    All,
    /// The rest of the commands wait until it is there.
    Join(Box<Join>),
    Leave,
    Orphaned,
}

/// The thread's ends of the channels to the owner.
pub(crate) struct Owner {
    pub(crate) commands: Receiver<Command>,
    pub(crate) events: mpsc::Sender<MediaEvent>,
    pub(crate) quality: Option<oneshot::Sender<Quality>>,
}

/// A running stream.
pub(crate) struct Slot {
    media: MediaStream,
    config: StreamConfig,
    protection: Option<Box<Srtp>>,
    keypad: Keypad,
    remote: Remote,
    /// Where packets go: the negotiated address at first, the settled one later.
    target: SocketAddr,
    /// Until the far side's source is settled on; afterwards the socket is connected.
    latch: Option<Latch>,
    turns: u32,
    room: Option<RoomId>,
    muted: bool,
    held: bool,
    /// When it was turned last, and whether it has moved to another phase since.
    turned: Instant,
    moved: bool,
    /// Keys for the other side of a bridge.
    pressed: VecDeque<(digit::Digit, DigitWay)>,
    /// Those who listen to both sides.
    taps: Vec<TapSink>,
    owner: Owner,
    /// Events that found no room.
    waiting: VecDeque<MediaEvent>,
    rtp: UdpSocket,
    rtcp: UdpSocket,
    /// Given back after the sockets are closed: fields are dropped in this order.
    _lease: Box<dyn Send>,
}

impl Slot {
    pub(crate) fn new(sockets: Sockets, terms: Terms, owner: Owner) -> Self {
        let Terms {
            mut config,
            remote,
            keys,
        } = terms;
        if keys.is_some() {
            // The count of roll-overs cannot go wrong by early loss when the first is far off (RFC 3711, section 3.3.1).
            config.sequence &= 0x7FFF;
        }
        let (rtp, rtcp, lease) = sockets.into_parts();
        arrival::note(&rtcp);
        let now = Instant::now();
        Self {
            media: MediaStream::new(config, now),
            config,
            protection: keys.map(|keys| Box::new(Srtp::new(&keys))),
            keypad: Keypad::default(),
            remote,
            target: remote.address,
            latch: Some(Latch::new(remote)),
            turns: 0,
            room: None,
            muted: false,
            held: false,
            turned: now,
            moved: false,
            pressed: VecDeque::new(),
            taps: Vec::new(),
            owner,
            waiting: VecDeque::new(),
            rtp,
            rtcp,
            _lease: Box::new(lease),
        }
    }

    /// Moves a stream that is in no room on by one frame.
    pub(crate) fn turn(&mut self, now: Instant, buffers: &mut Buffers) -> Turn {
        let turn = match self.obey() {
            Obeyed::All | Obeyed::Leave => Turn::Goes,
            Obeyed::Join(join) => Turn::Joins(join),
            Obeyed::Orphaned => return Turn::Orphaned,
        };
        self.hear(now, buffers);
        if !self.is_early(now) {
            self.media.tick_inbound(now);
        }
        self.say(buffers, MediaStream::tick_outbound);
        self.finish(now, buffers);
        turn
    }

    /// The beginning of a turn: reads what has come.
    pub(crate) fn hear(&mut self, now: Instant, buffers: &mut Buffers) {
        self.receive(now, &mut buffers.received);
        self.press();
    }

    /// Whether this turn comes so soon after the last one, because its phase is another now, that it only sends: what it sends
    /// early waits on the far side, and what comes in late is not missed.
    pub(crate) fn is_early(&self, now: Instant) -> bool {
        self.moved && now.saturating_duration_since(self.turned) < EARLY
    }

    /// Sends the packet of this turn.
    pub(crate) fn say(
        &mut self,
        buffers: &mut Buffers,
        packet: impl FnOnce(&mut MediaStream, &mut [u8]) -> Option<usize>,
    ) {
        if let Some(length) = packet(&mut self.media, &mut buffers.sent) {
            self.send(&mut buffers.sent, length);
        }
    }

    /// The end of a turn: tells what happened.
    pub(crate) fn finish(&mut self, now: Instant, buffers: &mut Buffers) {
        (self.turned, self.moved) = (now, false);
        self.fill_taps();
        self.turns = self.turns.wrapping_add(1);
        if self.turns.is_multiple_of(TURNS_PER_RTCP) {
            self.control(now, buffers);
        }
        self.report();
    }

    /// Whether somebody wants its sound.
    pub(crate) fn is_tapped(&self) -> bool {
        !self.taps.is_empty()
    }

    /// Lets those hear the frame who listen still.
    fn fill_taps(&mut self) {
        let (sent, received) = (self.media.sent(), self.media.received());
        self.taps.retain_mut(|tap| {
            tap.put(sent, received);
            tap.is_wanted()
        });
    }

    /// Whether there is anything to do in the middle of a frame.
    pub(crate) fn has_halves(&self) -> bool {
        self.media.has_halves()
    }

    /// Sends what is due in the middle of a frame.
    pub(crate) fn half_turn(&mut self, buffers: &mut Buffers) {
        if let Some(length) = self.media.tick_half(&mut buffers.sent) {
            self.send(&mut buffers.sent, length);
        }
    }

    /// Tells the owner that the stream is gone.
    pub(crate) fn fail(&mut self) {
        let _ = self.owner.events.try_send(MediaEvent::Failed);
    }

    /// Does what the owner wants, up to what needs somebody else.
    pub(crate) fn obey(&mut self) -> Obeyed {
        loop {
            match self.owner.commands.try_recv() {
                Err(TryRecvError::Empty) => return Obeyed::All,
                Err(TryRecvError::Disconnected) => return Obeyed::Orphaned,
                Ok(Command::Play { play, clips }) => {
                    if self.media.play(play, clips).is_err() {
                        // Nobody may wait for ever for the end of a play that never begins.
                        self.tell(MediaEvent::PlayRefused { play });
                    }
                }
                Ok(Command::StopPlaying) => self.media.stop_all_plays(),
                Ok(Command::SendDigits(digits)) => self.keypad.order(&digits),
                Ok(Command::Tap(tap)) => self.taps.push(tap),
                Ok(Command::Join(join)) => return Obeyed::Join(join),
                Ok(Command::Leave) if self.room.is_some() => return Obeyed::Leave,
                Ok(Command::Leave) => self.tell_left(),
                Ok(Command::Mute(muted)) => self.muted = muted,
                Ok(Command::Hold(held)) => self.held = held,
                Ok(Command::Pass(digit)) => {
                    self.note_pressed(digit::Digit::try_from(digit.as_char()).ok(), DigitWay::SipInfo);
                }
                Ok(Command::SetSending(sending)) => self.media.set_sending(sending),
                Ok(Command::Renegotiate(terms)) => self.renegotiate(&terms),
            }
        }
    }

    fn renegotiate(&mut self, terms: &Terms) {
        if terms.config != self.config {
            self.config = terms.config;
            self.media.renegotiate(terms.config);
        }
        self.protect(terms.keys.as_ref());
        if terms.remote != self.remote {
            self.follow(terms.remote);
        }
    }

    fn protect(&mut self, keys: Option<&SrtpKeys>) {
        match (&mut self.protection, keys) {
            (Some(protection), Some(keys)) => protection.change(keys),
            (protection, keys) => *protection = keys.map(|keys| Box::new(Srtp::new(keys))),
        }
    }

    /// Looks for the far side at its new address.
    fn follow(&mut self, remote: Remote) {
        let moved = remote.address != self.remote.address;
        self.remote = remote;
        if !moved {
            return;
        }
        let left = std::mem::replace(&mut self.target, remote.address);
        if self.latch.is_some() || disconnect(&self.rtp) {
            self.latch = Some(Latch::moved(remote, left));
        } else if self.rtp.connect(self.target).is_err() {
            // A system where a socket stays connected takes packets from the new address only.
            tracing::debug!(target = %self.target, "the new address of a stream cannot be reached");
        }
    }

    fn receive(&mut self, now: Instant, buffer: &mut [u8]) {
        for _ in 0..DATAGRAMS_PER_TURN {
            let received = match &mut self.latch {
                None => self.rtp.recv(buffer).map(|length| (length, None)),
                Some(_) => self.rtp.recv_from(buffer).map(|(length, from)| (length, Some(from))),
            };
            let (mut length, from) = match received {
                Ok(received) => received,
                // The kernel reports here that an earlier packet of ours was refused; the next ones may not be.
                Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => continue,
                Err(_) => break,
            };
            if let Some(protection) = &mut self.protection {
                match protection.open(buffer, length) {
                    Ok(opened) => length = opened,
                    Err(_) => {
                        self.media.note_refused();
                        continue;
                    }
                }
            }
            let datagram = &buffer[..length];
            if let (Some(from), Some(latch)) = (from, &mut self.latch) {
                let proven = self.protection.is_some();
                match latch.consider(Seen { from, datagram, proven }, &self.config.receive) {
                    Verdict::Drop => continue,
                    Verdict::Trust(source) => self.target = source,
                    Verdict::Latch(source) => self.settle(source),
                }
            }
            self.media.handle_packet(datagram, now);
        }
        if let Some(source) = self.latch.as_mut().and_then(Latch::turn) {
            self.settle(source);
        }
    }

    fn settle(&mut self, source: SocketAddr) {
        self.target = source;
        // Without the connection everything works but the kernel's filter, so the latch stays on then.
        if self.rtp.connect(source).is_ok() {
            self.latch = None;
        }
    }

    /// A packet that cannot be sent is lost, like any other that gets lost.
    fn send(&mut self, buffer: &mut [u8], length: usize) {
        let length = match &mut self.protection {
            Some(protection) => protection.protect(buffer, length),
            None => Some(length),
        };
        let Some(packet) = length.and_then(|length| buffer.get(..length)) else {
            return;
        };
        let _ = match self.latch {
            None => self.rtp.send(packet),
            Some(_) => self.rtp.send_to(packet, self.target),
        };
    }

    fn press(&mut self) {
        match self.keypad.turn() {
            // The keypad presses one key at a time, so there is always room; if not, the key is skipped.
            Some(Key::Press(digit)) => match self.media.send_digits(OWN_KEYS, &[digit]) {
                Ok(()) => {}
                Err(_) => self.keypad.pressed(),
            },
            Some(Key::Done) => self.tell(MediaEvent::DigitsSent),
            None => {}
        }
    }

    fn control(&mut self, now: Instant, buffers: &mut Buffers) {
        for _ in 0..DATAGRAMS_PER_TURN {
            let buffer = &mut buffers.received;
            let (length, at) = match arrival::receive(&self.rtcp, buffer, &mut buffers.noted, now) {
                Ok(Arrived { length, from, at }) if same_host(from.ip(), self.target.ip()) => (length, at),
                Ok(_) => continue,
                Err(_) => break,
            };
            let length = match &mut self.protection {
                Some(protection) => protection.open_rtcp(buffer, length).ok(),
                None => Some(length),
            };
            if let Some(report) = length.and_then(|length| buffer.get(..length)) {
                self.media.handle_rtcp(report, at);
            }
        }
        if let Some(length) = self.media.poll_rtcp(now, &mut buffers.sent) {
            self.send_rtcp(&mut buffers.sent, length);
        }
    }

    fn send_rtcp(&mut self, buffer: &mut [u8], length: usize) {
        let length = match &mut self.protection {
            Some(protection) => protection.protect_rtcp(buffer, length),
            None => Some(length),
        };
        let target = match self.remote.rtcp {
            Some(address) if self.target == self.remote.address => address,
            _ => SocketAddr::new(self.target.ip(), self.target.port().wrapping_add(1)),
        };
        if let Some(packet) = length.and_then(|length| buffer.get(..length)) {
            let _ = self.rtcp.send_to(packet, target);
        }
    }

    fn report(&mut self) {
        while let Some(event) = self.waiting.pop_front() {
            if let Err(mpsc::error::TrySendError::Full(event)) = self.owner.events.try_send(event) {
                self.waiting.push_front(event);
                break;
            }
        }
        while let Some(event) = self.media.poll_event() {
            if let StreamEvent::DigitsSent { id } = event {
                if id == OWN_KEYS {
                    self.keypad.pressed();
                }
                continue;
            }
            if let StreamEvent::Digit { digit, way } = event {
                self.note_pressed(Some(digit), ours(way));
            }
            if let Some(event) = translate(event, self.target) {
                self.tell(event);
            }
        }
    }

    fn tell(&mut self, event: MediaEvent) {
        let late = if self.waiting.is_empty() {
            match self.owner.events.try_send(event) {
                Err(mpsc::error::TrySendError::Full(event)) => event,
                Ok(()) | Err(mpsc::error::TrySendError::Closed(_)) => return,
            }
        } else {
            event
        };
        if self.waiting.len() < MOST_WAITING {
            self.waiting.push_back(late);
        }
    }

    /// Says goodbye to the far side and tells the owner how good the stream was.
    pub(crate) fn close(&mut self, now: Instant, buffers: &mut Buffers) {
        if let Some(length) = self.media.write_goodbye(now, &mut buffers.sent) {
            self.send_rtcp(&mut buffers.sent, length);
        }
        if let Some(quality) = self.owner.quality.take() {
            let _ = quality.send(summed_up(&self.media.quality()));
        }
    }
}

/// Lets a socket take packets from anywhere again, where the system can do that.
#[cfg(unix)]
fn disconnect(socket: &UdpSocket) -> bool {
    rustix::net::connect_unspec(socket).is_ok()
}

#[cfg(not(unix))]
fn disconnect(_socket: &UdpSocket) -> bool {
    false
}

/// `from` is where the packets of the far side come from.
fn translate(event: StreamEvent, from: SocketAddr) -> Option<MediaEvent> {
    match event {
        StreamEvent::FirstPacket { .. } => Some(MediaEvent::FirstPacket { from }),
        StreamEvent::Digit { digit, way } => Some(MediaEvent::Digit {
            digit: Digit::from_char(digit.as_char())?,
            way: ours(way),
        }),
        StreamEvent::PlayFinished { id, stopped } => Some(MediaEvent::PlayFinished { play: id, stopped }),
        StreamEvent::Silent => Some(MediaEvent::FarSideSilent),
        // The keypad counts keys itself, and a leg outlives the sound of its far side.
        StreamEvent::DigitsSent { .. } | StreamEvent::SourceChanged { .. } | StreamEvent::Goodbye => None,
    }
}

fn ours(way: stream::DigitWay) -> DigitWay {
    match way {
        stream::DigitWay::TelephoneEvent => DigitWay::Rtp,
        stream::DigitWay::InBand => DigitWay::InBand,
    }
}

fn summed_up(quality: &outdial_media::quality::Quality) -> Quality {
    Quality {
        received: quality.packets_received,
        lost: quality.packets_lost.saturating_add(quality.packets_late),
        sent: quality.packets_sent,
        jitter_ms: quality.jitter_ms,
        round_trip_ms: quality.round_trip_ms,
        far_loss: quality.remote_loss,
        far_jitter_ms: quality.remote_jitter_ms,
        mos: quality.mos,
    }
}
