//! Orders, and what becomes of them.

use std::{sync::Arc, time::Duration};

use outdial_carrier_hosted::{Polling, Reach};
use outdial_domain::{Address, Ending, LegId, Outcome, message::PartFate, text};
use outdial_engine::{
    outgoing::Outgoing,
    ports::{
        Answer, Ask, Clock, LeftBehind, LegCommand, LegEvent, LegHandle, LegOrder, SystemClock, TextCarrier, TextOrder,
        VoiceCarrier, WholeOrder,
    },
};
use outdial_flow::{Dial, Flow, Instruction};

pub(crate) const LEG: &str = "leg_018f0000000070008000000000000001";
pub(crate) const MESSAGE: &str = "msg_018f0000000070008000000000000001";
pub(crate) const FIRST: &str = "+919000000001";
pub(crate) const SECOND: &str = "+919000000002";
pub(crate) const OURS: &str = "+918088919888";
/// What may be shown nowhere.
pub(crate) const SECRET: &str = "sesame";

pub(crate) fn clock() -> Arc<dyn Clock> {
    Arc::new(SystemClock)
}

/// A service on this machine, asked often.
pub(crate) fn reach() -> Reach {
    Reach {
        allow: Outgoing::allowing(["127.0.0.1"]).unwrap(),
        polling: Polling {
            first: Duration::from_millis(10),
            longest: Duration::from_millis(20),
        },
        answer_within: Duration::from_secs(5),
        ..Reach::default()
    }
}

pub(crate) fn address(text: &str) -> Address {
    Address::parse(text).unwrap()
}

pub(crate) fn flow(step: Instruction) -> Flow {
    Flow { steps: vec![step] }
}

pub(crate) fn two() -> Flow {
    flow(Instruction::Dial(Box::new(Dial::to(address(SECOND)))))
}

pub(crate) fn order(flow: Flow) -> WholeOrder {
    WholeOrder {
        leg: LegOrder {
            leg: LEG.parse::<LegId>().unwrap(),
            trunk: Some("far".to_owned()),
            to: address(FIRST),
            from: Some(address(OURS)),
            send_before: None,
        },
        account: "acct_018f0000000070008000000000000001".parse().unwrap(),
        ring: Duration::from_secs(20),
        talk: Duration::from_secs(300),
        flow,
        sounds: Vec::new(),
    }
}

/// Why a flow is refused; nothing when it is taken.
pub(crate) fn refusal(carrier: &dyn VoiceCarrier, flow: &Flow) -> String {
    let ask = Ask {
        trunk: Some("far"),
        to: &address(FIRST),
        from: Some(&address(OURS)),
        ring: Duration::from_secs(45),
        talk: Duration::from_secs(14_400),
        flow,
    };
    match carrier.can(&ask) {
        Answer::Whole => String::new(),
        Answer::No(reason) => reason,
        Answer::Legs => panic!("it gives no legs"),
    }
}

pub(crate) async fn take(carrier: &dyn VoiceCarrier, order: WholeOrder) -> LegHandle {
    carrier.take(order).await.unwrap()
}

/// Looks for the call of an earlier run.
pub(crate) fn take_up(carrier: &dyn VoiceCarrier, flow: Flow) -> Option<LegHandle> {
    let order = order(flow);
    let now = SystemClock.now();
    carrier.take_up(LeftBehind {
        leg: order.leg.leg,
        trunk: "far".to_owned(),
        order,
        since: now,
        now,
        longest: Duration::from_secs(60),
    })
}

/// What happened to a leg, in words, and how it ended; no ending when nobody can know it.
pub(crate) async fn story(leg: &mut LegHandle) -> (Vec<&'static str>, Option<Ending>) {
    let mut words = Vec::new();
    let told = async {
        while let Some(event) = leg.events.recv().await {
            match event {
                LegEvent::Sent => words.push("sent"),
                LegEvent::Answered { .. } => words.push("answered"),
                LegEvent::HungUp(said) => words.push(if said.is_ok() { "hung up" } else { "goes on" }),
                LegEvent::Ended(end) => return Some(end.ending),
                other => panic!("{other:?}"),
            }
        }
        None
    };
    let ending = tokio::time::timeout(Duration::from_secs(30), told)
        .await
        .expect("an end");
    (words, ending)
}

pub(crate) async fn outcome(leg: &mut LegHandle) -> (Vec<&'static str>, Option<Outcome>, String) {
    let (words, ending) = story(leg).await;
    let reason = ending.as_ref().map(|ending| ending.reason.clone()).unwrap_or_default();
    assert!(!reason.contains(SECRET), "{reason}");
    (words, ending.map(|ending| ending.outcome), reason)
}

pub(crate) async fn hang_up(leg: &LegHandle) {
    let ending = Ending::new(Outcome::Canceled, outdial_domain::EndedBy::Request, "hung up by a test");
    leg.commands.send(LegCommand::HangUp { ending }).await.unwrap();
}

pub(crate) async fn send(carrier: &dyn TextCarrier, from: Option<&str>, body: &str) -> PartFate {
    let composed = text::compose(body, false, text::Concatenation::Payload, text::MOST_PARTS).unwrap();
    let order = TextOrder {
        trunk: "far".to_owned(),
        message: MESSAGE.parse().unwrap(),
        from: from.map(str::to_owned),
        to: FIRST.to_owned(),
        composed,
        reference: 1,
        have: Vec::new(),
        good_for: None,
        high: false,
        send_before: None,
    };
    let fates = carrier.send(order).await;
    fates.into_iter().next().unwrap()
}
