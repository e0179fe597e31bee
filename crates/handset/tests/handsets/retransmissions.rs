//! Lost messages: what comes again is no new ring, and what was lost is said again.

use std::net::SocketAddr;
use std::time::Duration;

use outdial_handset::{EndedBy, EventKind, Phone};
use tokio::net::UdpSocket;

use crate::caller::{NUMBER, hear, soon, start};

/// A caller that writes its messages by hand, so that it may lose them.
struct ByHand {
    socket: UdpSocket,
    phone: SocketAddr,
    to_tag: String,
}

impl ByHand {
    async fn send(&self, method: &str, sequence: u32, branch: &str) {
        let (local, to_tag) = (self.socket.local_addr().unwrap(), &self.to_tag);
        let text = format!(
            "{method} sip:{NUMBER}@{} SIP/2.0\r\nVia: SIP/2.0/UDP {local};branch=z9hG4bK{branch}\r\nMax-Forwards: 70\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:{NUMBER}@b>{to_tag}\r\nCall-ID: by-hand\r\nCSeq: {sequence} {method}\r\nContact: <sip:a@{local}>\r\nContent-Length: 0\r\n\r\n",
            self.phone
        );
        self.socket.send_to(text.as_bytes(), self.phone).await.unwrap();
    }

    /// Waits for a response of this status.
    async fn expect(&mut self, code: u16) {
        loop {
            let text = String::from_utf8(hear(&self.socket).await).unwrap();
            if text.starts_with(&format!("SIP/2.0 {code} ")) {
                let to = text.lines().find(|line| line.starts_with("To:")).unwrap();
                self.to_tag = to.find(";tag=").map(|at| to[at..].to_owned()).unwrap_or_default();
                return;
            }
            assert!(text.starts_with("SIP/2.0 1"), "expected {code}, got {text}");
        }
    }
}

#[tokio::test]
async fn a_retransmitted_invite_is_one_ring_and_a_lost_ack_brings_the_answer_again() {
    let handsets = start(Phone::answering(NUMBER).ring(Duration::from_millis(300))).await;
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let phone = handsets.address();
    let mut caller = ByHand {
        socket,
        phone,
        to_tag: String::new(),
    };
    caller.send("INVITE", 1, "invite").await;
    caller.expect(180).await;
    caller.to_tag.clear();
    caller.send("INVITE", 1, "invite").await;
    caller.expect(180).await;
    caller.expect(200).await;
    caller.expect(200).await;
    caller.send("ACK", 1, "ack").await;
    soon(handsets.wait_for(NUMBER, EventKind::Acknowledged)).await;
    caller.send("BYE", 2, "bye").await;
    caller.expect(200).await;
    caller.send("BYE", 2, "bye").await;
    caller.expect(200).await;
    let heard = soon(handsets.finished(NUMBER)).await;
    assert_eq!(heard.ended_by, EndedBy::FarSide);
    assert_eq!(handsets.rings(NUMBER).count, 1);
    caller.send("BYE", 3, "again").await;
    caller.expect(481).await;
}

#[tokio::test]
async fn the_same_call_id_in_a_new_invite_rings_again() {
    let handsets = start(Phone::busy(NUMBER)).await;
    let phone = handsets.address();
    for branch in ["one", "two"] {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let mut caller = ByHand {
            socket,
            phone,
            to_tag: String::new(),
        };
        caller.send("INVITE", 1, branch).await;
        caller.expect(486).await;
        caller.send("ACK", 1, branch).await;
    }
    let rings = handsets.rings(NUMBER);
    assert_eq!(
        (rings.count, rings.call_ids),
        (2, vec!["by-hand".to_owned(), "by-hand".to_owned()])
    );
}
