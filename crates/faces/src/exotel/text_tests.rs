use axum::http::StatusCode;
use outdial_domain::Subject;
use outdial_engine::{
    ports::{Happened, NoticeWriter, Snapshot},
    verbs,
};
use outdial_exotel::{Answer as _, sms::SmsAnswer};
use serde_json::{Value, json};

use super::{
    ExotelNotices,
    tests::{Rig, refusal},
};

const SEND: &str = "/v1/Accounts/rajnikanth/Sms/send.json";
/// A text of the oldest client.
const TEXT: &str = "From=8088919888&To=0987654321&Body=Hello+from+Exotel%21&Priority=normal&EncodingType=plain";

impl Rig {
    async fn sent(&self, path: &str, form: &str) -> Value {
        let answer = self.post(path, form).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
        serde_json::from_str(&answer.text).unwrap()
    }

    async fn text(&self, sid: &Value) -> Value {
        let path = format!("/v1/Accounts/rajnikanth/SMS/Messages/{}.json", sid.as_str().unwrap());
        self.get(&path).await["SMSMessage"].clone()
    }

    /// Waits until something of this kind has happened to any message.
    pub(super) async fn happened(&self, kind: &str) {
        let mut events = std::pin::pin!(verbs::follow_events(&self.ground.engine, &self.ground.actor, Some(0)));
        while futures_util::StreamExt::next(&mut events)
            .await
            .unwrap()
            .unwrap()
            .event
            .kind
            .word()
            != kind
        {}
    }
}

#[tokio::test(start_paused = true)]
async fn a_text_is_sent_and_its_status_told() {
    let rig = Rig::start().await;
    let sent = rig.sent(SEND, TEXT).await["SMSMessage"].clone();
    let sid = sent["Sid"].as_str().unwrap();
    assert_eq!(
        sent,
        json!({
            "Sid": sid, "AccountSid": "rajnikanth", "From": "8088919888", "To": "0987654321",
            "DateCreated": "2030-01-02 08:34:05", "DateUpdated": "2030-01-02 08:34:05", "DateSent": null,
            "Body": "Hello from Exotel!", "Direction": "outbound-api",
            "Uri": format!("/v1/Accounts/rajnikanth/SMS/Messages/{sid}"), "ApiVersion": null, "Price": null,
            "Status": "queued",
        })
    );
    rig.happened("message_submitted").await;
    let told = rig.text(&sent["Sid"]).await;
    assert_eq!(
        (&told["Status"], &told["DetailedStatusCode"]),
        (&json!("submitted"), &json!(21020))
    );
    assert_eq!(
        (&told["DetailedStatus"], &told["SmsUnits"]),
        (&json!("PENDING_ON_OPERATOR"), &json!("1"))
    );
    assert_ne!(told["DateSent"], Value::Null);
    let xml = rig.post("/v1/Accounts/rajnikanth/Sms/Send", TEXT).await;
    assert!(xml.text.contains("<TwilioResponse><SMSMessage><Sid>"), "{}", xml.text);
    let missing = rig
        .ask(
            "GET",
            "/v1/Accounts/rajnikanth/Sms/Messages/abc.json",
            "",
            axum::body::Body::empty(),
        )
        .await;
    assert_eq!(refusal(&missing).1, "No matching results");
}

#[tokio::test(start_paused = true)]
async fn broken_receivers_hold_up_no_others() {
    let rig = Rig::start().await;
    let mut to: Vec<String> = (0..97).map(|n| format!("To[]=09876543{n:02}")).collect();
    to.extend(["To[]=x", "To[]=1", "To[]=%2B"].map(str::to_owned));
    let sent = rig
        .sent(SEND, &format!("From=8088919888&Body=x&{}", to.join("&")))
        .await;
    let numbers: Vec<&str> = sent
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["SMSMessage"]["To"].as_str().unwrap())
        .collect();
    assert_eq!(
        (numbers.len(), numbers[0], numbers[96], numbers[99]),
        (100, "0987654300", "0987654396", "+")
    );
    let broken = &sent[97]["SMSMessage"];
    assert_eq!(
        (&broken["Sid"], &broken["Status"], &broken["DetailedStatusCode"]),
        (&json!(""), &json!("failed"), &json!(23010)),
        "{broken}"
    );
    assert_eq!(SmsAnswer::read(sent.to_string().as_bytes()).unwrap().0.len(), 100);
    // Of two, one is left: they stay two.
    let sent = rig.sent(SEND, "From=8088919888&Body=x&To=x&To=0987654321").await;
    assert_eq!(sent[1]["SMSMessage"]["Status"], "queued", "{sent}");
    let bulk = json!({"From": "8088919888", "Messages": [
        {"To": "0987654321", "Body": "one"}, {"To": "x", "Body": "two"}, {"To": "0987654322", "Body": "three"},
    ]});
    let answer = rig
        .ask(
            "POST",
            "/v1/Accounts/rajnikanth/Sms/bulksend.json",
            "application/json",
            bulk.to_string(),
        )
        .await;
    let sent: Value = serde_json::from_str(&answer.text).unwrap();
    let bodies: Vec<&str> = sent
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["SMSMessage"]["Body"].as_str().unwrap())
        .collect();
    assert_eq!(bodies, ["one", "two", "three"]);
    assert_eq!(sent[1]["SMSMessage"]["Status"], "failed", "{sent}");
    // What is wrong with one does not hide that another was sent.
    let bulk = json!({"Messages": [
        {"To": "0987654321", "Body": "one", "From": "8088919888"}, {"To": "0987654322", "Body": "two", "From": "99"},
    ]});
    let path = "/v1/Accounts/rajnikanth/Sms/bulksend.json";
    let answer = rig.ask("POST", path, "application/json", bulk.to_string()).await;
    let sent: Value = serde_json::from_str(&answer.text).unwrap();
    let codes = (
        &sent[0]["SMSMessage"]["Status"],
        &sent[1]["SMSMessage"]["DetailedStatusCode"],
    );
    assert_eq!(codes, (&json!("queued"), &json!(23072)), "{sent}");
    let broken = rig.ask("POST", path, "application/json", "{").await;
    let (status, message, _) = refusal(&broken);
    assert!(status == 400 && message.contains("body is no JSON"), "{message}");
}

#[tokio::test(start_paused = true)]
async fn faults_of_texts_have_their_codes() {
    let rig = Rig::start().await;
    let long = format!("From=8088919888&To=0987654321&Body={}", "a".repeat(2_001));
    for (form, code, why) in [
        ("From=8088919888&To=0987654321", 40200, "Body is missing"),
        ("To=0987654321&Body=x", 40205, "From is missing"),
        ("From=8088919888&Body=x", 40203, "To is missing"),
        ("From=8088919888&To=x,y&Body=x", 40203, "Invalid Recipient [x,y]"),
        (
            "From=99&To=0987654321&Body=x",
            40205,
            "From is not a number of this account",
        ),
        (
            "From=8088919888&To=0987654321&Body=x&StatusCallback=http://127.0.0.1/",
            34001,
            "StatusCallback: ",
        ),
        (long.as_str(), 40200, "Body must have at most 2000"),
        ("From=8088919888&To=0987654321&Body=a%01b", 40200, "control character"),
    ] {
        let (status, message, told) = refusal(&rig.post(SEND, form).await);
        assert!(
            status == 400 && message.contains(why) && told == code,
            "{form:.60}: {told} {message}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn nobody_is_blamed_for_a_missing_trunk() {
    let rig = Rig::grounded(|settings| settings.sms_trunks.clear(), |_| {}).await;
    let (status, message, code) = refusal(&rig.post(SEND, TEXT).await);
    assert_eq!((status, code), (503, json!(40405)), "{message}");
}

#[tokio::test(start_paused = true)]
async fn the_end_of_a_text_is_told_as_a_form() {
    let rig = Rig::start().await;
    let form = format!("{TEXT}&CustomField=mine&StatusCallback=http%3A%2F%2Fhooks.internal%2Fsms");
    let sent = rig.sent(SEND, &form).await;
    let sid = sent["SMSMessage"]["Sid"].as_str().unwrap();
    let id = format!("msg_{sid}").parse::<outdial_domain::MessageId>().unwrap();
    // Nobody says what became of it, so it ends as unknown.
    rig.happened("message_ended").await;
    let message = verbs::get_message(&rig.ground.engine, &rig.ground.actor, id)
        .await
        .unwrap();
    let story = verbs::explain_message(&rig.ground.engine, &rig.ground.actor, id)
        .await
        .unwrap();
    let wanted = message.plan.webhook.clone().unwrap().events;
    let now = rig.ground.engine.ids.now();
    let snapshot = Snapshot::Message(message);
    let notices = ExotelNotices::new(rig.ground.links().await);
    let told: Vec<_> = story
        .events
        .iter()
        .filter(|stored| wanted.wants(&stored.event.kind))
        .filter_map(|stored| {
            assert_eq!(stored.event.subject, Subject::Message(id));
            notices.write(&Happened {
                snapshot: &snapshot,
                stored,
                history: &story.events,
                now,
            })
        })
        .collect();
    let [notice] = &told[..] else { panic!("{told:?}") };
    assert_eq!(notice.content_type, "application/x-www-form-urlencoded");
    for part in [
        &format!("SmsSid={sid}"),
        "Status=failed",
        "DetailedStatusCode=24990",
        "CustomField=mine",
        "SmsUnits=1",
    ] {
        assert!(notice.body.contains(part), "{part}: {}", notice.body);
    }
}
