use proptest::prelude::*;

use super::*;
use crate::loudness::rms_dbfs;
use crate::stream::StreamConfig;
use crate::{FRAME, MAX_PACKET, correlate, tones};

/// A telephone and our leg to it, with nothing lost between them.
struct Phone {
    leg: MediaStream,
    far: MediaStream,
    seat: Option<Seat>,
    /// All that the telephone heard, and the octets of the last frame it was sent.
    heard: Vec<i16>,
    octets: Vec<u8>,
    /// The octets of all that it sent.
    said: Vec<Vec<u8>>,
}

/// Telephones and a room that some of them are in.
struct Table {
    room: Room,
    phones: Vec<Phone>,
    now: Instant,
}

impl Table {
    fn new(kind: Kind, codecs: &[Codec]) -> Self {
        let now = Instant::now();
        let phones = (1..)
            .zip(codecs)
            .map(|(number, codec)| {
                let config = |random: u128| StreamConfig::new(*codec, random);
                Phone {
                    leg: MediaStream::new(config(number), now),
                    far: MediaStream::new(config((number << 80) | (1000 + number)), now),
                    seat: None,
                    heard: Vec::new(),
                    octets: Vec::new(),
                    said: Vec::new(),
                }
            })
            .collect();
        let room = Room::new(kind);
        Self { room, phones, now }
    }

    fn all_join(mut self) -> Self {
        for phone in 0..self.phones.len() {
            self.join(phone, false);
        }
        self
    }

    fn join(&mut self, phone: usize, muted: bool) {
        let phone = &mut self.phones[phone];
        phone.seat = phone.seat.or_else(|| Some(self.room.join(&phone.leg, muted)));
    }

    fn leave(&mut self, phone: usize) {
        if let Some(seat) = self.phones[phone].seat {
            self.room.leave(seat);
        }
    }

    fn mute(&mut self, phone: usize, muted: bool) {
        if let Some(seat) = self.phones[phone].seat {
            self.room.set_muted(seat, muted);
        }
    }

    fn say(&mut self, phone: usize, frequency: f32, milliseconds: u32) {
        let far = &mut self.phones[phone].far;
        let rate = far.config().codec.sample_rate();
        far.play(1, [tones::sine(rate, frequency, -16.0, milliseconds).into()])
            .unwrap();
    }

    fn turn(&mut self, frames: usize) {
        for _ in 0..frames {
            self.frame(|_| false);
        }
    }

    /// One frame. `is_lost` says of which telephones the packet does not arrive.
    fn frame(&mut self, is_lost: impl Fn(usize) -> bool) {
        let mut packet = [0; MAX_PACKET];
        for (index, phone) in self.phones.iter_mut().enumerate() {
            phone.far.tick_inbound(self.now);
            phone.heard.extend(phone.far.received().unwrap_or_default());
            if let Some(length) = phone.far.tick_outbound(&mut packet)
                && !is_lost(index)
            {
                phone.leg.handle_packet(&packet[..length], self.now);
                phone.said.push(packet[12..length].to_vec());
            }
        }
        for phone in &self.phones {
            if let Some(seat) = phone.seat {
                self.room.prepare(seat, &phone.leg, false);
            }
        }
        self.room.begin();
        for phone in &mut self.phones {
            match phone.seat {
                Some(seat) => self.room.take(seat, &mut phone.leg, self.now),
                None => phone.leg.tick_inbound(self.now),
            }
        }
        self.room.mix();
        for phone in &mut self.phones {
            let length = match phone.seat {
                Some(seat) => self.room.give(seat, &mut phone.leg, &mut packet),
                None => phone.leg.tick_outbound(&mut packet),
            };
            phone.octets.clear();
            if let Some(length) = length {
                phone.octets.extend(&packet[12..length]);
                phone.far.handle_packet(&packet[..length], self.now);
            }
        }
        self.room.end();
        for phone in &mut self.phones {
            phone.seat = phone.seat.filter(|seat| self.room.is_taken(*seat));
        }
        self.now += FRAME;
    }

    fn last_heard(&self, phone: usize, frames: usize) -> &[i16] {
        let phone = &self.phones[phone];
        let samples = frames * phone.far.config().codec.frame_samples();
        &phone.heard[phone.heard.len() - samples..]
    }

    /// How loud a tone is in what a telephone heard last.
    fn level(&self, phone: usize, frequency: f32, frames: usize) -> f32 {
        let heard = self.last_heard(phone, frames);
        let rate = self.phones[phone].far.config().codec.sample_rate() as f32;
        let (mut real, mut imaginary) = (0.0, 0.0);
        for (place, sample) in heard.iter().enumerate() {
            let angle = std::f32::consts::TAU * frequency * place as f32 / rate;
            real += f32::from(*sample) * angle.cos();
            imaginary += f32::from(*sample) * angle.sin();
        }
        let amplitude = 2.0 * real.hypot(imaginary) / heard.len() as f32;
        20.0 * (amplitude / 32_768.0).max(1e-6).log10()
    }
}

/// How loud a tone is that somebody says, in dBFS: of its peak.
const TONE: f32 = -19.2;

fn is_heard(level: f32) -> bool {
    (level - TONE).abs() < 1.5
}

/// Heights of tones that have whole periods in 100 ms.
const HEIGHTS: [f32; 8] = [300.0, 470.0, 700.0, 1010.0, 1390.0, 1810.0, 2330.0, 2890.0];

#[test]
fn two_of_the_same_codec_are_passed_on_as_they_are() {
    for codec in Codec::G711 {
        let mut table = Table::new(Kind::Bridge, &[codec, codec]).all_join();
        table.say(0, 470.0, 3000);
        table.say(1, 1010.0, 3000);
        table.turn(20);
        for _ in 0..20 {
            table.turn(1);
            assert!(table.phones[0].said.contains(&table.phones[1].octets));
            assert!(
                table.phones.iter().all(|phone| phone.leg.received().is_none()),
                "something was decoded"
            );
        }
        assert!(is_heard(table.level(1, 470.0, 10)) && is_heard(table.level(0, 1010.0, 10)));
        assert!(table.level(1, 1010.0, 10) < -50.0 && table.level(0, 470.0, 10) < -50.0);
    }
}

#[test]
fn everything_else_is_converted() {
    for (one, other) in [
        (Codec::Pcma, Codec::Pcmu),
        (Codec::Pcmu, Codec::G722),
        (Codec::G722, Codec::G722),
    ] {
        let mut table = Table::new(Kind::Bridge, &[one, other]).all_join();
        table.say(0, 470.0, 3000);
        table.say(1, 1010.0, 3000);
        table.turn(60);
        for (phone, own, others) in [(0, 470.0, 1010.0), (1, 1010.0, 470.0)] {
            let (heard, echo) = (table.level(phone, others, 20), table.level(phone, own, 20));
            assert!(is_heard(heard) && echo < -50.0, "{one:?} {other:?}: {heard} {echo}");
        }
    }
}

#[test]
fn everybody_hears_all_others_and_not_oneself() {
    let codecs = [
        Codec::Pcma,
        Codec::Pcmu,
        Codec::G722,
        Codec::Pcma,
        Codec::G722,
        Codec::Pcmu,
    ];
    let mut table = Table::new(Kind::Conference, &codecs).all_join();
    for (phone, height) in HEIGHTS.iter().enumerate().take(codecs.len()) {
        table.say(phone, *height, 3000);
    }
    table.turn(60);
    for phone in 0..codecs.len() {
        for (other, height) in HEIGHTS.iter().enumerate().take(codecs.len()) {
            let level = table.level(phone, *height, 20);
            let expected = if other == phone { level < -45.0 } else { is_heard(level) };
            assert!(expected, "{phone} hears {other} at {level}");
        }
        assert!(table.room.is_speaking(table.phones[phone].seat.unwrap()));
    }
}

/// The largest step between samples, next to that of a tone of this loudness.
fn steepest(samples: &[i16]) -> u32 {
    samples
        .windows(2)
        .map(|pair| u32::from(pair[0].abs_diff(pair[1])))
        .max()
        .unwrap_or(0)
}

#[test]
fn coming_going_and_muting_are_not_heard_as_clicks() {
    for (kind, codec) in [
        (Kind::Bridge, Codec::Pcma),
        (Kind::Conference, Codec::Pcma),
        (Kind::Conference, Codec::G722),
        (Kind::Bridge, Codec::G722),
    ] {
        let mut table = Table::new(kind, &[codec, codec]);
        table.say(0, 300.0, 8000);
        table.join(1, false);
        table.turn(10);
        table.join(0, false);
        table.turn(30);
        table.mute(0, true);
        table.turn(20);
        table.mute(0, false);
        table.turn(30);
        table.leave(0);
        table.turn(20);
        let heard = &table.phones[1].heard;
        let tone = tones::sine(codec.sample_rate(), 300.0, -16.0, 100);
        let (steepest, expected) = (steepest(heard), steepest(&tone));
        assert!(
            steepest < expected * 3 / 2,
            "{kind:?} {codec:?}: a step of {steepest}, and of {expected} in the tone"
        );
        assert!(rms_dbfs(table.last_heard(1, 5)) < -50.0);
    }
}

#[test]
fn a_whisper_is_heard_by_one_over_the_others() {
    let mut table = Table::new(Kind::Bridge, &[Codec::Pcma, Codec::Pcma]).all_join();
    table.say(0, 470.0, 4000);
    table.say(1, 1010.0, 4000);
    table.turn(20);
    table.phones[1]
        .leg
        .play(9, [tones::sine(8000, 1810.0, -16.0, 800).into()])
        .unwrap();
    table.turn(30);
    assert!(is_heard(table.level(1, 1810.0, 10)));
    assert!(
        (table.level(1, 470.0, 10) - TONE + 12.0).abs() < 2.0,
        "{}",
        table.level(1, 470.0, 10)
    );
    assert!(table.level(0, 1810.0, 10) < -45.0 && is_heard(table.level(0, 1010.0, 10)));
    table.turn(40);
    assert!(is_heard(table.level(1, 470.0, 10)) && table.level(1, 1810.0, 10) < -45.0);
}

#[test]
fn what_is_played_to_the_room_is_heard_by_all_and_can_be_stopped() {
    let mut table = Table::new(Kind::Bridge, &[Codec::Pcma, Codec::G722]).all_join();
    table.turn(20);
    table
        .room
        .play(Band::Wide, vec![tones::sine(16_000, 700.0, -16.0, 400).into()])
        .unwrap();
    table
        .room
        .play(Band::Narrow, vec![tones::sine(8000, 1390.0, -16.0, 10_000).into()])
        .unwrap();
    table.turn(15);
    for phone in 0..2 {
        let level = table.level(phone, 700.0, 5);
        assert!(is_heard(level), "{phone}: {level}");
    }
    table.turn(15);
    for phone in 0..2 {
        assert!(is_heard(table.level(phone, 1390.0, 5)));
    }
    table.room.stop_playing();
    table.turn(15);
    for phone in 0..2 {
        assert!(rms_dbfs(table.last_heard(phone, 5)) < -50.0);
        assert!(steepest(&table.phones[phone].heard) < 12_000);
    }
}

#[test]
fn the_room_is_listened_to_in_its_best_band() {
    let mut table = Table::new(Kind::Conference, &[Codec::Pcma, Codec::G722]).all_join();
    assert_eq!(table.room.set_listened(true), Some(Band::Wide));
    table.say(0, 470.0, 3000);
    table.say(1, 1010.0, 3000);
    table.turn(30);
    let mut all = [0; MAX_FRAME];
    assert_eq!(table.room.hear_all(&mut all), 320);
    assert!(rms_dbfs(&all) > TONE - 1.0, "{}", rms_dbfs(&all));
    assert_eq!(table.room.set_listened(false), None);
    assert_eq!(table.room.hear_all(&mut all), 0);
}

#[test]
fn a_loss_on_the_way_is_covered_on_the_other_side() {
    let mut table = Table::new(Kind::Bridge, &[Codec::Pcma, Codec::Pcma]).all_join();
    table.say(0, 470.0, 8000);
    table.turn(30);
    for frame in 0..100 {
        table.frame(|phone| phone == 0 && frame % 10 == 9);
    }
    let quality = table.phones[1].far.quality();
    assert!((8..=10).contains(&quality.packets_lost), "{quality:?}");
    assert!(is_heard(table.level(1, 470.0, 80)));
}

/// What is heard is what was said, whoever encoded it: listeners share an encoder, and one of them speaks now and then.
#[test]
fn the_change_between_encoders_is_not_heard() {
    for codec in Codec::ALL {
        let mut table = Table::new(Kind::Conference, &[codec; 4]).all_join();
        table.say(0, 300.0, 20_000);
        table.turn(60);
        for _ in 0..4 {
            table.say(2, 700.0, 400);
            table.turn(60);
            table.phones[3].leg.play(7, [vec![0; 1600].into()]).unwrap();
            table.turn(60);
        }
        let tone = tones::sine(codec.sample_rate(), 300.0, -16.0, 100);
        for phone in 2..4 {
            let skip = 50 * codec.frame_samples();
            let steepest = steepest(&table.phones[phone].heard[skip..]);
            let both = steepest_of_two(codec);
            assert!(
                steepest < both,
                "{codec:?} {phone}: {steepest} {both} {}",
                super::tests::steepest(&tone)
            );
        }
    }
}

fn steepest_of_two(codec: Codec) -> u32 {
    let rate = codec.sample_rate();
    let tones = [300.0, 700.0].map(|height| steepest(&tones::sine(rate, height, -16.0, 100)));
    (tones[0] + tones[1]) * 6 / 5
}

#[test]
fn ten_minutes_do_not_drift() {
    let mut table = Table::new(Kind::Bridge, &[Codec::Pcma, Codec::Pcmu]).all_join();
    let noise: Vec<i16> = (0..8000_u32)
        .map(|n| ((n.wrapping_mul(2_654_435_761) >> 18) as i16 - 8192) / 4)
        .collect();
    let place = |table: &mut Table| {
        table.phones[0].far.play(1, [noise.clone().into()]).unwrap();
        for phone in &mut table.phones {
            phone.heard.clear();
        }
        table.turn(75);
        correlate::find(&noise, &table.phones[1].heard).unwrap()
    };
    table.turn(20);
    let first = place(&mut table);
    for phone in 0..2 {
        table.phones[phone].heard.clear();
    }
    table.turn(10 * 60 * 50);
    let last = place(&mut table);
    assert!(first.score > 0.95 && last.score > 0.95, "{first:?} {last:?}");
    assert_eq!(first.offset_samples, last.offset_samples);
}

#[derive(Debug, Clone, Copy)]
enum Step {
    Join(usize, bool),
    Leave(usize),
    Mute(usize, bool),
    Play(usize),
    PlayAll,
    StopAll,
    Listen(bool),
    Say(usize),
    Hold(usize, bool),
}

fn step() -> impl Strategy<Value = Step> {
    let phone = 0..5_usize;
    prop_oneof![
        3 => (phone.clone(), any::<bool>()).prop_map(|(phone, muted)| Step::Join(phone, muted)),
        2 => phone.clone().prop_map(Step::Leave),
        2 => (phone.clone(), any::<bool>()).prop_map(|(phone, muted)| Step::Mute(phone, muted)),
        1 => phone.clone().prop_map(Step::Play),
        1 => Just(Step::PlayAll),
        1 => Just(Step::StopAll),
        1 => any::<bool>().prop_map(Step::Listen),
        2 => phone.clone().prop_map(Step::Say),
        1 => (phone, any::<bool>()).prop_map(|(phone, sends)| Step::Hold(phone, sends)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    /// Whatever comes after what: nobody hears a click, the room knows who is in it, and at the end whoever is in it hears
    /// exactly the others that are not muted.
    #[test]
    fn any_order_of_coming_muting_and_going(
        bridge: bool,
        steps in prop::collection::vec((step(), 0..4_usize), 1..25),
    ) {
        let kind = if bridge { Kind::Bridge } else { Kind::Conference };
        let codecs = [Codec::Pcma, Codec::Pcma, Codec::Pcmu, Codec::G722, Codec::G722];
        let mut table = Table::new(kind, &codecs);
        let mut muted = [false; 5];
        let mut inside = [false; 5];
        for (step, frames) in steps {
            match step {
                Step::Join(phone, is_muted) => {
                    if table.phones[phone].seat.is_none() {
                        (muted[phone], inside[phone]) = (is_muted, true);
                    }
                    table.join(phone, is_muted);
                }
                Step::Leave(phone) => {
                    table.leave(phone);
                    inside[phone] = false;
                    table.turn(1);
                }
                Step::Mute(phone, is_muted) => {
                    table.mute(phone, is_muted);
                    muted[phone] = is_muted;
                }
                Step::Play(phone) => drop(table.phones[phone].leg.play(3, [vec![0; 900].into()])),
                Step::PlayAll => drop(table.room.play(Band::Narrow, vec![vec![0; 900].into()])),
                Step::StopAll => table.room.stop_playing(),
                Step::Listen(listened) => drop(table.room.set_listened(listened)),
                Step::Say(phone) => drop(table.phones[phone].far.play(1, [vec![0; 900].into()])),
                Step::Hold(phone, sends) => table.phones[phone].leg.set_sending(sends),
            }
            table.turn(frames);
            let present = inside.iter().filter(|inside| **inside).count();
            prop_assert_eq!(table.room.members(), present);
        }
        table.room.stop_playing();
        for phone in 0..5 {
            table.phones[phone].leg.stop_all_plays();
            table.phones[phone].leg.set_sending(true);
            table.phones[phone].far.stop_all_plays();
            table.phones[phone].heard.clear();
        }
        table.turn(40);
        for (phone, height) in HEIGHTS.iter().enumerate().take(5) {
            table.say(phone, *height, 3000);
        }
        table.turn(60);
        for phone in 0..5 {
            for other in 0..5 {
                let level = table.level(phone, HEIGHTS[other], 20);
                let hears = phone != other && inside[phone] && inside[other] && !muted[other];
                let as_expected = if hears { is_heard(level) } else { level < -42.0 };
                prop_assert!(as_expected, "{} hears {} at {}", phone, other, level);
            }
        }
    }
}
