//! The client against a small server.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use futures_util::StreamExt;
use outdial_exotel::call::{Connect, ListCalls};
use outdial_exotel::sms::{BulkMessage, SendBulk, SendSms, SmsStatus};
use outdial_exotel::{Client, Error, Format, Region, blocking, limit::ProcessLimiter};
use std::time::Duration;
use wiremock::matchers::{body_string_contains, header, method, path, query_param, query_param_is_missing};
use wiremock::{Mock, MockServer, ResponseTemplate};

/// A client that has no reason to wait. Each test has an account of its own, because they share the throttle.
fn client(server: &MockServer, sid: &str) -> Client {
    Client::builder(sid, "TOKEN")
        .base_url(server.uri())
        .limiter(ProcessLimiter::per_minute(60_000))
        .polling(Duration::from_millis(1), Duration::from_millis(2))
        .build()
        .unwrap()
}

async fn answering(sid: &str, answers: &[(u16, &str)]) -> (MockServer, Client) {
    let server = MockServer::start().await;
    for (code, body) in answers {
        let answer = ResponseTemplate::new(*code)
            .insert_header("retry-after", "0")
            .set_body_string(*body);
        Mock::given(|_: &wiremock::Request| true)
            .respond_with(answer)
            .up_to_n_times(1)
            .mount(&server)
            .await;
    }
    let client = client(&server, sid);
    (server, client)
}

fn connect() -> Connect {
    Connect::numbers("0987654321", "09988776655", "8088919888")
}

#[tokio::test]
async fn a_request_is_a_posted_form_with_basic_credentials() {
    let server = MockServer::start().await;
    Mock::given(method("POST"))
        .and(path("/v1/Accounts/posted/Calls/connect"))
        .and(header("authorization", "Basic S0VZOlRPS0VO"))
        .and(body_string_contains(
            "From=0987654321&CallerId=8088919888&To=09988776655&CallType=trans",
        ))
        .respond_with(
            ResponseTemplate::new(200).set_body_string(
                "<TwilioResponse><Call><Sid>c1</Sid><Status>in-progress</Status></Call></TwilioResponse>",
            ),
        )
        .expect(1)
        .mount(&server)
        .await;
    let client = Client::builder("posted", "TOKEN")
        .api_key("KEY")
        .base_url(server.uri())
        .format(Format::Xml)
        .build()
        .unwrap();
    let call = client.connect(&connect()).await.unwrap();
    assert_eq!(call.sid(), "c1");
    assert!(call.state().is_some());
    assert!(!format!("{client:?} {call:?}").contains("TOKEN"));
}

#[tokio::test]
async fn refusals_become_errors() {
    let error = async |code: u16, body: &str| {
        let (_server, client) = answering("refused", &[(code, body); 3]).await;
        let error = client.send(&connect()).await.unwrap_err();
        assert_eq!(error.nothing_was_done(), !matches!(error, Error::Server(_)));
        error
    };
    let refusal = |code: u16, text: &str| format!(r#"{{"RestException":{{"Status":{code},"Message":"{text}"}}}}"#);
    assert!(matches!(error(401, "").await, Error::BadCredentials));
    assert!(matches!(error(402, "").await, Error::InsufficientCredit));
    assert!(matches!(
        error(403, &refusal(403, "Insufficient balance to send the SMS")).await,
        Error::InsufficientCredit
    ));
    assert!(matches!(
        error(403, &refusal(403, "Account is not active")).await,
        Error::Refused(_)
    ));
    let dnd = "Call to 0987654321 cannot be made because of TRAI NDNC regulations";
    assert!(matches!(error(403, &refusal(403, dnd)).await, Error::RefusedByDnd(text) if text == dnd));
    assert!(matches!(
        error(404, &refusal(404, "No matching results")).await,
        Error::NotFound(_)
    ));
    assert!(matches!(error(200, "No matching results").await, Error::NotFound(_)));
    assert!(matches!(error(429, "").await, Error::RateLimited { .. }));
    assert!(matches!(error(503, "<html>").await, Error::Server(_)));
    assert!(matches!(error(200, "<html>").await, Error::Server(_)));
    assert!(matches!(error(201, r#"{"Call":{"Sid":"a"}}"#).await, Error::Server(_)));
    assert!(matches!(error(302, "").await, Error::Server(_)));
    assert!(matches!(error(200, &refusal(403, "no")).await, Error::Refused(_)));
    let Error::Invalid(invalid) = error(400, &refusal(400, "Invalid Recipient [12]")).await else {
        panic!()
    };
    assert_eq!(invalid.faults()[0].field, "To");
    let by_code = r#"{"RestException":{"Status":400,"Message":"x","Code":40209}}"#;
    let Error::Invalid(invalid) = error(400, by_code).await else {
        panic!()
    };
    assert_eq!(invalid.faults()[0].field, "EncodingType");
    let nobody = Client::builder("nobody", "TOKEN")
        .base_url("http://127.0.0.1:1")
        .build()
        .unwrap();
    let error = nobody.send(&connect()).await.unwrap_err();
    assert!(matches!(error, Error::Transport(_)) && error.nothing_was_done());
}

#[tokio::test]
async fn after_a_broken_connection_nobody_knows() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        // Takes every request, and says nothing to it.
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut bytes = [0; 1024];
            let _ = tokio::io::AsyncReadExt::read(&mut stream, &mut bytes).await;
        }
    });
    let client = Client::builder("broken", "TOKEN")
        .base_url(format!("http://{address}"))
        .build()
        .unwrap();
    let error = client.send(&connect()).await.unwrap_err();
    assert!(
        matches!(error, Error::Transport(_)) && !error.nothing_was_done(),
        "{error:?}"
    );
}

#[tokio::test]
async fn nothing_is_sent_that_is_out_of_bounds() {
    let (server, client) = answering("bounds", &[]).await;
    let error = client
        .send(&connect().time_out(61).time_limit(14_401))
        .await
        .unwrap_err();
    let Error::Invalid(invalid) = error else {
        panic!("{error:?}")
    };
    assert_eq!(invalid.faults().len(), 2);
    assert!(server.received_requests().await.unwrap().is_empty());
}

#[test]
fn a_client_needs_its_credentials_and_an_address() {
    let error = Client::builder("", "").build().unwrap_err();
    assert_eq!(error.to_string(), "sid is missing; token is missing");
    for base in ["", "ftp://x", "api.exotel.com", "https://user:pass@api.exotel.com"] {
        assert!(Client::builder("a", "b").base_url(base).build().is_err(), "{base}");
    }
    for region in [Region::Singapore, Region::Mumbai, Region::India, Region::Twilix] {
        assert!(Client::builder("a", "b").region(region).build().is_ok());
    }
}

#[tokio::test]
async fn what_was_too_much_is_sent_again() {
    let (server, client) = answering("again", &[(429, ""), (429, ""), (200, r#"{"Call":{"Sid":"c1"}}"#)]).await;
    assert_eq!(client.connect(&connect()).await.unwrap().sid(), "c1");
    assert_eq!(server.received_requests().await.unwrap().len(), 3);
}

#[tokio::test]
async fn a_call_is_watched_to_its_end() {
    let state = |word: &str| format!(r#"{{"Call":{{"Sid":"c1","Status":"{word}"}}}}"#);
    let (first, second, third) = (state("in-progress"), state("in-progress"), state("completed"));
    let (_server, client) = answering("watched", &[(200, &first), (200, &second), (429, ""), (200, &third)]).await;
    let mut call = client.connect(&connect()).await.unwrap();
    let states: Vec<_> = std::pin::pin!(call.watch())
        .map(|state| state.unwrap().status.unwrap())
        .collect()
        .await;
    assert_eq!(states, [outdial_exotel::call::CallStatus::Completed]);
    assert!(call.wait().await.unwrap().is_final());
}

#[tokio::test]
async fn texts_are_sent_and_followed() {
    let two = r#"[{"SMSMessage":{"Sid":"s1","Status":"queued"}},{"SMSMessage":{"Sid":"s2","Status":"queued"}}]"#;
    let sent = r#"{"SMSMessage":{"Sid":"s1","Status":"sent"}}"#;
    let (_server, client) = answering("texts", &[(200, two), (200, sent), (200, two)]).await;
    let mut texts = client
        .send_sms(&SendSms::new("88", ["1111", "2222"], "Hi"))
        .await
        .unwrap();
    assert_eq!(texts.len(), 2);
    assert_eq!(texts[0].wait().await.unwrap().status, Some(SmsStatus::Sent));
    let bulk = SendBulk::new([BulkMessage::new("1111", "a"), BulkMessage::new("2222", "b")]).from("88");
    assert_eq!(client.send_bulk(&bulk).await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_list_turns_its_own_pages() {
    let server = MockServer::start().await;
    let page = |next: &str, sids: &str| {
        let body = format!(r#"{{"Metadata":{{"NextPageUri":{next}}},"Calls":[{sids}]}}"#);
        ResponseTemplate::new(200).set_body_string(body)
    };
    let first = page(
        r#""/v1/Accounts/pages/Calls.json?PageSize=2&After=M2""#,
        r#"{"Sid":"a"},{"Sid":"b"}"#,
    );
    let second = page("null", r#"{"Sid":"c"}"#);
    let calls = path("/v1/Accounts/pages/Calls.json");
    Mock::given(calls)
        .and(query_param_is_missing("After"))
        .respond_with(first)
        .mount(&server)
        .await;
    Mock::given(query_param("After", "M2"))
        .and(query_param("PageSize", "2"))
        .respond_with(second)
        .mount(&server)
        .await;
    let listed: Vec<String> = client(&server, "pages")
        .calls(ListCalls::new().page_size(2))
        .map(|call| call.unwrap().sid)
        .collect()
        .await;
    assert_eq!(listed, ["a", "b", "c"]);
}

/// The example plays every sample, and prints what it was told.
#[test]
fn the_example_does_what_it_says() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let server = runtime.block_on(async {
        let server = MockServer::start().await;
        let dnd = r#"{"RestException":{"Status":403,"Message":"NDNC"}}"#;
        for (at, contains, code, body) in [
            ("Calls/connect.json", "exoml%2Fstart%2F12345", 403, dnd),
            ("Calls/connect.json", "TimeOut=10", 200, r#"{"Call":{"Sid":"c1","Status":"in-progress"}}"#),
            (
                "Calls/c1.json",
                "",
                200,
                r#"{"Call":{"Sid":"c1","Status":"completed","StartTime":"2016-11-29 15:58:45","Duration":"17","Price":"1.500",
                    "RecordingUrl":"https://example.com/c1.mp3"}}"#,
            ),
            ("Sms/send.json", "Body=Hello", 200, r#"{"SMSMessage":{"Sid":"s1","Status":"queued"}}"#),
            ("Sms/Messages/s1.json", "", 200, r#"{"SMSMessage":{"Sid":"s1","To":"0987654321","Status":"sent"}}"#),
        ] {
            Mock::given(path(format!("/v1/Accounts/rajnikanth/{at}")))
                .and(body_string_contains(contains))
                .respond_with(ResponseTemplate::new(code).set_body_string(body))
                .mount(&server)
                .await;
        }
        server
    });
    let tests = std::env::current_exe().unwrap();
    let program = tests
        .parent()
        .unwrap()
        .parent()
        .unwrap()
        .join("examples/calls_and_texts");
    let output = std::process::Command::new(program)
        .env("EXOTEL_URL", server.uri())
        .env("EXOTEL_SID", "rajnikanth")
        .env("EXOTEL_TOKEN", "TOKEN")
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    assert_eq!(
        String::from_utf8(output.stdout).unwrap(),
        "call c1: Some(InProgress)\n\
         Some(Completed) after Some(17) s for Some(1.500)\n\
         began Some(\"2016-11-29T15:58:45+05:30[+05:30]\")\n\
         recorded at Some(\"https://example.com/c1.mp3\")\n\
         call c1\n\
         not called: NDNC\n\
         text s1 to Some(\"0987654321\"): Some(Sent)\n\
         CallerId is missing\n\
         colour is not a field of this request\n\
         To is missing\n"
    );
}

#[test]
fn the_blocking_client_does_the_same() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let (_server, client) = runtime.block_on(answering(
        "blocking",
        &[
            (200, r#"{"Call":{"Sid":"c1","Status":"queued"}}"#),
            (200, r#"{"Call":{"Sid":"c1","Status":"busy"}}"#),
            (200, r#"{"Calls":[{"Sid":"c1"}]}"#),
        ],
    ));
    let client = blocking::Client::new(client).unwrap();
    let mut call = client.connect(&connect()).unwrap();
    assert!(call.wait().unwrap().is_final());
    assert_eq!(client.calls(ListCalls::new()).count(), 1);
    assert!(client.waiting_time().unwrap() < Duration::from_secs(1));
}
