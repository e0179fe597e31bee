//! Exotel's answers, and what is asked of it.

use std::time::Duration;

use outdial_carrier_hosted::{ExotelCarrier, ExotelTrunk, Reach};
use outdial_domain::{
    Outcome,
    message::{PartFate, ReceiptState},
};
use outdial_engine::ports::{Arrived, TextAsk, TextCarrier};
use outdial_flow::{CallerId, Conference, Dial, Flow, HandOver, Instruction, OnFailure, Record, Target};
use outdial_testkit::http::{Asked, Fake, Reply, ok};

use crate::rig::{self, FIRST, LEG, MESSAGE, OURS, SECOND, SECRET, address, flow, outcome, two};

const CONNECT: &str = "POST /v1/Accounts/acme/Calls/connect.json";
const LIST: &str = "GET /v1/Accounts/acme/Calls.json?";
const CALL: &str = "GET /v1/Accounts/acme/Calls/c1.json";
const SEND: &str = "POST /v1/Accounts/acme/Sms/send.json";

fn trunk(url: &str) -> ExotelTrunk {
    ExotelTrunk {
        url: url.to_owned(),
        from: Some(OURS.to_owned()),
        requests_per_minute: 60_000,
        reach: rig::reach(),
        ..ExotelTrunk::new("far", "acme", SECRET.to_owned().into())
    }
}

fn carrier(fake: &Fake) -> ExotelCarrier {
    ExotelCarrier::start(vec![trunk(&fake.url())], rig::clock()).unwrap()
}

fn call(status: &str) -> String {
    format!(
        r#"{{"Call":{{"Sid":"c1","Status":"{status}","Duration":"17","Details":{{"ConversationDuration":15,"Leg1Status":null,"Leg2Status":null,"Legs":[{{"Leg":{{"Id":1,"OnCallDuration":0}}}}]}}}}}}"#
    )
}

/// A list of calls to these numbers.
fn list(calls: &[(&str, &str, &str)]) -> String {
    let call = |(sid, from, to): &(&str, &str, &str)| {
        format!(r#"{{"Sid":"{sid}","From":"{from}","To":"{to}","Status":"completed"}}"#)
    };
    let calls: Vec<String> = calls.iter().map(call).collect();
    format!(
        r#"{{"Metadata":{{"Total":{}}},"Calls":[{}]}}"#,
        calls.len(),
        calls.join(",")
    )
}

/// A service that does this with a request for a call, lists these calls, and shows one that is over.
async fn service(connect: Reply, listed: String) -> Fake {
    Fake::start(move |asked: &Asked, _| match asked.line.as_str() {
        line if line.contains("/Calls/connect.json") => connect.clone(),
        line if line.contains("/Calls.json?") => ok(listed.clone()),
        _ => ok(call("completed")),
    })
    .await
}

#[tokio::test]
async fn two_numbers_are_connected_and_followed() {
    let fake = Fake::start(|asked: &Asked, before| match (asked.line.as_str(), before) {
        (line, _) if line.starts_with(CONNECT) => ok(call("in-progress")),
        (_, 0) => Reply::Say(502, "bad gateway".to_owned()),
        (_, 1) => ok(call("in-progress")),
        (_, 2) => ok(call("in-progress").replace(r#""OnCallDuration":0"#, r#""OnCallDuration":4"#)),
        _ => ok(call("completed")),
    })
    .await;
    let mut leg = rig::take(&carrier(&fake), rig::order(two())).await;
    let (words, ended, reason) = outcome(&mut leg).await;
    assert_eq!((words, ended), (vec!["sent", "answered"], Some(Outcome::Completed)));
    assert!(reason.contains("after 17 s"), "{reason}");
    let asked = fake.asked(CONNECT);
    assert_eq!(
        asked[0].body,
        format!(
            "From=%2B919000000001&CallerId=%2B918088919888&To=%2B919000000002&CallType=trans&TimeLimit=300&TimeOut=20\
             &CustomField={LEG}"
        )
    );
    // `acme:sesame`.
    assert!(
        asked[0].head.contains("authorization: basic ywntztpzzxnhbwu="),
        "{}",
        asked[0].head
    );
    assert_eq!((asked.len(), fake.asked(CALL).len()), (1, 4));
}

#[tokio::test]
async fn an_app_is_named_by_its_address() {
    let fake = service(ok(call("queued")), list(&[])).await;
    let app = flow(Instruction::HandOver(HandOver {
        target: Target::Application {
            name: "926".to_owned(),
            data: None,
        },
        variables: Default::default(),
    }));
    let mut leg = rig::take(&carrier(&fake), rig::order(app)).await;
    assert_eq!(outcome(&mut leg).await.1, Some(Outcome::Completed));
    let body = &fake.asked(CONNECT)[0].body;
    assert!(
        body.contains("&Url=http%3A%2F%2Fmy.exotel.com%2Facme%2Fexoml%2Fstart_voice%2F926&"),
        "{body}"
    );
    assert!(!body.contains("&To="), "{body}");
}

#[tokio::test]
async fn a_request_that_was_not_answered_is_looked_for_and_never_made_again() {
    let mine = || ("c1", "09000000001", SECOND);
    for (connect, listed, ended) in [
        (Reply::Close, list(&[mine()]), Outcome::Completed),
        (Reply::Say(503, String::new()), list(&[mine()]), Outcome::Completed),
        (
            Reply::Say(200, "<html>".to_owned()),
            list(&[mine()]),
            Outcome::Completed,
        ),
        (
            Reply::Raw("HTTP/1.1 200 OK\r\nContent-Length: 90\r\n\r\n{"),
            list(&[mine()]),
            Outcome::Completed,
        ),
        (
            Reply::Raw("\u{1}\u{2} nonsense\r\n\r\n"),
            list(&[mine()]),
            Outcome::Completed,
        ),
        (Reply::Say(302, String::new()), list(&[mine()]), Outcome::Completed),
        // Nothing, several, and others do not tell.
        (Reply::Close, list(&[]), Outcome::Unknown),
        (Reply::Close, list(&[mine(), ("c2", FIRST, SECOND)]), Outcome::Unknown),
        (Reply::Close, list(&[("c3", FIRST, FIRST)]), Outcome::Unknown),
    ] {
        let what = format!("{connect:?} {listed}");
        let fake = service(connect, listed).await;
        let mut leg = rig::take(&carrier(&fake), rig::order(two())).await;
        let (words, told, reason) = outcome(&mut leg).await;
        assert_eq!((words.first(), told), (Some(&"sent"), Some(ended)), "{what}: {reason}");
        assert_eq!(fake.asked(CONNECT).len(), 1, "{what}");
        assert!(!fake.asked(LIST).is_empty(), "{what}");
    }
}

#[tokio::test]
async fn a_slow_answer_is_a_lost_one() {
    let fake = service(Reply::Nothing, list(&[("c1", FIRST, SECOND)])).await;
    let mut slow = trunk(&fake.url());
    slow.reach.answer_within = Duration::from_millis(200);
    let carrier = ExotelCarrier::start(vec![slow], rig::clock()).unwrap();
    let mut leg = rig::take(&carrier, rig::order(two())).await;
    assert_eq!(outcome(&mut leg).await.1, Some(Outcome::Completed));
    assert_eq!(fake.asked(CONNECT).len(), 1);
    let line = &fake.asked(LIST)[0].line;
    assert!(
        line.contains("From=%2B919000000001&") || line.contains("&From=%2B919000000001"),
        "{line}"
    );
    assert!(
        line.contains("DateCreated=gte%3A20") && line.contains("%3Blte%3A20"),
        "{line}"
    );
}

#[tokio::test]
async fn what_the_service_refuses_has_rung_nobody() {
    let exception = |status: u16, message: &str| {
        Reply::Say(
            status,
            format!(r#"{{"RestException":{{"Status":{status},"Message":"{message}"}}}}"#),
        )
    };
    for (connect, ended, why) in [
        (exception(401, "Authentication failed"), Outcome::Failed, "credentials"),
        (
            exception(400, "Invalid Parameters: From is bad"),
            Outcome::InvalidNumber,
            "From",
        ),
        (exception(403, "Insufficient balance"), Outcome::Failed, "credit"),
        (
            exception(403, "call is not possible because of TRAI NDNC regulations"),
            Outcome::Rejected,
            "TRAI",
        ),
        (
            Reply::With(429, "Retry-After: 3600", String::new()),
            Outcome::Congestion,
            "Nobody was rung",
        ),
    ] {
        let what = format!("{connect:?}");
        let fake = service(connect, list(&[])).await;
        // The hold of one that is limited would hold back the others of its account.
        let mut own = trunk(&fake.url());
        own.sid = what.chars().filter(char::is_ascii_alphanumeric).collect();
        let carrier = ExotelCarrier::start(vec![own], rig::clock()).unwrap();
        let mut leg = rig::take(&carrier, rig::order(two())).await;
        let (words, told, reason) = outcome(&mut leg).await;
        assert_eq!((words, told), (Vec::new(), Some(ended)), "{what}: {reason}");
        assert!(reason.contains(why), "{reason}");
        assert!(fake.asked("GET").is_empty(), "{what}");
    }
    // Nobody is there.
    let nobody = ExotelCarrier::start(vec![trunk("http://127.0.0.1:9")], rig::clock()).unwrap();
    let mut leg = rig::take(&nobody, rig::order(two())).await;
    assert_eq!(outcome(&mut leg).await.1, Some(Outcome::Congestion));
}

#[tokio::test]
async fn one_request_too_many_is_made_again_when_the_service_takes_some() {
    let fake = Fake::start(|asked: &Asked, before| match (asked.line.as_str(), before) {
        (line, 0) if line.contains("connect") => Reply::With(429, "Retry-After: 1", String::new()),
        (line, _) if line.contains("connect") => ok(call("queued")),
        _ => ok(call("busy")),
    })
    .await;
    let mut own = trunk(&fake.url());
    own.sid = "limited".to_owned();
    let carrier = ExotelCarrier::start(vec![own], rig::clock()).unwrap();
    let begun = std::time::Instant::now();
    let mut leg = rig::take(&carrier, rig::order(two())).await;
    let (words, ended, _) = outcome(&mut leg).await;
    assert_eq!((words, ended), (vec!["sent"], Some(Outcome::Busy)));
    assert!(begun.elapsed() >= Duration::from_secs(1), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn a_call_of_an_earlier_run_is_found_by_its_numbers() {
    let fake = service(Reply::Close, list(&[("c1", FIRST, SECOND)])).await;
    let mut leg = rig::take_up(&carrier(&fake), two()).unwrap();
    let (words, ended, _) = outcome(&mut leg).await;
    assert_eq!((words, ended), (vec!["sent", "answered"], Some(Outcome::Completed)));
    assert!(fake.asked("POST").is_empty());
    // Of one that is not found nothing is said.
    let fake = service(Reply::Close, list(&[])).await;
    let mut leg = rig::take_up(&carrier(&fake), two()).unwrap();
    assert_eq!(outcome(&mut leg).await.1, None);
    assert!(fake.asked("POST").is_empty());
}

#[tokio::test]
async fn a_callback_makes_it_ask_and_is_not_believed() {
    let fake = Fake::start(|asked: &Asked, before| match (asked.line.as_str(), before) {
        (line, _) if line.starts_with(CONNECT) => ok(call("queued")),
        (_, 0) => ok(call("in-progress")),
        _ => ok(call("no-answer")),
    })
    .await;
    let mut patient = trunk(&fake.url());
    patient.reach.callbacks = Some("http://calls.example.com/".to_owned());
    patient.reach.polling.first = Duration::from_secs(600);
    let carrier = ExotelCarrier::start(vec![patient], rig::clock()).unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let ours = listener.local_addr().unwrap();
    let bells = carrier.bells();
    tokio::spawn(async move { axum::serve(listener, bells).await });
    let mut leg = rig::take(&carrier, rig::order(two())).await;
    let asked = fake.wait_for(CONNECT, 1).await;
    let (_, url) = asked[0]
        .body
        .split_once("StatusCallback=http%3A%2F%2Fcalls.example.com")
        .unwrap();
    let path = url.split('&').next().unwrap().replace("%2F", "/");
    assert!(path.ends_with(LEG) && !path.contains(SECRET), "{path}");
    let ring = |path: String| async move {
        let client = reqwest::Client::new();
        let sent = client
            .post(format!("http://{ours}{path}"))
            .body("Status=completed")
            .send()
            .await;
        sent.unwrap().status().as_u16()
    };
    assert_eq!(ring(path.replace(LEG, "leg_1")).await, 200);
    assert_eq!(ring(format!("/callbacks/exotel/guessed/{LEG}")).await, 404);
    assert!(fake.asked(CALL).is_empty());
    // It says that the call was completed: the service, asked, says that it goes on, and then what became of it.
    assert_eq!(ring(path.clone()).await, 200);
    fake.wait_for(CALL, 1).await;
    assert_eq!(ring(path).await, 200);
    assert_eq!(outcome(&mut leg).await.1, Some(Outcome::NoAnswer));
}

#[tokio::test]
async fn a_call_that_is_not_hung_up_is_followed_to_its_end() {
    let fake = Fake::start(|asked: &Asked, before| match (asked.line.as_str(), before) {
        (line, _) if line.starts_with(CONNECT) => ok(call("in-progress")),
        (_, 0..8) => ok(call("in-progress").replace(r#""OnCallDuration":0"#, r#""OnCallDuration":4"#)),
        _ => ok(call("completed")),
    })
    .await;
    let mut leg = rig::take(&carrier(&fake), rig::order(two())).await;
    fake.wait_for(CALL, 2).await;
    rig::hang_up(&leg).await;
    let (words, ended, reason) = outcome(&mut leg).await;
    let wanted = vec!["sent", "answered", "goes on"];
    assert_eq!((words, ended), (wanted, Some(Outcome::Completed)), "{reason}");
    assert!(reason.contains("after 17 s"), "{reason}");
}

#[tokio::test]
async fn a_call_cannot_be_hung_up_but_before_it_was_asked_for() {
    let fake = Fake::start(|_: &Asked, _| Reply::Nothing).await;
    let mut held = trunk(&fake.url());
    (held.sid, held.requests_per_minute) = ("held".to_owned(), 1);
    let carrier = ExotelCarrier::start(vec![held], rig::clock()).unwrap();
    let _first = rig::take(&carrier, rig::order(two())).await;
    fake.wait_for("POST", 1).await;
    let mut second = rig::take(&carrier, rig::order(two())).await;
    rig::hang_up(&second).await;
    let (words, ended, reason) = outcome(&mut second).await;
    assert_eq!((words, ended), (Vec::new(), Some(Outcome::Canceled)), "{reason}");
    assert_eq!(fake.asked("POST").len(), 1);
}

#[tokio::test]
async fn what_cannot_be_done_is_refused_with_the_reason() {
    let fake = service(Reply::Close, list(&[])).await;
    let carrier = carrier(&fake);
    let dial = |change: fn(&mut Dial)| {
        let mut dial = Dial::to(address(SECOND));
        change(&mut dial);
        flow(Instruction::Dial(Box::new(dial)))
    };
    for (flow, why) in [
        (two(), ""),
        (
            Flow {
                steps: [two().steps, vec![Instruction::HangUp]].concat(),
            },
            "",
        ),
        (dial(|dial| dial.from = Some(CallerId::Number(address(OURS)))), ""),
        (
            dial(|dial| dial.from = Some(CallerId::Private)),
            "one number of the account",
        ),
        (dial(|dial| dial.to.push(address(FIRST))), "tries no others"),
        (dial(|dial| dial.ring = Some(Duration::from_secs(9))), "equally long"),
        (dial(|dial| dial.max = Some(Duration::from_secs(20_000))), "14400"),
        (dial(|dial| dial.on_failure = OnFailure::Next), "not reached"),
        (dial(|dial| dial.warn_before = Some(Duration::from_secs(9))), "warning"),
        (
            dial(|dial| dial.to = vec![address("sip:a@example.com")]),
            "plain numbers",
        ),
        (Flow::default(), "connects two numbers"),
        (Flow::say("Hello"), "connects two numbers"),
        (
            flow(Instruction::Conference(Conference::of("room".parse().unwrap()))),
            "connects two numbers",
        ),
        (
            Flow {
                steps: [vec![Instruction::Record(Record::default())], two().steps].concat(),
            },
            "nothing else",
        ),
    ] {
        let refused = rig::refusal(&carrier, &flow);
        assert!(
            refused.contains(why) && refused.is_empty() == why.is_empty(),
            "{flow:?}: {refused}"
        );
    }
    assert!(fake.asked("").is_empty());
}

#[tokio::test]
async fn texts_are_sent_once_and_followed() {
    let sms = |status: &str, code: u32| {
        format!(r#"{{"SMSMessage":{{"Sid":"s1","Status":"{status}","DetailedStatusCode":{code}}}}}"#)
    };
    for (end, code, wanted) in [
        ("sent", 20005, ReceiptState::Delivered),
        ("failed", 23050, ReceiptState::Expired),
        ("failed", 23010, ReceiptState::Undeliverable),
        ("failed_dnd", 23005, ReceiptState::Rejected),
    ] {
        let fake = Fake::start(move |asked: &Asked, before| match (asked.line.as_str(), before) {
            (line, _) if line.starts_with(SEND) => ok(sms("queued", 21010)),
            (_, 0) => ok(sms("submitted", 21020)),
            _ => ok(sms(end, code)),
        })
        .await;
        let carrier = carrier(&fake);
        let mut arriving = carrier.arriving().unwrap();
        let fate = rig::send(&carrier, None, "Grüße ✓").await;
        assert_eq!(
            fate,
            PartFate::Accepted {
                id: Some("s1".to_owned())
            }
        );
        assert_eq!(
            fake.asked(SEND)[0].body,
            format!(
                "From=%2B918088919888&To=%2B919000000001&Body=Gr%C3%BC%C3%9Fe+%E2%9C%93&Priority=normal\
                 &EncodingType=unicode&CustomField={MESSAGE}"
            )
        );
        let arrival = arriving.recv().await.unwrap();
        let Arrived::Receipt(receipt) = arrival.what else {
            panic!("a receipt")
        };
        assert_eq!((receipt.id.as_str(), receipt.state), ("s1", wanted));
        arrival.taken.send(()).unwrap();
    }
}

#[tokio::test]
async fn a_text_whose_answer_was_lost_is_unknown_and_not_sent_again() {
    for (reply, lost) in [
        (Reply::Close, true),
        (Reply::Say(500, String::new()), true),
        (Reply::Say(401, String::new()), false),
    ] {
        let fake = Fake::start(move |_: &Asked, _| reply.clone()).await;
        let fate = rig::send(&carrier(&fake), Some(OURS), "Hello").await;
        assert_eq!(matches!(fate, PartFate::Unknown { .. }), lost, "{fate:?}");
        assert_eq!(matches!(fate, PartFate::Refused { .. }), !lost, "{fate:?}");
        assert_eq!(fake.asked("POST").len(), 1);
    }
    let fake = Fake::start(|_: &Asked, _| Reply::Close).await;
    let ask = |from, to, text| TextAsk {
        trunk: "far",
        from,
        to,
        text,
    };
    let carrier = carrier(&fake);
    TextCarrier::can(&carrier, &ask(None, FIRST, "Hello")).unwrap();
    TextCarrier::can(&carrier, &ask(Some("Shop"), FIRST, "Hello")).unwrap();
    let long = "a".repeat(2001);
    assert!(
        TextCarrier::can(&carrier, &ask(None, FIRST, &long))
            .unwrap_err()
            .contains("2000")
    );
    assert!(TextCarrier::can(&carrier, &ask(None, "*61", "Hello")).is_err());
}

#[test]
fn a_service_that_may_not_be_reached_is_refused_at_the_start() {
    let start = |change: fn(&mut ExotelTrunk)| {
        let mut trunk = trunk("http://127.0.0.1:1");
        change(&mut trunk);
        ExotelCarrier::start(vec![trunk], rig::clock())
            .map(drop)
            .map_err(|wrong| wrong.to_string())
    };
    start(|_| {}).unwrap();
    for (change, why) in [
        (
            (|trunk| trunk.reach = Reach::default()) as fn(&mut ExotelTrunk),
            "allow",
        ),
        (|trunk| trunk.url = "ftp://127.0.0.1".to_owned(), "url"),
        (|trunk| trunk.apps = "http://example.com/".to_owned(), "{app}"),
        (|trunk| trunk.sid = String::new(), "sid"),
    ] {
        let refused = start(change).unwrap_err();
        assert!(refused.contains(why) && !refused.contains(SECRET), "{refused}");
    }
    let shown = format!("{:?}", trunk("http://127.0.0.1:1"));
    assert!(!shown.contains(SECRET), "{shown}");
}
