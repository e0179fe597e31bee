//! The sound of a leg: what was agreed on, the stream that carries it, and the keys heard in it.

use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use outdial_domain::{Digit, Quality, digit::Digits};
use outdial_engine::ports::{Clip, DigitWay, FarSound, Joining, LegEvent, RoomKind, TapSink};
use outdial_media::{codec::Codec, stream::StreamConfig};
use outdial_media_io::{MediaEvent, Remote, Stream};
use sdp_types::Direction;

use crate::{
    digits,
    sdp::{self, Agreed, Local, SdpError, Srtp},
};

/// Where nothing listens, for a far side that does not want to be sent to yet.
const DISCARD: u16 = 9;

/// The sound of a leg.
pub(super) struct Sound {
    stream: Option<Stream>,
    local: Local,
    random: u128,
    agreed: Option<Agreed>,
    pressed: digits::Digits,
    /// Whether keys go to the other side of a bridge, and are reported nonetheless.
    bridged: bool,
    listens: bool,
    /// Whether the far side agreed to be held.
    held: bool,
    quality: Option<Quality>,
    far: Option<FarSound>,
    /// How long the far side may send nothing at all.
    silent_after: Option<Duration>,
    /// Whether the leg is answered: before that, silence is nothing strange.
    answered: bool,
}

/// What the stream told, in the leg's words.
pub(super) enum Told {
    Event(LegEvent),
    Nothing,
    /// The far side has sent nothing for too long.
    Silent,
    Failed,
}

impl Sound {
    pub(super) fn new(stream: Option<Stream>, local: Local, random: u128, silent_after: Option<Duration>) -> Self {
        Self {
            stream,
            local,
            random,
            agreed: None,
            pressed: digits::Digits::default(),
            bridged: false,
            listens: false,
            held: false,
            quality: None,
            far: None,
            silent_after,
            answered: false,
        }
    }

    /// Gives ports to the sound of a call that rang here without any.
    pub(super) fn open(&mut self, stream: Stream, address: SocketAddr) {
        self.local.address = address;
        self.stream = Some(stream);
    }

    /// Takes the description of a provisional answer. Sound flows from then on, if it is one.
    pub(super) fn early(&mut self, body: &[u8]) -> bool {
        match sdp::read_answer(body, &self.local) {
            Ok(agreed) => {
                self.agree(agreed);
                true
            }
            Err(SdpError::Missing) => false,
            Err(error) => {
                tracing::debug!(%error, "early sound is not possible");
                false
            }
        }
    }

    /// Takes the description of the answer. One that came early holds if there is none.
    pub(super) fn answered(&mut self, body: &[u8]) -> Result<Codec, SdpError> {
        let is_news = !std::mem::replace(&mut self.answered, true);
        match sdp::read_answer(body, &self.local) {
            Ok(agreed) => {
                if is_news {
                    self.agreed = None;
                }
                let codec = agreed.codec;
                self.agree(agreed);
                Ok(codec)
            }
            Err(SdpError::Missing) => {
                let agreed = self.agreed.take().ok_or(SdpError::Missing)?;
                let codec = agreed.codec;
                self.agree(agreed);
                Ok(codec)
            }
            Err(error) => Err(error),
        }
    }

    /// Takes a new description of the far side, and gives ours that answers it. One that cannot be
    /// used changes nothing.
    pub(super) fn offered(&mut self, body: &[u8]) -> Result<String, SdpError> {
        let agreed = sdp::read_offer(body, &self.local, self.codec())?;
        if Some(agreed.codec) != self.agreed.as_ref().map(|agreed| agreed.codec) {
            // The engine was told the codec, and its clips fit all that we have.
            tracing::debug!(codec = agreed.codec.name(), "the far side changed the codec");
        }
        self.answered = true;
        self.local.version += 1;
        let answer = sdp::answer(&self.local, &agreed);
        self.agree(agreed);
        Ok(answer)
    }

    /// An offer by which the far side is put on hold, or taken back.
    pub(super) fn offer_hold(&mut self, held: bool) -> String {
        self.local.holds = held;
        self.local.version += 1;
        match &self.agreed {
            Some(agreed) => sdp::offer_again(&self.local, agreed),
            None => sdp::offer(&self.local),
        }
    }

    /// Takes the far side's answer to that; gives whether it is held now. One that cannot be used changes nothing.
    pub(super) fn hold_answered(&mut self, body: &[u8]) -> Result<bool, SdpError> {
        if let Err(error) = self.answered(body) {
            self.hold_is_off();
            return Err(error);
        }
        self.held = self.local.holds;
        if let Some(stream) = &self.stream {
            stream.set_held(self.held);
        }
        Ok(self.held)
    }

    /// The offer came to nothing.
    pub(super) fn hold_is_off(&mut self) {
        self.local.holds = self.held;
    }

    pub(super) fn is_held(&self) -> bool {
        self.held
    }

    /// Our description again, for a far side that asks without giving its own.
    pub(super) fn offer(&mut self) -> String {
        self.local.version += 1;
        sdp::offer(&self.local)
    }

    /// Whether an offer can be agreed to.
    pub(super) fn check(&self, body: &[u8]) -> Result<(), SdpError> {
        sdp::read_offer(body, &self.local, self.codec()).map(|_| ())
    }

    /// Our description as it is, for a far side that knows it.
    pub(super) fn current(&self) -> String {
        match &self.agreed {
            Some(agreed) => sdp::answer(&self.local, agreed),
            None => sdp::offer(&self.local),
        }
    }

    /// The codec agreed on.
    pub(super) fn codec(&self) -> Option<Codec> {
        self.agreed.as_ref().map(|agreed| agreed.codec)
    }

    fn agree(&mut self, agreed: Agreed) {
        if self.agreed.as_ref() == Some(&agreed) {
            return;
        }
        if let Some(stream) = &mut self.stream {
            let config = StreamConfig {
                send: agreed.send,
                receive: agreed.receive,
                packet_time: agreed.packet_time,
                event_clock: agreed.event_clock,
                detect_inband: agreed.send.telephone_event.is_none(),
                // Who is on hold, or plays to us only, may be as silent as it likes.
                silent_after: self
                    .silent_after
                    .filter(|_| self.answered && agreed.direction == Direction::SendRecv),
                ..StreamConfig::new(agreed.codec, self.random)
            };
            let mut nowhere = self.local.address;
            nowhere.set_port(DISCARD);
            let remote = agreed.remote.unwrap_or_else(|| Remote::new(nowhere));
            match &agreed.keys {
                Some(keys) => stream.start_protected(config, remote, keys.clone()),
                None => stream.start(config, remote),
            }
            stream.set_sending(agreed.remote.is_some() && agreed.direction.has_send());
        }
        if let Some(number) = agreed.receive.telephone_event {
            self.local.telephone_event = number;
        }
        self.agreed = Some(agreed);
    }

    /// The suite that protects it.
    pub(super) fn suite(&self) -> Option<&'static str> {
        self.agreed.as_ref()?.suite()
    }

    /// Whether its sound was to be protected.
    pub(super) fn wanted_srtp(&self) -> Srtp {
        self.local.srtp
    }

    /// Whether the far side does not want to hear us for now.
    pub(super) fn far_holds(&self) -> bool {
        let hears = |agreed: &Agreed| agreed.direction.has_send() && agreed.remote.is_some();
        self.agreed.as_ref().is_some_and(|agreed| !hears(agreed))
    }

    pub(super) fn is_running(&self) -> bool {
        self.stream.as_ref().is_some_and(Stream::is_running)
    }

    /// What happened next, while it runs.
    pub(super) async fn next(&mut self) -> Told {
        let Some(stream) = &mut self.stream else {
            return Told::Failed;
        };
        match stream.event().await {
            Some(MediaEvent::Digit { digit, way }) => match self.pressed(digit, way, Duration::ZERO) {
                Some(event) => Told::Event(event),
                None => Told::Nothing,
            },
            Some(MediaEvent::PlayFinished { play, stopped: false }) => Told::Event(LegEvent::PlayDone { play }),
            Some(MediaEvent::PlayRefused { play }) => {
                tracing::warn!(play, "a play was not taken, because too many wait already");
                Told::Event(LegEvent::PlayDone { play })
            }
            Some(MediaEvent::DigitsSent) => Told::Event(LegEvent::DigitsSent),
            Some(MediaEvent::Joined { room }) => Told::Event(LegEvent::Joined { room }),
            Some(MediaEvent::Left) => Told::Event(LegEvent::Left),
            Some(MediaEvent::FarSideSilent) => Told::Silent,
            Some(MediaEvent::FirstPacket { from }) => {
                let said = self.agreed.as_ref().and_then(|agreed| agreed.remote);
                self.far = said.map(|said| FarSound {
                    said: said.address,
                    from,
                });
                Told::Nothing
            }
            Some(MediaEvent::PlayFinished { stopped: true, .. }) => Told::Nothing,
            Some(MediaEvent::Failed) | None => Told::Failed,
        }
    }

    /// A key that was pressed, unless it was told already, or is the affair of the other side of a bridge.
    pub(super) fn pressed(&mut self, digit: Digit, way: DigitWay, held: Duration) -> Option<LegEvent> {
        if !self.pressed.is_new(digit, way, held, Instant::now()) {
            return None;
        }
        if let (DigitWay::SipInfo, Some(stream)) = (way, &self.stream) {
            // What came in the sound was passed on with it.
            stream.pass_digit(digit);
        }
        (self.listens || !self.bridged).then_some(LegEvent::Digit { digit, way })
    }

    pub(super) fn join(&mut self, joining: Joining) {
        self.bridged = joining.kind == RoomKind::Bridge;
        if let Some(stream) = &self.stream {
            stream.join(joining);
        }
    }

    pub(super) fn leave(&mut self) {
        self.bridged = false;
        if let Some(stream) = &self.stream {
            stream.leave();
        }
    }

    pub(super) fn mute(&self, muted: bool) {
        if let Some(stream) = &self.stream {
            stream.set_muted(muted);
        }
    }

    /// Whether keys are reported that go to the other side of a bridge.
    pub(super) fn listen(&mut self, listens: bool) {
        self.listens = listens;
    }

    pub(super) fn play(&self, play: u64, clips: &[Arc<Clip>]) {
        let expected = self.codec().map(Codec::sample_rate);
        if let Some(clip) = clips.iter().find(|clip| Some(clip.rate) != expected) {
            tracing::warn!(
                play,
                rate = clip.rate,
                "a clip of another rate than was told is played too fast or slow"
            );
        }
        if let Some(stream) = &self.stream {
            stream.play(play, clips.iter().map(|clip| Arc::clone(&clip.samples)).collect());
        }
    }

    pub(super) fn stop_playing(&self) {
        if let Some(stream) = &self.stream {
            stream.stop_playing();
        }
    }

    pub(super) fn tap(&mut self, tap: TapSink) {
        if let Some(stream) = &mut self.stream {
            stream.tap(tap);
        }
    }

    pub(super) fn send_digits(&self, digits: Digits) {
        if let Some(stream) = &self.stream {
            stream.send_digits(digits);
        }
    }

    /// Ends the sound, if it has not ended.
    pub(super) async fn close(&mut self) {
        if let Some(stream) = self.stream.take() {
            self.quality = stream.close().await;
        }
    }

    /// Where the far side's sound came from, if any came.
    pub(super) fn far(&self) -> Option<FarSound> {
        self.far
    }

    /// How good it was, once it is closed.
    pub(super) fn quality(&self) -> Option<Quality> {
        self.quality
    }
}
