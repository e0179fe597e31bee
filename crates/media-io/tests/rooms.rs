//! Streams in rooms hear each other, over real sockets.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod legs;

use std::{
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
    time::Duration,
};

use jiff::Timestamp;
use legs::leg;
use outdial_domain::{Digit, RoomId};
use outdial_engine::ports::{Clip, DigitWay, Joining, RoomKind, RoomSound, Tap, tap};
use outdial_media::{codec::Codec, correlate, loudness::rms_dbfs, resample::resample, stream::StreamConfig};
use outdial_media_io::{MediaEngine, MediaEvent, Remote, Stream};

const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// Longer than anything takes that a test waits for.
const PATIENCE: Duration = Duration::from_secs(20);

fn room(number: u8) -> RoomId {
    RoomId::new(Timestamp::UNIX_EPOCH, [number; 10])
}

fn joining(room: RoomId, kind: RoomKind) -> Joining {
    let muted = false;
    Joining { room, kind, muted }
}

/// A leg of ours and the telephone on its far side, which is a stream of an engine of its own.
struct Phone {
    leg: Stream,
    far: Stream,
    /// What the telephone says and hears.
    tap: Tap,
    rate: usize,
}

struct Rig {
    ours: MediaEngine,
    theirs: MediaEngine,
}

impl Rig {
    fn new(first: u16) -> Self {
        let start = |first: u16, last: u16| MediaEngine::start(2, HERE, first..=last).unwrap();
        Self {
            ours: start(first, first + 39),
            theirs: start(first + 40, first + 79),
        }
    }

    async fn phone(&self, codec: Codec) -> Phone {
        let config = |random: u128| StreamConfig::new(codec, random);
        self.phone_with(config(1 << 70 | 1), config(1 << 80 | 2)).await
    }

    async fn phone_with(&self, ours: StreamConfig, theirs: StreamConfig) -> Phone {
        let (mut leg, mut far) = (self.ours.open(leg()).unwrap(), self.theirs.open(legs::leg()).unwrap());
        let (sink, tap) = tap(6_000);
        far.tap(sink);
        let (at_leg, at_far) = (leg.local(), far.local());
        leg.start(ours, Remote::new(at_far));
        far.start(theirs, Remote::new(at_leg));
        let mut phone = Phone {
            leg,
            far,
            tap,
            rate: theirs.codec.sample_rate() as usize,
        };
        phone
            .leg_until(|event| matches!(event, MediaEvent::FirstPacket { .. }))
            .await;
        phone
    }
}

async fn until(stream: &mut Stream, wanted: impl Fn(MediaEvent) -> bool) -> MediaEvent {
    let search = async {
        loop {
            let event = stream.event().await.unwrap();
            if wanted(event) {
                return event;
            }
        }
    };
    tokio::time::timeout(PATIENCE, search).await.unwrap()
}

impl Phone {
    async fn leg_until(&mut self, wanted: impl Fn(MediaEvent) -> bool) -> MediaEvent {
        until(&mut self.leg, wanted).await
    }

    async fn join(&mut self, joining: Joining) {
        self.leg.join(joining);
        let joined = MediaEvent::Joined { room: joining.room };
        self.leg_until(|event| event == joined).await;
    }

    async fn leave(&mut self) {
        self.leg.leave();
        self.leg_until(|event| event == MediaEvent::Left).await;
    }

    /// Says noise of its own for so long, which is like no other, and gives it at 8 kHz.
    fn say(&self, seed: u32, milliseconds: usize) -> Vec<i16> {
        let noise = noise(seed, 8 * milliseconds);
        let said = resample(&noise, 8000, self.rate as u32).unwrap();
        self.far.play(1, vec![said.into()]);
        noise
    }

    /// Waits until it has said everything, and a little longer, so that it has been heard.
    async fn said(&mut self) {
        until(&mut self.far, |event| {
            matches!(event, MediaEvent::PlayFinished { play: 1, .. })
        })
        .await;
        self.far.play(2, vec![vec![0; self.rate / 4].into()]);
        until(&mut self.far, |event| {
            matches!(event, MediaEvent::PlayFinished { play: 2, .. })
        })
        .await;
    }

    /// What it heard since it was asked last, at 8 kHz.
    fn heard(&mut self) -> Vec<i16> {
        let mut heard = Vec::new();
        while let Some(frame) = self.tap.next() {
            heard.extend(frame.received().unwrap_or(&[0; 160]));
        }
        resample(&heard, self.rate as u32, 8000).unwrap()
    }
}

/// Noise at 8 kHz that a telephone carries: below some 2 kHz.
fn noise(seed: u32, samples: usize) -> Vec<i16> {
    let mut random = seed.wrapping_mul(2_654_435_761) | 1;
    let mut last = [0_i32; 4];
    (0..samples)
        .map(|_| {
            random ^= random << 13;
            random ^= random >> 17;
            random ^= random << 5;
            last.rotate_right(1);
            last[0] = (random >> 19) as i32 - 4096;
            (last.iter().sum::<i32>() / 2) as i16
        })
        .collect()
}

/// How much of what was said is in what was heard.
fn likeness(said: &[i16], heard: &[i16]) -> f32 {
    // Its middle, so that fading in does not matter.
    let middle = &said[said.len() / 4..said.len() * 3 / 4];
    correlate::find(middle, heard).map_or(0.0, |found| found.score)
}

#[tokio::test]
async fn in_a_bridge_each_hears_the_other_and_only_the_other() {
    let rig = Rig::new(47_200);
    for (number, (one, other)) in (1..).zip([
        (Codec::Pcma, Codec::Pcma),
        (Codec::Pcma, Codec::Pcmu),
        (Codec::Pcmu, Codec::G722),
    ]) {
        let (mut anna, mut bert) = (rig.phone(one).await, rig.phone(other).await);
        for phone in [&mut anna, &mut bert] {
            phone.join(joining(room(number), RoomKind::Bridge)).await;
        }
        let (annas, berts) = (anna.say(1, 1500), bert.say(2, 1500));
        anna.said().await;
        bert.said().await;
        let (at_anna, at_bert) = (anna.heard(), bert.heard());
        for (heard, others, own) in [(&at_anna, &berts, &annas), (&at_bert, &annas, &berts)] {
            let (likeness, echo) = (likeness(others, heard), likeness(own, heard));
            assert!(likeness > 0.9 && echo < 0.2, "{one:?} {other:?}: {likeness} {echo}");
        }
        assert_eq!(rig.ours.running(), 2);
        let quality = anna.leg.close().await.unwrap();
        assert_eq!(quality.lost, 0, "{quality:?}");
        drop(bert);
    }
}

#[tokio::test]
async fn in_a_conference_each_hears_all_others_and_moves_and_leaves() {
    let rig = Rig::new(47_300);
    let codecs = [Codec::Pcma, Codec::G722, Codec::Pcmu, Codec::Pcma];
    let mut phones = Vec::new();
    for codec in codecs {
        let mut phone = rig.phone(codec).await;
        phone.join(joining(room(1), RoomKind::Conference)).await;
        phones.push(phone);
    }
    phones[3].leg.set_muted(true);
    let said: Vec<_> = (1..).zip(&phones).map(|(seed, phone)| phone.say(seed, 2000)).collect();
    let (sink, mut whole) = tap(1000);
    rig.ours.tap(room(1), sink);
    for phone in &mut phones {
        phone.said().await;
    }
    let heard: Vec<_> = phones.iter_mut().map(Phone::heard).collect();
    for (listener, heard) in heard.iter().enumerate() {
        for (speaker, said) in said.iter().enumerate() {
            let likeness = likeness(said, heard);
            let expected = match speaker {
                _ if speaker == listener => likeness < 0.15,
                3 => likeness < 0.15,
                _ => likeness > 0.4,
            };
            assert!(expected, "{listener} hears {speaker}: {likeness}");
        }
    }
    let mut all = Vec::new();
    while let Some(frame) = whole.next() {
        assert!(frame.sent().is_none());
        all.extend(frame.received().unwrap());
    }
    let all = resample(&all, 16_000, 8000).unwrap();
    assert!(likeness(&said[0], &all) > 0.4);

    // The first goes to another room, and the second leaves: the others hear neither.
    phones[0].join(joining(room(2), RoomKind::Conference)).await;
    phones[1].leave().await;
    phones.iter_mut().for_each(|phone| drop(phone.heard()));
    let said: Vec<_> = (11..).zip(&phones).map(|(seed, phone)| phone.say(seed, 800)).collect();
    for phone in &mut phones {
        phone.said().await;
    }
    let heard = phones[3].heard();
    assert!(likeness(&said[2], &heard) > 0.9);
    assert!(likeness(&said[0], &heard) < 0.2 && likeness(&said[1], &heard) < 0.2);
    assert!(rms_dbfs(&phones[0].heard()) < -45.0);
    assert!(rms_dbfs(&phones[1].heard()) < -45.0);
}

#[tokio::test]
async fn who_speaks_is_known_and_what_is_played_to_the_room_is_heard_by_all() {
    let rig = Rig::new(47_400);
    let (mut anna, mut bert) = (rig.phone(Codec::Pcma).await, rig.phone(Codec::Pcmu).await);
    for phone in [&mut anna, &mut bert] {
        phone.join(joining(room(7), RoomKind::Conference)).await;
    }
    assert_eq!(rig.ours.speaking(room(8)), []);
    let annas = anna.say(3, 1200);
    // A second of hers is enough to be noticed, however busy the machine is.
    let noticed = async {
        while rig.ours.speaking(room(7)).len() != 1 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, noticed).await.unwrap();
    anna.said().await;
    assert!(likeness(&annas, &bert.heard()) > 0.9);

    drop(anna.heard());
    let music = noise(9, 8000);
    let clip = Clip {
        rate: 16_000,
        samples: resample(&music, 8000, 16_000).unwrap().into(),
    };
    rig.ours.play(room(7), vec![Arc::new(clip)]);
    for phone in [&mut anna, &mut bert] {
        phone.say(0, 1200);
        phone.said().await;
    }
    assert!(likeness(&music, &anna.heard()) > 0.4);
    assert!(likeness(&music, &bert.heard()) > 0.4);
}

#[tokio::test]
async fn keys_pass_a_bridge_by_event_and_by_tones_where_there_are_none() {
    let rig = Rig::new(47_500);
    let with = |events: Option<u8>, random: u128| StreamConfig::new(Codec::Pcma, random).with_telephone_event(events);
    let mut anna = rig.phone(Codec::Pcma).await;
    let mut bert = rig.phone_with(with(None, 1 << 70 | 5), with(None, 1 << 70 | 6)).await;
    for phone in [&mut anna, &mut bert] {
        phone.join(joining(room(1), RoomKind::Bridge)).await;
    }
    let pressed = |event| matches!(event, MediaEvent::Digit { .. });
    for (from, to, key, leg_way, far_way) in [(&mut anna, &mut bert, '5', DigitWay::Rtp, DigitWay::InBand)] {
        from.far.send_digits(key.to_string().parse().unwrap());
        let digit = Digit::from_char(key).unwrap();
        assert_eq!(from.leg_until(pressed).await, MediaEvent::Digit { digit, way: leg_way });
        assert_eq!(
            until(&mut to.far, pressed).await,
            MediaEvent::Digit { digit, way: far_way }
        );
    }
    bert.far.send_digits("8".parse().unwrap());
    let digit = Digit::from_char('8').unwrap();
    let told = bert.leg_until(pressed).await;
    assert_eq!(
        told,
        MediaEvent::Digit {
            digit,
            way: DigitWay::InBand
        }
    );
    let heard = until(&mut anna.far, pressed).await;
    assert_eq!(
        heard,
        MediaEvent::Digit {
            digit,
            way: DigitWay::Rtp
        }
    );
    anna.leg.pass_digit(Digit::from_char('#').unwrap());
    let digit = Digit::from_char('#').unwrap();
    let heard = until(&mut bert.far, pressed).await;
    assert_eq!(
        heard,
        MediaEvent::Digit {
            digit,
            way: DigitWay::InBand
        }
    );
}

/// Two who talk hear no gap when others come and go: what they say arrives whole.
#[tokio::test]
async fn who_comes_and_goes_leaves_no_gap() {
    let rig = Rig::new(47_600);
    let (mut anna, mut bert) = (rig.phone(Codec::Pcma).await, rig.phone(Codec::Pcma).await);
    for phone in [&mut anna, &mut bert] {
        phone.join(joining(room(3), RoomKind::Conference)).await;
    }
    let mut others = Vec::new();
    for codec in [Codec::Pcma, Codec::G722, Codec::Pcmu] {
        others.push(rig.phone(codec).await);
    }
    let annas = anna.say(5, 3000);
    for other in &mut others {
        other.join(joining(room(3), RoomKind::Conference)).await;
    }
    for other in others.drain(1..) {
        drop(other);
    }
    others[0].leave().await;
    anna.said().await;
    let heard = bert.heard();
    assert!(likeness(&annas, &heard) > 0.95, "{}", likeness(&annas, &heard));
}
