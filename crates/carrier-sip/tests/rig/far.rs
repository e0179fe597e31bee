//! A far side that does exactly what a test says, right or wrong.

use std::{net::SocketAddr, time::Duration};

use tokio::net::UdpSocket;

/// Longer than anything takes to arrive on loopback.
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) struct Far {
    socket: UdpSocket,
    us: Option<SocketAddr>,
}

/// One message as it came.
#[derive(Debug, Clone)]
pub(crate) struct Message(pub(crate) String);

impl Message {
    pub(crate) fn is(&self, start: &str) -> bool {
        self.0.starts_with(start)
    }

    /// The value of a header.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.0
            .lines()
            .take_while(|line| !line.is_empty())
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
            .unwrap_or_else(|| panic!("no {name} in {}", self.0))
    }

    pub(crate) fn body(&self) -> &str {
        self.0.split_once("\r\n\r\n").map_or("", |(_, body)| body)
    }
}

impl Far {
    pub(crate) async fn listen() -> Self {
        Self::listen_at("127.0.0.1:0").await
    }

    pub(crate) async fn listen_at(address: &str) -> Self {
        Self {
            socket: UdpSocket::bind(address).await.expect("a port"),
            us: None,
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.socket.local_addr().expect("it is bound")
    }

    /// The next message that begins with this, whatever comes before it.
    pub(crate) async fn hears(&mut self, start: &str) -> Message {
        let mut passed = Vec::new();
        loop {
            let message = self
                .next()
                .await
                .unwrap_or_else(|| panic!("no {start} after {passed:?}"));
            if message.is(start) {
                return message;
            }
            passed.push(message.0.lines().next().unwrap_or_default().to_owned());
        }
    }

    pub(crate) async fn next(&mut self) -> Option<Message> {
        self.within(PATIENCE).await
    }

    pub(crate) async fn within(&mut self, time: Duration) -> Option<Message> {
        let mut buffer = [0; 8192];
        let (length, from) = tokio::time::timeout(time, self.socket.recv_from(&mut buffer))
            .await
            .ok()?
            .ok()?;
        self.us = Some(from);
        Some(Message(String::from_utf8_lossy(&buffer[..length]).into_owned()))
    }

    pub(crate) async fn send(&self, text: &str) {
        self.socket
            .send_to(text.as_bytes(), self.us.expect("somebody rang"))
            .await
            .expect("it is sent");
    }

    pub(crate) async fn send_to(&mut self, us: SocketAddr, text: &str) {
        self.us = Some(us);
        self.send(text).await;
    }

    /// Answers a request: `status` with its phrase, and further header lines.
    pub(crate) async fn answer(&self, request: &Message, status: &str, headers: &[&str], body: &str) {
        let mut text = format!("SIP/2.0 {status}\r\n");
        for name in ["Via", "From", "Call-ID", "CSeq"] {
            text += &format!("{name}: {}\r\n", request.header(name));
        }
        let to = request.header("To");
        let tag = if to.contains("tag=") || status.starts_with("100") {
            ""
        } else {
            ";tag=far"
        };
        text += &format!("To: {to}{tag}\r\n");
        for header in headers {
            text += &format!("{header}\r\n");
        }
        text += &format!("Content-Length: {}\r\n\r\n{body}", body.len());
        self.send(&text).await;
    }

    pub(crate) fn contact(&self) -> String {
        format!("Contact: <sip:far@{}>", self.address())
    }

    /// Picks up with this description of the sound.
    pub(crate) async fn pick_up(&self, invite: &Message, body: &str) {
        let headers = [self.contact(), "Content-Type: application/sdp".to_owned()];
        self.answer(invite, "200 OK", &[&headers[0], &headers[1]], body).await;
    }

    /// A request within the leg that this INVITE began.
    pub(crate) fn request(&self, invite: &Message, method: &str, number: u32, headers: &[&str], body: &str) -> String {
        let us = self.us.expect("somebody rang");
        let mut text = format!(
            "{method} sip:outdial@{us} SIP/2.0\r\nVia: SIP/2.0/UDP {};branch=z9hG4bK{method}{number};rport\r\n\
             From: {};tag=far\r\nTo: {}\r\nCall-ID: {}\r\nCSeq: {number} {method}\r\nMax-Forwards: 70\r\n{}\r\n",
            self.address(),
            invite.header("To"),
            invite.header("From"),
            invite.header("Call-ID"),
            self.contact(),
        );
        for header in headers {
            text += &format!("{header}\r\n");
        }
        text + &format!("Content-Length: {}\r\n\r\n{body}", body.len())
    }
}

/// A description of sound at a port where nothing listens.
pub(crate) fn sdp(formats: &str) -> String {
    format!(
        "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 9 RTP/AVP {formats}\r\n\
         a=rtpmap:101 telephone-event/8000\r\n"
    )
}
