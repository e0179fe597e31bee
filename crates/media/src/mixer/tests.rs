use proptest::prelude::*;

use super::*;
use crate::tones;

fn heard(room: &Mixer, seat: Seat, band: Band) -> Vec<i16> {
    let mut out = vec![0; band.frame_samples()];
    room.hear(seat, &mut out);
    out
}

/// Turns the room so often that whoever enters has faded in.
fn turn(room: &mut Mixer, said: &[(Seat, i16)]) {
    for _ in 0..2 {
        for (seat, sample) in said {
            room.offer(*seat, &[*sample; MAX_FRAME]);
        }
        room.mix();
    }
}

#[test]
fn a_muted_member_hears_and_is_not_heard() {
    let mut room = Mixer::new(4);
    let [anna, bert] = [(); 2].map(|()| room.join(Band::Narrow));
    room.set_muted(anna, true);
    turn(&mut room, &[(anna, 5000), (bert, 700)]);
    assert_eq!(heard(&room, bert, Band::Narrow), [0; 160]);
    assert_eq!(heard(&room, anna, Band::Narrow), [700; 160]);
    assert!(!room.is_speaking(anna));
    room.set_muted(anna, false);
    turn(&mut room, &[(anna, 5000)]);
    assert_eq!(heard(&room, bert, Band::Narrow), [5000; 160]);
    assert!(room.is_speaking(anna));
}

#[test]
fn a_seat_is_given_again_and_what_was_said_on_it_is_gone() {
    let mut room = Mixer::new(4);
    let [anna, bert] = [(); 2].map(|()| room.join(Band::Narrow));
    turn(&mut room, &[(anna, 5000)]);
    room.leave(anna);
    room.leave(anna);
    let carl = room.join(Band::Wide);
    assert_eq!((room.members(), carl), (2, anna));
    turn(&mut room, &[]);
    assert_eq!(heard(&room, bert, Band::Narrow), [0; 160]);
    assert_eq!(heard(&room, carl, Band::Wide), [0; 320]);
}

#[test]
fn too_much_is_cut_and_does_not_wrap() {
    let mut room = Mixer::new(4);
    let seats = [(); 4].map(|()| room.join(Band::Narrow));
    turn(&mut room, &seats.map(|seat| (seat, 30_000)));
    assert_eq!(heard(&room, seats[0], Band::Narrow), [i16::MAX; 160]);
    turn(&mut room, &seats.map(|seat| (seat, -30_000)));
    assert_eq!(heard(&room, seats[0], Band::Narrow), [i16::MIN; 160]);
}

#[test]
fn in_a_large_room_the_loudest_are_heard_and_listeners_share() {
    let mut room = Mixer::new(2);
    let seats: Vec<Seat> = (0..500).map(|_| room.join(Band::Narrow)).collect();
    let mut said: Vec<(Seat, i16)> = seats.iter().map(|seat| (*seat, 10)).collect();
    said[7].1 = 4000;
    said[300].1 = 2000;
    said[499].1 = 1500;
    turn(&mut room, &said);
    assert_eq!(heard(&room, seats[0], Band::Narrow), [6000; 160]);
    assert_eq!(heard(&room, seats[7], Band::Narrow), [2000; 160]);
    let mut out = [0; 160];
    assert_eq!(room.hear(seats[499], &mut out), Heard::Shared);
    assert_eq!(room.hear(seats[300], &mut out), Heard::Own);
    room.hear_all(Band::Narrow, &mut out);
    assert_eq!(out, [6000; 160]);
}

#[test]
fn whoever_speaks_is_not_cut_off_by_somebody_a_little_louder() {
    let mut room = Mixer::new(1);
    let [anna, bert] = [(); 2].map(|()| room.join(Band::Narrow));
    let listener = room.join(Band::Narrow);
    turn(&mut room, &[(anna, 3000)]);
    turn(&mut room, &[(anna, 3000), (bert, 3500)]);
    assert_eq!(heard(&room, listener, Band::Narrow), [3000; 160]);
    turn(&mut room, &[(anna, 3000), (bert, 9000)]);
    turn(&mut room, &[(anna, 3000), (bert, 9000)]);
    assert_eq!(heard(&room, listener, Band::Narrow), [9000; 160]);
}

#[test]
fn voices_come_and_go_without_a_click() {
    let mut room = Mixer::new(1);
    let [anna, bert] = [(); 2].map(|()| room.join(Band::Narrow));
    let listener = room.join(Band::Narrow);
    let mut last = 0;
    for round in 0..60 {
        let (a, b) = if (round / 10) % 2 == 0 { (8000, 0) } else { (0, 8000) };
        room.offer(anna, &[a; 160]);
        room.offer(bert, &[b; 160]);
        room.mix();
        // The voices themselves begin and end between frames 10, 20, …; only the fades are judged.
        for sample in heard(&room, listener, Band::Narrow) {
            let step = i32::from(sample) - last;
            assert!(step.abs() <= 60 || round % 10 == 0, "round {round}: a step of {step}");
            last = i32::from(sample);
        }
    }
}

#[test]
fn members_of_both_bands_hear_each_other() {
    let mut room = Mixer::new(4);
    let narrow = room.join(Band::Narrow);
    let wide = room.join(Band::Wide);
    let low = tones::sine(8000, 700.0, -12.0, 600);
    let high = tones::sine(16_000, 1900.0, -12.0, 600);
    let (mut at_narrow, mut at_wide) = (Vec::new(), Vec::new());
    for (low, high) in low.chunks_exact(160).zip(high.chunks_exact(320)) {
        room.offer(narrow, low);
        room.offer(wide, high);
        room.mix();
        at_narrow.extend(heard(&room, narrow, Band::Narrow));
        at_wide.extend(heard(&room, wide, Band::Wide));
    }
    let share = |samples: &[i16], rate: f64, hertz: f64| {
        let (mut re, mut im, mut all) = (0.0, 0.0, 0.0);
        for (index, sample) in samples.iter().enumerate().skip(800) {
            let (angle, sample) = (std::f64::consts::TAU * hertz * index as f64 / rate, f64::from(*sample));
            re += sample * angle.cos();
            im += sample * angle.sin();
            all += sample * sample;
        }
        2.0 * (re * re + im * im) / (all * (samples.len() - 800) as f64)
    };
    assert!(share(&at_narrow, 8000.0, 1900.0) > 0.99);
    assert!(share(&at_wide, 16_000.0, 700.0) > 0.99);
}

proptest! {
    /// In a room where all fit into the mix, each hears the sum of all others, to the sample.
    #[test]
    fn each_hears_all_others(said in proptest::collection::vec(-4000_i16..4000, 2..8)) {
        let mut room = Mixer::new(8);
        let seats: Vec<Seat> = said.iter().map(|_| room.join(Band::Narrow)).collect();
        let said: Vec<(Seat, i16)> = seats.iter().copied().zip(said).collect();
        turn(&mut room, &said);
        let all: i32 = said.iter().map(|(_, sample)| i32::from(*sample)).sum();
        for (seat, sample) in said {
            let others = (all - i32::from(sample)).clamp(i32::from(i16::MIN), i32::from(i16::MAX));
            prop_assert_eq!(heard(&room, seat, Band::Narrow), vec![others as i16; 160]);
        }
    }

}

proptest! {
    // Each case is up to two hundred steps.
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// Whatever comes and goes, the room neither panics nor lets anybody hear themselves alone.
    #[test]
    fn any_order_of_events_is_taken(steps in proptest::collection::vec((0_u8..5, 0_usize..12, any::<i16>()), 0..200)) {
        let mut room = Mixer::new(3);
        let mut seats = Vec::new();
        for (what, whom, sample) in steps {
            let seat = seats.get(whom).copied();
            match (what, seat) {
                (0, _) if seats.len() < 12 => seats.push(room.join(if sample > 0 { Band::Wide } else { Band::Narrow })),
                (1, Some(seat)) => { room.leave(seat); seats.retain(|other| *other != seat); }
                (2, Some(seat)) => room.offer(seat, &[sample; 400]),
                (3, Some(seat)) => room.set_muted(seat, sample > 0),
                _ => room.mix(),
            }
            prop_assert_eq!(room.members(), seats.len());
        }
        if let Some(seat) = seats.first().copied() {
            for other in &seats { room.set_muted(*other, *other != seat); }
            for _ in 0..3 { room.offer(seat, &[9000; MAX_FRAME]); room.mix(); }
            prop_assert!(heard(&room, seat, Band::Narrow).iter().all(|sample| sample.abs() < 200));
        }
    }
}
