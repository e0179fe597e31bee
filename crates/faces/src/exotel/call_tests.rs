//! Calls, and what is told of them.

use std::time::Duration;

use axum::{body::Body, http::StatusCode};
use outdial_engine::{
    ports::{CallDetails, Happened, Notice, NoticeWriter, Patience, Snapshot},
    verbs,
};
use outdial_exotel::callback::CallCallback;
use outdial_flow::Instruction;
use outdial_testkit::fakes::Script;
use serde_json::{Value, json};

use super::{
    ExotelNotices,
    tests::{CONNECT, Rig, TWO, refusal},
};

/// The same with a flow.
const FLOW: &str =
    "CallType=trans&From=0987654321&CallerId=8088919888&Url=http%3A%2F%2Fmy.exotel.in%2Fexoml%2Fstart%2Fwelcome";

impl Rig {
    async fn details(&self, call: &Value) -> Value {
        let sid = call["Sid"].as_str().unwrap();
        self.get(&format!("/v1/Accounts/rajnikanth/Calls/{sid}.json?details=true"))
            .await["Call"]
            .clone()
    }

    /// The callbacks of a call, in order.
    async fn told(&self, details: &CallDetails) -> Vec<Notice> {
        let receiver = details.call.plan.webhook.clone().unwrap();
        let events = verbs::list_events(&self.ground.engine, &self.ground.actor, details.call.id)
            .await
            .unwrap();
        let wanted = events.iter().filter(|stored| receiver.events.wants(&stored.event.kind));
        let now = self.ground.engine.ids.now();
        let notices = ExotelNotices::new(self.ground.links().await);
        let snapshot = Snapshot::Call(details.clone());
        wanted
            .filter_map(|stored| {
                notices.write(&Happened {
                    snapshot: &snapshot,
                    stored,
                    history: &events,
                    now,
                })
            })
            .collect()
    }
}

#[tokio::test(start_paused = true)]
async fn two_numbers_are_connected() {
    let rig = Rig::start().await;
    let call = rig.connect(TWO).await;
    let sid = call["Sid"].as_str().unwrap();
    assert!(
        sid.len() == 32 && sid.bytes().all(|byte| byte.is_ascii_hexdigit()),
        "{sid}"
    );
    assert_eq!(
        call,
        json!({
            "Sid": sid, "ParentCallSid": null, "DateCreated": "2030-01-02 08:34:05",
            "DateUpdated": "2030-01-02 08:34:05", "AccountSid": "rajnikanth", "To": "09988776655",
            "From": "0987654321", "PhoneNumberSid": "8088919888", "Status": "in-progress",
            "StartTime": "2030-01-02 08:34:05", "EndTime": null, "Duration": null, "Price": null,
            "Direction": "outbound-api", "AnsweredBy": null, "ForwardedFrom": null, "CallerName": null,
            "Uri": format!("/v1/Accounts/rajnikanth/Calls.json/{sid}"), "RecordingUrl": null,
        })
    );
    let details = rig.ground.reached("ended", 1).await;
    assert_eq!(details.call.plan.ring, Duration::from_secs(10));
    let [first, second] = &details.legs[..] else {
        panic!("{:?}", details.legs)
    };
    assert_eq!(
        (first.shows.as_deref(), second.shows.as_deref()),
        (Some("8088919888"), Some("8088919888"))
    );
    let told = rig.details(&call).await;
    assert_eq!((&told["Status"], &told["Price"]), (&json!("completed"), &json!(null)));
    assert_eq!(told["EndTime"], "2030-01-02 08:39:05");
    assert_eq!(told["Duration"], "300");
    assert_eq!(
        told["Details"],
        json!({
            "ConversationDuration": "300", "Leg1Status": "completed", "Leg2Status": "completed",
            "Legs": [{"Leg": {"Id": "1", "OnCallDuration": "300"}}, {"Leg": {"Id": "2", "OnCallDuration": "300"}}],
        })
    );
}

#[tokio::test(start_paused = true)]
async fn xml_says_the_same() {
    let rig = Rig::start().await;
    let answer = rig.post("/v1/Accounts/rajnikanth/Calls/connect", TWO).await;
    assert_eq!(answer.headers["content-type"], "application/xml; charset=utf-8");
    let sid = rig.ground.calls().await.remove(0).face.unwrap().reference;
    assert!(
        answer.text.contains(&format!("<TwilioResponse><Call><Sid>{sid}</Sid>")),
        "{}",
        answer.text
    );
    assert!(
        answer
            .text
            .contains(&format!("<Uri>/v1/Accounts/rajnikanth/Calls/{sid}</Uri>")),
        "{}",
        answer.text
    );
    let missing = rig
        .ask("GET", "/v1/Accounts/rajnikanth/Calls/abc", "", Body::empty())
        .await;
    assert_eq!(missing.status, StatusCode::NOT_FOUND);
    let body = "<RestException><Status>404</Status><Message>No matching results</Message></RestException>";
    assert!(missing.text.contains(body), "{}", missing.text);
}

#[tokio::test(start_paused = true)]
async fn a_number_is_connected_with_a_flow() {
    let rig = Rig::start().await;
    for form in [
        FLOW.to_owned(),
        FLOW.replace(
            "my.exotel.in%2Fexoml%2Fstart%2F",
            "my.exotel.com%2Frajnikanth%2Fexoml%2Fstart_voice%2F",
        ),
        // The first client knows one beginning, and takes all else for a number.
        FLOW.replace("Url=", "To="),
        // Some send both.
        format!("{FLOW}&To=09988776655"),
    ] {
        let call = rig.connect(&form).await;
        assert_eq!(call["To"], "8088919888", "{form}");
        let id = rig.ground.calls().await.remove(0).id;
        let details = verbs::get_call(&rig.ground.engine, &rig.ground.actor, id)
            .await
            .unwrap();
        assert_eq!(details.flow, outdial_flow::Flow::say("Welcome"), "{form}");
        tokio::time::advance(Duration::from_millis(5)).await;
    }
    for url in [
        "http%3A%2F%2Fmy.exotel.in%2Fexoml%2Fstart%2Fother",
        "http%3A%2F%2Fa.example%2F",
    ] {
        let form = format!("From=11&CallerId=8088919888&Url={url}");
        let (status, message, _) = refusal(&rig.post(CONNECT, &form).await);
        assert!(status == 400 && message.contains("Url"), "{message}");
    }
}

#[tokio::test(start_paused = true)]
async fn limits_are_clamped_and_a_recording_is_made() {
    let rig = Rig::start().await;
    let form = TWO
        .replace("TimeLimit=300", "TimeLimit=99999")
        .replace("TimeOut=10", "TimeOut=300");
    rig.connect(&format!("{form}&Record=true&RecordingChannels=dual&CustomField=mine"))
        .await;
    let details = rig.ground.reached("created", 1).await;
    assert_eq!(details.call.plan.tag.as_deref(), Some("mine"));
    let [Instruction::Record(record), Instruction::Dial(dial)] = &details.flow.steps[..] else {
        panic!("{:?}", details.flow)
    };
    assert_eq!(record.channels, outdial_domain::Channels::Separate);
    assert_eq!(
        (dial.ring, dial.max),
        (Some(Duration::from_secs(60)), Some(Duration::from_secs(14_400)))
    );
}

#[tokio::test(start_paused = true)]
async fn a_plus_that_was_not_escaped_is_one() {
    let rig = Rig::start().await;
    let call = rig.connect(&TWO.replace("From=0987654321", "From=+919876543210")).await;
    assert_eq!(call["From"], "+919876543210");
    assert_eq!(
        rig.ground.reached("created", 1).await.call.plan.to.to_string(),
        "+919876543210"
    );
}

#[tokio::test(start_paused = true)]
async fn how_a_call_ended_is_told() {
    let rig = Rig::start().await;
    rig.ground.world.carrier.next(Script::busy());
    let busy = rig.connect(TWO).await;
    rig.ground.reached("ended", 1).await;
    let told = rig.details(&busy).await;
    assert_eq!((&told["Status"], &told["Duration"]), (&json!("busy"), &json!("0")));
    assert_eq!(told["Details"]["Leg2Status"], Value::Null);
    rig.ground.world.carrier.next(Script::answers());
    rig.ground.world.carrier.next(Script::busy());
    let second = rig.connect(&TWO.replace("0987654321", "0987654322")).await;
    rig.ground.reached("ended", 2).await;
    let told = rig.details(&second).await;
    assert_eq!(told["Status"], "busy");
    assert_eq!(
        (&told["Details"]["Leg1Status"], &told["Details"]["Leg2Status"]),
        (&json!("completed"), &json!("busy"))
    );
    assert_eq!(told["Details"]["ConversationDuration"], "0");
}

#[tokio::test(start_paused = true)]
async fn lists_are_filtered_and_turn_pages() {
    let rig = Rig::start().await;
    let mut sids = Vec::new();
    for n in 0..5 {
        if n == 4 {
            rig.ground.world.carrier.next(Script::busy());
        }
        let call = rig.connect(&TWO.replace("0987654321", &format!("098765432{n}"))).await;
        rig.ground.reached("ended", n + 1).await;
        sids.push(call["Sid"].as_str().unwrap().to_owned());
    }
    let list = async |query: &str| {
        let page = rig.get(&format!("/v1/Accounts/rajnikanth/Calls.json?{query}")).await;
        let calls = page["Calls"].as_array().unwrap().iter();
        let places: Vec<usize> = calls
            .map(|call| sids.iter().position(|sid| call["Sid"] == *sid).unwrap())
            .collect();
        (places, page["Metadata"].clone())
    };
    let (all, metadata) = list("").await;
    assert_eq!(all, [4, 3, 2, 1, 0]);
    assert_eq!(
        (&metadata["Total"], &metadata["NextPageUri"]),
        (&json!("5"), &Value::Null)
    );
    for (query, wanted) in [
        ("Status=busy", &[4][..]),
        ("Status=busy,completed&SortBy=DateCreated:asc", &[0, 1, 2, 3, 4]),
        ("From=0987654322,0987654323", &[3, 2]),
        ("To=12", &[]),
        ("PhoneNumber=8088919888&Duration=gte:1", &[3, 2, 1, 0]),
        ("Direction=inbound", &[]),
        // The third began ten minutes after the first.
        ("DateCreated=gte:2030-01-02%2008:44:00;lte:2030-01-02%2008:46:00", &[2]),
        ("DateCreated=lte:2030-01-02%2008:34:05", &[0]),
    ] {
        assert_eq!(list(query).await.0, wanted, "{query}");
    }
    assert_eq!(list(&format!("Sid={},{}", sids[1], sids[3])).await.0, [3, 1]);
    assert_eq!(list(&format!("sid={}", sids[1])).await.0, [1]);
    // Forwards and back again.
    let (mut query, mut seen) = ("PageSize=2".to_owned(), Vec::new());
    loop {
        let (page, metadata) = list(&query).await;
        seen.push(page);
        let Some(next) = metadata["NextPageUri"].as_str() else {
            let before = metadata["PrevPageUri"].as_str().unwrap().split_once('?').unwrap().1;
            assert_eq!(list(before).await.0, [2, 1]);
            break;
        };
        next.split_once('?').unwrap().1.clone_into(&mut query);
    }
    assert_eq!(seen, [vec![4, 3], vec![2, 1], vec![0]]);
    for query in [
        "PageSize=101",
        "After=zzz",
        "Before=zzz",
        "SortBy=Price:asc",
        "DateCreated=gte:soon",
        "To=11,12,13,14,15,16",
    ] {
        let answer = rig
            .ask(
                "GET",
                &format!("/v1/Accounts/rajnikanth/Calls.json?{query}"),
                "",
                Body::empty(),
            )
            .await;
        assert_eq!(refusal(&answer).0, 400, "{query}");
    }
}

#[tokio::test(start_paused = true)]
async fn callbacks_say_what_was_asked_for() {
    let rig = Rig::start().await;
    let callback = "StatusCallback=http%3A%2F%2Fhooks.internal%2Fcallback";
    let plain = rig.connect(&format!("{TWO}&{callback}")).await;
    let details = rig.ground.reached("ended", 1).await;
    let told = rig.told(&details).await;
    let [notice] = &told[..] else { panic!("{told:?}") };
    assert!(
        notice.content_type.starts_with("multipart/form-data; boundary="),
        "{}",
        notice.content_type
    );
    let read = CallCallback::read(Some(&notice.content_type), notice.body.as_bytes()).unwrap();
    assert_eq!(read.call.call_sid, plain["Sid"]);
    assert_eq!(read.call.status.unwrap().as_str(), "completed");
    assert_eq!(
        (read.call.event_type, read.call.to, read.legs),
        (None, None, Vec::new())
    );

    let events = "StatusCallbackEvents[0]=terminal&StatusCallbackEvents[1]=answered";
    let json = "StatusCallbackContentType=application%2Fjson&CustomField=mine";
    let form = TWO.replace("0987654321", "0987654322");
    rig.connect(&format!("{form}&{callback}&{events}&{json}")).await;
    let details = rig.ground.reached("ended", 2).await;
    let told = rig.told(&details).await;
    let [answered, ended] = &told[..] else {
        panic!("{told:?}")
    };
    let read = |notice: &Notice| {
        assert_eq!(notice.content_type, "application/json");
        serde_json::from_str::<Value>(&notice.body).unwrap()
    };
    assert_eq!(
        (&read(answered)["EventType"], &read(answered)["Status"]),
        (&json!("answered"), &json!("in-progress"))
    );
    let ended = read(ended);
    assert_eq!(
        (&ended["EventType"], &ended["Status"]),
        (&json!("terminal"), &json!("completed"))
    );
    assert_eq!(
        (&ended["From"], &ended["CustomField"]),
        (&json!("0987654322"), &json!("mine"))
    );
    assert_eq!(ended["ConversationDuration"], "300");
    assert_eq!(
        ended["Legs"][1],
        json!({"OnCallDuration": "300", "Status": "completed", "AnsweredBy": "NA"})
    );
    let pauses = [Duration::from_secs(30), Duration::from_secs(300)];
    let notices = ExotelNotices::new(rig.ground.links().await);
    assert!(matches!(notices.patience(), Patience::Pauses(given) if given == pauses));
}
