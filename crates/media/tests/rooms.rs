//! Rooms cost no memory per frame, and what listeners hear is encoded once for all of them.

use std::time::Instant;

use assert_no_alloc::{AllocDisabler, assert_no_alloc, violation_count};
use outdial_media::codec::Codec;
use outdial_media::mixer::Seat;
use outdial_media::room::{Kind, Room};
use outdial_media::stream::{MediaStream, StreamConfig};
use outdial_media::{FRAME, MAX_PACKET, tones};

#[global_allocator]
static ALLOCATOR: AllocDisabler = AllocDisabler;

/// A room, and a leg of ours to each telephone.
struct Table {
    room: Room,
    seats: Vec<Seat>,
    legs: Vec<MediaStream>,
    fars: Vec<MediaStream>,
    /// What each leg sent in the last frame.
    sent: Vec<([u8; MAX_PACKET], usize)>,
    now: Instant,
}

impl Table {
    /// The first so many telephones say something; the others send nothing at all.
    fn new(kind: Kind, codecs: &[Codec], speakers: usize) -> Self {
        let now = Instant::now();
        let mut room = Room::new(kind);
        let stream = |(number, codec): (u128, &Codec)| MediaStream::new(StreamConfig::new(*codec, number), now);
        let legs: Vec<_> = (1..).zip(codecs).map(stream).collect();
        let mut fars: Vec<_> = (10_000..).zip(&codecs[..speakers]).map(stream).collect();
        for (far, height) in fars.iter_mut().zip([300.0, 700.0, 1100.0, 1500.0]) {
            let tone = tones::sine(far.config().codec.sample_rate(), height, -16.0, 500);
            far.play_forever(1, [tone.into()]).expect("nothing is queued");
        }
        Self {
            seats: legs.iter().map(|leg| room.join(leg, false)).collect(),
            sent: vec![([0; MAX_PACKET], 0); legs.len()],
            room,
            legs,
            fars,
            now,
        }
    }

    fn turn(&mut self, frames: usize) {
        let mut packet = [0; MAX_PACKET];
        for _ in 0..frames {
            for (far, leg) in self.fars.iter_mut().zip(&mut self.legs) {
                if let Some(length) = far.tick_outbound(&mut packet) {
                    leg.handle_packet(&packet[..length], self.now);
                }
            }
            for (seat, leg) in self.seats.iter().zip(&self.legs) {
                self.room.prepare(*seat, leg, false);
            }
            self.room.begin();
            for (seat, leg) in self.seats.iter().zip(&mut self.legs) {
                self.room.take(*seat, leg, self.now);
            }
            self.room.mix();
            let legs = self.legs.iter_mut().zip(&mut self.sent);
            for (seat, (leg, (packet, length))) in self.seats.iter().zip(legs) {
                *length = self.room.give(*seat, leg, packet).unwrap_or(0);
                while leg.poll_event().is_some() {}
            }
            self.room.end();
            self.now += FRAME;
        }
    }

    /// Turns without the allocator.
    fn turn_steadily(&mut self, frames: usize) {
        let before = violation_count();
        assert_no_alloc(|| self.turn(frames));
        assert_eq!(violation_count(), before, "the allocator was called");
    }

    fn payload(&self, leg: usize) -> &[u8] {
        let (packet, length) = &self.sent[leg];
        packet.get(12..*length).unwrap_or_default()
    }
}

#[test]
fn a_running_room_does_not_allocate() {
    let [mu, a, wide] = Codec::ALL;
    for (kind, codecs) in [
        (Kind::Bridge, &[a, a][..]),
        (Kind::Bridge, &[wide, wide]),
        (Kind::Bridge, &[a, mu]),
        (Kind::Conference, &[a, mu, wide, wide]),
    ] {
        let mut table = Table::new(kind, codecs, codecs.len());
        // The first packets make what hears them.
        table.turn(3);
        table.turn_steadily(60);
        for muted in [true, false] {
            table.room.set_muted(table.seats[0], muted);
            table.turn_steadily(30);
        }
        let clip = tones::sine(codecs[1].sample_rate(), 440.0, -10.0, 100);
        table.legs[1].play(7, [clip.into()]).expect("nothing is queued");
        table.turn_steadily(30);
        table.legs[0].set_sending(false);
        table.turn_steadily(10);
        table.legs[0].set_sending(true);
        table.turn_steadily(10);
        table.room.leave(table.seats[0]);
        assert_no_alloc(|| table.turn(1));
    }
}

#[test]
fn five_hundred_hear_three_by_what_is_encoded_once_for_all() {
    let codecs: Vec<Codec> = Codec::ALL.into_iter().cycle().take(500).collect();
    let mut table = Table::new(Kind::Conference, &codecs, 3);
    table.turn(3);
    // Until the encoders with a memory agree.
    table.turn_steadily(60);
    for listener in 6..500 {
        let same = 3 + (listener - 3) % 3;
        assert_eq!(codecs[listener], codecs[same]);
        assert!(
            table.payload(listener) == table.payload(same),
            "{listener} hears something else"
        );
        assert_eq!(table.payload(listener).len(), 160);
    }
    for speaker in 0..3 {
        let is_speaking = table.room.is_speaking(table.seats[speaker]);
        assert!(is_speaking && table.payload(speaker) != table.payload(speaker + 3));
    }
    assert!(!table.room.is_speaking(table.seats[100]));
}
