//! Bytes written by hand, in both directions.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use outdial_hoiio::{
    Command, Credentials, Fields, Page, Placed, Problem, Record, Request, Status, fax, ivr, notify, number,
    print_answer, print_refusal, read_answer, sms, user, voice,
};
use secrecy::ExposeSecret;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::fmt::Debug;

/// The answer is read as this value, and this value is printed as the answer.
fn both_ways<A: Serialize + DeserializeOwned + PartialEq + Debug>(answer: &A, wire: &Value) {
    assert_eq!(read_answer::<A>(wire.to_string().as_bytes()).unwrap().unwrap(), *answer);
    assert_eq!(serde_json::from_str::<Value>(&print_answer(answer)).unwrap(), *wire);
}

/// The form, sent to this resource, is read as this request, and printed as this form.
fn asks(path: &str, form: &str, request: impl Into<Command>) {
    let request = request.into();
    let read = Command::read(path, &Fields::from_form(form).unwrap()).unwrap().unwrap();
    assert_eq!(read, request);
    assert_eq!(request.to_fields().to_form(), form);
    assert_eq!(request.check(), Ok(()));
}

#[test]
fn a_captured_call_is_read() {
    let query = "max_duration=600&access_token=MYTOKEN&tag=myapp&app_id=MYAPP&caller_id=private&dest1=%2B6511111111\
                 &dest2=%2B6522222222&notify_url=http%3A%2F%2Fmy.server.com%2Fmyscript";
    let fields = Fields::from_form(query).unwrap();
    let credentials = Credentials::from_fields(&fields).unwrap();
    assert_eq!(credentials.app_id(), "MYAPP");
    assert_eq!(credentials.access_token().expose_secret(), "MYTOKEN");
    assert!(!format!("{credentials:?} {fields:?}").contains("MYTOKEN"));
    let call = voice::Call::new("+6522222222")
        .dest1("+6511111111")
        .caller_id("private")
        .max_duration(600)
        .tag("myapp")
        .notify_url("http://my.server.com/myscript");
    assert_eq!(Command::read("voice/call", &fields).unwrap().unwrap(), call.into());
}

#[test]
fn a_captured_conference_is_read() {
    let form = "app_id=MYAPP&access_token=MYTOKEN&dest=%2B6511111111%2C%2B6522222222&room=ARR";
    let fields = Fields::from_form(form).unwrap();
    let wanted = voice::Conference::new(["+6511111111", "+6522222222"]).room("ARR");
    for path in ["voice/conference", "conference/call", "/voice/conference/"] {
        assert_eq!(Command::read(path, &fields).unwrap().unwrap(), wanted.clone().into());
    }
    assert!(Command::read("voice/confer", &fields).is_none());
}

#[test]
fn requests_for_calls() {
    asks("voice/call", "dest2=%2B6522222222", voice::Call::new("+6522222222"));
    asks("voice/hangup", "txn_ref=TX-4", voice::Hangup::new("TX-4"));
    asks(
        "voice/query_status",
        "txn_ref=TX-1234",
        voice::QueryStatus::new("TX-1234"),
    );
    asks(
        "conference/moderate",
        "txn_ref=AA-C-1&action=mute",
        voice::Moderate::new("AA-C-1", voice::Moderation::Mute),
    );
    let from = outdial_hoiio::time("2012-01-31T04:06:15Z".parse().unwrap());
    asks(
        "voice/get_history",
        "from=2012-01-31+12%3A06%3A15&page=2",
        voice::History::new().from(from).page(2),
    );
    asks(
        "voice/get_rate",
        "dest2=%2B6522222222&dest1=%2B6511111111",
        voice::GetRate::new("+6522222222").dest1("+6511111111"),
    );
}

#[test]
fn requests_for_texts_ivr_numbers_and_fax() {
    asks(
        "sms/send",
        "dest=%2B6511111111&msg=Hi+%26+bye+%E2%82%AC&sender_name=ACME",
        sms::Send::new("+6511111111", "Hi & bye €").sender_name("ACME"),
    );
    asks(
        "sms/bulk_send",
        "msg=Hi&dest=%2B6511111111%2C%2B6522222222",
        sms::BulkSend::new("Hi").dest(["+6511111111", "+6522222222"]),
    );
    asks("sms/query_status", "txn_ref=AA-S-1", sms::QueryStatus::new("AA-S-1"));
    asks("sms/get_history", "page=3", sms::History::new().page(3));
    asks(
        "sms/get_rate",
        "incoming=%2B6511111111",
        sms::GetRate::new().incoming("+6511111111"),
    );
    asks(
        "ivr/start/dial",
        "dest=%2B6511111111&msg=Hello",
        ivr::Dial::new("+6511111111").msg("Hello"),
    );
    asks("ivr/middle/play", "session=S1&msg=Hello", ivr::Play::new("S1", "Hello"));
    asks(
        "ivr/middle/gather",
        "session=S1&notify_url=http%3A%2F%2Fa.b%2Fc&max_digits=4&timeout=15&attempts=2",
        ivr::Gather::new("S1", "http://a.b/c")
            .max_digits(4)
            .timeout(15)
            .attempts(2),
    );
    asks(
        "ivr/middle/record",
        "session=S1&notify_url=http%3A%2F%2Fa.b%2Fc&max_duration=120",
        ivr::Record::new("S1", "http://a.b/c").max_duration(120),
    );
    asks(
        "ivr/middle/monitor",
        "session=S1&monitor_notify_url=http%3A%2F%2Fa.b",
        ivr::Monitor::new("S1").monitor_notify_url("http://a.b"),
    );
    asks(
        "ivr/middle/hold",
        "session=S1&msg=Wait",
        ivr::Hold::new("S1").msg("Wait"),
    );
    asks("ivr/middle/unhold", "session=S1", ivr::Unhold::new("S1"));
    let into_a_room = ivr::Transfer::new("S1", "room:BLUE").on_failure(ivr::OnFailure::Continue);
    assert_eq!(into_a_room.room(), Some("BLUE"));
    asks(
        "ivr/end/transfer",
        "session=S1&dest=room%3ABLUE&on_failure=continue",
        into_a_room,
    );
    asks(
        "ivr/end/hangup",
        "session=S1&force=enabled",
        ivr::Hangup::new("S1").force("enabled"),
    );
    asks("user/get_balance", "", user::GetBalance::new());
    asks("user/get_info", "", user::GetInfo::new());
    asks("number/get_countries", "", number::GetCountries::new());
    asks(
        "number/get_choices",
        "country=SG&page=1",
        number::GetChoices::new("SG").page(1),
    );
    asks("number/get_rates", "country=SG", number::GetRates::new("SG"));
    let subscribe = number::Subscribe::new("+6511111111", number::Term::AutoExtend);
    asks(
        "number/subscribe",
        "number=%2B6511111111&duration=auto_extend",
        subscribe.clone(),
    );
    asks(
        "number/subcribe",
        "number=%2B6511111111&duration=auto_extend",
        subscribe,
    );
    asks(
        "number/update_forwarding",
        "number=%2B6511111111&forward_to=%2B6522222222&mode=fax",
        number::UpdateForwarding::new("+6511111111")
            .forward_to("+6522222222")
            .mode(number::Mode::Fax),
    );
    asks("number/get_active", "", number::GetActive::new());
    asks(
        "fax/send",
        "dest=%2B6511111111&file=JVBERi0%3D",
        fax::Send::new("+6511111111", "JVBERi0="),
    );
    asks("fax/query_status", "txn_ref=AA-F-1", fax::QueryStatus::new("AA-F-1"));
    asks(
        "fax/get_history",
        "type=incoming",
        fax::History::new().which(fax::Which::Incoming),
    );
    asks(
        "fax/get_rate",
        "dest=%2B6511111111",
        fax::GetRate::new().dest("+6511111111"),
    );
}

#[test]
fn a_placed_call_and_a_refusal() {
    both_ways(
        &Placed::new("AA-S-141147"),
        &json!({"status": "success_ok", "txn_ref": "AA-S-141147"}),
    );
    let refusal = br#"{"status":"error_insufficient_credit"}"#;
    let status = read_answer::<Placed>(refusal).unwrap().unwrap_err();
    assert_eq!(status, Status::InsufficientCredit);
    assert_eq!(print_refusal(&status).as_bytes(), refusal);
    assert_eq!(print_answer(&outdial_hoiio::Done {}), r#"{"status":"success_ok"}"#);
}

#[test]
fn a_conference_answers_in_two_generations() {
    let in_room = voice::InRoom {
        room: "MY-ROOM".into(),
        txn_refs: vec!["TX-1".into(), "TX-2".into()],
    };
    both_ways(
        &in_room,
        &json!({"status": "success_ok", "room": "MY-ROOM", "txn_refs": "TX-1,TX-2"}),
    );
    let array = json!({"status": "success_ok", "room": "MY-ROOM", "txn_refs": ["TX-1", "TX-2"]});
    assert_eq!(
        read_answer::<voice::InRoom>(array.to_string().as_bytes())
            .unwrap()
            .unwrap(),
        in_room
    );
    assert_eq!(serde_json::from_str::<Value>(&in_room.print_array()).unwrap(), array);
}

fn finished() -> voice::CallStatus {
    voice::CallStatus::new("TX-1234")
        .tag("my-tag")
        .dest1("+6511111111")
        .dest2("+6522222222")
        .call_status_dest1(voice::CallState::Answered)
        .call_status_dest2(voice::CallState::Answered)
        .date(outdial_hoiio::time("2012-01-31T04:06:15Z".parse().unwrap()))
        .duration(2)
        .currency("SGD")
        .rate("0.018".parse().unwrap())
        .debit("0.036".parse().unwrap())
}

fn finished_on_the_wire() -> Value {
    json!({
        "txn_ref": "TX-1234", "tag": "my-tag", "dest1": "+6511111111", "dest2": "+6522222222",
        "call_status_dest1": "answered", "call_status_dest_1": "answered",
        "call_status_dest2": "answered", "call_status_dest_2": "answered",
        "date": "2012-01-31 12:06:15", "duration": "2", "currency": "SGD", "rate": "0.018", "debit": "0.036",
    })
}

#[test]
fn a_call_that_is_over_and_one_that_goes_on() {
    let mut wire = finished_on_the_wire();
    wire["status"] = "success_ok".into();
    both_ways(&finished(), &wire);
    assert!(finished().is_final());
    assert_eq!(
        finished().date.unwrap().to_string(),
        "2012-01-31T12:06:15+08:00[+08:00]"
    );

    let ongoing = br#"{"status":"success_ok","txn_ref":"TX-1","call_status_dest1":"ongoing","currency":"SGD",
        "date":"2012-01-31 12:06:15.123456","rate":0.018,"duration":null,"number":"+6511111111","extra":{"a":[1]}}"#;
    let state = read_answer::<voice::CallStatus>(ongoing).unwrap().unwrap();
    assert!(!state.is_final());
    assert_eq!((state.duration, state.debit, state.tag.as_str()), (None, None, ""));
    assert_eq!(
        (state.dest1.as_str(), state.rate),
        ("+6511111111", Some("0.018".parse().unwrap()))
    );
    assert!(!print_answer(&state).contains("duration"));
}

#[test]
fn a_history_counts_in_texts_and_reads_numbers() {
    let page = Page {
        total_entries_count: 234,
        entries: vec![finished()],
    };
    let mut wire = json!({
        "status": "success_ok", "total_entries_count": "234", "entries_count": "1", "entries": [finished_on_the_wire()],
    });
    both_ways(&page, &wire);
    wire["total_entries_count"] = 234.into();
    assert_eq!(
        read_answer::<Page<voice::CallStatus>>(wire.to_string().as_bytes())
            .unwrap()
            .unwrap(),
        page
    );
}

#[test]
fn rates_balances_and_the_rest() {
    both_ways(
        &voice::Rate::new("SGD", "0.036".parse().unwrap()).talktime(2352),
        &json!({"status": "success_ok", "currency": "SGD", "rate": "0.036", "talktime": "2352"}),
    );
    both_ways(
        &user::Balance::new("SGD", "91.500".parse().unwrap())
            .points("90.000".parse().unwrap())
            .bonus("1.500".parse().unwrap()),
        &json!({"status": "success_ok", "currency": "SGD", "balance": "91.500", "points": "90.000", "bonus": "1.500"}),
    );
    let mut info = user::Info::default()
        .with_uid("AA-1")
        .with_user_status(user::UserStatus::Trial);
    info.caller_ids = vec!["+6511111111".into()];
    info.prefix = Some("+65".into());
    both_ways(
        &info,
        &json!({"status": "success_ok", "uid": "AA-1", "user_status": "trial", "caller_ids": ["+6511111111"], "prefix": "+65"}),
    );
    both_ways(
        &sms::SmsStatus::new("AA-S-1")
            .sms_status(sms::SmsState::Delivered)
            .split_count(2)
            .src("ACME"),
        &json!({"status": "success_ok", "txn_ref": "AA-S-1", "tag": "", "sms_status": "delivered", "split_count": "2", "src": "ACME"}),
    );
    both_ways(
        &number::Rates {
            currency: "SGD".into(),
            page: Page {
                total_entries_count: 1,
                entries: vec![number::Rate::new(number::Term::OneYear, "120.00".parse().unwrap())],
            },
        },
        &json!({"status": "success_ok", "currency": "SGD", "total_entries_count": "1", "entries_count": "1",
            "entries": [{"duration": "12", "rate": "120.00"}]}),
    );
    both_ways(
        &number::Subscribed::new("SGD", "10.00".parse().unwrap()).expiry("2013-01-31".parse().unwrap()),
        &json!({"status": "success_ok", "currency": "SGD", "debit": "10.00", "expiry": "2013-01-31"}),
    );
    let country = number::Country {
        code: "US".into(),
        name: "United States".into(),
        prefix: "1".into(),
        states: vec![number::State::new("CA").name("California").capability("voice")],
    };
    let countries = json!({"status": "success_ok", "entries_count": "1", "entries": [{"code": "US", "name": "United States",
        "prefix": "1", "states": [{"code": "CA", "name": "California", "capability": "voice"}]}]});
    let read = read_answer::<Page<number::Country>>(countries.to_string().as_bytes())
        .unwrap()
        .unwrap();
    assert_eq!(read.entries, [country]);
    both_ways(
        &fax::FaxStatus::new("AA-F-1").fax_status("answered").fax_pages(3),
        &json!({"status": "success_ok", "txn_ref": "AA-F-1", "tag": "", "fax_status": "answered", "fax_pages": "3"}),
    );
}

#[test]
fn notifications_are_forms_and_signed() {
    let body = "txn_ref=AA-S-1&tag=t&dest1=%2B6511111111&dest2=%2B6522222222&call_status_dest1=answered\
                &call_status_dest2=busy&date=2012-01-31+12%3A06%3A15&duration=1&currency=SGD&rate=0.018&debit=0.018";
    let call = notify::Call::from_form(body).unwrap();
    assert_eq!(call.call_status_dest2, Some(voice::CallState::Busy));
    assert_eq!(call.to_form(), body);

    let sms = notify::Sms::from_form("txn_ref=AA-S-1&sms_status=delivered&tag=").unwrap();
    assert_eq!(sms.sms_status, sms::SmsState::Delivered);
    let text = notify::IncomingSms::from_form("from=%2B6511111111&to=%2B6522222222&msg=Yes").unwrap();
    assert_eq!(text.to_form(), "from=%2B6511111111&to=%2B6522222222&msg=Yes");
    let block = notify::Ivr::from_form("session=S1&ivr_block=gather&call_state=ongoing&digits=42%23").unwrap();
    assert_eq!(
        (block.digits.as_deref(), block.call_state),
        (Some("42#"), Some(notify::SessionState::Ongoing))
    );

    // The second test case of RFC 4231.
    let digest = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
    assert_eq!(notify::sign(b"what do ya want for nothing?", "Jefe"), digest);
    assert!(notify::is_signed(
        b"what do ya want for nothing?",
        "Jefe",
        &digest.to_uppercase()
    ));
    for wrong in ["", "5bdc", &digest[1..], "zz", "+1", "é"] {
        assert!(
            !notify::is_signed(b"what do ya want for nothing?", "Jefe", wrong),
            "{wrong}"
        );
    }
    assert!(!notify::is_signed(b"something else", "Jefe", digest));
}

#[test]
fn maps_and_json_make_requests_and_misspelt_fields_do_not() {
    let wanted = voice::Call::new("+6522222222").max_duration(600);
    assert_eq!(
        voice::Call::from_map([("dest2", "+6522222222"), ("max_duration", "600")]),
        Ok(wanted.clone())
    );
    assert_eq!(
        voice::Call::from_json(r#"{"dest2": "+6522222222", "max_duration": 600, "tag": null}"#),
        Ok(wanted)
    );
    let room = voice::Conference::from_json(r#"{"dest": ["+6511111111", "+6522222222"]}"#).unwrap();
    assert_eq!(room.dest.len(), 2);

    let wrong = voice::Call::from_json(r#"{"dest_2": "+6522222222", "max_duration": "long"}"#).unwrap_err();
    let found: Vec<(&str, bool)> = wrong
        .faults()
        .iter()
        .map(|fault| (fault.field.as_str(), matches!(fault.problem, Problem::Bad(_))))
        .collect();
    assert_eq!(found, [("dest2", false), ("max_duration", true), ("dest_2", false)]);
    assert_eq!(
        wrong.to_string(),
        "dest2 is missing; max_duration must be a whole number; dest_2 is not a field of this request"
    );
    // A server passes over what it does not know.
    assert!(voice::Call::from_form("dest2=%2B65222222&colour=red").is_ok());
}

#[test]
fn what_a_server_says_to_wrong_fields() {
    let missing = voice::Call::from_form("dest1=%2B6511111111&dest2=").unwrap_err();
    assert_eq!(missing.status().to_string(), "error_dest2_param_missing");
    let odd = voice::Call::from_form("dest2=%2B6522222222&max_duration=soon").unwrap_err();
    assert_eq!(odd.status(), Status::MaxDurationInvalid);
    let tag = voice::Call::new("+6522222222")
        .tag("x".repeat(257))
        .check()
        .unwrap_err();
    assert_eq!(tag.status(), Status::TagInvalidLength);
    let crowd = voice::Conference::new(vec!["+6511111111"; 9]).check().unwrap_err();
    assert_eq!(crowd.status(), Status::DestTooMany);
    let hungup = voice::Hangup::from_form("").unwrap_err();
    assert_eq!(hungup.status().to_string(), "error_txn_ref_param_missing");
}

#[test]
fn bounds_are_at_their_edges() {
    let call = || voice::Call::new("+6522222222");
    assert!(call().tag("é".repeat(256)).check().is_ok());
    assert!(
        call()
            .notify_url(format!("http://{}", "x".repeat(3993)))
            .check()
            .is_ok()
    );
    assert!(
        call()
            .notify_url(format!("http://{}", "x".repeat(3994)))
            .check()
            .is_err()
    );
    assert!(call().notify_url("ftp://x").check().is_err());
    assert!(call().dest1("+6522222222").check().is_err());
    assert!(
        voice::Call::new("6522222222")
            .check()
            .unwrap_err()
            .to_string()
            .contains("dest2")
    );
    assert!(voice::Conference::new(["+6511111111"]).room("a.b_C-9").check().is_ok());
    assert!(voice::Conference::new(["+6511111111"]).room("MY ROOM").check().is_err());
    assert!(
        voice::Conference::new(["+6511111111"])
            .room("x".repeat(33))
            .check()
            .is_err()
    );
    assert!(sms::Send::new("+6511111111", "x".repeat(460)).check().is_err());
    assert!(sms::Send::new("+6511111111", "x").sender_name("ab").check().is_err());
    assert!(sms::BulkSend::new("x").check().is_err());
    assert!(ivr::Gather::new("S", "http://a").max_digits(256).check().is_err());
    assert!(ivr::Play::new("S", "x".repeat(1001)).check().is_err());
}
