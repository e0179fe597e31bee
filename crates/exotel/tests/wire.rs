//! Bytes written by hand, in both directions.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use outdial_exotel::account::{
    Balance, BalanceData, Dnd, Expiry, GetNumber, NumberInfo, Whitelist, WhitelistEntry, WhitelistStatus, Whitelisted,
};
use outdial_exotel::call::{
    Call, CallAnswer, CallEvent, CallList, CallStatus, CallbackType, Connect, Conversation, Details, Direction,
    GetCall, Leg, ListCalls, Metadata,
};
use outdial_exotel::callback::{AnsweredBy, CallCallback, CallNotice, LegNotice, SmsCallback};
use outdial_exotel::sms::{
    BulkMessage, DetailedStatus, GetSms, Priority, SendBulk, SendSms, Sms, SmsAnswer, SmsStatus,
};
use outdial_exotel::{
    Answer, Carries, Code, Fields, Format, Node, Record, Request, Resource, RestException, Route, Value, applet, time,
};
use std::fmt::Debug;

fn both_ways<A: Answer + PartialEq + Debug>(answer: &A, json: &str, xml: &str) {
    let json: String = json.lines().map(str::trim).collect();
    let xml: String = xml.lines().map(str::trim).collect();
    assert_eq!(A::read(json.as_bytes()).unwrap(), *answer);
    assert_eq!(A::read(xml.as_bytes()).unwrap(), *answer);
    assert_eq!(answer.print(Format::Json), json);
    let declaration = r#"<?xml version="1.0" encoding="UTF-8"?>"#;
    assert_eq!(answer.print(Format::Xml), format!("{declaration}{xml}"));
}

fn at(moment: &str) -> jiff::Zoned {
    jiff::Zoned::read(moment).unwrap()
}

fn call() -> Call {
    Call::new("c5797dcbaaeed7678c4062a4a3ed0f8a")
        .date_created(at("2016-11-29 15:58:45"))
        .date_updated(at("2016-11-29 15:58:45"))
        .account_sid("rajnikanth")
        .to("08088919888")
        .from("09812345678")
        .phone_number_sid("08088919888")
        .status(CallStatus::InProgress)
        .start_time(at("2016-11-29 15:58:45"))
        .direction(Direction::OutboundApi)
        .uri("/v1/Accounts/rajnikanth/Calls.json/c5797dcbaaeed7678c4062a4a3ed0f8a")
}

#[test]
fn a_call_in_json_and_in_xml() {
    both_ways(
        &CallAnswer::from(call()),
        r#"{"Call":{"Sid":"c5797dcbaaeed7678c4062a4a3ed0f8a","ParentCallSid":null,
            "DateCreated":"2016-11-29 15:58:45","DateUpdated":"2016-11-29 15:58:45","AccountSid":"rajnikanth",
            "To":"08088919888","From":"09812345678","PhoneNumberSid":"08088919888","Status":"in-progress",
            "StartTime":"2016-11-29 15:58:45","EndTime":null,"Duration":null,"Price":null,"Direction":"outbound-api",
            "AnsweredBy":null,"ForwardedFrom":null,"CallerName":null,
            "Uri":"/v1/Accounts/rajnikanth/Calls.json/c5797dcbaaeed7678c4062a4a3ed0f8a","RecordingUrl":null}}"#,
        "<TwilioResponse><Call><Sid>c5797dcbaaeed7678c4062a4a3ed0f8a</Sid><ParentCallSid/>
            <DateCreated>2016-11-29 15:58:45</DateCreated><DateUpdated>2016-11-29 15:58:45</DateUpdated>
            <AccountSid>rajnikanth</AccountSid><To>08088919888</To><From>09812345678</From>
            <PhoneNumberSid>08088919888</PhoneNumberSid><Status>in-progress</Status>
            <StartTime>2016-11-29 15:58:45</StartTime><EndTime/><Duration/><Price/><Direction>outbound-api</Direction>
            <AnsweredBy/><ForwardedFrom/><CallerName/>
            <Uri>/v1/Accounts/rajnikanth/Calls.json/c5797dcbaaeed7678c4062a4a3ed0f8a</Uri><RecordingUrl/></Call></TwilioResponse>",
    );
}

#[test]
fn older_answers_are_read_too() {
    let empty = br#"{"Call":{"Sid":"a","EndTime":"","Duration":17,"Price":1.5,"Status":"completed","New":[{"a":{}}]}}"#;
    let call = CallAnswer::read(empty).unwrap().call;
    assert_eq!(
        (call.end_time.clone(), call.duration, call.price),
        (None, Some(17), Some("1.5".parse().unwrap()))
    );
    assert!(call.is_final() && call.is_settled());
    let spaced = b"\xef\xbb\xbf <?xml version='1.0'?>\n<TwilioResponse>\n <Call>\n  <Sid>a</Sid><Status><![CDATA[busy]]></Status>\n </Call>\n</TwilioResponse>\n";
    assert_eq!(CallAnswer::read(spaced).unwrap().call.status, Some(CallStatus::Busy));
    // The times are those of India.
    assert_eq!(
        at("2016-11-29 15:58:45").timestamp().to_string(),
        "2016-11-29T10:28:45Z"
    );
    assert_eq!(
        time("2016-11-29T10:28:45Z".parse().unwrap()).print(),
        "2016-11-29 15:58:45"
    );
}

#[test]
fn a_call_with_both_sides() {
    let answer = CallAnswer {
        call: Call::new("a"),
        details: Some(Details {
            conversation: Conversation::new()
                .conversation_duration(12)
                .leg1_status(CallStatus::Completed)
                .leg2_status(CallStatus::NoAnswer),
            legs: vec![Leg::new(1).on_call_duration(20), Leg::new(2)],
        }),
    };
    let json = answer.print(Format::Json);
    let details = r#","Details":{"ConversationDuration":"12","Leg1Status":"completed","Leg2Status":"no-answer","Legs":[{"Leg":{"Id":"1","OnCallDuration":"20"}},{"Leg":{"Id":"2","OnCallDuration":null}}]}}}"#;
    assert!(json.ends_with(details), "{json}");
    assert_eq!(CallAnswer::read(json.as_bytes()).unwrap(), answer);
    assert_eq!(CallAnswer::read(answer.print(Format::Xml).as_bytes()).unwrap(), answer);
    let by_hand = br#"{"Call":{"Sid":"a","Details":{"Legs":[{"Leg":{"Id":1,"OnCallDuration":20}}]}}}"#;
    assert_eq!(
        CallAnswer::read(by_hand).unwrap().details.unwrap().legs,
        [Leg::new(1).on_call_duration(20)]
    );
}

#[test]
fn lists_of_calls() {
    let list = CallList {
        metadata: Metadata::new()
            .total(2)
            .page_size(1)
            .next_page_uri("/v1/Accounts/a/Calls.json?After=MT%3D&PageSize=1"),
        calls: vec![call()],
    };
    assert_eq!(list.metadata.after().as_deref(), Some("MT="));
    for format in [Format::Json, Format::Xml] {
        assert_eq!(CallList::read(list.print(format).as_bytes()).unwrap(), list);
    }
    assert!(
        list.print(Format::Json)
            .starts_with(r#"{"Metadata":{"Total":"2","PageSize":"1","FirstPageUri":null,"#)
    );
    let by_hand = br#"{"Metadata":{"Total":40},"Calls":[{"Sid":"a"},{"Sid":"b"}]}"#;
    let read = CallList::read(by_hand).unwrap();
    assert_eq!(
        (read.calls.len(), read.metadata.total, read.metadata.after()),
        (2, Some(40), None)
    );

    let request = ListCalls::new()
        .status(["completed", "busy"])
        .date_created("gte:2017-03-01 00:00:00;lte:2017-03-31 23:59:59")
        .page_size(100);
    let Carries::Query(query) = request.carries() else {
        panic!()
    };
    assert_eq!(
        query.to_form(),
        "Status=completed%2Cbusy&DateCreated=gte%3A2017-03-01+00%3A00%3A00%3Blte%3A2017-03-31+23%3A59%3A59&PageSize=100"
    );
    assert_eq!(ListCalls::from_fields(&query).unwrap(), request);
    assert!(ListCalls::new().page_size(101).check().is_err());
    assert!(ListCalls::new().to(vec!["1234"; 6]).check().is_err());
}

fn sms() -> Sms {
    Sms::new("s1")
        .from("8088919888")
        .to("0987654321")
        .date_created(at("2016-11-29 15:58:45"))
        .body("a < b & \"c\"")
        .status(SmsStatus::Queued)
}

#[test]
fn texts_one_and_many() {
    both_ways(
        &SmsAnswer(vec![sms().detailed_status_code(DetailedStatus::PENDING_TO_OPERATOR)]),
        r#"{"SMSMessage":{"Sid":"s1","AccountSid":null,"From":"8088919888","To":"0987654321",
            "DateCreated":"2016-11-29 15:58:45","DateUpdated":null,"DateSent":null,"Body":"a < b & \"c\"","Direction":null,
            "Uri":null,"ApiVersion":null,"Price":null,"Status":"queued","DetailedStatusCode":21010}}"#,
        "<TwilioResponse><SMSMessage><Sid>s1</Sid><AccountSid/><From>8088919888</From><To>0987654321</To>
            <DateCreated>2016-11-29 15:58:45</DateCreated><DateUpdated/><DateSent/><Body>a &lt; b &amp; &quot;c&quot;</Body><Direction/>
            <Uri/><ApiVersion/><Price/><Status>queued</Status><DetailedStatusCode>21010</DetailedStatusCode></SMSMessage></TwilioResponse>",
    );
    let two = SmsAnswer(vec![sms(), Sms::new("s2")]);
    assert!(two.print(Format::Json).starts_with(r#"[{"SMSMessage":{"Sid":"s1","#));
    for format in [Format::Json, Format::Xml] {
        assert_eq!(SmsAnswer::read(two.print(format).as_bytes()).unwrap(), two);
    }
}

#[test]
fn detailed_codes_belong_to_words() {
    for (code, name, status) in DetailedStatus::NAMES {
        assert_eq!(DetailedStatus(*code).name(), Some(*name));
        assert_eq!(DetailedStatus(*code).status().as_ref(), Some(status));
    }
    assert_eq!(DetailedStatus(23181).status(), Some(SmsStatus::Failed));
    assert_eq!((DetailedStatus(1).name(), DetailedStatus(1).status()), (None, None));
    assert!(DetailedStatus::FAILED_REJECTED_DND.status().unwrap().is_dnd());
    assert!(SmsStatus::read("failed_dnd").unwrap().is_final());
    assert!(!SmsStatus::Submitted.is_final());
}

#[test]
fn refusals_in_all_their_shapes() {
    both_ways(
        &RestException::new(404, "No matching results"),
        r#"{"RestException":{"Status":404,"Message":"No matching results"}}"#,
        "<TwilioResponse><RestException><Status>404</Status><Message>No matching results</Message></RestException></TwilioResponse>",
    );
    both_ways(
        &RestException::new(403, "Insufficient balance").code(40000),
        r#"{"RestException":{"Status":403,"Message":"Insufficient balance","Code":40000}}"#,
        "<TwilioResponse><RestException><Status>403</Status><Message>Insufficient balance</Message><Code>40000</Code></RestException></TwilioResponse>",
    );
    let word =
        RestException::read(br#"{"RestException":{"Status":"401","Message":"no","Code":"UNAUTHORIZED"}}"#).unwrap();
    assert_eq!((word.status, word.code), (401, Some(Code::Word("UNAUTHORIZED".into()))));
    let newer = br#"{"response":[{"error_data":{"code":1007,"description":"Bad field"}}]}"#;
    assert_eq!(RestException::read(newer).unwrap().message, "Bad field");
    assert!(RestException::read(br#"{"Call":{"Sid":"a"}}"#).is_err());
}

#[test]
fn a_captured_call_is_read_and_printed() {
    let captured = "CallType=trans&From=0987654321&CallerId=8088919888&TimeLimit=300&StatusCallback=http%3A%2F%2Fexample.com%2Fcallback&To=09988776655&TimeOut=10";
    let wanted = Connect::numbers("0987654321", "09988776655", "8088919888")
        .time_limit(300)
        .time_out(10)
        .status_callback("http://example.com/callback");
    let kind = Some("application/x-www-form-urlencoded");
    let in_body = Fields::from_request(None, kind, captured.as_bytes()).unwrap();
    let in_query = Fields::from_request(Some(captured), kind, b"").unwrap();
    let after_an_ampersand = Fields::from_request(None, kind, format!("&{captured}").as_bytes()).unwrap();
    let (multipart, body) = in_body.to_multipart();
    let in_parts = Fields::from_request(None, Some(&multipart), &body).unwrap();
    let mislabelled = Fields::from_request(None, Some("application/json"), &body).unwrap();
    for fields in [in_body, in_query, after_an_ampersand, in_parts, mislabelled] {
        assert_eq!(Connect::from_request(&fields).unwrap(), wanted);
    }
    assert_eq!(Connect::from_form(&wanted.to_fields().to_form()).unwrap(), wanted);
    assert!(
        Connect::from_request(&Fields::from_form("From=1&CallerId=2").unwrap())
            .unwrap_err()
            .is_missing("To")
    );
}

#[test]
fn multipart_as_curl_sends_it() {
    let body = b"--------------------------d74496d66958873e\r\nContent-Disposition: form-data; name=\"From\"\r\n\r\n0987654321\r\n\
        --------------------------d74496d66958873e\r\nContent-Type: text/plain; charset=utf-8\r\ncontent-disposition: form-data; name=\"Body\"; size=3\r\n\r\na\r\n\r\nb=&c\r\n\
        --------------------------d74496d66958873e--\r\n";
    let kind = "multipart/form-data; boundary=------------------------d74496d66958873e";
    for kind in [Some(kind), Some("application/json"), None] {
        let fields = Fields::from_request(None, kind, body).unwrap();
        assert_eq!(fields.get("From"), Some("0987654321"));
        assert_eq!(fields.get("Body"), Some("a\r\n\r\nb=&c"));
    }
}

#[test]
fn several_receivers_in_every_spelling() {
    for to in [
        "To=1111&To=2222",
        "To%5B%5D=1111&To[]=2222",
        "To[0]=1111&To[1]=2222",
        "To=1111%2C2222",
    ] {
        let form = format!("From=88&Body=Hi&{to}");
        assert_eq!(SendSms::from_form(&form).unwrap().to, ["1111", "2222"], "{to}");
    }
    let two = SendSms::new("88", ["1111", "2222"], "Hi").priority(Priority::High);
    assert_eq!(
        two.to_fields().to_form(),
        "From=88&To%5B0%5D=1111&To%5B1%5D=2222&Body=Hi&Priority=high"
    );
    let events =
        Connect::from_form("From=1&CallerId=2&StatusCallbackEvents[0]=terminal&StatusCallbackEvents[1]=answered");
    assert_eq!(events.unwrap().events(), [CallEvent::Terminal, CallEvent::Answered]);
}

#[test]
fn bulk_lists_have_two_names() {
    let bulk = SendBulk::new([BulkMessage::new("1111", "a"), BulkMessage::new("2222", "b").from("99")]).from("88");
    let Carries::Json(node) = bulk.carries() else { panic!() };
    let json = r#"{"From":"88","Messages":[{"To":"1111","Body":"a"},{"To":"2222","Body":"b","From":"99"}]}"#;
    assert_eq!(node.print(Format::Json), json);
    for name in ["Messages", "sms"] {
        assert_eq!(SendBulk::read(json.replace("Messages", name).as_bytes()).unwrap(), bulk);
    }
    let broken = SendBulk::read(br#"{"From":"88","Messages":[{"To":"1","Body":"a"},{"Body":"b"}]}"#).unwrap_err();
    assert_eq!(broken.to_string(), "Messages[1][To] is missing");
    assert!(
        SendBulk::new(vec![BulkMessage::new("1111", "a"); 101])
            .from("88")
            .check()
            .is_err()
    );
    assert!(SendBulk::new([BulkMessage::new("1111", "a")]).check().is_err());
}

#[test]
fn smaller_resources() {
    both_ways(
        &NumberInfo::new()
            .phone_number("+919812345678")
            .circle("KA")
            .dnd(Dnd::Yes),
        r#"{"Numbers":{"PhoneNumber":"+919812345678","Circle":"KA","CircleName":null,"Type":null,"Operator":null,"OperatorName":null,"DND":"Yes"}}"#,
        "<TwilioResponse><Numbers><PhoneNumber>+919812345678</PhoneNumber><Circle>KA</Circle><CircleName/><Type/><Operator/><OperatorName/><DND>Yes</DND></Numbers></TwilioResponse>",
    );
    both_ways(
        &Balance {
            account_sid: "a".into(),
            data: BalanceData::new().balance("9.50".parse().unwrap()).currency("INR"),
        },
        r#"{"Account":{"AccountSid":"a","BalanceData":{"Balance":"9.50","Currency":"INR","PricingPlan":null,"DateUpdated":null}}}"#,
        "<TwilioResponse><Account><AccountSid>a</AccountSid><BalanceData><Balance>9.50</Balance><Currency>INR</Currency><PricingPlan/><DateUpdated/></BalanceData></Account></TwilioResponse>",
    );
    both_ways(
        &WhitelistEntry::new()
            .status(WhitelistStatus::Whitelist)
            .kind("API")
            .expiry(Expiry(-1)),
        r#"{"Result":{"Status":"Whitelist","Type":"API","Expiry":-1}}"#,
        "<TwilioResponse><Result><Status>Whitelist</Status><Type>API</Type><Expiry>-1</Expiry></Result></TwilioResponse>",
    );
    let result = Whitelisted::new().total(2).succeeded(1).failed(1);
    assert_eq!(
        Whitelisted::read(result.print(Format::Json).as_bytes()).unwrap(),
        result
    );
    let Carries::Form(form) = Whitelist::new("8088919888", ["1111", "2222"]).language("en").carries() else {
        panic!()
    };
    assert_eq!(
        form.to_form(),
        "VirtualNumber=8088919888&Number=1111%2C2222&Language=en"
    );
    assert_eq!(Whitelist::from_fields(&form).unwrap().number, ["1111", "2222"]);
}

#[test]
fn callbacks_in_all_encodings() {
    let callback = CallCallback {
        call: CallNotice::new("c1")
            .event_type(CallEvent::Terminal)
            .status(CallStatus::Completed)
            .custom_field("order=1"),
        legs: vec![
            LegNotice::new()
                .on_call_duration(20)
                .status(CallStatus::Completed)
                .answered_by(AnsweredBy::NotApplicable),
            LegNotice::new(),
            LegNotice::new().status(CallStatus::Busy),
        ],
    };
    for kind in CallbackType::ALL {
        let (content_type, body) = callback.print(*kind);
        assert_eq!(CallCallback::read(Some(&content_type), &body).unwrap(), callback);
    }
    let (_, multipart) = callback.print(CallbackType::Multipart);
    let text = String::from_utf8(multipart).unwrap();
    assert!(
        text.contains("name=\"Legs[0][OnCallDuration]\"\r\n\r\n20\r\n"),
        "{text}"
    );
    let by_hand =
        br#"{"CallSid":"c1","Status":"no-answer","RecordingUrl":null,"Legs":[{"OnCallDuration":0,"Status":null}]}"#;
    let read = CallCallback::read(Some("application/json"), by_hand).unwrap();
    assert_eq!(
        (read.call.status, read.legs[0].on_call_duration),
        (Some(CallStatus::NoAnswer), Some(0))
    );

    let form = "SmsSid=s1&To=0987654321&Status=failed-dnd&SmsUnits=1&DetailedStatus=FAILED_REJECTED_DND&DetailedStatusCode=23005";
    let sms = SmsCallback::from_form(form).unwrap();
    assert_eq!(sms.detailed_status_code, Some(DetailedStatus::FAILED_REJECTED_DND));
    assert_eq!(sms.to_fields().to_form(), form);
}

#[test]
fn what_flows_ask() {
    let query = "CallSid=c1&CallFrom=0987654321&CallTo=8088919888&CallType=call-attempt&digits=%2212%22";
    let read = applet::FlowQuery::from_form(query).unwrap();
    assert_eq!((read.keys(), read.caller()), (Some("12"), Some("0987654321")));
    assert_eq!(read.to_fields().to_form(), query);
    assert_eq!(
        applet::FlowQuery::new("c1").with_keys("12").digits.as_deref(),
        Some("\"12\"")
    );
    let sms = applet::SmsQuery::from_form("SmsSid=s1&From=1&To=2&Body=Hi").unwrap();
    assert_eq!(sms.body.as_deref(), Some("Hi"));
    let numbers = applet::read_numbers(" 111, +222 ,\n");
    assert_eq!(applet::print_numbers(&numbers), "111,+222");
}

#[test]
fn paths_in_every_spelling() {
    for (path, resource, format) in [
        ("/v1/Accounts/a/Calls/connect.json", Resource::ConnectCall, Format::Json),
        ("/v1/Accounts/a//Calls/connect/", Resource::ConnectCall, Format::Xml),
        ("/V1/accounts/a/SMS/Send", Resource::SendSms, Format::Xml),
        ("/v1/Accounts/a/Sms/bulksend.json", Resource::BulkSms, Format::Json),
        (
            "/v1/Accounts/a/SMS/Messages/s1.json",
            Resource::Sms("s1".into()),
            Format::Json,
        ),
        ("/v1/Accounts/a/Calls/c1", Resource::Call("c1".into()), Format::Xml),
        (
            "/v1/Accounts/a/Calls.json/c1",
            Resource::Call("c1".into()),
            Format::Json,
        ),
        ("/v1/Accounts/a/Calls.json", Resource::Calls, Format::Json),
        (
            "/v1/Accounts/a/Numbers/%2B919812345678.json",
            Resource::Number("+919812345678".into()),
            Format::Json,
        ),
        (
            "/v1/Accounts/a/CustomerWhitelist/.json",
            Resource::Whitelist,
            Format::Json,
        ),
        (
            "/v1/Accounts/a/CustomerWhitelist/0987654321",
            Resource::Whitelisted("0987654321".into()),
            Format::Xml,
        ),
        ("/v1/Accounts/a/Balance", Resource::Balance, Format::Xml),
    ] {
        let route = Route::read(path).unwrap();
        assert_eq!(
            (route.account.as_str(), route.resource, route.format),
            ("a", resource, format),
            "{path}"
        );
    }
    for path in [
        "",
        "/",
        "/v1/Accounts",
        "/v2/Accounts/a/Calls",
        "/v1/Accounts/a/Calls/c1/x",
        "/v1/Accounts/%FF/Calls",
    ] {
        assert_eq!(Route::read(path), None, "{path}");
    }
    assert_eq!(GetCall::new("a/../b").path(), "Calls/a%2F%2E%2E%2Fb");
    assert_eq!(GetSms::new("s1").path(), "Sms/Messages/s1");
    assert_eq!(GetNumber::new("+91").path(), "Numbers/%2B91");
}

#[test]
fn flows_are_known_by_their_address() {
    let flow = |url: &str| Connect::flow("1", url, "2").flow_id().map(str::to_owned);
    assert_eq!(flow("http://my.exotel.in/exoml/start/12345").as_deref(), Some("12345"));
    assert_eq!(
        flow("http://my.exotel.com/sid/exoml/start_voice/77?x=1").as_deref(),
        Some("77")
    );
    assert_eq!(flow("http://example.com/flow"), None);
    // The oldest clients send a flow of the newer form as a number.
    let old = Connect::numbers("1", "http://my.exotel.com/sid/exoml/start_voice/77", "2");
    assert_eq!(old.flow_id(), Some("77"));
}

#[test]
fn maps_and_json_make_requests_and_misspelt_fields_do_not() {
    let details = [
        ("first", "0987654321"),
        ("second", "09988776655"),
        ("caller_id", "8088919888"),
        ("time_out", "10"),
    ];
    let wanted = Connect::numbers("0987654321", "09988776655", "8088919888").time_out(10);
    assert_eq!(Connect::from_map(details), Ok(wanted.clone()));
    let json = r#"{"From":"0987654321","To":"09988776655","CallerId":"8088919888","TimeOut":10,"Record":null}"#;
    assert_eq!(Connect::from_json(json), Ok(wanted));
    let flow = Connect::from_map([
        ("first", "1"),
        ("second", "http://my.exotel.in/exoml/start/5"),
        ("caller_id", "2"),
    ]);
    assert_eq!(flow.unwrap().flow_id(), Some("5"));
    let wrong = Connect::from_map([("first", "1"), ("colour", "red"), ("time_out", "soon")]).unwrap_err();
    assert_eq!(
        wrong.to_string(),
        "CallerId is missing; TimeOut must be a whole number; colour is not a field of this request"
    );
    let only = Connect::from_map([("first", "1"), ("caller_id", "2")]).unwrap_err();
    assert!(only.is_missing("To"));
    let sms =
        SendSms::from_json(r#"{"from_num":"8088919888","to":["1111","2222"],"body":"Hi","priority":"high"}"#).unwrap();
    assert_eq!((sms.to.len(), sms.priority), (2, Some(Priority::High)));
    assert!(SendSms::from_map([("from_num", "1"), ("to", "2"), ("body", "x"), ("sid", "y")]).is_err());
}

#[test]
fn bounds_are_at_their_edges() {
    let call = || Connect::numbers("0987654321", "09988776655", "8088919888");
    assert!(
        call()
            .time_limit(14_400)
            .time_out(60)
            .custom_field("é".repeat(128))
            .check()
            .is_ok()
    );
    for (wrong, field) in [
        (call().time_limit(14_401), "TimeLimit"),
        (call().time_out(61), "TimeOut"),
        (call().custom_field("x".repeat(129)), "CustomField"),
        (call().status_callback("example.com"), "StatusCallback"),
        (call().status_callback_events(["ringing"]), "StatusCallbackEvents"),
        (call().recording_format("wav"), "RecordingFormat"),
        (Connect::numbers("anna", "1234", "1234"), "From"),
        (Connect::flow("1234", "flow 5", "1234"), "Url"),
    ] {
        assert_eq!(wrong.check().unwrap_err().faults()[0].field, field);
    }
    assert!(SendSms::new("a", ["1111"], "x".repeat(2000)).check().is_ok());
    assert!(SendSms::new("a", ["1111"], "x".repeat(2001)).check().is_err());
    assert!(SendSms::new("a", Vec::<String>::new(), "x").check().is_err());
    assert!(GetCall::new("a").recording_url_validity(4).check().is_err());
}

#[test]
fn names_from_elsewhere_cannot_break_xml() {
    let node = Node::named("a b><x", Node::Text("\u{1}<&>\r".into()));
    let xml = node.print(Format::Xml);
    assert!(
        xml.ends_with("<TwilioResponse><Item>&lt;&amp;&gt;&#13;</Item></TwilioResponse>"),
        "{xml}"
    );
    assert_eq!(
        Node::read(xml.as_bytes()).unwrap(),
        Node::named("Item", Node::Text("<&>\r".into()))
    );
}
