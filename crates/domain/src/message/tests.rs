use proptest::prelude::*;

use super::*;
use crate::text::{Concatenation, compose};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn message(parts: usize) -> Message {
    let body = "a".repeat(if parts == 1 { 1 } else { parts * 153 });
    let composed = compose(&body, false, Concatenation::Udh8, 10).unwrap();
    let plan = MessagePlan {
        to: Address::parse("+6598765432").unwrap(),
        from: Some("Shop".into()),
        body,
        priority: Priority::Normal,
        via: None,
        due: at(0),
        expires: at(86_400),
        hours: None,
        on_unknown: OnUnknown::Leave,
        unknown_retries: 1,
        answers_word: false,
        tag: None,
        reference: None,
        webhook: None,
    };
    let id = MessageId::new(at(0), [1; 10]);
    Message::new(id, AccountId::new(at(0), [2; 10]), plan, &composed, at(0))
}

fn sending(parts: usize) -> Message {
    let mut message = message(parts);
    message.journal("one", parts, at(1)).unwrap();
    message
}

fn accepted(id: &str) -> PartFate {
    PartFate::Accepted { id: Some(id.into()) }
}

fn refused(refusal: Refusal) -> PartFate {
    PartFate::Refused {
        refusal,
        reason: format!("{refusal:?}"),
    }
}

fn lost() -> PartFate {
    PartFate::Unknown { reason: "lost".into() }
}

fn receipt(id: &str, state: ReceiptState) -> Receipt {
    Receipt {
        id: id.into(),
        state,
        error: None,
    }
}

#[test]
fn what_may_have_left_is_never_said_not_to_have_been_sent() {
    let lost_once = || {
        let mut message = message(1);
        message.plan.on_unknown = OnUnknown::Retry;
        message.journal("one", 1, at(1)).unwrap();
        message.answered(&[lost()], at(2)).unwrap();
        assert_eq!(message.state, MessageState::Scheduled);
        message
    };
    assert!(lost_once().cancel(at(3)).is_err());
    let mut refused_by_us = lost_once();
    refused_by_us
        .refuse(RefusalCode::DoNotDisturb, "they said so".into(), at(3))
        .unwrap();
    let mut overdue = lost_once();
    overdue.overdue(at(86_400)).unwrap();
    let mut refused_there = lost_once();
    refused_there.journal("two", 1, at(4)).unwrap();
    refused_there.answered(&[refused(Refusal::Never)], at(5)).unwrap();
    for message in [refused_by_us, overdue, refused_there] {
        assert_eq!(message.state, MessageState::Unknown, "{message:#?}");
    }
    let mut sent = lost_once();
    sent.journal("one", 1, at(4)).unwrap();
    sent.answered(&[accepted("a")], at(5)).unwrap();
    assert_eq!(sent.state, MessageState::Submitted);
}

#[test]
fn a_text_without_receipts_ends_as_sent() {
    let mut message = sending(2);
    assert_eq!(message.expect_no_receipts(at(2)), None, "nobody has it yet");
    message.answered(&[accepted("a"), accepted("b")], at(2)).unwrap();
    assert!(message.expect_no_receipts(at(2)).is_some());
    assert_eq!((message.state, message.ended_at), (MessageState::Sent, Some(at(2))));
}

#[test]
fn a_message_is_sent_and_delivered() {
    let mut message = sending(2);
    message.answered(&[accepted("a"), accepted("b")], at(2)).unwrap();
    assert_eq!((message.state, message.sent_at), (MessageState::Submitted, Some(at(2))));
    assert_eq!(message.report(&receipt("b", ReceiptState::Delivered), at(3)).len(), 1);
    assert_eq!(message.report(&receipt("b", ReceiptState::Delivered), at(4)), []);
    assert_eq!(message.report(&receipt("c", ReceiptState::Delivered), at(4)), []);
    assert_eq!(message.report(&receipt("a", ReceiptState::Enroute), at(4)), []);
    let events = message.report(&receipt("a", ReceiptState::Delivered), at(5));
    let ended = MessageEvent::Ended {
        state: MessageState::Delivered,
        reason: None,
    };
    assert_eq!(events.last(), Some(&ended));
    assert_eq!((message.delivered_at, message.ended_at), (Some(at(5)), Some(at(5))));
}

#[test]
fn what_follows_an_answer_depends_on_what_is_certain() {
    use MessageState::{Expired, Failed, Queued, Rejected, Scheduled, Submitted, Unknown};
    use Refusal::{Elsewhere, Later, Never, Slower};
    let not_sent = || PartFate::NotSent { reason: "down".into() };
    for (fates, state, refused_by, have) in [
        (vec![accepted("a"), accepted("b")], Submitted, 0, vec![0, 1]),
        (vec![not_sent(), not_sent()], Scheduled, 0, vec![]),
        (vec![refused(Later), not_sent()], Scheduled, 0, vec![]),
        (vec![refused(Slower), refused(Slower)], Queued, 0, vec![]),
        (vec![refused(Slower), not_sent()], Scheduled, 0, vec![]),
        (vec![accepted("a"), refused(Slower)], Queued, 0, vec![0]),
        (vec![refused(Slower), lost()], Unknown, 0, vec![1]),
        (vec![refused(Later), refused(Elsewhere)], Scheduled, 1, vec![]),
        (vec![refused(Never), refused(Later)], Rejected, 0, vec![]),
        (vec![accepted("a"), refused(Later)], Scheduled, 0, vec![0]),
        (vec![accepted("a"), refused(Elsewhere)], Failed, 0, vec![0]),
        (vec![accepted("a"), lost()], Unknown, 0, vec![0, 1]),
        (vec![lost(), refused(Later)], Unknown, 0, vec![0]),
        (vec![accepted("a")], Unknown, 0, vec![0, 1]),
    ] {
        let mut message = sending(2);
        message.answered(&fates, at(2)).unwrap();
        assert_eq!(message.state, state, "{fates:?}");
        assert_eq!(message.refused_by.len(), refused_by, "{fates:?}");
        assert_eq!(message.have(), have, "{fates:?}");
    }
    let mut late = sending(1);
    late.answered(&[not_sent()], at(86_399)).unwrap();
    assert_eq!(late.state, Expired);
}

#[test]
fn what_a_trunk_has_stays_with_that_trunk() {
    let mut message = sending(2);
    message
        .answered(&[accepted("a"), refused(Refusal::Later)], at(2))
        .unwrap();
    assert_eq!(message.bound_to(), Some("one"));
    assert!(message.cancel(at(3)).is_err());
    assert!(message.journal("two", 2, at(4)).is_err());
    message.journal("one", 2, at(4)).unwrap();
    message.answered(&[PartFate::Had, accepted("b")], at(5)).unwrap();
    assert_eq!(message.state, MessageState::Submitted);
}

#[test]
fn a_receipt_may_come_before_everything_is_answered() {
    let mut message = sending(2);
    message
        .answered(&[accepted("a"), refused(Refusal::Later)], at(2))
        .unwrap();
    message.report(&receipt("a", ReceiptState::Delivered), at(3));
    assert_eq!(message.state, MessageState::Scheduled);
    message.journal("one", 2, at(4)).unwrap();
    message.answered(&[PartFate::Had, accepted("b")], at(5)).unwrap();
    message.report(&receipt("b", ReceiptState::Undeliverable), at(6));
    assert_eq!(
        (message.state, message.reason.as_deref()),
        (MessageState::Undelivered, Some("part 2"))
    );
}

#[test]
fn an_interruption_is_not_followed_by_a_second_text_unless_the_plan_wants_one() {
    let mut message = sending(1);
    message.interrupted(at(2)).unwrap();
    assert_eq!(message.state, MessageState::Unknown);
    assert!(message.answered(&[accepted("late")], at(3)).is_err());

    let mut again = message_that_retries();
    again.interrupted(at(2)).unwrap();
    assert_eq!((again.state, again.have()), (MessageState::Scheduled, vec![]));
}

fn message_that_retries() -> Message {
    let mut message = sending(1);
    message.plan.on_unknown = OnUnknown::Retry;
    message
}

#[test]
fn the_pause_between_tries_grows() {
    let mut message = message(1);
    let mut now = at(0);
    let mut pauses = Vec::new();
    for _ in 0..11 {
        message.journal("one", 1, now).unwrap();
        message.answered(&[refused(Refusal::Later)], now).unwrap();
        pauses.push(message.plan.due.duration_since(now).as_secs());
        now = message.plan.due;
    }
    assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]);
}

#[test]
fn time_ends_what_waits_and_what_nobody_reports() {
    let mut waiting = message(1);
    assert_eq!(waiting.overdue(at(86_399)), None);
    assert!(waiting.overdue(at(86_400)).is_some());
    assert_eq!(waiting.state, MessageState::Expired);
    let mut submitted = sending(1);
    submitted.answered(&[accepted("a")], at(2)).unwrap();
    assert_eq!(submitted.overdue(at(86_400)), None);
    assert!(submitted.overdue(at(86_410)).is_some());
    assert_eq!(submitted.state, MessageState::Unknown);
}

#[test]
fn a_text_waits_for_its_hours() {
    let mut message = message(1);
    message.plan.hours = Some(Hours {
        zone: crate::HoursZone::Named("UTC".into()),
        windows: vec!["daily 09:00-10:00".parse().unwrap()],
        skip: Vec::new(),
    });
    let nine = 9 * 3_600;
    assert!(matches!(message.put_off(at(60)), Some(MessageEvent::Queued { .. })));
    assert_eq!((message.state, message.plan.due), (MessageState::Scheduled, at(nine)));
    assert_eq!(message.put_off(at(nine)), None);
    // The next try would be within them, and the one after that on another day, when its time is over.
    let late = at(nine + 3_599);
    message.journal("one", 1, late).unwrap();
    message.answered(&[refused(Refusal::Later)], late).unwrap();
    assert_eq!((message.state, message.ended_at), (MessageState::Expired, Some(late)));
}

#[test]
fn a_trunk_that_has_too_much_takes_no_try_from_a_text() {
    let mut message = message(1);
    for second in 1..200 {
        message.journal("one", 1, at(second)).unwrap();
        message.answered(&[refused(Refusal::Slower)], at(second)).unwrap();
        assert_eq!((message.state, message.plan.due), (MessageState::Queued, at(0)));
    }
    message.journal("one", 1, at(200)).unwrap();
    message.answered(&[refused(Refusal::Later)], at(200)).unwrap();
    assert_eq!(
        (message.state, message.plan.due, message.tries),
        (MessageState::Scheduled, at(201), 200)
    );
    assert!(message.cancel(at(200)).is_ok());
}

#[test]
fn a_text_of_which_nobody_knows_is_sent_again_so_often_and_no_more() {
    let mut message = message(1);
    message.plan.on_unknown = OnUnknown::Retry;
    message.plan.unknown_retries = 2;
    for try_ in 1..=3 {
        assert_ne!(message.state, MessageState::Unknown);
        message.journal("one", 1, at(try_ * 10)).unwrap();
        message.interrupted(at(try_ * 10)).unwrap();
    }
    assert_eq!((message.state, message.tries), (MessageState::Unknown, 3));
    assert!(message.reason.unwrap().starts_with("it was sent again 2 times: "));
}

#[test]
fn a_late_receipt_tells_what_nobody_knew_and_only_that() {
    use ReceiptState::{Delivered, Undeliverable, Unknown};
    let mut silent = sending(1);
    silent.answered(&[accepted("a")], at(2)).unwrap();
    silent.overdue(at(90_000)).unwrap();
    let mut unsure = sending(1);
    unsure.answered(&[accepted("a")], at(2)).unwrap();
    unsure.report(&receipt("a", Unknown), at(3));
    for mut message in [silent, unsure] {
        assert_eq!(message.state, MessageState::Unknown);
        assert_eq!(message.report(&receipt("b", Delivered), at(90_001)), []);
        assert_eq!(message.report(&receipt("a", Delivered), at(90_002)).len(), 2);
        assert_eq!(
            (message.state, message.delivered_at, message.ended_at, &message.reason),
            (MessageState::Delivered, Some(at(90_002)), Some(at(90_002)), &None)
        );
        assert_eq!(message.report(&receipt("a", Undeliverable), at(90_003)), []);
    }
    // Nobody will ever know of the first part.
    let mut half = sending(2);
    half.answered(&[lost(), accepted("b")], at(2)).unwrap();
    assert_eq!(half.report(&receipt("b", Delivered), at(3)).len(), 1);
    assert_eq!(half.state, MessageState::Unknown);
    let mut bad = sending(2);
    bad.answered(&[lost(), accepted("b")], at(2)).unwrap();
    bad.report(&receipt("b", Undeliverable), at(3));
    assert_eq!(bad.state, MessageState::Undelivered);
}

proptest! {
    /// Whatever happens in whatever order: no submission that the network has or may have is made again, and what
    /// has ended stays as it ended, unless a receipt tells what nobody knew.
    #[test]
    fn nothing_is_sent_twice(steps in proptest::collection::vec((0u8..6, 0u8..7, 0u8..7), 1..60)) {
        let mut message = message(2);
        let mut maybe_had = [false; 2];
        let fate = |kind: u8, id: &str| match kind {
            0 | 1 => accepted(id),
            2 => refused(Refusal::Later),
            3 => refused(Refusal::Elsewhere),
            4 => PartFate::NotSent { reason: "down".into() },
            5 => refused(Refusal::Slower),
            _ => lost(),
        };
        for (second, (step, one, two)) in (1..).zip(steps) {
            let before = message.clone();
            match step {
                0 | 1 => if message.journal(if one < 3 { "one" } else { "two" }, 2, at(second)).is_ok() {
                    for (number, had) in maybe_had.iter().enumerate() {
                        prop_assert!(!had || message.submissions[number].state != SubmissionState::Sending);
                    }
                },
                2 => {
                    let fates = [fate(one, "a"), fate(two, "b")];
                    if message.answered(&fates, at(second)).is_ok() {
                        for (number, had) in maybe_had.iter_mut().enumerate() {
                            let was_sent = before.submissions[number].state == SubmissionState::Sending;
                            *had |= was_sent && matches!(fates[number], PartFate::Accepted { .. } | PartFate::Unknown { .. });
                        }
                    }
                }
                3 => {
                    message.report(&receipt(if one < 3 { "a" } else { "b" }, ReceiptState::ALL[usize::from(two)]), at(second));
                }
                4 => if message.interrupted(at(second)).is_ok() {
                    maybe_had = [true; 2];
                },
                _ => { let _ = message.cancel(at(second)); }
            }
            if before.state.is_final() && (before.state != MessageState::Unknown || step != 3) {
                prop_assert_eq!(message.state, before.state);
                prop_assert_eq!(message.ended_at, before.ended_at);
            }
            prop_assert!(message.state.is_final() || !before.state.is_final());
            prop_assert_eq!(message.ended_at.is_some(), message.state.is_final());
        }
    }
}
