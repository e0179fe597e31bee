use std::time::Duration;

use axum::{
    Router,
    body::Body,
    http::{Request, StatusCode},
};
use outdial_domain::{Address, EventKind, Outcome};
use outdial_engine::ports::{Happened, NoticeWriter, Patience, Snapshot};
use outdial_hoiio::{Command, Record as _, notify};
use outdial_testkit::fakes::Script;
use secrecy::SecretString;
use serde_json::{Value, json};

use super::{HoiioApp, HoiioConfig, HoiioNotices, router};
use crate::not_available::HOIIO as NOT_AVAILABLE;
use crate::testing::{Ground, OURS, send};

const WHO: &str = "app_id=MYAPP&access_token=MYTOKEN";
/// A call of the oldest client, as it was captured, but for its caller id and its receiver.
const CALL: &str = "/open/voice/call?max_duration=600&access_token=MYTOKEN&tag=myapp&app_id=MYAPP&caller_id=private\
    &dest1=%2B6511111111&dest2=%2B6522222222";

pub(super) struct Rig {
    pub(super) ground: Ground,
    pub(super) config: HoiioConfig,
    router: Router,
}

impl Rig {
    pub(super) async fn start() -> Self {
        Self::decided(|_| {}).await
    }

    pub(super) async fn decided(decide: impl FnOnce(&mut HoiioConfig)) -> Self {
        Self::grounded(|_| {}, decide).await
    }

    pub(super) async fn grounded(
        decide_ground: impl FnOnce(&mut outdial_engine::Settings),
        decide: impl FnOnce(&mut HoiioConfig),
    ) -> Self {
        let ground = Ground::new(|settings| {
            decide_ground(settings);
            settings.outgoing = outdial_engine::outgoing::Outgoing::allowing(["hooks.internal"]).unwrap();
        })
        .await;
        let mut config = HoiioConfig {
            notify_again: false,
            apps: vec![HoiioApp {
                app_id: "MYAPP".to_owned(),
                access_token: SecretString::from("MYTOKEN"),
                tenant: ground.tenant(),
                registered: Some(Address::parse("+6590000001").unwrap()),
            }],
            queries_per_minute: 60,
            most_in_a_room: 8,
            public_url: String::new(),
        };
        decide(&mut config);
        Self {
            router: router(ground.engine.clone(), config.clone()),
            ground,
            config,
        }
    }

    async fn ask(&self, request: Request<Body>) -> Value {
        let answer = send(&self.router, request).await;
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
        assert_eq!(answer.headers["content-type"], "application/json");
        serde_json::from_str(&answer.text).unwrap()
    }

    async fn get(&self, path: &str) -> Value {
        self.ask(Request::get(path).body(Body::empty()).unwrap()).await
    }

    pub(super) async fn post(&self, resource: &str, form: &str) -> Value {
        let request = Request::post(format!("/open/{resource}"));
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        self.ask(request.body(Body::from(format!("{WHO}&{form}"))).unwrap())
            .await
    }

    async fn status(&self, txn_ref: &Value) -> Value {
        self.post("voice/query_status", &format!("txn_ref={}", txn_ref.as_str().unwrap()))
            .await
    }
}

#[tokio::test(start_paused = true)]
async fn two_numbers_are_connected() {
    let rig = Rig::start().await;
    let placed = rig.get(CALL).await;
    let txn_ref = placed["txn_ref"].clone();
    assert!(txn_ref.as_str().unwrap().starts_with("AA-S-"), "{placed}");
    let live = rig.status(&txn_ref).await;
    assert_eq!(live["call_status_dest1"], "ongoing");
    assert_eq!(live.get("duration"), None);
    let ended = rig.ground.reached("ended", 1).await;
    assert_eq!(ended.legs.len(), 2);
    assert_eq!(ended.legs[1].shows.as_deref(), Some("private"));
    assert_eq!(
        rig.status(&txn_ref).await,
        json!({
            "status": "success_ok", "txn_ref": txn_ref, "tag": "myapp", "date": "2030-01-02 11:04:05",
            "dest1": "+6511111111", "dest2": "+6522222222",
            "call_status_dest1": "answered", "call_status_dest_1": "answered",
            "call_status_dest2": "answered", "call_status_dest_2": "answered",
            "duration": "10",
        })
    );
}

#[tokio::test(start_paused = true)]
async fn what_became_of_either_side_is_told() {
    let rig = Rig::start().await;
    rig.ground.world.carrier.next(Script::busy());
    let first_busy = rig.get(CALL).await["txn_ref"].clone();
    rig.ground.reached("ended", 1).await;
    let told = rig.status(&first_busy).await;
    assert_eq!(
        (&told["call_status_dest1"], &told["call_status_dest2"]),
        (&json!("busy"), &json!("unanswered"))
    );
    assert_eq!(told["duration"], "0");

    rig.ground.world.carrier.next(Script::answers());
    rig.ground.world.carrier.next(Script::busy());
    let second_busy = rig
        .get(&CALL.replace("22222222", "33333333").replace("11111111", "44444444"))
        .await;
    rig.ground.reached("ended", 2).await;
    let told = rig.status(&second_busy["txn_ref"]).await;
    assert_eq!(
        (&told["call_status_dest1"], &told["call_status_dest2"]),
        (&json!("answered"), &json!("busy"))
    );
}

#[tokio::test(start_paused = true)]
async fn the_registered_number_is_rung_where_none_is_named() {
    let rig = Rig::start().await;
    rig.post("voice/call", "dest2=%2B6522222222").await;
    let call = rig.ground.calls().await.remove(0);
    assert_eq!(call.plan.to.to_string(), "+6590000001");
    assert_eq!(call.plan.from, None, "only the account's own numbers are shown");
    let info = rig.post("user/get_info", "").await;
    assert_eq!(
        (&info["mobile_number"], &info["caller_ids"]),
        (&json!("+6590000001"), &json!([OURS]))
    );

    let rig = Rig::decided(|config| {
        config.apps[0].registered = None;
        config.apps[0].tenant.any_caller_id = true;
    })
    .await;
    let missing = rig.post("voice/call", "dest2=%2B6522222222").await;
    assert_eq!(missing, json!({"status": "error_dest1_param_missing"}));
    rig.post("voice/call", "dest1=%2B6511111111&dest2=%2B6522222222").await;
    let details = rig.ground.reached("ended", 1).await;
    // Each sees the other.
    assert_eq!(details.call.plan.from.unwrap().to_string(), "+6522222222");
    assert_eq!(details.legs[1].shows.as_deref(), Some("+6511111111"));
}

#[tokio::test(start_paused = true)]
async fn a_call_is_hung_up_as_a_whole() {
    let rig = Rig::start().await;
    rig.ground.world.carrier.next(Script::never_ends());
    rig.ground.world.carrier.next(Script::never_ends());
    let txn_ref = rig.get(CALL).await["txn_ref"].clone();
    rig.ground.reached("connected", 1).await;
    let told = rig
        .post("voice/hangup", &format!("txn_ref={}", txn_ref.as_str().unwrap()))
        .await;
    assert_eq!(told, json!({"status": "success_ok"}));
    let details = rig.ground.reached("ended", 1).await;
    assert!(details.legs.iter().all(|leg| leg.progress.ending.is_some()));
    assert_eq!(rig.status(&txn_ref).await["call_status_dest2"], "answered");
}

#[tokio::test(start_paused = true)]
async fn numbers_are_rung_into_a_room() {
    let rig = Rig::start().await;
    for _ in 0..3 {
        rig.ground.world.carrier.next(Script::never_ends());
    }
    // The older generation reads a text with commas, the newer a list.
    let old = rig
        .post("voice/conference", "dest=%2B6511111111%2C%2B6522222222&room=ARR")
        .await;
    assert_eq!(old["room"], "ARR");
    let names: Vec<&str> = old["txn_refs"].as_str().unwrap().split(',').collect();
    assert!(
        names.len() == 2 && names.iter().all(|name| name.starts_with("AA-C-")),
        "{old}"
    );
    let new = rig.post("conference/call", "dest=%2B6533333333&room=ARR").await;
    let third = new["txn_refs"][0].as_str().unwrap();
    rig.ground.reached("room_joined", 3).await;
    let told = rig.status(&json!(third)).await;
    assert_eq!((&told["number"], &told["dest2"]), (&json!("+6533333333"), &json!("")));
    for key in ["call_status_dest2", "call_status_dest_2"] {
        assert_eq!(told[key], told["call_status_dest1"], "{told}");
    }

    let moderate = async |name: &str, action: &str| {
        rig.post("conference/moderate", &format!("txn_ref={name}&action={action}"))
            .await["status"]
            .clone()
    };
    let room = async || {
        let name = "ARR".parse().unwrap();
        let room = outdial_engine::verbs::get_room(&rig.ground.engine, &rig.ground.actor, &name);
        room.await.unwrap()
    };
    assert_eq!(moderate(third, "mute").await, "success_ok");
    assert_eq!(room().await.members.iter().filter(|member| member.muted).count(), 1);
    assert_eq!(moderate(third, "unmute").await, "success_ok");
    assert_eq!(moderate(third, "kick").await, "success_ok");
    rig.ground.reached("ended", 1).await;
    assert_eq!(room().await.members.len(), 2);
    assert_eq!(moderate(third, "kick").await, "error_txn_ref_invalid");
    assert_eq!(moderate(third, "mute").await, "error_txn_ref_invalid");

    // Eight fit.
    let more: Vec<String> = (1..8).map(|n| format!("%2B659000000{n}")).collect();
    let full = rig
        .post("voice/conference", &format!("dest={}&room=ARR", more.join("%2C")))
        .await;
    assert_eq!(full, json!({"status": "error_dest_too_many"}));
    let nine: Vec<String> = (1..10).map(|n| format!("%2B659000000{n}")).collect();
    let nine = format!("dest={}", nine.join("%2C"));
    let full = rig.post("voice/conference", &nine).await;
    assert_eq!(full, json!({"status": "error_dest_too_many"}));
    let wide = Rig::decided(|config| config.most_in_a_room = 20).await;
    let answer = wide.post("voice/conference", &nine).await;
    assert_eq!(answer["txn_refs"].as_str().unwrap().split(',').count(), 9, "{answer}");
    let broken = wide.post("voice/conference", &format!("{nine}%2Cx")).await;
    assert_eq!(broken, json!({"status": "error_dest_invalid"}));
    let made_up = rig.post("voice/conference", "dest=%2B6544444444").await;
    assert!(made_up["room"].as_str().unwrap().starts_with("room-"), "{made_up}");
}

#[tokio::test(start_paused = true)]
async fn the_history_is_newest_first() {
    let rig = Rig::start().await;
    let mut names = Vec::new();
    for n in 0..5 {
        let form = format!("dest1=%2B651111111{n}&dest2=%2B6522222222");
        names.push(rig.post("voice/call", &form).await["txn_ref"].clone());
        rig.ground.world.clock.set_forward(jiff::SignedDuration::from_secs(60));
        tokio::time::advance(Duration::from_secs(1)).await;
    }
    names.reverse();
    let listed = async |form: &str| {
        let page = rig.post("voice/get_history", form).await;
        let entries = page["entries"]
            .as_array()
            .unwrap()
            .iter()
            .map(|entry| entry["txn_ref"].clone());
        let entries: Vec<Value> = entries.collect();
        assert_eq!(page["entries_count"], entries.len().to_string());
        (page["total_entries_count"].clone(), entries)
    };
    assert_eq!(listed("").await, (json!("5"), names.clone()));
    assert_eq!(listed("page=2&page_size=2").await, (json!("5"), names[2..4].to_vec()));
    assert_eq!(listed("page=9").await, (json!("5"), vec![]));
    let (from, to) = ("from=2030-01-02%2011:05:00", "to=2030-01-02%2011:06:59");
    assert_eq!(
        listed(&format!("{from}&{to}")).await,
        (json!("2"), names[2..4].to_vec())
    );
}

#[tokio::test(start_paused = true)]
async fn what_is_not_available_is_said_to_be() {
    let rig = Rig::decided(|config| config.queries_per_minute = 0).await;
    for (resource, form, word) in NOT_AVAILABLE {
        assert_eq!(rig.post(resource, form).await, json!({"status": word}), "{resource}");
    }
    // Every resource is answered, or stands in the list.
    let answered = [
        "voice/call",
        "voice/conference",
        "conference/call",
        "conference/moderate",
        "voice/moderate",
        "voice/hangup",
        "voice/query_status",
        "voice/get_history",
        "user/get_info",
        "sms/send",
        "sms/bulk_send",
        "sms/query_status",
        "sms/get_history",
        "ivr/start/dial",
        "ivr/middle/play",
        "ivr/middle/gather",
        "ivr/middle/record",
        "ivr/middle/monitor",
        "ivr/middle/hold",
        "ivr/middle/unhold",
        "ivr/end/transfer",
        "ivr/end/hangup",
    ];
    for path in Command::PATHS.iter().copied().flatten() {
        let listed = NOT_AVAILABLE.iter().any(|(resource, ..)| resource == path);
        // Some of them are answered but for one of their forms.
        let in_part = *path == "sms/bulk_send" || path.starts_with("ivr/");
        assert!(listed != answered.contains(path) || in_part, "{path}");
    }
}

#[tokio::test(start_paused = true)]
async fn faults_have_the_words_of_the_service() {
    let rig = Rig::start().await;
    let long = format!("dest1=%2B6511111111&dest2=%2B6522222222&tag={}", "a".repeat(257));
    let huge = format!("dest2={}", "a".repeat(10_000_000));
    for (resource, form, word) in [
        ("voice/call", "", "error_dest2_param_missing"),
        ("voice/call", "dest2=6522222222", "error_dest2_invalid"),
        ("voice/call", "dest2=%2B6522222222&dest1=x", "error_dest1_invalid"),
        ("voice/call", "dest2=%2B6590000001", "error_same_dest1_dest2"),
        (
            "voice/call",
            "dest1=%2B6511111111&dest2=%2B6511111111",
            "error_same_dest1_dest2",
        ),
        (
            "voice/call",
            "dest2=%2B6522222222&dest2=%2B6533333333",
            "error_malformed_params",
        ),
        ("voice/call", "dest2=%ff", "error_malformed_params"),
        (
            "voice/call",
            "dest2=%2B6522222222&max_duration=x",
            "error_max_duration_invalid",
        ),
        (
            "voice/call",
            "dest2=%2B6522222222&max_duration=999999",
            "error_max_duration_invalid",
        ),
        (
            "voice/call",
            "dest2=%2B6522222222&caller_id=myapp",
            "error_caller_id_invalid",
        ),
        (
            "voice/call",
            "dest2=%2B6522222222&caller_id=%2B6590000009",
            "error_caller_id_invalid",
        ),
        (
            "voice/call",
            "dest2=%2B6522222222&notify_url=ftp://a",
            "error_invalid_notify_url",
        ),
        (
            "voice/call",
            "dest2=%2B6522222222&notify_url=http://127.0.0.1/",
            "error_invalid_notify_url",
        ),
        ("voice/call", &long, "error_tag_invalid_length"),
        ("voice/call", &huge, "error_malformed_params"),
        (
            "voice/conference",
            "dest=%2B6511111111,%2B6511111111",
            "error_dest_invalid",
        ),
        (
            "voice/conference",
            "dest=%2B6511111111&room=a%20b",
            "error_invalid_room",
        ),
        ("voice/query_status", "txn_ref=AA-S-1", "error_txn_ref_invalid"),
        ("voice/query_status", "", "error_txn_ref_param_missing"),
        ("voice/hangup", "txn_ref=AA-S-1", "error_txn_ref_invalid"),
        (
            "conference/moderate",
            "txn_ref=AA-S-1&action=dance",
            "error_malformed_params",
        ),
        ("voice/get_history", "page=0", "error_page_invalid"),
        ("voice/get_history", "from=yesterday", "error_from_invalid"),
        ("moon/phase", "", "error_service_not_available"),
    ] {
        assert_eq!(
            rig.post(resource, form).await,
            json!({"status": word}),
            "{resource} {form:.100}"
        );
    }
    assert_eq!(rig.ground.calls().await, []);
    let put = Request::put("/open/voice/call").body(Body::empty()).unwrap();
    assert_eq!(rig.ask(put).await, json!({"status": "error_invalid_http_method"}));
    rig.ground.world.store.fill_disk();
    let failed = rig.get(CALL).await;
    assert_eq!(failed, json!({"status": "error_internal_server_error"}));
}

#[tokio::test(start_paused = true)]
async fn a_closed_destination_is_not_supported() {
    let ground = Ground::new(|settings| settings.policy.open = vec!["+65".parse().unwrap()]).await;
    let mut rig = Rig::start().await;
    rig.config.apps[0].tenant = ground.tenant();
    rig.router = router(ground.engine.clone(), rig.config.clone());
    for (first, second, word) in [
        ("%2B4411111111", "%2B6522222222", "error_dest1_not_supported"),
        ("%2B6511111111", "%2B4422222222", "error_dest2_not_supported"),
    ] {
        let told = rig.post("voice/call", &format!("dest1={first}&dest2={second}")).await;
        assert_eq!(told, json!({"status": word}));
    }
    let told = rig.post("voice/conference", "dest=%2B4411111111").await;
    assert_eq!(told, json!({"status": "error_dest_not_supported"}));
}

#[tokio::test(start_paused = true)]
async fn who_asks_is_looked_at_first() {
    let rig = Rig::start().await;
    for (query, word) in [
        ("", "error_app_id_param_missing"),
        ("app_id=MYAPP", "error_access_token_param_missing"),
        ("app_id=OTHER&access_token=MYTOKEN", "error_invalid_app_id"),
        ("app_id=MYAPP&access_token=mytoken", "error_invalid_access_token"),
    ] {
        assert_eq!(
            rig.get(&format!("/open/voice/call?{query}")).await,
            json!({"status": word})
        );
    }
    // Whoever goes on has to wait; the right token is always taken.
    let wrong = "/open/voice/call?app_id=MYAPP&access_token=x";
    for _ in 0..10 {
        rig.get(wrong).await;
    }
    assert_eq!(rig.get(wrong).await, json!({"status": "error_rate_limit_exceeded"}));
    assert_eq!(rig.get(CALL).await["status"], "success_ok");
}

#[tokio::test(start_paused = true)]
async fn queries_are_limited_and_calls_are_not() {
    let rig = Rig::decided(|config| config.queries_per_minute = 2).await;
    for _ in 0..2 {
        assert_eq!(rig.post("user/get_info", "").await["status"], "success_ok");
    }
    assert_eq!(
        rig.post("user/get_info", "").await,
        json!({"status": "error_rate_limit_exceeded"})
    );
    assert_eq!(rig.get(CALL).await["status"], "success_ok");
    tokio::time::advance(Duration::from_secs(60)).await;
    assert_eq!(rig.post("user/get_info", "").await["status"], "success_ok");
}

#[tokio::test(start_paused = true)]
async fn another_account_sees_nothing() {
    let rig = Rig::start().await;
    let txn_ref = rig.get(CALL).await["txn_ref"].clone();
    let mut config = rig.config.clone();
    config.apps[0].tenant.account = rig.ground.world.account("other", &[]).await.account;
    let theirs = Rig {
        router: router(rig.ground.engine.clone(), config.clone()),
        config,
        ground: Ground::new(|_| {}).await,
    };
    assert_eq!(
        theirs.status(&txn_ref).await,
        json!({"status": "error_txn_ref_invalid"})
    );
    assert_eq!(theirs.post("voice/get_history", "").await["total_entries_count"], "0");
    let told = theirs
        .post("voice/hangup", &format!("txn_ref={}", txn_ref.as_str().unwrap()))
        .await;
    assert_eq!(told, json!({"status": "error_txn_ref_invalid"}));
    assert_eq!(rig.status(&txn_ref).await["status"], "success_ok");
}

#[tokio::test(start_paused = true)]
async fn the_end_is_told_signed_and_once() {
    let rig = Rig::start().await;
    let called = format!("{CALL}&notify_url=http%3A%2F%2Fhooks.internal%2Fmyscript%3Fa%3D1");
    let txn_ref = rig.get(&called).await["txn_ref"].clone();
    let details = rig.ground.reached("ended", 1).await;
    let receiver = details.call.plan.webhook.clone().unwrap();
    assert_eq!(receiver.url.as_deref(), Some("http://hooks.internal/myscript?a=1"));
    let links = rig.ground.links().await;
    let snapshot = Snapshot::Call(details.clone());
    let notices = HoiioNotices::new(&rig.config, links.clone());
    assert_eq!(notices.patience(), Patience::Pauses(&[]));
    let again = HoiioConfig {
        notify_again: true,
        ..rig.config.clone()
    };
    assert_eq!(HoiioNotices::new(&again, links).patience(), Patience::Usual);
    let events = outdial_engine::verbs::list_events(&rig.ground.engine, &rig.ground.actor, details.call.id)
        .await
        .unwrap();
    let now = rig.ground.engine.ids.now();
    let mut told = events.iter().filter_map(|stored| {
        let notice = notices.write(&Happened {
            snapshot: &snapshot,
            stored,
            history: &events,
            now,
        })?;
        assert!(receiver.events.wants(&stored.event.kind), "{:?}", stored.event.kind);
        assert!(matches!(&stored.event.kind, EventKind::Ended { ending } if ending.outcome == Outcome::Completed));
        Some(notice)
    });
    let notice = told.next().unwrap();
    assert_eq!(told.next(), None);
    assert_eq!(notice.content_type, "application/x-www-form-urlencoded");
    let [("X-Hoiio-Signature", signature)] = &notice.headers[..] else {
        panic!("{:?}", notice.headers)
    };
    assert!(notify::is_signed(notice.body.as_bytes(), "MYTOKEN", signature));
    let read = notify::Call::from_form(&notice.body).unwrap();
    assert_eq!(
        (read.txn_ref.as_str(), read.tag.as_str()),
        (txn_ref.as_str().unwrap(), "myapp")
    );
    assert_eq!(
        (read.dest2.as_str(), read.duration, read.debit),
        ("+6522222222", Some(10), None)
    );
}
