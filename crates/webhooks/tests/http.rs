//! Real receivers on loopback: what is sent, and what is not.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{net::SocketAddr, time::Duration};

use outdial_engine::outgoing::Outgoing;
use outdial_webhooks::{HttpPost, Post, PostError, Posted, Posting};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

const WITHIN: Duration = Duration::from_secs(5);

fn client(allow: &[&str], within: Duration) -> HttpPost {
    // The first test of a process installs it; the others find it there.
    let _ = rustls::crypto::ring::default_provider().install_default();
    HttpPost::new(Outgoing::allowing(allow.iter().copied()).unwrap(), within).unwrap()
}

fn posting(url: String) -> Posting {
    Posting {
        url,
        headers: vec![
            ("webhook-id", "evt_1".into()),
            ("content-type", "application/json".into()),
        ],
        body: r#"{"a":1}"#.into(),
    }
}

async fn listener() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

/// Reads a request to the end of its body.
async fn request(stream: &mut TcpStream) -> String {
    let mut text = String::new();
    let mut bytes = [0; 4_096];
    while !text.ends_with(r#"{"a":1}"#) {
        let read = stream.read(&mut bytes).await.unwrap();
        assert!(read > 0, "{text}");
        text += std::str::from_utf8(&bytes[..read]).unwrap();
    }
    text
}

/// Answers one request so, and gives it.
async fn answer_with(listener: &TcpListener, answer: &str) -> String {
    let (mut stream, _) = listener.accept().await.unwrap();
    let text = request(&mut stream).await;
    stream.write_all(answer.as_bytes()).await.unwrap();
    text
}

#[tokio::test]
async fn a_notification_arrives_as_it_was_written() {
    let (listener, address) = listener().await;
    let client = client(&["127.0.0.0/8"], WITHIN);
    let answer = "HTTP/1.1 429 Slow\r\nRetry-After: 7\r\nContent-Length: 6\r\n\r\nbu\u{7}sy!";
    let (posted, request) = tokio::join!(
        client.post(posting(format!("http://{address}/hook?a=b"))),
        answer_with(&listener, answer)
    );
    let expected = Posted {
        status: 429,
        retry_after: Some("7".into()),
        beginning: "bu\u{fffd}sy!".into(),
    };
    assert_eq!(posted, Ok(expected));
    assert!(request.starts_with("POST /hook?a=b HTTP/1.1\r\n"), "{request}");
    for line in [
        "webhook-id: evt_1",
        "content-type: application/json",
        "user-agent: outdial/",
    ] {
        assert!(request.contains(line), "{request}");
    }
}

#[tokio::test]
async fn private_addresses_are_not_connected_to() {
    let (listener, address) = listener().await;
    let port = address.port();
    let client = client(&[], WITHIN);
    for host in [
        "127.0.0.1",
        "localhost",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "2130706433",
        "0.0.0.0",
    ] {
        let refused = client
            .post(posting(format!("https://{host}:{port}/")))
            .await
            .unwrap_err();
        assert!(matches!(refused, PostError::Refused(_)), "{host}: {refused}");
        assert!(refused.to_string().contains("webhooks.allow"), "{host}: {refused}");
    }
    let nobody = tokio::time::timeout(Duration::from_millis(50), listener.accept()).await;
    assert!(nobody.is_err(), "somebody connected");
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let ((first, address), (second, elsewhere)) = (listener().await, listener().await);
    let client = client(&["127.0.0.1"], WITHIN);
    let answer = format!("HTTP/1.1 307 There\r\nLocation: http://{elsewhere}/\r\nContent-Length: 0\r\n\r\n");
    let (posted, _) = tokio::join!(
        client.post(posting(format!("http://{address}/"))),
        answer_with(&first, &answer)
    );
    assert_eq!(posted.unwrap().status, 307);
    let nobody = tokio::time::timeout(Duration::from_millis(50), second.accept()).await;
    assert!(nobody.is_err(), "the redirect was followed");
}

#[tokio::test]
async fn silent_receivers_are_left() {
    let (listener, address) = listener().await;
    let client = client(&["127.0.0.1"], Duration::from_millis(200));
    let silent = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        request(&mut stream).await;
        stream
    };
    let (posted, _stream) = tokio::join!(client.post(posting(format!("http://{address}/"))), silent);
    assert_eq!(posted, Err(PostError::Unreachable("no answer within 0.2 s".into())));
}

#[tokio::test]
async fn endless_answers_are_cut_off() {
    let (listener, address) = listener().await;
    let client = client(&["127.0.0.1"], WITHIN);
    let endless = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        request(&mut stream).await;
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
        // Until the other side has enough.
        while stream.write_all(&[b'x'; 16_384]).await.is_ok() {}
    };
    let (posted, ()) = tokio::join!(client.post(posting(format!("http://{address}/"))), endless);
    assert_eq!(posted.unwrap().beginning, "x".repeat(1_024));
}

#[tokio::test]
async fn a_receiver_without_tls_is_not_taken_for_one_with_it() {
    let (listener, address) = listener().await;
    let client = client(&["127.0.0.1"], WITHIN);
    let plain = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut hello = [0; 1_024];
        let read = stream.read(&mut hello).await.unwrap();
        stream
            .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            .await
            .unwrap();
        String::from_utf8_lossy(&hello[..read]).into_owned()
    };
    let (posted, heard) = tokio::join!(client.post(posting(format!("https://{address}/"))), plain);
    assert!(matches!(posted, Err(PostError::Unreachable(_))), "{posted:?}");
    assert!(!heard.contains("evt_1"));
}
