//! What a gateway answers, and what is asked of it.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use outdial_carrier_hosted::{VoicentCarrier, VoicentTrunk};
use outdial_domain::{
    Outcome,
    message::{PartFate, ReceiptState},
};
use outdial_engine::ports::{Arrived, Clip, TextAsk, TextCarrier};
use outdial_flow::{AudioRef, Flow, HandOver, Instruction, Prompt, Say, Target};
use outdial_testkit::http::{Asked, Fake, Reply, ok};

use crate::rig::{self, FIRST, OURS, flow, outcome, two};

const CALL: &str = "POST /ocall/callreqHandler.jsp";
const STATUS: &str = "POST /ocall/callstatusHandler.jsp";
const REMOVE: &str = "POST /ocall/callremoveHandler.jsp";
const TAKEN: &str = "Your call is planned. [ReqId=1208775078314]";

fn trunk(fake: &Fake) -> VoicentTrunk {
    VoicentTrunk {
        reach: rig::reach(),
        ..VoicentTrunk::new("far", fake.url())
    }
}

fn carrier(fake: &Fake) -> VoicentCarrier {
    VoicentCarrier::start(vec![trunk(fake)], rig::clock()).unwrap()
}

fn records(words: &[(&str, &str)]) -> String {
    let record = |(word, message): &(&str, &str)| format!("0^null^{word}^2026 3 21 13 2^2026 3 21 13 2^{message}^^^^^");
    format!("[{}\n]", words.iter().map(record).collect::<String>())
}

/// A gateway that takes a call, says that it waits, and then this.
async fn gateway(last: String) -> Fake {
    Fake::start(move |asked: &Asked, before| match (asked.line.as_str(), before) {
        (line, _) if line.starts_with(CALL) => ok(TAKEN),
        (line, _) if line.starts_with(REMOVE) => ok("[removed]\n"),
        (_, 0) => ok("[]"),
        _ => ok(last.clone()),
    })
    .await
}

#[tokio::test]
async fn a_text_is_said_and_its_end_is_told() {
    for (words, wanted) in [
        (vec![("made", "Call succeeded")], Outcome::Completed),
        (vec![("failed", "Line Busy")], Outcome::Busy),
        (vec![("failed", "Too late to call")], Outcome::Expired),
        (vec![("failed", "Service Error")], Outcome::Failed),
        (
            vec![("retry", "No answer. Try in 1 minute "), ("made", "Call succeeded")],
            Outcome::Completed,
        ),
    ] {
        let fake = gateway(records(&words)).await;
        let mut leg = rig::take(&carrier(&fake), rig::order(Flow::say("Hello, you"))).await;
        assert_eq!(outcome(&mut leg).await.1, Some(wanted), "{words:?}");
        assert_eq!(
            fake.asked(CALL)[0].body,
            "info=simple+text+call&phoneno=%2B919000000001&firstocc=1&selfdelete=0&txt=Hello%2C+you\
             &callerid=%2B918088919888"
        );
        assert!(fake.asked(REMOVE).is_empty());
    }
}

#[tokio::test]
async fn a_gateway_that_would_try_again_is_kept_from_it() {
    let fake = gateway(records(&[("retry", "No answer. Try in 1 minute ")])).await;
    let mut leg = rig::take(&carrier(&fake), rig::order(Flow::say("Hello"))).await;
    assert_eq!(outcome(&mut leg).await.1, Some(Outcome::NoAnswer));
    assert_eq!(fake.asked(REMOVE)[0].body, "reqid=1208775078314");
}

#[tokio::test]
async fn sounds_are_written_where_the_gateway_finds_them() {
    let directory = tempfile::tempdir().unwrap();
    let fake = gateway(records(&[("made", "Call succeeded")])).await;
    let mut with_audio = trunk(&fake);
    with_audio.audio = Some(directory.path().to_owned());
    with_audio.audio_there = Some("C:\\outdial\\".to_owned());
    let carrier = VoicentCarrier::start(vec![with_audio], rig::clock()).unwrap();
    let audio = AudioRef {
        audio: "aud_018f0000000070008000000000000001".parse().unwrap(),
    };
    let steps = vec![
        Instruction::Play(audio),
        Instruction::Pause(Duration::from_secs(1)),
        Instruction::Play(audio),
    ];
    let mut order = rig::order(Flow { steps });
    let samples = Arc::from(vec![7; 4_000]);
    order.sounds = vec![(Prompt::Play(audio), Arc::new(Clip { rate: 8_000, samples }))];
    let mut leg = rig::take(&carrier, order).await;
    assert_eq!(outcome(&mut leg).await.1, Some(Outcome::Completed));
    let body = &fake.asked(CALL)[0].body;
    let named = body
        .split('&')
        .find_map(|pair| pair.strip_prefix("audiofile="))
        .unwrap();
    let name = named.strip_prefix("C%3A%5Coutdial%5C").unwrap();
    let file = std::fs::read(directory.path().join(name)).unwrap();
    assert_eq!(file.len(), 44 + 2 * (4_000 + 8_000 + 4_000));
}

#[tokio::test]
async fn a_call_whose_request_was_not_answered_is_unknown_and_not_asked_for_again() {
    for (reply, wanted) in [
        (Reply::Close, Outcome::Unknown),
        (Reply::Say(500, String::new()), Outcome::Unknown),
        (Reply::Say(200, "<html>".to_owned()), Outcome::Unknown),
        (ok("ERROR: audiofile: there is no file of this name"), Outcome::Failed),
    ] {
        let what = format!("{reply:?}");
        let fake = Fake::start(move |_: &Asked, _| reply.clone()).await;
        let mut leg = rig::take(&carrier(&fake), rig::order(Flow::say("Hello"))).await;
        let (_, ended, reason) = outcome(&mut leg).await;
        assert_eq!(ended, Some(wanted), "{what}: {reason}");
        assert_eq!(fake.asked("").len(), 1, "{what}");
        assert!(rig::take_up(&carrier(&fake), Flow::say("Hello")).is_none());
    }
}

#[tokio::test]
async fn a_record_that_goes_leaves_the_call_unknown_and_so_does_a_removal() {
    let fake = Fake::start(|asked: &Asked, _| match asked.line.starts_with(CALL) {
        true => ok(TAKEN),
        false => ok("ERROR: no such call record: 1208775078314"),
    })
    .await;
    let mut leg = rig::take(&carrier(&fake), rig::order(Flow::say("Hello"))).await;
    assert_eq!(outcome(&mut leg).await.1, Some(Outcome::Unknown));
    let fake = gateway("[]".to_owned()).await;
    let mut leg = rig::take(&carrier(&fake), rig::order(Flow::say("Hello"))).await;
    fake.wait_for(STATUS, 1).await;
    rig::hang_up(&leg).await;
    let (words, ended, reason) = outcome(&mut leg).await;
    assert_eq!((words, ended), (vec!["sent", "goes on"], Some(Outcome::Unknown)));
    assert!(reason.contains("removed"), "{reason}");
    assert_eq!(fake.asked(REMOVE).len(), 1);
}

#[tokio::test]
async fn what_cannot_be_done_is_refused_with_the_reason() {
    let fake = gateway(String::new()).await;
    let carrier = carrier(&fake);
    let app = |data: Option<&str>| {
        flow(Instruction::HandOver(HandOver {
            target: Target::Application {
                name: "survey".to_owned(),
                data: data.map(str::to_owned),
            },
            variables: BTreeMap::new(),
        }))
    };
    let voice = Instruction::Say(Say {
        text: "Hello".to_owned(),
        voice: Some("en-gb".to_owned()),
        language: None,
    });
    for (flow, why) in [
        (Flow::say("Hello"), ""),
        (app(None), ""),
        (app(Some("x")), "`data`"),
        (flow(voice), "`audio`"),
        (flow(Instruction::Pause(Duration::from_secs(1))), "`audio`"),
        (two(), "says texts"),
        (Flow::default(), "says texts"),
        (flow(Instruction::SendDigits("1".parse().unwrap())), "says texts"),
    ] {
        let refused = rig::refusal(&carrier, &flow);
        assert!(
            refused.contains(why) && refused.is_empty() == why.is_empty(),
            "{flow:?}: {refused}"
        );
    }
    let ask = |from| TextAsk {
        trunk: "far",
        from,
        to: FIRST,
        text: "Hello",
    };
    TextCarrier::can(&carrier, &ask(Some(OURS))).unwrap();
    assert!(
        TextCarrier::can(&carrier, &ask(Some("Shop")))
            .unwrap_err()
            .contains("from a number")
    );
}

#[tokio::test]
async fn texts_are_sent_once_and_followed() {
    for (last, wanted) in [
        ("made", ReceiptState::Delivered),
        ("failed", ReceiptState::Undeliverable),
    ] {
        let fake = gateway(records(&[(last, "x")])).await;
        let carrier = carrier(&fake);
        let mut arriving = carrier.arriving().unwrap();
        let fate = rig::send(&carrier, None, "Hello").await;
        assert_eq!(
            fate,
            PartFate::Accepted {
                id: Some("1208775078314".to_owned())
            }
        );
        assert!(
            fake.asked(CALL)[0]
                .body
                .ends_with("&firstocc=1&selfdelete=0&txt=Hello&sms=1")
        );
        let Arrived::Receipt(receipt) = arriving.recv().await.unwrap().what else {
            panic!("a receipt")
        };
        assert_eq!(receipt.state, wanted);
    }
    let fake = Fake::start(|_: &Asked, _| Reply::Close).await;
    assert!(matches!(
        rig::send(&carrier(&fake), None, "Hello").await,
        PartFate::Unknown { .. }
    ));
    assert_eq!(fake.asked("").len(), 1);
}
