//! The carrier against SMSCs of others, and against far sides that mean harm.

#![expect(clippy::unwrap_used, reason = "a test fails where something is not as it should be")]

mod far_side;
mod hostile;
mod npm;
mod smpp34;

use std::{net::SocketAddr, time::Duration};

use outdial_carrier_smpp::{SmppCarrier, SmppTrunk};
use outdial_domain::{
    message::PartFate,
    text::{MOST_PARTS, compose},
};
use outdial_engine::ports::{Arrival, Arrived, TextCarrier as _, TextOrder};
use tokio::sync::mpsc;

const WAIT: Duration = Duration::from_secs(20);

/// A carrier with one trunk, `smsc`.
struct Rig {
    carrier: SmppCarrier,
    arriving: mpsc::Receiver<Arrival>,
}

fn trunk(at: SocketAddr) -> SmppTrunk {
    let mut trunk = SmppTrunk::new("smsc", at.ip().to_string(), at.port());
    trunk.system_id = "outdial".into();
    trunk.password = "secret".to_owned().into();
    trunk.reconnect = (Duration::from_millis(20), Duration::from_millis(200));
    trunk.answer_within = Duration::from_secs(5);
    trunk
}

impl Rig {
    fn start(trunk: SmppTrunk) -> Self {
        let carrier = SmppCarrier::start(vec![trunk]).unwrap();
        let arriving = carrier.arriving().unwrap();
        Self { carrier, arriving }
    }

    /// Waits until the trunk can send.
    async fn up(self) -> Self {
        let up = async {
            while self.carrier.trunk("smsc").unwrap().down.is_some() {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(WAIT, up).await.unwrap();
        self
    }

    async fn send(&self, to: &str, text: &str) -> Vec<PartFate> {
        tokio::time::timeout(WAIT, self.carrier.send(self.order(to, text)))
            .await
            .unwrap()
    }

    fn order(&self, to: &str, text: &str) -> TextOrder {
        let concatenation = self.carrier.trunk("smsc").unwrap().concatenation;
        TextOrder {
            trunk: "smsc".into(),
            message: "msg_018f0000000070008000000000000001".parse().unwrap(),
            from: Some("Shop".into()),
            to: to.into(),
            composed: compose(text, false, concatenation, MOST_PARTS).unwrap(),
            reference: 0x0107,
            have: Vec::new(),
            good_for: Some(Duration::from_secs(3600)),
            high: false,
            send_before: None,
        }
    }

    /// What comes in next; says that it was taken.
    async fn arrives(&mut self) -> Arrived {
        let arrival = tokio::time::timeout(WAIT, self.arriving.recv()).await.unwrap().unwrap();
        // A connection that broke meanwhile does not want to know.
        let _ = arrival.taken.send(());
        arrival.what
    }
}

fn accepted(id: &str) -> PartFate {
    PartFate::Accepted { id: Some(id.into()) }
}
