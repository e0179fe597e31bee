//! The client against a small server.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use futures_util::StreamExt;
use outdial_voicent::{CallRequest, CampaignRequest, Client, Error, Import, Outcome, ReqId, blocking};
use std::time::Duration;
use wiremock::matchers::{body_string, body_string_contains, method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

const TAKEN: &str = "Your call is planned. [ReqId=42]";
const RETRY: &str = "[0^null^retry^2008 3 21 13 2^2008 3 21 13 2^No answer^^^^^\n]";
const MADE: &str =
    "[0^null^retry^2008 3 21 13 2^2008 3 21 13 2^No answer^^^^^0^null^made^2008 3 21 13 3^2008 3 21 13 2^ok^^^q=1^^\n]";
const GONE: &str = "ERROR: no such call record: 42";

fn client(server: &MockServer) -> Client {
    Client::builder()
        .base_url(server.uri())
        .polling(Duration::from_millis(1), Duration::from_millis(2))
        .build()
        .unwrap()
}

async fn answering(answers: &[(u16, &str)]) -> (MockServer, Client) {
    let server = MockServer::start().await;
    for (code, body) in answers {
        let answer = ResponseTemplate::new(*code).set_body_string(*body);
        Mock::given(method("POST"))
            .respond_with(answer)
            .up_to_n_times(1)
            .mount(&server)
            .await;
    }
    let client = client(&server);
    (server, client)
}

#[tokio::test]
async fn requests_are_posted_forms() {
    let server = MockServer::start().await;
    for (at, body, answer) in [
        (
            "/ocall/callreqHandler.jsp",
            "info=simple+text+call&phoneno=123-4567&firstocc=10&selfdelete=0&txt=Hi",
            TAKEN,
        ),
        ("/ocall/callstatusHandler.jsp", "reqid=42", "[]"),
        ("/ocall/callremoveHandler.jsp", "reqid=42", "[removed]"),
    ] {
        Mock::given(path(at))
            .and(body_string(body))
            .respond_with(ResponseTemplate::new(200).set_body_string(answer))
            .expect(1)
            .mount(&server)
            .await;
    }
    let mut call = client(&server)
        .call(&CallRequest::text("123-4567", "Hi"))
        .await
        .unwrap();
    assert_eq!(call.id().as_str(), "42");
    assert_eq!(call.refresh().await.unwrap().outcome, Outcome::InProgress);
    call.remove().await.unwrap();
}

#[tokio::test]
async fn a_call_is_watched_to_its_end() {
    let (_server, client) = answering(&[(200, TAKEN), (200, "[]"), (200, "[]"), (200, RETRY), (200, MADE)]).await;
    let mut call = client.call(&CallRequest::app("1", "survey")).await.unwrap();
    let outcomes: Vec<Outcome> = std::pin::pin!(call.watch())
        .map(|state| state.unwrap().outcome)
        .collect()
        .await;
    assert_eq!(outcomes, [Outcome::InProgress, Outcome::WillRetry, Outcome::Made]);
    let state = call.wait().await.unwrap();
    assert_eq!(
        (state.attempts.len(), state.answers()),
        (2, &[("q".to_owned(), "1".to_owned())][..])
    );
}

#[tokio::test]
async fn a_record_that_goes_by_itself_ends_the_wait() {
    let (_server, client) = answering(&[(200, TAKEN), (200, "[]"), (200, GONE)]).await;
    let mut call = client
        .call(&CallRequest::text("1", "Hi").self_delete(true))
        .await
        .unwrap();
    assert_eq!(call.wait().await.unwrap().outcome, Outcome::Gone);
    let (_server, client) = answering(&[(200, GONE), (200, GONE)]).await;
    let mut call = client.placed_call(ReqId::new("42").unwrap());
    assert!(matches!(call.wait().await, Err(Error::NotFound(why)) if why == "no such call record: 42"));
    assert!(matches!(call.remove().await, Err(Error::NotFound(_))));
}

#[tokio::test]
async fn refusals_and_trouble() {
    let error = async |code: u16, body: &str| {
        let (_server, client) = answering(&[(code, body)]).await;
        let error = client.call(&CallRequest::text("1", "Hi")).await.unwrap_err();
        assert_eq!(error.nothing_was_done(), !matches!(error, Error::Server(_)));
        error
    };
    assert!(matches!(error(200, "ERROR: no file").await, Error::Refused(why) if why == "no file"));
    assert!(matches!(error(200, "<html>").await, Error::Server(_)));
    assert!(matches!(error(404, "").await, Error::NotFound(_)));
    assert!(matches!(error(403, "").await, Error::Refused(_)));
    assert!(matches!(error(302, "").await, Error::Server(_)));
    assert!(matches!(error(500, TAKEN).await, Error::Server(_)));
    let nobody = Client::builder().host("127.0.0.1", 1).build().unwrap();
    assert!(matches!(
        nobody.call(&CallRequest::text("1", "Hi")).await,
        Err(Error::Transport(_))
    ));
    assert!(matches!(
        nobody.call(&CallRequest::text("", "Hi")).await,
        Err(Error::Invalid(_))
    ));
    for wrong in ["", "localhost:8155", "ftp://localhost"] {
        assert!(Client::builder().base_url(wrong).build().is_err(), "{wrong}");
    }
    assert!(Client::builder().host("::1", 8155).build().is_ok());
}

#[tokio::test]
async fn campaigns_with_files_and_results() {
    let server = MockServer::start().await;
    for (contains, body) in [
        (
            "name=\"file\"; filename=\"may.csv\"",
            r#"{"status": "OK", "leadsrc_id": "7"}"#,
        ),
        (
            "action=exportcamp&camp_id=9&f=webapps%2FROOT%2Fassets%2Fglobal%2Fout.csv",
            "{'status': 'OK'}",
        ),
        ("action=campstats", r#"{"status": "no such campaign"}"#),
    ] {
        Mock::given(path("/ocall/campapi"))
            .and(body_string_contains(contains))
            .respond_with(ResponseTemplate::new(200).set_body_string(body))
            .mount(&server)
            .await;
    }
    Mock::given(path("/assets/global/out%2Ecsv"))
        .respond_with(ResponseTemplate::new(200).set_body_string("Name,Phone\nAnna,1\n"))
        .mount(&server)
        .await;
    let client = client(&server);
    let import = CampaignRequest::Import(Import::default());
    let answer = client
        .campaign(&import, Some(("may.csv".to_owned(), b"Phone\n1\n".to_vec())))
        .await
        .unwrap();
    assert_eq!(answer.list_id.as_deref(), Some("7"));
    assert_eq!(
        client.results("9", "out.csv").await.unwrap().get(0, "Name"),
        Some("Anna")
    );
    let stats = CampaignRequest::Stats { campaign: "1".into() };
    assert!(matches!(client.campaign(&stats, None).await, Err(Error::Refused(why)) if why == "no such campaign"));
}

#[test]
fn the_blocking_client_does_the_same() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let (_server, client) = runtime.block_on(answering(&[(200, TAKEN), (200, RETRY), (200, MADE)]));
    let client = blocking::Client::new(client).unwrap();
    let mut call = client.call(&CallRequest::text("1", "Hi")).unwrap();
    assert_eq!(call.watch().count(), 2);
    assert_eq!(call.wait().unwrap().outcome, Outcome::Made);
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
            ("callreqHandler.jsp", "selfdelete=1", "[ReqId=41]"),
            (
                "callreqHandler.jsp",
                "audiofile=C%3A%5Cmy+audios%5Chello.wav",
                "ERROR: no file hello.wav",
            ),
            ("callreqHandler.jsp", "-confirmcode+911911", "[ReqId=43]"),
            ("callreqHandler.jsp", "txt=Hello", TAKEN),
            ("callstatusHandler.jsp", "reqid=42", MADE),
            (
                "callstatusHandler.jsp",
                "reqid=11234035434",
                "ERROR: no such call record: 11234035434",
            ),
            ("callremoveHandler.jsp", "reqid=42", "[removed]"),
        ] {
            Mock::given(path(format!("/ocall/{at}")))
                .and(body_string_contains(contains))
                .respond_with(ResponseTemplate::new(200).set_body_string(body))
                .mount(&server)
                .await;
        }
        server
    });
    let tests = std::env::current_exe().unwrap();
    let program = tests.parent().unwrap().parent().unwrap().join("examples/gateway");
    let output = std::process::Command::new(program)
        .env("VOICENT_URL", server.uri())
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    assert_eq!(
        String::from_utf8(output.stdout).unwrap(),
        "request 41\n\
         request 42: Call Made\n\
         not called: no file hello.wav\n\
         no such call record: 11234035434\n\
         request 43\n"
    );
}
