//! Far sides over TCP that cut their messages up, never end them, hang up the connection, or say
//! nothing where TLS should begin.

mod rig;

use std::{net::SocketAddr, time::Duration};

use outdial_carrier_sip::{SipTransport, SipTrunk};
use outdial_domain::Outcome;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use crate::rig::{Call, Rig, far::sdp, rig_with};

/// Longer than anything takes on loopback.
const PATIENCE: Duration = Duration::from_secs(20);

/// A far side at the other end of a connection.
struct Far {
    stream: TcpStream,
    at: SocketAddr,
    unread: String,
}

impl Far {
    /// The next message, with what belongs to it.
    async fn hears(&mut self) -> String {
        loop {
            // Answers to the lines that keep a connection alive.
            self.unread = self.unread.trim_start_matches("\r\n").to_owned();
            if let Some(end) = self.unread.find("\r\n\r\n") {
                let length: usize = value(&self.unread[..end], "Content-Length").parse().expect("a length");
                let whole = end + 4 + length;
                if self.unread.len() >= whole {
                    let rest = self.unread.split_off(whole);
                    return std::mem::replace(&mut self.unread, rest);
                }
            }
            let mut buffer = vec![0; 8192];
            let read = tokio::time::timeout(PATIENCE, self.stream.read(&mut buffer)).await;
            let length = read.expect("something comes").expect("the connection holds");
            assert!(length > 0, "the connection was closed after {}", self.unread);
            self.unread += &String::from_utf8_lossy(&buffer[..length]);
        }
    }

    fn answer(&self, request: &str, status: &str, body: &str) -> String {
        let names = ["Via", "From", "Call-ID", "CSeq"];
        let lines: String = names
            .map(|name| format!("{name}: {}\r\n", value(request, name)))
            .concat();
        let to = value(request, "To");
        let tag = if to.contains("tag=") { "" } else { ";tag=far" };
        format!(
            "SIP/2.0 {status}\r\n{lines}To: {to}{tag}\r\nContact: <sip:far@{};transport=tcp>\r\n\
             Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{body}",
            self.at,
            body.len()
        )
    }

    async fn send(&mut self, text: &str) {
        self.stream
            .write_all(text.as_bytes())
            .await
            .expect("the connection holds");
    }
}

fn value<'a>(message: &'a str, name: &str) -> &'a str {
    let mut lines = message.lines();
    let value = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    value.unwrap_or_else(|| panic!("no {name} in {message}")).trim()
}

async fn listener(transport: SipTransport) -> (Rig, TcpListener) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("it is bound").port();
    let rig = rig_with(|config| {
        let mut trunk = SipTrunk::new("far", "127.0.0.1", port);
        trunk.transport = transport;
        config.t1 = Duration::from_millis(50);
        config.trunks = vec![trunk];
    });
    (rig, listener)
}

async fn rung() -> (Rig, Far, Call, String) {
    let (rig, far, call, invite, _) = rung_and_listening().await;
    (rig, far, call, invite)
}

/// The same with the listener, for whoever connects again.
async fn rung_and_listening() -> (Rig, Far, Call, String, TcpListener) {
    let (rig, listener) = listener(SipTransport::Tcp).await;
    let at = listener.local_addr().expect("it is bound");
    let ring = rig.try_ring(rig.order("100"));
    let (call, accepted) = tokio::join!(ring, listener.accept());
    let mut far = Far {
        stream: accepted.expect("we connect").0,
        at,
        unread: String::new(),
    };
    let invite = far.hears().await;
    (rig, far, call.expect("it rings"), invite, listener)
}

#[tokio::test]
async fn messages_in_pieces_and_in_heaps_are_read() {
    let (rig, mut far, mut call, invite) = rung().await;
    far.stream.set_nodelay(true).expect("the connection holds");
    let ringing = far.answer(&invite, "180 Ringing", "");
    for octet in ringing.as_bytes() {
        far.stream.write_all(&[*octet]).await.expect("the connection holds");
        far.stream.flush().await.expect("the connection holds");
        // Whoever reads gets its turn, so that the octets come in many pieces.
        tokio::task::yield_now().await;
    }
    call.until("ringing 180").await;
    // Lines between messages keep a connection alive (RFC 5626, 4.4.1), and may stand anywhere there.
    let heap = "\r\n\r\n".to_owned()
        + &far.answer(&invite, "183 Session Progress", &sdp("0 101"))
        + "\r\n"
        + &far.answer(&invite, "200 OK", &sdp("0 101"));
    far.send(&heap).await;
    call.until("answered").await;
    let acknowledged = far.hears().await;
    assert!(acknowledged.starts_with("ACK "), "{acknowledged:?}");
    call.hang_up(Outcome::Completed).await;
    let bye = far.hears().await;
    assert!(bye.starts_with("BYE "), "{bye}");
    let okay = far.answer(&bye, "200 OK", "");
    far.send(&okay).await;
    let (words, _) = call.end().await;
    assert_eq!(words.last().map(String::as_str), Some("ended completed flow 0"));
    assert_eq!(rig.carrier.live(), 0);
}

#[tokio::test]
async fn a_header_without_an_end_does_not_fill_the_memory() {
    let (rig, mut far, call, _invite) = rung().await;
    let before = memory();
    let line = [b'x'; 65_536];
    let mut sent = 0_usize;
    let flood = async {
        far.stream.write_all(b"SIP/2.0 200 OK\r\nX: ").await?;
        while sent < 256 << 20 {
            far.stream.write_all(&line).await?;
            sent += line.len();
        }
        std::io::Result::Ok(())
    };
    // It is cut off, or what it sends is thrown away.
    let _ = tokio::time::timeout(Duration::from_secs(3), flood).await;
    let grown = memory().saturating_sub(before);
    assert!(grown < 64 << 20, "{} MB were kept of {} MB", grown >> 20, sent >> 20);
    drop(far);
    // Nobody has answered, and it may have rung.
    let (words, _) = call.end().await;
    assert_eq!(words.last().map(String::as_str), Some("ended no_answer network 0"));
    assert_eq!(rig.carrier.live(), 0);
}

#[tokio::test]
async fn a_header_that_comes_too_slowly_is_not_waited_for() {
    let nobody = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = nobody.local_addr().expect("it is bound").port();
    let rig = rig_with(|config| {
        // 64 of them are waited for.
        config.t1 = Duration::from_millis(20);
        // The one trunk is elsewhere, so whoever comes from here is a stranger.
        config.trunks = vec![SipTrunk::new("far", "127.0.0.99", port)];
    });
    let us = rig.carrier.local_addr();
    let options = "OPTIONS sip:us SIP/2.0\r\nVia: SIP/2.0/TCP 127.0.0.1:9;branch=z9hG4bK1\r\nFrom: <sip:x@y>;tag=1\r\n\
                   To: <sip:us>\r\nCall-ID: 1\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n";
    let mut honest = TcpStream::connect(us).await.expect("it listens");
    honest
        .write_all(options.as_bytes())
        .await
        .expect("the connection holds");
    let mut slow = TcpStream::connect(us).await.expect("it listens");
    let drip = async {
        slow.write_all(b"OPTIONS sip:us SIP/2.0\r\nX: ").await?;
        loop {
            slow.write_all(b"x").await?;
            let mut octet = [0];
            match tokio::time::timeout(Duration::from_millis(20), slow.read(&mut octet)).await {
                Ok(Ok(0)) => return std::io::Result::Ok(()),
                Ok(read) => drop(read?),
                Err(_) => {}
            }
        }
    };
    // It is closed in one way or the other.
    let _ = tokio::time::timeout(Duration::from_secs(20), drip)
        .await
        .expect("it is cut off");
    // Whoever said something whole is still there.
    honest.write_all(b"\r\n\r\n").await.expect("the connection holds");
    let mut said = Vec::new();
    while !said.ends_with(b"\r\n\r\n\r\n") {
        let mut octets = [0; 1024];
        let read = tokio::time::timeout(Duration::from_secs(20), honest.read(&mut octets)).await;
        let length = read.expect("it answers").expect("the connection holds");
        assert!(length > 0, "it was closed after {}", String::from_utf8_lossy(&said));
        said.extend_from_slice(&octets[..length]);
    }
}

/// What this process has in memory, in octets.
fn memory() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().next()?.parse::<usize>().ok());
    kilobytes.unwrap_or(0) * 1024
}

#[tokio::test]
async fn a_connection_that_breaks_leaves_no_leg_behind() {
    let (rig, mut far, mut call, invite) = rung().await;
    let okay = far.answer(&invite, "200 OK", &sdp("0 101"));
    far.send(&okay).await;
    call.until("answered").await;
    assert!(far.hears().await.starts_with("ACK "));
    drop(far);
    call.hang_up(Outcome::Completed).await;
    let (words, _) = tokio::time::timeout(Duration::from_secs(35), call.end())
        .await
        .expect("the leg ends");
    assert_eq!(words.last().map(String::as_str), Some("ended completed flow 0"));
    assert_eq!((rig.carrier.live(), rig.media.running()), (0, 0));
}

#[tokio::test]
async fn a_phone_that_rings_is_cancelled_though_its_connection_broke() {
    let (rig, mut far, mut call, invite, listener) = rung_and_listening().await;
    let ringing = far.answer(&invite, "180 Ringing", "");
    far.send(&ringing).await;
    call.until("ringing").await;
    // It is seen to have closed when we close, too.
    far.stream.shutdown().await.expect("it closes");
    let mut rest = Vec::new();
    let closed = tokio::time::timeout(PATIENCE, far.stream.read_to_end(&mut rest)).await;
    closed.expect("we close").expect("the connection holds");
    call.hang_up(Outcome::NoAnswer).await;
    let accepted = tokio::time::timeout(PATIENCE, listener.accept()).await;
    far.stream = accepted.expect("we connect again").expect("a connection").0;
    let cancel = far.hears().await;
    assert!(cancel.starts_with("CANCEL "), "{cancel}");
    assert_eq!(value(&cancel, "Via"), value(&invite, "Via"));
    for answer in [
        far.answer(&cancel, "200 OK", ""),
        far.answer(&invite, "487 Request Terminated", ""),
    ] {
        far.send(&answer).await;
    }
    assert!(far.hears().await.starts_with("ACK "));
    let (words, _) = call.end().await;
    assert_eq!(words.last().map(String::as_str), Some("ended no_answer flow 0"));
    assert_eq!(rig.carrier.live(), 0);
}

#[tokio::test]
async fn silence_where_tls_should_begin_is_given_up_before_anything_is_sent() {
    let (rig, listener) = listener(SipTransport::Tls).await;
    let ring = tokio::time::timeout(Duration::from_secs(30), rig.try_ring(rig.order("100")));
    let (refused, accepted) = tokio::join!(ring, listener.accept());
    let refused = refused.expect("it is given up").err().expect("nothing can be sent");
    assert!(format!("{refused:?}").contains("TLS"), "{refused:?}");
    drop(accepted);
    assert_eq!(rig.carrier.live(), 0);
}
