//! A receiver of notifications, as the tests' programs have them.
#![expect(
    unreachable_pub,
    reason = "each test file includes this module and uses a part of it"
)]
#![allow(
    dead_code,
    clippy::allow_attributes,
    reason = "each test file includes this module and uses a part of it"
)]

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU16, Ordering},
    },
};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode},
};
use serde_json::Value;
use tokio::{net::TcpListener, sync::watch};

use crate::program::LIMIT;

/// A receiver that remembers what it took, and answers as it is told.
#[derive(Clone)]
pub struct Receiver {
    address: SocketAddr,
    pub answer: Arc<AtomicU16>,
    pub took: Arc<watch::Sender<Vec<(HeaderMap, String)>>>,
    /// How many came that were not answered.
    asked: Arc<watch::Sender<usize>>,
}

impl Receiver {
    pub async fn start(answer: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let receiver = Self {
            address: listener.local_addr().unwrap(),
            answer: Arc::new(AtomicU16::new(answer)),
            took: Arc::new(watch::Sender::new(Vec::new())),
            asked: Arc::new(watch::Sender::new(0)),
        };
        let router = Router::new().fallback(receive).with_state(receiver.clone());
        tokio::spawn(axum::serve(listener, router).into_future());
        receiver
    }

    /// One that takes what comes and does not answer, until it is told another answer than 0.
    pub async fn silent() -> Self {
        Self::start(0).await
    }

    /// Waits until something came that was not answered.
    pub async fn was_asked(&self) {
        let mut asked = self.asked.subscribe();
        let any = asked.wait_for(|asked| *asked > 0);
        tokio::time::timeout(LIMIT, any).await.expect("a notification").unwrap();
    }

    pub fn url(&self) -> String {
        format!("http://{}/hook", self.address)
    }

    /// The events of each call, in the order they came, without those that came again.
    pub fn sequences(&self) -> BTreeMap<String, Vec<u64>> {
        let mut calls: BTreeMap<String, Vec<u64>> = BTreeMap::new();
        for (_, body) in self.took.borrow().iter() {
            let notification: Value = serde_json::from_str(body).unwrap();
            let event = &notification["data"]["event"];
            let subject = event["call"].as_str().or(event["message"].as_str()).unwrap();
            let sequences = calls.entry(subject.to_owned()).or_default();
            let sequence = event["sequence"].as_u64().unwrap();
            if !sequences.contains(&sequence) {
                sequences.push(sequence);
            }
        }
        calls
    }

    /// How often each event came, by the id of its notification.
    pub fn times(&self) -> BTreeMap<String, usize> {
        let mut times = BTreeMap::new();
        for (headers, _) in self.took.borrow().iter() {
            let id = headers["webhook-id"].to_str().unwrap().to_owned();
            *times.entry(id).or_default() += 1;
        }
        times
    }

    /// Waits until it was told of the end of so many calls.
    pub async fn ends(&self, calls: usize) {
        let mut took = self.took.subscribe();
        let ended = |took: &Vec<(HeaderMap, String)>| {
            let ends = took.iter().filter(|(_, body)| body.contains(r#""type":"call.ended""#));
            let ids = ends.map(|(headers, _)| headers["webhook-id"].clone());
            ids.collect::<std::collections::HashSet<_>>().len() >= calls
        };
        tokio::time::timeout(LIMIT, took.wait_for(ended))
            .await
            .expect("the ends")
            .unwrap();
    }
}

async fn receive(State(receiver): State<Receiver>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let answer = receiver.answer.load(Ordering::Relaxed);
    if answer == 0 {
        receiver.asked.send_modify(|asked| *asked += 1);
        return std::future::pending().await;
    }
    let status = StatusCode::from_u16(answer).unwrap();
    if status.is_success() {
        let body = String::from_utf8(body.to_vec()).unwrap();
        receiver.took.send_modify(|took| took.push((headers, body)));
    }
    status
}
