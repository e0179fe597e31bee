use std::time::Duration;

use outdial_domain::text::{Concatenation, compose};
use proptest::prelude::*;

use super::*;
use crate::{
    config::SmppTrunk,
    wire::{Credentials, Text},
};

const ENQUIRE: Duration = Duration::from_secs(30);
const ANSWER: Duration = Duration::from_secs(10);

const BIND_TRANSCEIVER: u32 = 0x009;
const SUBMIT: u32 = 0x004;

/// A session and the SMSC at its other end.
struct Rig {
    session: Session,
    start: Instant,
    at: Duration,
    frames: Frames,
}

impl Rig {
    fn new(window: usize) -> Self {
        let who = Credentials {
            system_id: "outdial".into(),
            password: "secret".to_owned().into(),
            system_type: String::new(),
        };
        let terms = Terms {
            kind: BindKind::Transceiver,
            who,
            window,
            enquire_after: ENQUIRE,
            answer_within: ANSWER,
        };
        let start = Instant::now();
        Self {
            session: Session::new(terms, start),
            start,
            at: Duration::ZERO,
            frames: Frames::default(),
        }
    }

    fn bound(window: usize) -> Self {
        let mut rig = Self::new(window);
        assert_eq!(rig.written(), [(BIND_TRANSCEIVER, 1, 0)]);
        rig.says(BIND_TRANSCEIVER | 0x8000_0000, 0, 1, b"smsc\0");
        assert_eq!(rig.events(), [Event::Bound]);
        rig
    }

    fn now(&self) -> Instant {
        self.start + self.at
    }

    fn pass(&mut self, time: Duration) {
        self.at += time;
        self.session.tick(self.now());
    }

    fn says(&mut self, command: u32, status: u32, sequence: u32, body: &[u8]) {
        let length = u32::try_from(16 + body.len()).unwrap();
        let mut pdu: Vec<u8> = [length, command, status, sequence]
            .into_iter()
            .flat_map(u32::to_be_bytes)
            .collect();
        pdu.extend_from_slice(body);
        self.session.receive(&pdu, self.now());
    }

    /// What we have written since, and has left: command, sequence and status of each.
    fn written(&mut self) -> Vec<(u32, u32, u32)> {
        while let Some(octets) = self.session.output() {
            self.frames.push(&octets);
        }
        std::iter::from_fn(|| self.frames.next().unwrap())
            .map(|frame| (frame.command, frame.sequence, frame.status.0))
            .collect()
    }

    fn events(&mut self) -> Vec<Event> {
        std::iter::from_fn(|| self.session.event()).collect()
    }

    fn submit(&mut self, ticket: Ticket) {
        let now = self.now();
        self.session.submit(ticket, hello(), now);
    }
}

fn hello() -> SubmitSm {
    let composed = compose("hello", false, Concatenation::Udh8, 1).unwrap();
    let text = Text {
        from: None,
        to: "+6598765432",
        composed: &composed,
        reference: 1,
        good_for: None,
        high: false,
    };
    let trunk = SmppTrunk::new("smsc", "localhost", 2775);
    wire::submissions(&trunk, text).unwrap().remove(0)
}

fn accepted(ticket: Ticket, id: &str) -> Event {
    Event::Submitted(ticket, Answer::Status(Status::OK, Some(id.to_owned())))
}

#[test]
fn texts_are_answered_in_any_order_and_the_window_holds() {
    let mut rig = Rig::bound(2);
    rig.submit(10);
    rig.submit(11);
    assert_eq!(rig.session.room(), 0);
    assert_eq!(rig.written(), [(SUBMIT, 2, 0), (SUBMIT, 3, 0)]);
    rig.says(0x8000_0004, 0, 3, b"b\0");
    rig.says(0x8000_0004, 0x58, 2, b"");
    let throttled = Event::Submitted(10, Answer::Status(Status(0x58), None));
    assert_eq!(rig.events(), [accepted(11, "b"), throttled]);
    assert_eq!(rig.session.room(), 2);
}

#[test]
fn only_the_first_answer_counts_and_only_of_the_right_kind() {
    let mut rig = Rig::bound(2);
    rig.submit(10);
    rig.says(0x8000_0015, 0, 2, b"");
    rig.says(0x8000_0004, 0, 77, b"x\0");
    assert_eq!(rig.events(), []);
    rig.says(0x8000_0004, 0, 2, b"a");
    rig.says(0x8000_0004, 0x45, 2, b"");
    assert_eq!(rig.events(), [accepted(10, "a")], "an id may lack its zero");
    assert_eq!(rig.session.room(), 2);
}

#[test]
fn a_refusal_of_the_pdu_is_one_of_the_text() {
    let mut rig = Rig::bound(2);
    rig.submit(10);
    rig.says(0x8000_0000, 0, 2, b"");
    let refused = Event::Submitted(10, Answer::Nack(Status::OK));
    assert_eq!(rig.events(), [refused]);
}

#[test]
fn a_refused_bind_ends_it() {
    let mut rig = Rig::new(1);
    rig.says(BIND_TRANSCEIVER | 0x8000_0000, 0x0E, 1, b"");
    assert_eq!(rig.events(), [Event::Over(Over::BindRefused(Status(0x0E)))]);
    assert_eq!(rig.session.deadline(), None);
}

#[test]
fn silence_is_asked_about_and_then_believed() {
    let mut rig = Rig::bound(1);
    rig.written();
    assert_eq!(rig.session.deadline(), Some(rig.start + ENQUIRE));
    rig.pass(ENQUIRE);
    assert_eq!(rig.written(), [(0x15, 2, 0)]);
    rig.says(0x8000_0015, 0, 2, b"");
    rig.pass(ENQUIRE);
    assert_eq!(rig.written(), [(0x15, 3, 0)]);
    rig.pass(ANSWER);
    assert_eq!(rig.events(), [Event::Over(Over::Silent)]);
}

#[test]
fn a_text_without_an_answer_is_unknown() {
    let mut rig = Rig::bound(1);
    rig.submit(10);
    rig.pass(ANSWER);
    assert_eq!(rig.events(), [Event::Submitted(10, Answer::Silence)]);
    assert_eq!(rig.session.room(), 1);
    rig.says(0x8000_0004, 0, 2, b"late\0");
    assert_eq!(rig.events(), []);
}

#[test]
fn what_has_not_left_when_the_connection_breaks_was_not_sent() {
    let mut rig = Rig::bound(3);
    rig.written();
    rig.submit(10);
    assert!(rig.session.output().is_some());
    rig.submit(11);
    rig.session.broke("reset".into());
    let expected = [
        Event::Submitted(10, Answer::Silence),
        Event::Submitted(11, Answer::NotSent),
        Event::Over(Over::Broken("reset".into())),
    ];
    assert_eq!(rig.events(), expected);
    assert_eq!(rig.session.output(), None);
}

#[test]
fn deliveries_wait_for_our_answer_and_are_not_without_number() {
    let mut rig = Rig::bound(1);
    let body = b"\0\x01\x01123\0\x01\x01456\0\0\0\0\0\0\0\0\0\0\x02Hi";
    rig.says(0x005, 0, 90, body);
    let [Event::Delivery(handed, delivery)] = &rig.events()[..] else {
        panic!("a delivery");
    };
    assert_eq!(delivery.user_data, b"Hi");
    assert_eq!(rig.written(), []);
    rig.session.answer(*handed, Status::OK);
    assert_eq!(rig.written(), [(0x8000_0005, 90, 0)]);

    let more = u32::try_from(MOST_DELIVERIES + 44).unwrap();
    for sequence in 0..more {
        rig.says(0x005, 0, sequence, body);
    }
    assert_eq!(rig.events().len(), MOST_DELIVERIES);
    let refused = rig.written();
    assert_eq!(refused.len(), 44);
    assert!(refused.iter().all(|(_, _, status)| *status == Status::RECEIVER_LATER.0));
}

#[test]
fn what_cannot_be_read_is_refused_and_the_session_goes_on() {
    let mut rig = Rig::bound(1);
    rig.says(0x005, 0, 5, b"\0\x01");
    rig.says(0x777, 0, 6, b"what?");
    rig.says(0x102, 0, 7, b"");
    rig.says(0x015, 0, 8, b"");
    assert_eq!(rig.events(), []);
    let expected = [(0x8000_0005, 5, 0x66), (0x8000_0000, 6, 3), (0x8000_0015, 8, 0)];
    assert_eq!(rig.written(), expected);
}

#[test]
fn an_impossible_length_ends_it() {
    let mut rig = Rig::bound(1);
    rig.submit(10);
    rig.written();
    rig.session.receive(&[0xFF; 16], rig.now());
    let events = rig.events();
    assert_eq!(events[0], Event::Submitted(10, Answer::Silence));
    assert!(matches!(&events[1], Event::Over(Over::Garbage(what)) if what.contains("4294967295 octets")));
    assert_eq!(rig.written(), [(0x8000_0000, 0, 2)]);
}

#[test]
fn goodbye_waits_for_what_is_under_way() {
    let mut rig = Rig::bound(2);
    rig.submit(10);
    rig.written();
    rig.session.unbind(rig.now());
    assert_eq!((rig.session.room(), rig.written()), (0, vec![]));
    rig.says(0x8000_0004, 0, 2, b"a\0");
    assert_eq!(rig.written(), [(0x006, 3, 0)]);
    rig.says(0x8000_0006, 0, 3, b"");
    assert_eq!(rig.events(), [accepted(10, "a"), Event::Over(Over::Ours)]);
}

#[test]
fn the_smsc_may_say_goodbye() {
    let mut rig = Rig::bound(1);
    rig.says(0x006, 0, 1, b"");
    assert_eq!(rig.events(), [Event::Over(Over::Unbound)]);
    assert_eq!(rig.written(), [(0x8000_0006, 1, 0)]);
}

#[test]
fn sequence_numbers_begin_again() {
    let mut rig = Rig::bound(2);
    rig.session.sequence = LAST_SEQUENCE - 1;
    rig.submit(10);
    rig.submit(11);
    assert_eq!(rig.written(), [(SUBMIT, LAST_SEQUENCE, 0), (SUBMIT, 1, 0)]);
}

#[test]
fn a_question_is_answered_or_not() {
    let mut rig = Rig::bound(2);
    let from = crate::numbers::sender(&[], "+65123456").unwrap();
    let now = rig.now();
    rig.session.query(7, wire::query("a1", &from), now);
    rig.session.query(8, wire::query("a2", &from), now);
    assert_eq!(rig.written(), [(0x003, 2, 0), (0x003, 3, 0)]);
    rig.says(0x8000_0003, 0, 2, b"a1\0\0\x02\0");
    rig.says(0x8000_0003, 0x67, 3, b"");
    let expected = [Event::Looked(7, Some(ReceiptState::Delivered)), Event::Looked(8, None)];
    assert_eq!(rig.events(), expected);
}

proptest! {
    /// Whatever comes, every text that was submitted ends exactly once, and we do not fall over.
    #[test]
    fn every_text_ends_once_whatever_comes(
        pdus in proptest::collection::vec(
            (
                proptest::sample::select(vec![0x8000_0004, 0x8000_0000, 0x8000_0015, 4, 5, 6, 0x15, 0x103, 0x8000_0006, 9]),
                proptest::sample::select(vec![0u32, 0x58, 0x0B, 0xFFFF]),
                0u32..8,
                proptest::collection::vec(any::<u8>(), 0..60),
            ),
            0..30,
        ),
        garbage in proptest::collection::vec(any::<u8>(), 0..40),
    ) {
        let mut rig = Rig::bound(4);
        for ticket in 0..4 {
            rig.submit(ticket);
        }
        let mut ended = Vec::new();
        for (command, status, sequence, body) in pdus {
            rig.says(command, status, sequence, &body);
            rig.written();
        }
        rig.session.receive(&garbage, rig.now());
        rig.session.broke("over".into());
        for event in rig.events() {
            if let Event::Submitted(ticket, _) = event {
                ended.push(ticket);
            }
        }
        ended.sort_unstable();
        prop_assert_eq!(ended, [0, 1, 2, 3]);
    }
}
