//! Against the server of the crate smpp34.

use std::{collections::HashMap, net::Ipv4Addr, sync::Arc};

use async_trait::async_trait;
use futures_util::future::join_all;
use outdial_domain::message::{PartFate, Receipt, ReceiptState};
use outdial_engine::ports::{Arrival, Arrived, TextCarrier as _};
use outdial_testkit::peers::lease_ports;
use smpp34::{
    SmppConnectionInformation, SmppServer, SmppServerListener, TlvTag, bind_transceiver, bind_transceiver_resp,
    server::ESME, submit_sm, submit_sm_resp,
};
use tokio::sync::{Mutex, mpsc};

use super::{Rig, WAIT, trunk};

/// Takes every text, under a name made of its receiver, and says that it was delivered.
#[derive(Default)]
struct Delivering {
    bound: Mutex<HashMap<String, Arc<ESME>>>,
}

#[async_trait]
impl SmppServerListener for Delivering {
    async fn on_bind_transceiver(
        &self,
        bind: bind_transceiver,
        _connection: &SmppConnectionInformation,
        _session: &String,
    ) -> bind_transceiver_resp {
        bind.accept("smpp34".to_owned(), Some(0x34))
    }

    async fn on_esme_bound(&self, esme: ESME, session: &String) {
        self.bound.lock().await.insert(session.clone(), Arc::new(esme));
    }

    async fn on_esme_unbound(&self, session: &String) {
        self.bound.lock().await.remove(session);
    }

    async fn on_submit_sm(
        &self,
        text: submit_sm,
        _connection: &SmppConnectionInformation,
        session: &String,
    ) -> submit_sm_resp {
        let id = format!("id-{}", text.destination_addr);
        if let Some(esme) = self.bound.lock().await.get(session).cloned() {
            let (from, to, named) = (text.destination_addr.clone(), text.source_addr.clone(), id.clone());
            tokio::spawn(async move {
                let receipt = esme
                    .deliver_sm()
                    .source_addr(from)
                    .destination_addr(to)
                    .esm_class(0x04)
                    .short_message(format!("id:{named} stat:DELIVRD").into_bytes())
                    .tlv(TlvTag::ReceiptedMessageId, [named.as_bytes(), b"\0"].concat())
                    .tlv(TlvTag::MessageStateTlv, [2]);
                let _ = receipt.send().await;
            });
        }
        text.accept(id)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_texts_are_answered_and_every_receipt_finds_its_text() {
    const TEXTS: usize = 500;
    let port = lease_ports(1).unwrap();
    let at = (Ipv4Addr::LOCALHOST, port.first()).into();
    let mut server = SmppServer::new(
        Ipv4Addr::LOCALHOST.into(),
        port.first(),
        Arc::new(Delivering::default()),
    );
    server.start().await;
    let mut rig = Rig::start(trunk(at)).up().await;
    let orders: Vec<_> = (0..TEXTS)
        .map(|number| rig.order(&format!("+65{number:08}"), "Hello"))
        .collect();
    let sending = join_all(orders.into_iter().map(|order| rig.carrier.send(order)));
    // Receipts are taken while texts are sent: this server does not hand over again what we want later.
    let (fates, mut delivered) = tokio::join!(sending, receipts(&mut rig.arriving, TEXTS));
    let mut expected: Vec<String> = (0..TEXTS).map(|number| format!("id-65{number:08}")).collect();
    for (fate, id) in fates.iter().zip(&expected) {
        assert_eq!(fate[..], [PartFate::Accepted { id: Some(id.clone()) }]);
    }
    delivered.sort();
    expected.sort();
    assert_eq!(delivered, expected);
    server.stop().await;
}

/// The names in the next receipts, all of which say that a text was delivered.
async fn receipts(arriving: &mut mpsc::Receiver<Arrival>, count: usize) -> Vec<String> {
    let mut delivered = Vec::new();
    while delivered.len() < count {
        let arrival = tokio::time::timeout(WAIT, arriving.recv()).await.unwrap().unwrap();
        arrival.taken.send(()).unwrap();
        match arrival.what {
            Arrived::Receipt(Receipt {
                id,
                state: ReceiptState::Delivered,
                error: None,
            }) => delivered.push(id),
            other => panic!("a receipt, not {other:?}"),
        }
    }
    delivered
}
