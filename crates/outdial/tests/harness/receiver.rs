//! A receiver of notifications that is not always well.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use axum::{Router, body::Bytes, extract::State, http::StatusCode};
use serde_json::Value;
use tokio::{net::TcpListener, sync::watch};

/// It remembers what it was told.
#[derive(Clone)]
pub struct Receiver {
    pub address: SocketAddr,
    moods: Arc<AtomicU64>,
    well: Arc<AtomicBool>,
    told: Arc<watch::Sender<Told>>,
}

/// What it was told.
#[derive(Debug, Default)]
pub struct Told {
    pub notifications: u64,
    /// The sequences of each call, in the order in which they came first.
    pub calls: BTreeMap<String, Vec<u64>>,
}

impl Receiver {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let receiver = Self {
            address: listener.local_addr().unwrap(),
            moods: Arc::default(),
            well: Arc::default(),
            told: Arc::new(watch::Sender::default()),
        };
        let router = Router::new().fallback(receive).with_state(receiver.clone());
        tokio::spawn(axum::serve(listener, router).into_future());
        receiver
    }

    /// From now on it takes everything.
    pub fn recover(&self) {
        self.well.store(true, Ordering::Relaxed);
    }

    pub fn told(&self) -> watch::Receiver<Told> {
        self.told.subscribe()
    }
}

/// Of a hundred notifications one is refused, and one is taken and not confirmed.
async fn receive(State(receiver): State<Receiver>, body: Bytes) -> StatusCode {
    let mood = receiver.moods.fetch_add(1, Ordering::Relaxed) % 100;
    let is_well = receiver.well.load(Ordering::Relaxed);
    if mood == 40 && !is_well {
        return StatusCode::SERVICE_UNAVAILABLE;
    }
    let notification: Value = serde_json::from_slice(&body).unwrap();
    let event = &notification["data"]["event"];
    let call = event["call"].as_str().unwrap().to_owned();
    let sequence = event["sequence"].as_u64().unwrap();
    receiver.told.send_modify(|told| {
        told.notifications += 1;
        let sequences = told.calls.entry(call).or_default();
        if !sequences.contains(&sequence) {
            sequences.push(sequence);
        }
    });
    if mood == 80 && !is_well {
        return StatusCode::BAD_GATEWAY;
    }
    StatusCode::OK
}
