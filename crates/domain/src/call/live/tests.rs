//! What may happen to a call under way, and in which order.

use proptest::prelude::*;

use super::*;
use crate::{AccountId, Address, CallId, EventId, Plan, Retry};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn live() -> LiveCall {
    let plan = Plan {
        to: Address::parse("sip:bob@127.0.0.1").unwrap(),
        from: None,
        via: None,
        due: at(0),
        priority: Default::default(),
        expires: None,
        hours: None,
        retry: Retry::default(),
        ring: Duration::from_secs(45),
        talk: Duration::from_secs(60),
        tag: None,
        reference: None,
        webhook: None,
    };
    let call = Call::new(CallId::new(at(1), [1; 10]), AccountId::new(at(1), [2; 10]), plan, at(1));
    let way = Way {
        trunk: "sip".into(),
        target: "sip:bob@127.0.0.1".into(),
        shows: None,
        node: "n1".into(),
    };
    LiveCall::journal(
        call,
        AttemptId::new(at(1), [3; 10]),
        LegId::new(at(1), [4; 10]),
        way,
        at(1),
    )
}

fn ended() -> Happening {
    Happening::Ended {
        ending: Ending::new(Outcome::Completed, EndedBy::Flow, ""),
        quality: None,
    }
}

#[test]
fn a_call_goes_from_journal_to_end() {
    let mut live = live();
    for (happening, state) in [
        (Happening::Sent, AttemptState::Dialing),
        (
            Happening::Ringing {
                sip_code: Some(180),
                early_media: false,
            },
            AttemptState::Ringing,
        ),
        (
            Happening::Ringing {
                sip_code: Some(183),
                early_media: true,
            },
            AttemptState::Ringing,
        ),
        (Happening::Answered { codec: "PCMU".into() }, AttemptState::InProgress),
    ] {
        (live, _) = live.step(happening, at(2)).unwrap();
        assert_eq!(live.leg.progress.state, state);
        assert_eq!(live.attempt.progress.state, state);
    }
    let (live, events) = live.step(ended(), at(9)).unwrap();
    assert_eq!(live.call.state, CallState::Ended);
    assert_eq!(live.call.answered_at, Some(at(2)));
    assert_eq!(
        events.iter().map(EventKind::word).collect::<Vec<_>>(),
        ["leg_ended", "ended"]
    );
}

#[test]
fn what_was_not_sent_waits_again_without_a_retry() {
    let (live, events) = live().take_back("the lease was over", at(3)).unwrap();
    assert_eq!((live.call.state, live.call.ending), (CallState::Queued, None));
    assert_eq!(live.leg.progress.state, AttemptState::Ended);
    assert_eq!(
        live.attempt.progress.ending.unwrap().reason,
        "not sent: the lease was over"
    );
    assert_eq!(live.call.plan.retry, Retry::default());
    let words: Vec<_> = events.iter().map(EventKind::word).collect();
    assert_eq!(words, ["leg_ended", "queued"]);
}

#[test]
fn what_was_not_sent_and_is_not_wanted_any_more_ends() {
    let mut stopped = live();
    stopped.stopped = true;
    let (live, events) = stopped.take_back("the lease was over", at(3)).unwrap();
    assert_eq!(live.call.state, CallState::Ended);
    assert_eq!(events.last().map(EventKind::word), Some("ended"));
    assert!(live.take_back("again", at(4)).is_err());
}

#[test]
fn what_comes_late_changes_nothing() {
    let (live, _) = live()
        .step(Happening::Answered { codec: "PCMU".into() }, at(2))
        .unwrap();
    assert!(
        live.step(
            Happening::Ringing {
                sip_code: Some(180),
                early_media: false
            },
            at(3)
        )
        .is_err()
    );
    let (live, _) = live.step(ended(), at(4)).unwrap();
    assert!(live.step(ended(), at(5)).is_err());
}

fn other() -> (LegId, Way) {
    let way = Way {
        trunk: "sip".into(),
        target: "sip:eve@127.0.0.1".into(),
        shows: Some(Leg::PRIVATE.into()),
        node: "n1".into(),
    };
    (LegId::new(at(2), [9; 10]), way)
}

#[test]
fn an_attempt_is_over_with_its_last_leg() {
    let answered = Happening::Answered { codec: "PCMU".into() };
    let (mut live, _) = live().step(answered.clone(), at(2)).unwrap();
    let (leg, way) = other();
    assert!(matches!(live.open(leg, way, at(3)), EventKind::Journalled { leg: opened, .. } if opened == leg));
    let (live, events) = live.step_of(leg, answered, at(4)).unwrap();
    assert!(matches!(events[..], [EventKind::Answered { leg: of, .. }] if of == leg));
    assert_eq!(live.call.answered_at, Some(at(2)));
    for first in [live.leg.id, leg] {
        let last = live.legs().map(|leg| leg.id).find(|id| *id != first).unwrap();
        let (live, events) = live.step_of(first, ended(), at(5)).unwrap();
        assert_eq!((events.len(), live.call.state), (1, CallState::Active));
        assert!(live.attempt.progress.ending.is_none());
        assert!(live.step_of(first, ended(), at(6)).is_err());
        let (live, events) = live.step_of(last, ended(), at(6)).unwrap();
        assert_eq!((events.len(), live.call.state), (2, CallState::Ended));
    }
}

#[test]
fn the_other_party_may_decide_how_it_ended() {
    let (mut live, _) = live()
        .step(Happening::Answered { codec: "PCMU".into() }, at(2))
        .unwrap();
    let (leg, way) = other();
    live.open(leg, way, at(3));
    let busy = Ending::from_sip(486, None, "Busy Here").because_of(leg);
    live.verdict = Some(busy.clone());
    let happening = Happening::Ended {
        ending: busy.clone(),
        quality: None,
    };
    let (live, _) = live.step_of(leg, happening, at(4)).unwrap();
    let (live, _) = live.step(ended(), at(5)).unwrap();
    assert_eq!(live.call.ending, Some(busy));
    assert_eq!(live.leg.progress.ending.unwrap().outcome, Outcome::Completed);
}

proptest! {
    #[test]
    fn sequences_have_no_gaps(count in 1usize..20) {
        let mut call = live().call;
        for index in 1..=count {
            let event = call.record(EventId::new(at(1), [0; 10]), EventKind::HangUpRequested { by: "x".into(), why: None }, at(1));
            prop_assert_eq!(event.sequence as usize, index);
        }
    }
}
