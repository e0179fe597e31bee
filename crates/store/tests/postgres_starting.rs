//! Servers that cannot be used from the start, and that no secret of a URL is told to anybody.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::net::SocketAddr;

use outdial_engine::ports::StoreError;
use outdial_store::PostgresStore;
use outdial_testkit::peers::{Peer, Postgres, require};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

const SECRET: &str = "tell-nobody";

async fn refused(url: &str) -> (String, String) {
    let error = PostgresStore::open(url).await.unwrap_err();
    assert!(!format!("{error} {error:?}").contains(SECRET), "{error:?}");
    match error {
        StoreError::Unavailable { reason, remedy } => (reason, remedy),
        other => panic!("{other}"),
    }
}

/// A server that refuses everybody with this code and message (PostgreSQL manual, sections on the message flow
/// and on the fields of errors).
async fn refusing(code: &'static str, text: &'static str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let fields = format!("SFATAL\0VFATAL\0C{code}\0M{text}\0\0");
    let length = u32::try_from(fields.len() + 4).unwrap();
    let refusal = [b"E", &length.to_be_bytes()[..], fields.as_bytes()].concat();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut startup = vec![0; 1_000];
            if stream.read(&mut startup).await.is_ok() {
                // A client that has gone is not refused any more.
                let _ = stream.write_all(&refusal).await;
            }
        }
    });
    address
}

#[tokio::test]
async fn a_wrong_password_is_said_and_not_shown() {
    let server = refusing("28P01", "password authentication failed for user \"outdial\"").await;
    let (reason, remedy) = refused(&format!("postgres://outdial:{SECRET}@{server}/outdial?sslmode=disable")).await;
    assert!(reason.contains("password authentication failed"), "{reason}");
    assert!(remedy.contains("password") && remedy.contains("store.url"), "{remedy}");
}

#[tokio::test]
async fn a_store_does_not_show_the_secrets_of_its_url() {
    if !require(Peer::Postgres) {
        return;
    }
    let server = Postgres::shared().await.unwrap();
    let url = format!("{}&password={SECRET}", server.database().unwrap());
    let store = PostgresStore::open(&url).await.unwrap();
    let (shown, pretty) = (format!("{store:?}"), format!("{store:#?} {:?}", store.blobs()));
    assert!(!shown.contains(SECRET) && !pretty.contains(SECRET), "{pretty}");
    store.close().await;
}
