//! Tells a collector (Homer, heplify-server, sngrep) of every SIP message, in HEP version 3 over UDP.
//!
//! No call waits for it: messages are handed to a task by a queue that is bounded, and what finds no
//! room there, or cannot be sent, is counted and lost.

mod packet;

use std::{
    io,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use outdial_domain::masking;
use outdial_engine::ports::WireMessage;
use secrecy::SecretString;
use tokio::{net::UdpSocket, sync::mpsc};
use tokio_util::sync::CancellationToken;

/// Messages that wait to be told.
const WAITING: usize = 1024;

/// How often losses are told in the log: at the first, and at every so many more.
const TOLD_EVERY: u64 = 10_000;

/// Where SIP messages are told, and how.
#[derive(Debug, Clone)]
pub struct HepSettings {
    /// The collector, over UDP. Homer listens at port 9060.
    pub collector: SocketAddr,
    /// Which of its agents we are to the collector.
    pub capture_id: u32,
    /// What shows the collector that it is us, where it wants that. It travels in the clear.
    pub auth_key: Option<SecretString>,
    /// Whether numbers and names are told whole. Secrets never are.
    pub unmasked: bool,
}

impl HepSettings {
    /// What is wrong with these settings, if anything is.
    pub(crate) fn fault(&self) -> Option<String> {
        let address = self.collector;
        (address.port() == 0 || address.ip().is_unspecified())
            .then(|| format!("{address} is no address of a collector: give one as 192.0.2.5:9060"))
    }
}

/// How many messages a collector was told of, and how many it was not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HepCount {
    /// Sent.
    pub sent: u64,
    /// Lost: the queue was full, the message longer than a datagram, or nobody listens.
    pub lost: u64,
}

/// Hands messages to the task that tells the collector.
#[derive(Debug, Clone)]
pub(crate) struct Exporter {
    queue: mpsc::Sender<Told>,
    counts: Arc<Counts>,
}

#[derive(Debug)]
struct Told {
    call_id: String,
    message: WireMessage,
}

#[derive(Debug, Default)]
struct Counts {
    sent: AtomicU64,
    lost: AtomicU64,
}

impl Counts {
    fn sent(&self) {
        self.sent.fetch_add(1, Ordering::Relaxed);
        metrics::counter!("outdial_hep_sent_total").increment(1);
    }

    fn lost(&self, why: impl std::fmt::Display) {
        let before = self.lost.fetch_add(1, Ordering::Relaxed);
        metrics::counter!("outdial_hep_lost_total").increment(1);
        if before.is_multiple_of(TOLD_EVERY) {
            tracing::warn!(lost = before + 1, %why, "a message was not told to the HEP collector");
        }
    }
}

impl Exporter {
    /// Starts telling; it goes on until the token is cancelled.
    pub(crate) fn start(settings: HepSettings, stop: &CancellationToken) -> io::Result<Self> {
        let ours: SocketAddr = match settings.collector {
            SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
            SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
        };
        let socket = std::net::UdpSocket::bind(ours)?;
        socket.connect(settings.collector)?;
        socket.set_nonblocking(true)?;
        let socket = UdpSocket::from_std(socket)?;
        let (exporter, queue) = Self::queue(WAITING);
        tokio::spawn(tell(
            queue,
            socket,
            settings,
            Arc::clone(&exporter.counts),
            stop.clone(),
        ));
        Ok(exporter)
    }

    fn queue(room: usize) -> (Self, mpsc::Receiver<Told>) {
        let (queue, waiting) = mpsc::channel(room);
        let counts = Arc::default();
        (Self { queue, counts }, waiting)
    }

    /// Hands over a message, without waiting.
    pub(crate) fn tell(&self, call_id: &str, message: &WireMessage) {
        match self.queue.try_reserve() {
            Ok(place) => place.send(Told {
                call_id: call_id.to_owned(),
                message: message.clone(),
            }),
            Err(_) => self.counts.lost("too many wait"),
        }
    }

    pub(crate) fn count(&self) -> HepCount {
        HepCount {
            sent: self.counts.sent.load(Ordering::Relaxed),
            lost: self.counts.lost.load(Ordering::Relaxed),
        }
    }
}

async fn tell(
    mut queue: mpsc::Receiver<Told>,
    socket: UdpSocket,
    settings: HepSettings,
    counts: Arc<Counts>,
    stop: CancellationToken,
) {
    while let Some(Some(told)) = stop.run_until_cancelled(queue.recv()).await {
        let Told { call_id, mut message } = told;
        if !settings.unmasked {
            message.text = masking::message(&message.text);
        }
        let Some(packet) = packet::encode(&message, &call_id, &settings) else {
            counts.lost("it is longer than a datagram");
            continue;
        };
        // That nobody listens is told by the system at the packet after the one that found nobody.
        match socket.send(&packet).await {
            Ok(_) => counts.sent(),
            Err(error) => counts.lost(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use outdial_engine::ports::WireTransport;

    use super::*;

    #[tokio::test]
    async fn a_collector_that_is_slow_costs_messages_and_no_time() {
        let (exporter, mut waiting) = Exporter::queue(2);
        let message = WireMessage {
            at: Timestamp::UNIX_EPOCH,
            sent: true,
            transport: WireTransport::Udp,
            local: ([127, 0, 0, 1], 5060).into(),
            peer: "127.0.0.1:5070".into(),
            text: "BYE sip:a SIP/2.0\r\n\r\n".into(),
        };
        for call in ["a", "b", "c", "d", "e"] {
            exporter.tell(call, &message);
        }
        assert_eq!(exporter.count(), HepCount { sent: 0, lost: 3 });
        assert_eq!(waiting.recv().await.unwrap().call_id, "a");
        exporter.tell("f", &message);
        assert_eq!(exporter.count().lost, 3);
    }

    #[test]
    fn addresses_that_are_none_are_told() {
        let of = |collector: &str| HepSettings {
            collector: collector.parse().unwrap(),
            capture_id: 1,
            auth_key: None,
            unmasked: false,
        };
        assert_eq!(of("192.0.2.5:9060").fault(), None);
        assert!(of("192.0.2.5:0").fault().is_some() && of("[::]:9060").fault().is_some());
    }
}
