use outdial_domain::CallState;
use outdial_engine::{
    ports::{CallDetails, Happened, NoticeWriter, Snapshot},
    verbs,
};
use outdial_flow::Instruction;
use outdial_hoiio::{Record as _, notify};
use outdial_testkit::fakes::Script;
use serde_json::{Value, json};

use super::{HoiioNotices, tests::Rig};

const HOOK: &str = "notify_url=http%3A%2F%2Fhooks.internal%2F";

impl Rig {
    /// Begins a session, and gives its name.
    async fn session(&self, more: &str) -> String {
        let form = format!("dest=%2B6511111111&tag=first&{HOOK}dial{more}");
        let dialled = self.post("ivr/start/dial", &form).await;
        assert!(dialled["txn_ref"].as_str().unwrap().starts_with("AA-S-"), "{dialled}");
        dialled["session"]
            .as_str()
            .unwrap_or_else(|| panic!("{dialled}"))
            .to_owned()
    }

    /// Asks for a block, and gives the word of the answer.
    async fn block(&self, resource: &str, session: &str, more: &str) -> String {
        let answer = self.post(resource, &format!("session={session}&{more}")).await;
        answer["status"].as_str().unwrap().to_owned()
    }

    /// Waits until the call is silent after so many blocks, the dial among them.
    async fn silent(&self, blocks: usize) {
        let mut left = blocks;
        let mut events = std::pin::pin!(verbs::follow_events(&self.ground.engine, &self.ground.actor, Some(0)));
        while left > 0 {
            let event = futures_util::StreamExt::next(&mut events).await.unwrap().unwrap().event;
            left -= usize::from(super::ivr::is_silence(&event.kind));
        }
    }

    async fn details(&self) -> CallDetails {
        let id = self.ground.calls().await.remove(0).id;
        verbs::get_call(&self.ground.engine, &self.ground.actor, id)
            .await
            .unwrap()
    }

    /// Where something is told of the call, and what, in order.
    async fn told(&self) -> Vec<(String, notify::Ivr)> {
        let details = self.details().await;
        let wanted = details.call.plan.webhook.clone().unwrap().events;
        let notices = HoiioNotices::new(&self.config, self.ground.links().await);
        let events = verbs::list_events(&self.ground.engine, &self.ground.actor, details.call.id)
            .await
            .unwrap();
        let now = self.ground.engine.ids.now();
        let snapshot = Snapshot::Call(details.clone());
        let told = events
            .iter()
            .filter(|stored| wanted.wants(&stored.event.kind))
            .filter_map(|stored| {
                let notice = notices.write(&Happened {
                    snapshot: &snapshot,
                    stored,
                    history: &events,
                    now,
                })?;
                let [("X-Hoiio-Signature", signature)] = &notice.headers[..] else {
                    panic!("{:?}", notice.headers)
                };
                assert!(notify::is_signed(notice.body.as_bytes(), "MYTOKEN", signature));
                Some((notice.url.unwrap(), notify::Ivr::from_form(&notice.body).unwrap()))
            });
        told.collect()
    }
}

/// Where it was told, of which block, and how far the call was.
fn short(told: &[(String, notify::Ivr)]) -> Vec<(&str, &str, &str)> {
    let word = |told: &'_ notify::Ivr| match told.call_state.as_ref().map(notify::SessionState::as_str) {
        Some("ongoing") => "ongoing",
        Some("ended") => "ended",
        other => panic!("{other:?}"),
    };
    told.iter()
        .map(|(url, told)| {
            (
                url.rsplit('/').next().unwrap(),
                told.ivr_block.as_deref().unwrap(),
                word(told),
            )
        })
        .collect()
}

#[tokio::test(start_paused = true)]
async fn block_follows_block_until_the_call_is_hung_up() {
    let rig = Rig::start().await;
    rig.ground.world.carrier.next(Script::presses("42#"));
    let session = rig.session("").await;
    assert_eq!(
        rig.block("ivr/middle/play", &session, "msg=early").await,
        "error_session_not_ready"
    );
    rig.silent(1).await;
    let gather = format!("msg=How+many%3F&max_digits=5&tag=second&{HOOK}gather");
    assert_eq!(rig.block("ivr/middle/gather", &session, &gather).await, "success_ok");
    // The next one comes when this one is over.
    assert_eq!(
        rig.block("ivr/middle/play", &session, "msg=early").await,
        "error_session_not_ready"
    );
    rig.silent(2).await;
    assert_eq!(
        rig.block("ivr/middle/play", &session, &format!("msg=Thanks&{HOOK}play"))
            .await,
        "success_ok"
    );
    rig.silent(3).await;
    assert_eq!(
        rig.block("ivr/end/hangup", &session, &format!("msg=Bye&{HOOK}end"))
            .await,
        "success_ok"
    );
    rig.ground.reached("ended", 1).await;
    let told = rig.told().await;
    assert_eq!(
        short(&told),
        [
            ("dial", "dial", "ongoing"),
            ("gather", "gather", "ongoing"),
            ("play", "play", "ongoing"),
            ("end", "hangup", "ended")
        ]
    );
    assert_eq!((told[0].1.tag.as_str(), told[1].1.tag.as_str()), ("first", "second"));
    assert_eq!(told[0].1.dial_status.as_ref().unwrap().as_str(), "answered");
    assert_eq!(
        (told[1].1.digits.as_deref(), told[1].1.session.as_str()),
        (Some("42"), session.as_str())
    );
    assert_eq!((told[2].1.digits.as_deref(), told[3].1.duration), (None, Some(1)));
    assert_eq!(
        rig.block("ivr/middle/play", &session, "msg=late").await,
        "error_session_ended"
    );
}

#[tokio::test(start_paused = true)]
async fn a_number_that_does_not_answer_ends_its_session() {
    let rig = Rig::start().await;
    rig.ground.world.carrier.next(Script::busy());
    rig.session("").await;
    rig.ground.reached("ended", 1).await;
    let told = rig.told().await;
    assert_eq!(short(&told), [("dial", "dial", "ended")]);
    assert_eq!(told[0].1.dial_status.as_ref().unwrap().as_str(), "busy");
}

#[tokio::test(start_paused = true)]
async fn a_session_is_transferred_to_a_number_or_a_room() {
    let rig = Rig::start().await;
    for script in [Script::never_ends(), Script::busy(), Script::answers()] {
        rig.ground.world.carrier.next(script);
    }
    let session = rig.session("").await;
    rig.silent(1).await;
    let to = format!("dest=%2B6522222222&on_failure=continue&{HOOK}one");
    assert_eq!(rig.block("ivr/end/transfer", &session, &to).await, "success_ok");
    rig.silent(2).await;
    let to = format!("dest=%2B6533333333&caller_id=private&{HOOK}two");
    assert_eq!(rig.block("ivr/end/transfer", &session, &to).await, "success_ok");
    let details = rig.ground.reached("ended", 1).await;
    assert_eq!(details.legs.last().unwrap().shows.as_deref(), Some("private"));
    let told = rig.told().await;
    assert_eq!(
        short(&told)[1..],
        [("one", "transfer", "ongoing"), ("two", "transfer", "ended")]
    );
    assert_eq!(told[2].1.transfer_status.as_ref().unwrap().as_str(), "answered");

    let rig = Rig::start().await;
    rig.ground.world.carrier.next(Script::never_ends());
    let session = rig.session("&msg=Hello").await;
    rig.silent(1).await;
    let steps = rig.details().await.flow.steps;
    assert!(
        matches!(steps[..], [Instruction::Say(_), Instruction::Pause(_)]),
        "{steps:?}"
    );
    let answer = rig
        .post("ivr/end/transfer", &format!("session={session}&dest=room:ARR"))
        .await;
    assert_eq!(answer, json!({"status": "success_ok", "room": "ARR"}));
    rig.ground.reached("room_joined", 1).await;
    let forced = rig.block("ivr/end/hangup", &session, "force=enabled").await;
    assert_eq!(forced, "success_ok", "in the middle of a block, too");
    rig.ground.reached("ended", 1).await;
}

#[tokio::test(start_paused = true)]
async fn whoever_entered_a_room_was_transferred() {
    let rig = Rig::start().await;
    rig.ground.world.carrier.next(Script::never_ends());
    let session = rig.session("").await;
    rig.silent(1).await;
    let to = format!("dest=room:ARR&{HOOK}room");
    assert_eq!(rig.block("ivr/end/transfer", &session, &to).await, "success_ok");
    rig.ground.reached("room_joined", 1).await;
    let call = rig.details().await.call.id;
    outdial_engine::verbs::hang_up(&rig.ground.engine, &rig.ground.actor, call)
        .await
        .unwrap();
    rig.ground.reached("ended", 1).await;
    let told = rig.told().await;
    assert_eq!(short(&told)[1..], [("room", "transfer", "ended")]);
    assert_eq!(told[1].1.transfer_status.as_ref().unwrap().as_str(), "answered");
}

#[tokio::test(start_paused = true)]
async fn a_block_that_cannot_be_leaves_the_session_as_it_was() {
    let rig = Rig::start().await;
    rig.ground.world.carrier.next(Script::never_ends());
    let session = rig.session("").await;
    rig.silent(1).await;
    let blocks = async || {
        let kept = rig.details().await.call.face.unwrap().kept;
        serde_json::from_str::<Value>(&kept).unwrap()["blocks"]
            .as_array()
            .unwrap()
            .len()
    };
    for (resource, more, word) in [
        (
            "ivr/middle/play",
            "msg=%3Cspeech%3Ex%3C/speech%3E",
            "error_msg_cannot_convert_text",
        ),
        (
            "ivr/middle/play",
            "msg=x&notify_url=http://127.0.0.1/",
            "error_invalid_notify_url",
        ),
        (
            "ivr/middle/gather",
            "notify_url=http://hooks.internal/&timeout=0",
            "error_invalid_timeout",
        ),
        (
            "ivr/middle/gather",
            "notify_url=http://hooks.internal/&attempts=1000",
            "error_invalid_attempts",
        ),
        (
            "ivr/middle/gather",
            "notify_url=http://hooks.internal/&max_digits=256",
            "error_invalid_max_digits",
        ),
        (
            "ivr/middle/record",
            "notify_url=http://hooks.internal/&max_duration=3601",
            "error_invalid_max_duration",
        ),
        (
            "ivr/middle/monitor",
            "monitor_notify_url=http://127.0.0.1/",
            "error_invalid_notify_url",
        ),
        ("ivr/end/transfer", "dest=%2B6511111111", "error_dest_invalid"),
        (
            "ivr/end/transfer",
            "dest=%2B6522222222&caller_id=%2B6590000009",
            "error_caller_id_invalid",
        ),
        ("ivr/end/transfer", "dest=room:a%20b", "error_dest_invalid"),
        ("ivr/middle/hold", "msg=x", "error_msg_cannot_convert_text"),
    ] {
        assert_eq!(rig.block(resource, &session, more).await, word, "{resource} {more}");
        assert_eq!(blocks().await, 1, "{resource} {more}");
    }
    for stranger in ["x", "S-", "S-00000000000000000000000000000000", "AA-S-1"] {
        assert_eq!(
            rig.block("ivr/middle/play", stranger, "msg=x").await,
            "error_invalid_session",
            "{stranger}"
        );
    }
    assert_eq!(rig.block("ivr/middle/hold", &session, "").await, "success_ok");
    assert_eq!(rig.block("ivr/middle/unhold", &session, "").await, "success_ok");
    assert_eq!(rig.details().await.call.state, CallState::Active);
    assert_eq!(rig.block("ivr/middle/play", &session, "msg=x").await, "success_ok");
    // A call between two numbers is no session.
    let call = rig.post("voice/call", "dest1=%2B6544444444&dest2=%2B6522222222").await;
    let hex = call["txn_ref"].as_str().unwrap().trim_start_matches("AA-S-").to_owned();
    assert_eq!(
        rig.block("ivr/middle/play", &format!("S-{hex}"), "msg=x").await,
        "error_invalid_session"
    );
}

#[tokio::test(start_paused = true)]
async fn whoever_presses_nothing_is_hung_up() {
    let rig = Rig::start().await;
    let session = rig.session("").await;
    rig.silent(1).await;
    let gather = format!("msg=Well%3F&timeout=5&attempts=2&{HOOK}gather");
    assert_eq!(rig.block("ivr/middle/gather", &session, &gather).await, "success_ok");
    rig.ground.reached("ended", 1).await;
    let told = rig.told().await;
    assert_eq!(short(&told)[1..], [("gather", "gather", "ended")]);
    assert_eq!(told[1].1.digits, None);
}
