//! A room turned by hand: streams that hear each other.
//!
//! Two telephones that talk are a room of two, a conference is one of many, and both are turned alike, all members in one
//! phase, so that nothing is delayed by it: every 20 ms [`prepare`](Room::prepare) each member and
//! [`begin`](Room::begin), let the room [`take`](Room::take) what each said, [`mix`](Room::mix), [`give`](Room::give) each
//! what it is to hear, and [`end`](Room::end) the frame.
//!
//! Where two of the same codec talk and nobody else listens, what one sends is passed to the other as it came; everything
//! else goes through the [`Mixer`]. The change from one to the other, and everybody's coming and going, is not heard.

mod announcer;
mod member;
mod shared;

use std::sync::Arc;
use std::time::Instant;

use announcer::Announcer;
use member::{Member, Stage};
use shared::Shared;

use crate::MAX_FRAME;
use crate::codec::Codec;
use crate::mixer::{Band, Mixer, Seat};
use crate::player::QueueFull;
use crate::stream::{MediaStream, Passed};

/// What a room is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Two who talk to each other. What one sends is passed to the other as it came, where that is possible.
    Bridge,
    /// Any number of members, of whom the loudest few are heard.
    Conference,
}

/// Streams that hear each other. See the [module](self) for the order of a frame.
///
/// Nothing is allocated but in [`join`](Self::join) and where something is to be played.
#[derive(Debug)]
pub struct Room {
    kind: Kind,
    mixer: Mixer,
    /// By their seats.
    members: Vec<Option<Member>>,
    shared: Shared,
    announcer: Announcer,
    /// The band in which the whole room is listened to.
    listened: Option<Band>,
}

impl Room {
    /// How many of a conference are heard at the same time.
    pub const SPEAKERS: usize = 8;

    /// An empty room.
    pub fn new(kind: Kind) -> Self {
        Self {
            kind,
            mixer: Mixer::new(Self::SPEAKERS),
            members: Vec::new(),
            shared: Shared::default(),
            announcer: Announcer::default(),
            listened: None,
        }
    }

    /// What it is for.
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// How many are in it.
    pub const fn members(&self) -> usize {
        self.mixer.members()
    }

    /// Lets a stream in. It is heard, unless muted, and hears from the next frame on.
    pub fn join(&mut self, stream: &MediaStream, muted: bool) -> Seat {
        let codec = stream.config().codec;
        let seat = self.mixer.join(band(codec));
        self.mixer.set_muted(seat, muted);
        let index = seat.index();
        if self.members.len() <= index {
            self.members.resize_with(index + 1, || None);
        }
        self.members[index] = Some(Member::new(codec, muted));
        seat
    }

    /// Keeps what a member says out of the room, or lets it in again. It hears as before.
    pub fn set_muted(&mut self, seat: Seat, muted: bool) {
        if let Some(member) = self.member(seat)
            && member.stage != Stage::Leaving
        {
            member.muted = muted;
            self.mixer.set_muted(seat, muted);
        }
    }

    /// Keeps the room from a member, or lets it hear again. What is played to it alone it hears in any case.
    pub fn set_deaf(&mut self, seat: Seat, deaf: bool) {
        if let Some(member) = self.member(seat) {
            member.deaf = deaf;
        }
    }

    /// Begins to let a member out: it is in the next frame for the last time, in which its voice and what it hears fade.
    /// Its seat is given to somebody else after the [`end`](Self::end) of that frame.
    pub fn leave(&mut self, seat: Seat) {
        if let Some(member) = self.member(seat) {
            member.stage = Stage::Leaving;
            self.mixer.set_muted(seat, true);
        }
    }

    /// Plays clips at 8 or 16 kHz to everybody, after what is played already.
    pub fn play(&mut self, band: Band, clips: Vec<Arc<[i16]>>) -> Result<(), QueueFull> {
        self.announcer.play(&mut self.mixer, band, clips)
    }

    /// Stops what is played to everybody.
    pub fn stop_playing(&mut self) {
        self.announcer.stop(&mut self.mixer);
    }

    /// Begins or ends to have the whole room listened to by [`hear_all`](Self::hear_all), and tells the band: that of the
    /// best member there is now, and the same until it ends.
    pub fn set_listened(&mut self, listened: bool) -> Option<Band> {
        if let Some(band) = self.listened.take() {
            self.mixer.stop_listening(band);
        }
        if listened {
            let wide = self.present().any(|(_, member)| band(member.codec) == Band::Wide);
            let band = if wide { Band::Wide } else { Band::Narrow };
            self.mixer.listen(band);
            self.listened = Some(band);
        }
        self.listened
    }

    /// Looks at a member before a frame. `tapped` says that somebody wants the sound that it sends and receives, as sound.
    pub fn prepare(&mut self, seat: Seat, stream: &MediaStream, tapped: bool) {
        let Some(member) = self.member(seat) else { return };
        let codec = stream.config().codec;
        let is_news = std::mem::replace(&mut member.codec, codec) != codec;
        member.plain = stream.is_plain() && !tapped;
        member.tapped = tapped;
        member.passes = false;
        member.passed = Passed::Nothing;
        if is_news {
            member.alike = 0;
            member.was_shared = false;
            self.mixer.set_band(seat, band(codec));
        }
    }

    /// Begins a frame: decides what is passed on as it comes.
    pub fn begin(&mut self) {
        self.shared.begin(self.members.iter().flatten());
        if let Some((one, other)) = self.pair() {
            for (from, to) in [(one, other), (other, one)] {
                let may = match (&self.members[from], &self.members[to]) {
                    (Some(from), Some(to)) => from.may_pass_to(to),
                    _ => false,
                };
                if let Some(from) = &mut self.members[from] {
                    from.passes = may;
                }
            }
        }
        for member in self.members.iter_mut().flatten() {
            member.passed_before &= member.passes;
        }
    }

    /// The two of a bridge, if there are two, and nobody but them hears it.
    fn pair(&self) -> Option<(usize, usize)> {
        if self.kind != Kind::Bridge || self.members() != 2 || self.listened.is_some() || self.announcer.is_playing() {
            return None;
        }
        let mut present = self.present().map(|(index, _)| index);
        Some((present.next()?, present.next()?))
    }

    fn present(&self) -> impl Iterator<Item = (usize, &Member)> {
        let numbered = self.members.iter().enumerate();
        numbered.filter_map(|(index, member)| Some((index, member.as_ref()?)))
    }

    /// Moves a member's receiving half on, and takes what it says in this frame.
    pub fn take(&mut self, seat: Seat, stream: &mut MediaStream, now: Instant) {
        let Some(member) = self.members.get_mut(seat.index()).and_then(Option::as_mut) else {
            return;
        };
        if member.passes {
            member.passed = stream.pass_inbound(now, &mut member.octets);
            member.passed_before = true;
            return self.mixer.pass(seat);
        }
        stream.tick_inbound(now);
        if let Some(frame) = stream.received() {
            member.quiet = frame.iter().all(|sample| sample.unsigned_abs() < QUIET);
            self.mixer.offer(seat, frame);
        }
    }

    /// Mixes what was taken.
    pub fn mix(&mut self) {
        self.announcer.say(&mut self.mixer);
        let all_passed = self.pair().is_some() && self.members.iter().flatten().all(|member| member.passes);
        if !all_passed {
            self.mixer.mix();
        }
    }

    /// Moves a member's sending half on, with what it is to hear, and writes its next packet; returns its length.
    pub fn give(&mut self, seat: Seat, stream: &mut MediaStream, out: &mut [u8]) -> Option<usize> {
        let index = seat.index();
        let peer = self.present().find(|(other, member)| *other != index && member.passes);
        match peer.map(|(other, member)| (other, member.passed)) {
            Some((other, Passed::Octets(count))) => {
                let octets = self.members[other].as_ref().map(|peer| &peer.octets[..count]);
                stream.feed_octets(octets.unwrap_or_default());
            }
            Some((_, Passed::Lost)) => stream.feed_loss(),
            // The stream fills it with its own noise.
            Some((_, Passed::Nothing)) => {}
            None => self.give_mixed(seat, stream),
        }
        stream.tick_outbound(out)
    }

    fn give_mixed(&mut self, seat: Seat, stream: &mut MediaStream) {
        // Alone there is nothing to hear but noise, which the stream makes itself.
        let is_alone = self.members() == 1 && !self.announcer.is_playing();
        let Some(member) = self.members.get_mut(seat.index()).and_then(Option::as_mut) else {
            return;
        };
        if is_alone || member.deaf || !stream.is_sending() {
            return;
        }
        let mut frame = [0; MAX_FRAME];
        let frame = &mut frame[..band(member.codec).frame_samples()];
        if member.listens_only() && self.mixer.hears_all(seat) {
            if member.may_share(&self.shared) {
                member.was_shared = true;
                return stream.feed_shared(self.shared.octets(member.codec, &self.mixer));
            }
            self.shared.keep_up(member.codec, &self.mixer);
            member.alike = member.alike.saturating_add(1);
        } else {
            member.alike = 0;
        }
        if std::mem::take(&mut member.was_shared) {
            stream.go_on_from(self.shared.encoder_before(member.codec));
            member.alike = 0;
        }
        self.mixer.hear(seat, frame);
        member.fade(frame);
        stream.feed(frame);
    }

    /// Ends a frame: whoever was leaving has left.
    pub fn end(&mut self) {
        for index in 0..self.members.len() {
            let Some(member) = &mut self.members[index] else {
                continue;
            };
            match member.stage {
                Stage::Entering => member.stage = Stage::In,
                Stage::In => {}
                Stage::Leaving => {
                    self.members[index] = None;
                    self.mixer.leave(Seat::at(index));
                }
            }
        }
    }

    /// Writes what somebody would hear who says nothing, in the band that [`set_listened`](Self::set_listened) told, and
    /// returns how many samples there are: none where nobody listens.
    pub fn hear_all(&self, out: &mut [i16; MAX_FRAME]) -> usize {
        let Some(band) = self.listened else { return 0 };
        let count = band.frame_samples();
        self.mixer.hear_all(band, &mut out[..count]);
        count
    }

    /// Whether a member of a conference is heard to speak. Of a bridge this is not known.
    pub fn is_speaking(&self, seat: Seat) -> bool {
        self.kind == Kind::Conference && self.mixer.is_speaking(seat)
    }

    /// Whether somebody sits there, who may be leaving.
    pub fn is_taken(&self, seat: Seat) -> bool {
        self.members.get(seat.index()).is_some_and(Option::is_some)
    }

    fn member(&mut self, seat: Seat) -> Option<&mut Member> {
        self.members.get_mut(seat.index()).and_then(Option::as_mut)
    }
}

/// The loudest sample of a frame in which a change of encoders is not heard: some −50 dBFS.
const QUIET: u16 = 100;

fn band(codec: Codec) -> Band {
    match codec {
        Codec::Pcmu | Codec::Pcma => Band::Narrow,
        Codec::G722 => Band::Wide,
    }
}

#[cfg(test)]
mod tests;
