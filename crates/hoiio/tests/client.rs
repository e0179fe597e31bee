//! The client against a small server.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use futures_util::StreamExt;
use outdial_hoiio::{Client, Error, Status, Value, blocking, fax, sms, voice};
use serde_json::json;
use std::pin::pin;
use std::time::Duration;
use wiremock::matchers::{body_string, body_string_contains, method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

async fn answering(answers: &[(u16, &str)]) -> (MockServer, Client) {
    let server = MockServer::start().await;
    for (code, body) in answers {
        Mock::given(method("POST"))
            .respond_with(
                ResponseTemplate::new(*code)
                    .insert_header("retry-after", "0")
                    .set_body_string(*body),
            )
            .up_to_n_times(1)
            .mount(&server)
            .await;
    }
    let client = client(&server);
    (server, client)
}

fn client(server: &MockServer) -> Client {
    Client::builder("MYAPP", "MYTOKEN")
        .base_url(format!("{}/open", server.uri()))
        .polling(Duration::from_millis(1), Duration::from_millis(2))
        .build()
        .unwrap()
}

async fn error_of(code: u16, body: &str) -> Error {
    let (_server, client) = answering(&[(code, body)]).await;
    let error = client.send(&voice::Call::new("+6522222222")).await.unwrap_err();
    assert!(!format!("{error:?} {error}").contains("MYTOKEN"));
    assert_eq!(error.nothing_was_done(), !matches!(error, Error::Server(_)));
    error
}

#[tokio::test]
async fn a_request_is_a_posted_form() {
    let server = MockServer::start().await;
    Mock::given(method("POST"))
        .and(path("/open/voice/call"))
        .and(body_string(
            "dest2=%2B6522222222&dest1=%2B6511111111&app_id=MYAPP&access_token=MYTOKEN",
        ))
        .respond_with(ResponseTemplate::new(200).set_body_string(r#"{"status":"success_ok","txn_ref":"AA-S-141147"}"#))
        .expect(1)
        .mount(&server)
        .await;
    let call = client(&server)
        .call(&voice::Call::new("+6522222222").dest1("+6511111111"))
        .await
        .unwrap();
    assert_eq!(call.txn_ref(), "AA-S-141147");
}

#[tokio::test]
async fn status_words_become_errors() {
    let word = async |word: &str| error_of(200, &json!({ "status": word }).to_string()).await;
    assert!(matches!(
        word("error_invalid_access_token").await,
        Error::BadCredentials(Status::InvalidAccessToken)
    ));
    assert!(matches!(
        word("error_app_id_param_missing").await,
        Error::BadCredentials(_)
    ));
    assert!(matches!(
        word("error_insufficient_credit").await,
        Error::InsufficientCredit
    ));
    assert!(matches!(word("error_txn_ref_invalid").await, Error::NotFound(_)));
    assert!(matches!(
        word("error_concurrent_call_limit_reached").await,
        Error::Refused(Status::ConcurrentCallLimitReached)
    ));
    assert!(matches!(
        word("error_of_the_week").await,
        Error::Refused(Status::Other(_))
    ));
    assert!(matches!(word("error_internal_server_error").await, Error::Server(_)));
    let Error::Invalid(missing) = word("error_dest1_param_missing").await else {
        panic!()
    };
    assert!(missing.is_missing("dest1"));
    let Error::Invalid(bad) = word("error_caller_id_invalid").await else {
        panic!()
    };
    assert_eq!(bad.faults()[0].field, "caller_id");
    assert!(matches!(
        word("error_rate_limit_exceeded").await,
        Error::RateLimited { wait: Duration::ZERO }
    ));
}

#[tokio::test]
async fn trouble_is_told_from_refusal() {
    assert!(matches!(error_of(502, "<html>").await, Error::Server(_)));
    assert!(matches!(error_of(200, "<html>").await, Error::Server(_)));
    assert!(matches!(
        error_of(500, r#"{"status":"success_ok","txn_ref":"A"}"#).await,
        Error::Server(_)
    ));
    assert!(matches!(
        error_of(400, r#"{"status":"error_insufficient_credit"}"#).await,
        Error::InsufficientCredit
    ));
    assert!(matches!(error_of(302, "").await, Error::Server(_)));

    let server = MockServer::start().await;
    let word = ResponseTemplate::new(200).set_body_string(r#"{"status":"error_rate_limit_exceeded"}"#);
    Mock::given(method("POST"))
        .respond_with(word)
        .up_to_n_times(1)
        .mount(&server)
        .await;
    let error = client(&server).send(&voice::Hangup::new("TX")).await.unwrap_err();
    assert!(matches!(error, Error::RateLimited { wait } if wait == Duration::from_secs(60)));
    let slow_down = ResponseTemplate::new(429).insert_header("retry-after", "7");
    Mock::given(method("POST")).respond_with(slow_down).mount(&server).await;
    let error = client(&server)
        .send(&voice::Call::new("+6522222222"))
        .await
        .unwrap_err();
    assert!(matches!(error, Error::RateLimited { wait } if wait == Duration::from_secs(7)));

    let nobody = Client::builder("MYAPP", "MYTOKEN")
        .base_url("http://127.0.0.1:1/open/")
        .build()
        .unwrap();
    let error = nobody.send(&voice::Call::new("+6522222222")).await.unwrap_err();
    assert!(matches!(error, Error::Transport(_)) && error.nothing_was_done());
    assert!(!format!("{error:?}{nobody:?}").contains("MYTOKEN"));
    for wrong in ["", "ftp://x/", "secure.hoiio.com"] {
        assert!(
            matches!(
                Client::builder("a", "b").base_url(wrong).build(),
                Err(Error::Invalid(_))
            ),
            "{wrong}"
        );
    }
}

#[tokio::test]
async fn nothing_is_sent_that_is_out_of_bounds() {
    let (server, client) = answering(&[]).await;
    let error = client
        .send(&voice::Call::new("22222222").tag("x".repeat(257)))
        .await
        .unwrap_err();
    let Error::Invalid(invalid) = error else {
        panic!("{error:?}")
    };
    let fields: Vec<&str> = invalid.faults().iter().map(|fault| fault.field.as_str()).collect();
    assert_eq!(fields, ["dest2", "tag"]);
    assert!(server.received_requests().await.unwrap().is_empty());
}

const ONGOING: &str =
    r#"{"status":"success_ok","txn_ref":"TX","call_status_dest1":"ongoing","call_status_dest2":"ongoing"}"#;
const TALKING: &str =
    r#"{"status":"success_ok","txn_ref":"TX","call_status_dest1":"answered","call_status_dest2":"ongoing"}"#;
const OVER: &str = r#"{"status":"success_ok","txn_ref":"TX","call_status_dest1":"answered","call_status_dest2":"answered","duration":"2"}"#;

#[tokio::test]
async fn a_call_is_watched_to_its_end() {
    let (_server, client) = answering(&[(200, ONGOING), (200, ONGOING), (429, "0"), (200, TALKING), (200, OVER)]).await;
    let mut call = client.placed_call("TX");
    let states: Vec<_> = pin!(call.watch()).map(|state| state.unwrap()).collect().await;
    let second: Vec<_> = states
        .iter()
        .map(|state| state.call_status_dest2.clone().unwrap())
        .collect();
    use voice::CallState::{Answered, Ongoing};
    assert_eq!(second, [Ongoing, Ongoing, Answered]);
    assert_eq!(call.state().unwrap().duration, Some(2));
    // It is known to be over: nobody is asked again.
    assert!(call.wait().await.unwrap().is_final());
}

#[tokio::test]
async fn a_text_is_waited_for_and_refreshed() {
    let sent = r#"{"status":"success_ok","txn_ref":"AA-S-1"}"#;
    let queued = r#"{"status":"success_ok","txn_ref":"AA-S-1","sms_status":"queued"}"#;
    let delivered = r#"{"status":"success_ok","txn_ref":"AA-S-1","sms_status":"delivered"}"#;
    let (_server, client) = answering(&[(200, sent), (200, queued), (200, queued), (200, delivered)]).await;
    let mut text = client.text(&sms::Send::new("+6511111111", "Hello")).await.unwrap();
    assert_eq!(text.refresh().await.unwrap().sms_status, Some(sms::SmsState::Queued));
    assert_eq!(text.wait().await.unwrap().sms_status, Some(sms::SmsState::Delivered));
}

async fn with_history(server: &MockServer) {
    let entries = |count: usize| vec![json!({"txn_ref": "TX", "dest2": "+6522222222"}); count];
    for (page, count) in [("page=1&", 100), ("page=2&", 100), ("page=3&", 34)] {
        let body = json!({"status": "success_ok", "total_entries_count": "234", "entries_count": count.print(), "entries": entries(count as usize)});
        Mock::given(path("/open/voice/get_history"))
            .and(body_string_contains(page))
            .respond_with(ResponseTemplate::new(200).set_body_json(body))
            .mount(server)
            .await;
    }
}

#[tokio::test]
async fn a_history_turns_its_own_pages() {
    let server = MockServer::start().await;
    with_history(&server).await;
    let entries: Vec<_> = client(&server).entries(voice::History::new()).collect().await;
    assert_eq!(entries.iter().filter(|entry| entry.is_ok()).count(), 234);
    assert_eq!(server.received_requests().await.unwrap().len(), 3);
    let rest = client(&server).entries(voice::History::new().page(3)).count().await;
    assert_eq!((rest, server.received_requests().await.unwrap().len()), (34, 4));
}

#[tokio::test]
async fn a_history_ends_with_its_first_error() {
    let one = r#"{"status":"success_ok","total_entries_count":"200","entries":[{"txn_ref":"F"}]}"#;
    let (_server, client) = answering(&[(200, one), (500, "")]).await;
    let entries: Vec<_> = client.entries(fax::History::new()).collect().await;
    assert!(entries[0].is_ok() && entries[1].is_err() && entries.len() == 2);
}

#[test]
fn the_blocking_client_does_the_same() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let sent = r#"{"status":"success_ok","txn_ref":"TX"}"#;
    let (server, client) = runtime.block_on(answering(&[(200, sent), (200, ONGOING), (200, OVER)]));
    let client = blocking::Client::new(client).unwrap();
    let mut call = client.call(&voice::Call::new("+6522222222")).unwrap();
    assert_eq!(call.watch().count(), 2);
    assert!(call.wait().unwrap().is_final());
    runtime.block_on(with_history(&server));
    assert_eq!(client.entries(voice::History::new()).count(), 234);
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
        for (at, contains, body) in [
            ("voice/call", "tag=myapp", r#"{"status":"error_insufficient_credit"}"#),
            ("voice/call", "", r#"{"status":"success_ok","txn_ref":"AA-S-141147"}"#),
            ("voice/conference", "room=MY-ROOM", r#"{"status":"success_ok","room":"MY-ROOM","txn_refs":"TX-4"}"#),
            ("voice/conference", "", r#"{"status":"success_ok","room":"MY-ROOM","txn_refs":"TX-1,TX-2,TX-3"}"#),
            ("voice/hangup", "txn_ref=TX-4", r#"{"status":"success_ok"}"#),
            (
                "voice/query_status",
                "txn_ref=TX-1234",
                r#"{"status":"success_ok","txn_ref":"TX-1234","tag":"my-tag","date":"2012-01-31 12:06:15",
                    "dest1":"+6511111111","dest2":"+6522222222","call_status_dest1":"answered","call_status_dest2":"answered",
                    "duration":"2","currency":"SGD","rate":"0.018","debit":"0.036"}"#,
            ),
            (
                "voice/get_history",
                "",
                r#"{"status":"success_ok","total_entries_count":"1","entries_count":"1","entries":[{"txn_ref":"TX-1","dest2":"+6522222222"}]}"#,
            ),
            ("voice/get_rate", "", r#"{"status":"success_ok","currency":"SGD","rate":"0.036","talktime":"2352"}"#),
        ] {
            Mock::given(path(format!("/open/{at}")))
                .and(body_string_contains(contains))
                .respond_with(ResponseTemplate::new(200).set_body_string(body))
                .mount(&server)
                .await;
        }
        server
    });
    let tests = std::env::current_exe().unwrap();
    let program = tests.parent().unwrap().parent().unwrap().join("examples/voice");
    let output = std::process::Command::new(program)
        .env("HOIIO_URL", format!("{}/open/", server.uri()))
        .env("HOIIO_APP_ID", "MYAPP")
        .env("HOIIO_ACCESS_TOKEN", "MYTOKEN")
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    assert_eq!(
        String::from_utf8(output.stdout).unwrap(),
        "called: AA-S-141147\n\
         not called: pay first\n\
         room MY-ROOM: [\"TX-1\", \"TX-2\", \"TX-3\"]\n\
         joined: [\"TX-4\"]\n\
         hung up: TX-4\n\
         first number: Some(\"answered\")\n\
         tag my-tag, from +6511111111 to +6522222222\n\
         began Some(\"2012-01-31T12:06:15+08:00[+08:00]\")\n\
         minutes: Some(2), currency: Some(\"SGD\")\n\
         rate: Some(0.018), debit: Some(0.036)\n\
         TX-1 to +6522222222\n\
         1 of 1\n\
         SGD 0.036 a minute, enough for Some(2352) minutes\n"
    );
}
