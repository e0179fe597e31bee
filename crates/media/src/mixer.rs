//! Mixes the sound of a room: everybody hears those who speak, and nobody hears themselves.
//!
//! Members at 8 and at 16 kHz sit in the same room; each hears it at their own rate. In a room with few members all are
//! mixed, always. In a larger one the loudest few are, with a soft change from one to the next, so that the cost of a room
//! of hundreds is that of its speakers, and its noise is not the sum of everybody's.

mod halfband;
mod member;
mod voice;

use crate::MAX_FRAME;

use member::{Member, Part, Role};

/// The sample rate of a member's frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Band {
    /// 8 kHz.
    Narrow,
    /// 16 kHz.
    Wide,
}

impl Band {
    /// Samples in one frame of 20 ms.
    pub const fn frame_samples(self) -> usize {
        match self {
            Self::Narrow => MAX_FRAME / 2,
            Self::Wide => MAX_FRAME,
        }
    }

    /// The band of a sample rate, if it is one of the two.
    pub const fn of(sample_rate: u32) -> Option<Self> {
        match sample_rate {
            8_000 => Some(Self::Narrow),
            16_000 => Some(Self::Wide),
            _ => None,
        }
    }
}

/// A member's place in its room. It is given to somebody else after the member has left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Seat(usize);

impl Seat {
    /// The number of the seat: small, and nobody else's at the same time.
    pub(crate) const fn index(self) -> usize {
        self.0
    }

    pub(crate) const fn at(index: usize) -> Self {
        Self(index)
    }
}

/// Whose mix a member hears.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heard {
    /// The same as every other listener of the band: it may be encoded once for all of them.
    Shared,
    /// A mix of one's own, without oneself.
    Own,
}

/// The sound of one room, turned by hand every 20 ms: [`offer`](Self::offer) what each member said,
/// [`mix`](Self::mix), and let each [`hear`](Self::hear).
///
/// ```
/// use outdial_media::mixer::{Band, Heard, Mixer};
///
/// let mut room = Mixer::new(4);
/// let [anna, bert] = [(); 2].map(|()| room.join(Band::Narrow));
/// let mut heard = [0; 160];
/// for _ in 0..2 {
///     room.offer(anna, &[1000; 160]);
///     room.mix();
///     room.hear(bert, &mut heard);
/// }
/// assert_eq!(heard, [1000; 160]);
/// assert_eq!(room.hear(anna, &mut heard), Heard::Own);
/// assert_eq!(heard, [0; 160]);
/// ```
///
/// Nothing is allocated but in [`join`](Self::join).
#[derive(Debug)]
pub struct Mixer {
    /// How many speak at the same time at most.
    most: usize,
    seats: Vec<Option<Member>>,
    members: usize,
    /// How many members hear in each band; a band that nobody hears is not mixed.
    narrow: usize,
    wide: usize,
    /// Those who are in the mix of this frame.
    floor: Vec<usize>,
    sum_narrow: [i32; MAX_FRAME / 2],
    sum_wide: [i32; MAX_FRAME],
}

impl Mixer {
    /// The most speakers at the same time that a room can have.
    pub const MOST_SPEAKERS: usize = 16;

    /// An empty room in which at most so many speak at the same time: at least one, and at most [`Self::MOST_SPEAKERS`].
    pub fn new(most_speakers: usize) -> Self {
        let most = most_speakers.clamp(1, Self::MOST_SPEAKERS);
        Self {
            most,
            seats: Vec::new(),
            members: 0,
            narrow: 0,
            wide: 0,
            // Whoever leaves the mix is in it for one frame more.
            floor: Vec::with_capacity(2 * most),
            sum_narrow: [0; MAX_FRAME / 2],
            sum_wide: [0; MAX_FRAME],
        }
    }

    /// How many members there are.
    pub const fn members(&self) -> usize {
        self.members
    }

    /// Lets somebody in who speaks and hears in this band.
    pub fn join(&mut self, band: Band) -> Seat {
        self.members += 1;
        self.listen(band);
        self.sit(band, Role::Member, Part::Out)
    }

    /// Lets somebody in whom everybody hears, however many others speak, from its first sample on, and who hears nothing:
    /// for what is played to the room.
    pub fn join_announcer(&mut self, band: Band) -> Seat {
        self.floor.reserve(2 * self.most + 1);
        self.sit(band, Role::Announcer, Part::In)
    }

    /// Has a band mixed for whoever hears all of it; see [`hear_all`](Self::hear_all).
    pub fn listen(&mut self, band: Band) {
        *self.listeners(band) += 1;
    }

    /// Takes back one [`listen`](Self::listen).
    pub fn stop_listening(&mut self, band: Band) {
        let listeners = self.listeners(band);
        *listeners = listeners.saturating_sub(1);
    }

    fn sit(&mut self, band: Band, role: Role, part: Part) -> Seat {
        let member = Member::new(band, role, part);
        if let Some(free) = self.seats.iter().position(Option::is_none) {
            self.seats[free] = Some(member);
            return Seat(free);
        }
        self.seats.push(Some(member));
        Seat(self.seats.len() - 1)
    }

    /// Lets a member out. Doing it again is harmless.
    pub fn leave(&mut self, seat: Seat) {
        if let Some(member) = self.seats.get_mut(seat.0).and_then(Option::take) {
            if member.role == Role::Member {
                self.members -= 1;
                self.stop_listening(member.band);
            }
            self.floor.retain(|speaker| *speaker != seat.0);
        }
    }

    fn listeners(&mut self, band: Band) -> &mut usize {
        match band {
            Band::Narrow => &mut self.narrow,
            Band::Wide => &mut self.wide,
        }
    }

    /// Keeps a member's voice out of the room, or lets it in again. It hears as before.
    pub fn set_muted(&mut self, seat: Seat, muted: bool) {
        if let Some(member) = self.member(seat) {
            member.muted = muted;
        }
    }

    /// Says what a member said in this frame. Without it, the member was silent.
    pub fn offer(&mut self, seat: Seat, frame: &[i16]) {
        if let Some(member) = self.member(seat) {
            let length = frame.len().min(member.band.frame_samples());
            member.frame[..length].copy_from_slice(&frame[..length]);
            member.frame[length..].fill(0);
            member.offered = true;
            member.passed = false;
        }
    }

    /// Says that what a member said in this frame is heard past the mixer, by everybody. When it is offered here again, it goes
    /// on as if it had been in the mix.
    pub fn pass(&mut self, seat: Seat) {
        if let Some(member) = self.member(seat) {
            member.passed = true;
            member.part = if member.muted { Part::Out } else { Part::In };
        }
    }

    /// Mixes what was offered for this frame.
    pub fn mix(&mut self) {
        for member in self.seats.iter_mut().flatten() {
            member.listen();
        }
        self.choose();
        self.sum_narrow.fill(0);
        self.sum_wide.fill(0);
        for index in 0..self.floor.len() {
            let Some(member) = &mut self.seats[self.floor[index]] else {
                continue;
            };
            member.fade();
            if (member.band == Band::Narrow && self.wide > 0) || (member.band == Band::Wide && self.narrow > 0) {
                member.convert();
            }
            if self.narrow > 0 {
                add(&mut self.sum_narrow, member.share(Band::Narrow));
            }
            if self.wide > 0 {
                add(&mut self.sum_wide, member.share(Band::Wide));
            }
        }
    }

    /// Chooses who is in the mix of this frame: all in a small room, else the loudest.
    fn choose(&mut self) {
        let everybody = self.members <= self.most;
        let mut threshold = 0;
        if !everybody {
            threshold = self.loudness_of_the_last_speaker();
        }
        self.floor.clear();
        let mut room = self.most;
        for (index, member) in self.seats.iter_mut().enumerate() {
            let Some(member) = member else { continue };
            if member.passed {
                continue;
            }
            if member.role == Role::Announcer {
                member.part = member.part.next(!member.muted);
                if member.part != Part::Out {
                    self.floor.push(index);
                }
                continue;
            }
            let loud_enough = everybody || (member.weight() > 0 && member.weight() >= threshold);
            let speaks = !member.muted && loud_enough && room > 0;
            room -= usize::from(speaks);
            member.part = member.part.next(speaks);
            if member.part != Part::Out {
                self.floor.push(index);
            }
        }
    }

    /// How loud one must be at least to be among the loudest.
    fn loudness_of_the_last_speaker(&self) -> u32 {
        let mut loudest = [0; Self::MOST_SPEAKERS];
        let loudest = &mut loudest[..self.most];
        for weight in self.seats.iter().flatten().map(Member::weight) {
            let place = loudest.partition_point(|other| *other >= weight);
            if place < loudest.len() {
                loudest[place..].rotate_right(1);
                loudest[place] = weight;
            }
        }
        loudest.last().copied().unwrap_or(0)
    }

    /// Writes what a member hears of this frame, which fills `out` as far as a frame of its band goes.
    pub fn hear(&self, seat: Seat, out: &mut [i16]) -> Heard {
        let Some(member) = self.seats.get(seat.0).and_then(Option::as_ref) else {
            out.fill(0);
            return Heard::Shared;
        };
        let sum: &[i32] = match member.band {
            Band::Narrow => &self.sum_narrow,
            Band::Wide => &self.sum_wide,
        };
        if member.hears_all() {
            clamp_into(sum.iter().copied(), out);
            return Heard::Shared;
        }
        let own = member.share(member.band);
        clamp_into(sum.iter().zip(own).map(|(sum, own)| sum - i32::from(*own)), out);
        Heard::Own
    }

    /// Whether a member hears in this frame what everybody hears who says nothing.
    pub fn hears_all(&self, seat: Seat) -> bool {
        let member = self.seats.get(seat.0).and_then(Option::as_ref);
        member.is_none_or(Member::hears_all)
    }

    /// Writes what somebody would hear who says nothing: for recordings, and for all listeners at once.
    ///
    /// A band that no member hears is not mixed, and silent.
    pub fn hear_all(&self, band: Band, out: &mut [i16]) {
        match band {
            Band::Narrow => clamp_into(self.sum_narrow.iter().copied(), out),
            Band::Wide => clamp_into(self.sum_wide.iter().copied(), out),
        }
    }

    /// Whether a member speaks: its voice, where it is not muted, stands out of its own background.
    pub fn is_speaking(&self, seat: Seat) -> bool {
        let member = self.seats.get(seat.0).and_then(Option::as_ref);
        member.is_some_and(|member| !member.muted && member.voice.is_speaking())
    }

    /// Gives a member another band, and lets it enter the mix anew. Of the same band nothing changes.
    pub fn set_band(&mut self, seat: Seat, band: Band) {
        let Some(member) = self.member(seat).filter(|member| member.band != band) else {
            return;
        };
        let before = std::mem::replace(&mut member.band, band);
        member.part = Part::Out;
        member.frame.fill(0);
        self.stop_listening(before);
        self.listen(band);
    }

    fn member(&mut self, seat: Seat) -> Option<&mut Member> {
        self.seats.get_mut(seat.0).and_then(Option::as_mut)
    }
}

fn add(sum: &mut [i32], share: &[i16]) {
    for (sum, sample) in sum.iter_mut().zip(share) {
        *sum += i32::from(*sample);
    }
}

fn clamp_into(sum: impl Iterator<Item = i32>, out: &mut [i16]) {
    for (out, sample) in out.iter_mut().zip(sum) {
        *out = sample.clamp(i32::from(i16::MIN), i32::from(i16::MAX)) as i16;
    }
}

#[cfg(test)]
mod tests;
