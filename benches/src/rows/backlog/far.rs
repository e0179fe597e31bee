//! A far side that is busy, always and at once, and remembers when each INVITE came.

use std::{
    collections::HashMap,
    net::UdpSocket,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

use anyhow::{Context, Result};
use jiff::Timestamp;

use crate::client;

/// How often the thread looks whether it is to end.
const LOOK: Duration = Duration::from_millis(100);

type Arrivals = Arc<Mutex<HashMap<String, Timestamp>>>;

/// Answers every INVITE with 486 until it is dropped.
pub(super) struct Far {
    port: u16,
    names: AtomicUsize,
    arrivals: Arrivals,
    stop: Arc<AtomicBool>,
    answering: Option<JoinHandle<()>>,
}

impl Far {
    pub(super) fn open() -> Result<Self> {
        let socket = UdpSocket::bind("127.0.0.1:0").context("bind a socket")?;
        socket.set_read_timeout(Some(LOOK)).context("limit its waiting")?;
        let port = socket.local_addr().context("ask for its port")?.port();
        let (arrivals, stop) = (Arrivals::default(), Arc::new(AtomicBool::new(false)));
        let answering = {
            let (arrivals, stop) = (Arc::clone(&arrivals), Arc::clone(&stop));
            std::thread::spawn(move || answer(&socket, &arrivals, &stop))
        };
        Ok(Self {
            port,
            names: AtomicUsize::new(0),
            arrivals,
            stop,
            answering: Some(answering),
        })
    }

    /// A user that nobody has called yet.
    pub(super) fn name(&self) -> String {
        format!("u{}", self.names.fetch_add(1, Ordering::Relaxed))
    }

    pub(super) fn uri(&self, name: &str) -> String {
        format!("sip:{name}@127.0.0.1:{}", self.port)
    }

    /// Waits until all of these were called; gives when each was, in their order.
    pub(super) async fn arrived(&self, names: &[String], patience: Duration) -> Result<Vec<Timestamp>> {
        let all = || {
            let arrivals = self.arrivals.lock().unwrap_or_else(PoisonError::into_inner);
            names
                .iter()
                .map(|name| arrivals.get(name).copied())
                .collect::<Option<Vec<_>>>()
        };
        let wait = async {
            loop {
                if let Some(arrived) = all() {
                    return arrived;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(patience, wait)
            .await
            .with_context(|| format!("{} calls were not all dialled within {patience:?}", names.len()))
    }
}

impl Drop for Far {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        drop(self.answering.take().map(JoinHandle::join));
    }
}

fn answer(socket: &UdpSocket, arrivals: &Mutex<HashMap<String, Timestamp>>, stop: &AtomicBool) {
    let mut buffer = [0; 65_536];
    while !stop.load(Ordering::Relaxed) {
        let Ok((length, from)) = socket.recv_from(&mut buffer) else {
            continue;
        };
        let at = client::now();
        let request = String::from_utf8_lossy(&buffer[..length]);
        let Some(user) = request
            .strip_prefix("INVITE sip:")
            .and_then(|rest| rest.split('@').next())
        else {
            continue;
        };
        let mut seen = arrivals.lock().unwrap_or_else(PoisonError::into_inner);
        seen.entry(user.to_owned()).or_insert(at);
        drop(seen);
        // One that is lost is asked for again by a retransmission.
        let _ = socket.send_to(busy(&request).as_bytes(), from);
    }
}

/// The 486 to a request (RFC 3261, section 8.2.6).
fn busy(request: &str) -> String {
    let mut response = "SIP/2.0 486 Busy Here\r\n".to_owned();
    for line in request.lines().skip(1).take_while(|line| !line.is_empty()) {
        let name = line.split(':').next().unwrap_or_default().trim().to_ascii_lowercase();
        match name.as_str() {
            "via" | "v" | "from" | "f" | "call-id" | "i" | "cseq" => response += &format!("{line}\r\n"),
            "to" | "t" => response += &format!("{line};tag=busy\r\n"),
            _ => {}
        }
    }
    response + "Content-Length: 0\r\n\r\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_has_what_the_request_is_known_by() {
        let request = "INVITE sip:u1@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z\r\nMax-Forwards: 70\r\n\
                       From: <sip:a@h>;tag=1\r\nTo: <sip:u1@127.0.0.1>\r\nCall-ID: x\r\nCSeq: 1 INVITE\r\n\r\nv=0\r\n";
        assert_eq!(
            busy(request),
            "SIP/2.0 486 Busy Here\r\nVia: SIP/2.0/UDP h;branch=z\r\nFrom: <sip:a@h>;tag=1\r\n\
             To: <sip:u1@127.0.0.1>;tag=busy\r\nCall-ID: x\r\nCSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n"
        );
    }
}
