//! A speech service reached by HTTP.

use std::time::Duration;

use crate::common::{open, say, text, tone};
use outdial_engine::ports::{PromptError, Prompts, Say};
use outdial_speech::{EngineKind, SpeechConfig};
use wiremock::{
    Mock, MockServer, ResponseTemplate,
    matchers::{any, body_json, header, method, path},
};

/// A configuration that speaks by this server.
fn config(server: &MockServer) -> SpeechConfig {
    // The program does this first thing; here there may be many firsts.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut config = SpeechConfig {
        engine: EngineKind::Http,
        ..SpeechConfig::default()
    };
    config.http.url = format!("{}/v1/audio/speech", server.uri());
    config
}

async fn answering(answer: ResponseTemplate) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(any()).respond_with(answer).mount(&server).await;
    server
}

#[tokio::test]
async fn it_is_asked_as_such_services_are() {
    let server = MockServer::start().await;
    let asked = serde_json::json!({
        "model": "tts-1", "input": "-v Press \"1\".", "voice": "af_heart", "response_format": "wav", "speed": 1.5,
    });
    Mock::given(method("POST"))
        .and(path("/v1/audio/speech"))
        .and(header("authorization", "Bearer sk-secret"))
        .and(body_json(asked))
        .respond_with(ResponseTemplate::new(200).set_body_raw(tone(24_000, 1_000), "audio/wav"))
        .expect(1)
        .mount(&server)
        .await;
    let mut config = config(&server);
    config.http.key = Some("sk-secret".into());
    config.speed = 1.5;
    let library = open(config).await;
    let asked = Say {
        voice: Some("af_heart".into()),
        ..text("-v  Press \"1\".")
    };
    for _ in 0..2 {
        assert_eq!(library.say(&asked, 8_000).await.unwrap().samples.len(), 8_000);
    }
}

#[tokio::test]
async fn what_fails_says_why_and_what_to_do() {
    for (status, body, words) in [
        (
            500,
            "out of\nmemory",
            "500 Internal Server Error and said: out of memory. Look at the log",
        ),
        (503, "", "It is busy"),
        (429, "slow down", "It is busy"),
        (401, "", "speech.http.key"),
        (403, "", "speech.http.key"),
        (404, "", "speech.http.url"),
        (400, "no such voice", "said: no such voice. Check speech.http.model"),
        (204, "", "204 No Content"),
    ] {
        let server = answering(ResponseTemplate::new(status).set_body_string(body)).await;
        let error = say(&open(config(&server)).await, "Hello").await.unwrap_err();
        assert!(
            matches!(error, PromptError::Engine { .. }) && error.to_string().contains(words),
            "{error}"
        );
        assert_eq!(server.received_requests().await.unwrap().len(), 1);
    }
}

#[tokio::test]
async fn redirects_are_not_followed_and_the_key_goes_nowhere_else() {
    let elsewhere = answering(ResponseTemplate::new(200).set_body_raw(tone(8_000, 100), "audio/wav")).await;
    let server = answering(ResponseTemplate::new(307).insert_header("location", elsewhere.uri())).await;
    let mut config = config(&server);
    config.http.key = Some("sk-secret".into());
    let error = say(&open(config).await, "Hello").await.unwrap_err().to_string();
    assert!(
        error.contains("Redirects are not followed") && !error.contains("sk-secret"),
        "{error}"
    );
    assert!(elsewhere.received_requests().await.unwrap().is_empty());
}

#[tokio::test]
async fn what_is_no_audio_is_refused() {
    for (body, kind, words) in [
        (
            &b"{\"error\":\"busy\"}"[..],
            "application/json",
            "answered with application/json",
        ),
        (b"<html>", "text/html; charset=utf-8", "answered with text/html"),
        (b"ID3 an mp3", "audio/mpeg", "not a WAV file"),
        (b"garbage", "audio/wav", "not a WAV file"),
    ] {
        let server = answering(ResponseTemplate::new(200).set_body_raw(body, kind)).await;
        let error = say(&open(config(&server)).await, "Hello").await.unwrap_err();
        assert!(
            matches!(error, PromptError::Engine { .. }) && error.to_string().contains(words),
            "{error}"
        );
    }
    let server = answering(ResponseTemplate::new(200)).await;
    let error = say(&open(config(&server)).await, "Hello").await.unwrap_err();
    assert!(matches!(error, PromptError::Silent(_)), "{error}");
}

#[tokio::test]
async fn a_slow_or_large_answer_passes_a_limit() {
    let answer = ResponseTemplate::new(200).set_body_raw(tone(24_000, 2_000), "audio/wav");
    let slow = answering(answer.clone().set_delay(Duration::from_secs(600))).await;
    let mut impatient = config(&slow);
    impatient.limits.time = Duration::from_millis(50);
    let error = say(&open(impatient).await, "Hello").await.unwrap_err();
    assert!(
        matches!(&error, PromptError::Limit(words) if words.contains("time_seconds")),
        "{error}"
    );

    let large = answering(answer).await;
    let mut modest = config(&large);
    modest.limits.audio_bytes = 10_000;
    let error = say(&open(modest).await, "Hello").await.unwrap_err();
    assert!(
        matches!(&error, PromptError::Limit(words) if words.contains("audio_bytes")),
        "{error}"
    );
    let mut brief = config(&large);
    brief.limits.audio_seconds = 1;
    let error = say(&open(brief).await, "Hello").await.unwrap_err();
    assert!(
        matches!(&error, PromptError::Limit(words) if words.contains("audio_seconds")),
        "{error}"
    );
}

#[tokio::test]
async fn an_answer_without_a_length_is_bounded_too() {
    // A server of our own: chunks without end, and no length beforehand.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tokio::spawn(async move {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = [0; 1_024];
        let _ = stream.read(&mut request).await.unwrap();
        stream
            .write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
            .await
            .unwrap();
        let chunk = [&b"1000\r\n"[..], &[0; 0x1000], b"\r\n"].concat();
        while stream.write_all(&chunk).await.is_ok() {}
    });
    let mut config = config(&MockServer::start().await);
    config.http.url = format!("http://{address}/v1/audio/speech");
    config.limits.audio_bytes = 100_000;
    let error = say(&open(config).await, "Hello").await.unwrap_err();
    assert!(
        matches!(&error, PromptError::Limit(words) if words.contains("audio_bytes")),
        "{error}"
    );
    // We have hung up, so it cannot go on writing.
    server.await.unwrap();
}

#[tokio::test]
async fn a_service_that_is_not_there_says_so() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut config = config(&MockServer::start().await);
    config.http.url = format!("http://{}/v1/audio/speech?secret=1", listener.local_addr().unwrap());
    drop(listener);
    let library = open(config).await;
    for error in [
        say(&library, "Hello").await.unwrap_err(),
        library.probe().await.unwrap_err(),
    ] {
        let error = error.to_string();
        assert!(
            error.contains("cannot be reached") && error.contains("refused") && !error.contains("secret"),
            "{error}"
        );
    }
}
