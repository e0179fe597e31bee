//! Hoiio's answers, and what is asked of it.

use std::time::Duration;

use outdial_carrier_hosted::{HoiioCarrier, HoiioTrunk};
use outdial_domain::{
    Outcome,
    message::{PartFate, ReceiptState, Refusal},
};
use outdial_engine::ports::{Arrived, LostText, TextAsk, TextCarrier};
use outdial_flow::{CallerId, Conference, Dial, Flow, Instruction};
use outdial_testkit::http::{Asked, Fake, Reply, ok};

use crate::rig::{self, FIRST, LEG, MESSAGE, OURS, SECOND, SECRET, address, flow, outcome, two};

const CALL: &str = "POST /open/voice/call";
const STATUS: &str = "POST /open/voice/query_status";
const HISTORY: &str = "POST /open/voice/get_history";
const HANGUP: &str = "POST /open/voice/hangup";
const PLACED: &str = r#"{"status":"success_ok","txn_ref":"AA-S-1"}"#;

fn trunk(fake: &Fake) -> HoiioTrunk {
    HoiioTrunk {
        reach: rig::reach(),
        ..HoiioTrunk::new(
            "far",
            format!("{}/open/", fake.url()),
            "MYAPP",
            SECRET.to_owned().into(),
        )
    }
}

fn carrier(fake: &Fake) -> HoiioCarrier {
    HoiioCarrier::start(vec![trunk(fake)], rig::clock()).unwrap()
}

fn status(first: &str, second: &str) -> Reply {
    ok(format!(
        r#"{{"status":"success_ok","txn_ref":"AA-S-1","tag":"{LEG}","dest1":"{FIRST}","dest2":"{SECOND}",
            "call_status_dest1":"{first}","call_status_dest2":"{second}","duration":"2"}}"#
    ))
}

/// A history in which others stand before the one with this tag.
fn history(tag: &str) -> Reply {
    let entry = |txn_ref: &str, tag: &str| {
        format!(
            r#"{{"txn_ref":"{txn_ref}","tag":"{tag}","dest1":"{FIRST}","dest2":"{SECOND}","call_status_dest1":"ongoing","call_status_dest2":"ongoing"}}"#
        )
    };
    let entries = [entry("AA-S-9", "leg_other"), entry("AA-S-1", tag)].join(",");
    ok(format!(
        r#"{{"status":"success_ok","total_entries_count":"2","entries_count":"2","entries":[{entries}]}}"#
    ))
}

fn refused(word: &str) -> Reply {
    ok(format!(r#"{{"status":"{word}"}}"#))
}

#[tokio::test]
async fn two_numbers_are_connected_and_followed() {
    for (first, second, wanted, words) in [
        ("answered", "answered", Outcome::Completed, vec!["sent", "answered"]),
        ("answered", "busy", Outcome::Busy, vec!["sent", "answered"]),
        ("unanswered", "unanswered", Outcome::NoAnswer, vec!["sent"]),
        ("failed", "unanswered", Outcome::Failed, vec!["sent"]),
    ] {
        let fake = Fake::start(move |asked: &Asked, before| match (asked.line.as_str(), before) {
            (line, _) if line.starts_with(CALL) => ok(PLACED),
            (_, 0) => refused("error_rate_limit_exceeded"),
            (_, 1) => status("ongoing", "ongoing"),
            _ => status(first, second),
        })
        .await;
        let mut leg = rig::take(&carrier(&fake), rig::order(two())).await;
        let (told, ended, _) = outcome(&mut leg).await;
        assert_eq!((told, ended), (words, Some(wanted)), "{first} {second}");
        let body = &fake.asked(CALL)[0].body;
        for field in [
            "dest1=%2B919000000001",
            "dest2=%2B919000000002",
            "caller_id=%2B918088919888",
            "max_duration=300",
            &format!("tag={LEG}"),
            "app_id=MYAPP",
            "access_token=sesame",
        ] {
            assert!(body.split('&').any(|pair| pair == field), "{field}: {body}");
        }
        assert!(!body.contains("notify_url"), "{body}");
        assert_eq!(fake.asked(CALL).len(), 1);
    }
}

#[tokio::test]
async fn a_number_is_rung_into_a_room_of_its_account() {
    for (name, wanted) in [
        ("stand-up", Some("000000000001.stand-up")),
        ("a-room-with-quite-a-long-name", None),
    ] {
        let fake = Fake::start(|asked: &Asked, _| match asked.line.contains("conference") {
            true => ok(r#"{"status":"success_ok","room":"x","txn_refs":"AA-C-1"}"#),
            false => ok(r#"{"status":"success_ok","txn_ref":"AA-C-1","number":"1","call_status_dest1":"answered"}"#),
        })
        .await;
        let room = flow(Instruction::Conference(Conference::of(name.parse().unwrap())));
        let mut leg = rig::take(&carrier(&fake), rig::order(room)).await;
        assert_eq!(outcome(&mut leg).await.1, Some(Outcome::Completed));
        let body = fake.asked("POST /open/voice/conference")[0].body.clone();
        let room = body.split('&').find_map(|pair| pair.strip_prefix("room=")).unwrap();
        assert!(room.len() <= 32 && wanted.is_none_or(|wanted| wanted == room), "{room}");
        assert!(
            body.contains("dest=%2B919000000001&") && body.contains(&format!("tag={LEG}")),
            "{body}"
        );
    }
}

#[tokio::test]
async fn a_request_that_was_not_answered_is_found_by_its_tag_and_never_made_again() {
    for (reply, tag, ended) in [
        (Reply::Close, LEG, Outcome::Completed),
        (Reply::Say(503, String::new()), LEG, Outcome::Completed),
        (Reply::Say(200, "nonsense".to_owned()), LEG, Outcome::Completed),
        (refused("error_internal_server_error"), LEG, Outcome::Completed),
        (Reply::Close, "leg_another", Outcome::Unknown),
    ] {
        let what = format!("{reply:?} {tag}");
        let fake = Fake::start(move |asked: &Asked, before| match (asked.line.as_str(), before) {
            (line, _) if line.starts_with(CALL) => reply.clone(),
            (line, 0) if line.starts_with(HISTORY) => Reply::Close,
            (line, _) if line.starts_with(HISTORY) => history(tag),
            _ => status("answered", "answered"),
        })
        .await;
        let mut leg = rig::take(&carrier(&fake), rig::order(two())).await;
        let (_, told, reason) = outcome(&mut leg).await;
        assert_eq!(told, Some(ended), "{what}: {reason}");
        assert_eq!(fake.asked(CALL).len(), 1, "{what}");
        let asked = &fake.asked(STATUS);
        assert!(
            asked.iter().all(|asked| asked.body.contains("txn_ref=AA-S-1")),
            "{what}"
        );
    }
}

#[tokio::test]
async fn a_call_of_an_earlier_run_is_found_by_its_tag() {
    let fake = Fake::start(|asked: &Asked, _| match asked.line.starts_with(HISTORY) {
        true => history(LEG),
        false => status("answered", "unanswered"),
    })
    .await;
    let mut leg = rig::take_up(&carrier(&fake), two()).unwrap();
    assert_eq!(outcome(&mut leg).await.1, Some(Outcome::NoAnswer));
    assert!(fake.asked(CALL).is_empty());
}

#[tokio::test]
async fn what_the_service_refuses_has_rung_nobody() {
    for (word, ended) in [
        ("error_invalid_access_token", Outcome::Failed),
        ("error_insufficient_credit", Outcome::Failed),
        ("error_dest2_not_supported", Outcome::InvalidNumber),
        ("error_concurrent_call_limit_reached", Outcome::Congestion),
    ] {
        let fake = Fake::start(move |_: &Asked, _| refused(word)).await;
        let mut leg = rig::take(&carrier(&fake), rig::order(two())).await;
        let (words, told, reason) = outcome(&mut leg).await;
        assert_eq!((words, told), (Vec::new(), Some(ended)), "{word}: {reason}");
        assert!(
            reason.contains("Nobody was rung") || reason.contains("nobody"),
            "{reason}"
        );
    }
}

#[tokio::test]
async fn a_call_is_hung_up() {
    let fake = Fake::start(|asked: &Asked, before| match (asked.line.as_str(), before) {
        (line, _) if line.starts_with(CALL) => ok(PLACED),
        (line, _) if line.starts_with(HANGUP) => ok(r#"{"status":"success_ok"}"#),
        (_, 0..4) => status("ongoing", "ongoing"),
        _ => status("answered", "answered"),
    })
    .await;
    let mut leg = rig::take(&carrier(&fake), rig::order(two())).await;
    fake.wait_for(STATUS, 1).await;
    rig::hang_up(&leg).await;
    let (words, told, reason) = outcome(&mut leg).await;
    assert!(words.contains(&"hung up"), "{words:?}");
    // It had been answered by then.
    assert_eq!((told, reason.as_str()), (Some(Outcome::Completed), "hung up by a test"));
    assert_eq!(fake.asked(HANGUP).len(), 1);
}

#[tokio::test]
async fn what_cannot_be_done_is_refused_with_the_reason() {
    let fake = Fake::start(|_: &Asked, _| Reply::Close).await;
    let carrier = carrier(&fake);
    let room = |change: fn(&mut Conference)| {
        let mut room = Conference::of("room".parse().unwrap());
        change(&mut room);
        flow(Instruction::Conference(room))
    };
    let dial = |change: fn(&mut Dial)| {
        let mut dial = Dial::to(address(SECOND));
        change(&mut dial);
        flow(Instruction::Dial(Box::new(dial)))
    };
    for (flow, why) in [
        (two(), ""),
        (dial(|dial| dial.from = Some(CallerId::Private)), ""),
        (dial(|dial| dial.from = Some(CallerId::OtherParty)), ""),
        (room(|_| {}), ""),
        (dial(|dial| dial.to = vec![address("123-4567")]), "with their country"),
        (dial(|dial| dial.to = vec![address(FIRST)]), "dest2"),
        (room(|room| room.moderator = true), "alike"),
        (room(|room| room.tones = false), "enters"),
        (room(|room| room.record = true), "records"),
        (room(|room| room.most = 3), "eight"),
        (Flow::say("Hello"), "connects two numbers"),
        (Flow::default(), "connects two numbers"),
    ] {
        let refused = rig::refusal(&carrier, &flow);
        assert!(
            refused.contains(why) && refused.is_empty() == why.is_empty(),
            "{flow:?}: {refused}"
        );
    }
    let ask = |from, text| TextAsk {
        trunk: "far",
        from,
        to: FIRST,
        text,
    };
    TextCarrier::can(&carrier, &ask(None, "Hello")).unwrap();
    TextCarrier::can(&carrier, &ask(Some("My Shop"), "Hello")).unwrap();
    for (from, text, why) in [
        (Some(OURS), "Hello", "its own number"),
        (Some("Me"), "Hello", "sender_name"),
        (None, "a".repeat(460).as_str(), "three parts"),
    ] {
        let refused = TextCarrier::can(&carrier, &ask(from, text)).unwrap_err();
        assert!(refused.contains(why), "{refused}");
    }
    assert!(fake.asked("").is_empty());
}

#[tokio::test]
async fn texts_are_sent_once_found_by_their_tag_and_followed() {
    for (reply, found) in [
        (ok(r#"{"status":"success_ok","txn_ref":"AA-T-1"}"#), true),
        (Reply::Close, true),
        (Reply::Close, false),
    ] {
        let tag = if found { MESSAGE } else { "msg_other" };
        let fake = Fake::start(move |asked: &Asked, before| match (asked.line.as_str(), before) {
            (line, _) if line.contains("sms/send") => reply.clone(),
            (line, _) if line.contains("get_history") => ok(format!(
                r#"{{"status":"success_ok","total_entries_count":1,"entries":[{{"txn_ref":"AA-T-1","tag":"{tag}"}}]}}"#
            )),
            (_, 0) => ok(r#"{"status":"success_ok","txn_ref":"AA-T-1","sms_status":"queued"}"#),
            _ => ok(r#"{"status":"success_ok","txn_ref":"AA-T-1","sms_status":"delivered"}"#),
        })
        .await;
        let carrier = carrier(&fake);
        let mut arriving = carrier.arriving().unwrap();
        let fate = rig::send(&carrier, Some("My Shop"), "Hello").await;
        let sent = fake.asked("POST /open/sms/send");
        assert_eq!(sent.len(), 1);
        assert!(sent[0].body.contains("sender_name=My+Shop") && sent[0].body.contains(&format!("tag={MESSAGE}")));
        if !found {
            assert!(matches!(fate, PartFate::Unknown { .. }), "{fate:?}");
            continue;
        }
        assert_eq!(
            fate,
            PartFate::Accepted {
                id: Some("AA-T-1".to_owned())
            }
        );
        let Arrived::Receipt(receipt) = arriving.recv().await.unwrap().what else {
            panic!("a receipt")
        };
        assert_eq!(receipt.state, ReceiptState::Delivered);
    }
}

#[tokio::test]
async fn a_service_that_gets_too_many_texts_is_left_alone_as_long_as_it_says() {
    let fake = Fake::start(|_: &Asked, _| ok(r#"{"status":"error_rate_limit_exceeded"}"#)).await;
    let carrier = carrier(&fake);
    let pauses = || TextCarrier::trunk(&carrier, "far").unwrap().pauses;
    assert_eq!(pauses(), None);
    let fate = rig::send(&carrier, None, "Hello").await;
    let slower = matches!(
        fate,
        PartFate::Refused {
            refusal: Refusal::Slower,
            ..
        }
    );
    assert!(slower, "{fate:?}");
    let left = pauses().unwrap();
    assert!(
        left > Duration::from_secs(50) && left <= Duration::from_secs(60),
        "{left:?}"
    );
}

#[tokio::test]
async fn a_text_of_an_earlier_run_is_found_by_its_tag_and_followed() {
    for (tag, found) in [(MESSAGE, true), ("msg_other", false)] {
        let fake = Fake::start(move |asked: &Asked, _| match asked.line.contains("get_history") {
            true => ok(format!(
                r#"{{"status":"success_ok","total_entries_count":1,"entries":[{{"txn_ref":"AA-T-1","tag":"{tag}"}}]}}"#
            )),
            false => ok(r#"{"status":"success_ok","txn_ref":"AA-T-1","sms_status":"delivered"}"#),
        })
        .await;
        let carrier = carrier(&fake);
        let mut arriving = carrier.arriving().unwrap();
        let lost = LostText {
            trunk: "far".to_owned(),
            message: MESSAGE.parse().unwrap(),
            since: rig::clock().now(),
            good_for: None,
        };
        let fates = carrier.find(lost).unwrap().await;
        let id = Some("AA-T-1".to_owned());
        assert_eq!(fates, found.then(|| vec![PartFate::Accepted { id }]));
        assert!(fake.asked("POST /open/sms/send").is_empty());
        if found {
            let Arrived::Receipt(receipt) = arriving.recv().await.unwrap().what else {
                panic!("a receipt")
            };
            assert_eq!(receipt.state, ReceiptState::Delivered);
        }
    }
}
