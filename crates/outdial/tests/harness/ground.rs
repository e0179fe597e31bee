//! What all who take part know: the ways to the nodes, what was disturbed, and what was answered.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard},
    time::Duration,
};

use jiff::Timestamp;
use rand::{SeedableRng, rngs::StdRng, seq::IndexedRandom};
use serde_json::Value;
use tokio::sync::watch;

use super::promise::{Broken, Promise};

/// How long a node may take to answer before another one is asked.
const PATIENCE: Duration = Duration::from_secs(4);

/// The time of day, which the phones and the nodes write down, too.
#[expect(
    clippy::disallowed_methods,
    reason = "real processes are watched, by the clock of the machine"
)]
pub fn now() -> Timestamp {
    Timestamp::now()
}

/// What is written down of a node that ends before it is ready.
pub const IN_VAIN: &str = "started in vain";

/// How to talk to a node that is up.
#[derive(Debug, Clone)]
pub struct Way {
    pub url: String,
    pub key: String,
}

/// Something that was done to the nodes or to their database.
#[derive(Debug, Clone)]
pub struct Disturbance {
    /// The node that it was done to; all of them where there is none.
    pub node: Option<String>,
    pub what: String,
    pub from: Timestamp,
    /// When it was over: the process was dead, or went on.
    pub until: Timestamp,
    /// Whether a process died, and what it knew with it.
    pub killed: bool,
}

/// What was answered to whoever made a call.
#[derive(Debug, Default)]
pub struct Made {
    pub id: String,
    /// When and how requests to end it were answered.
    pub ended: Vec<(Timestamp, String)>,
}

pub struct Ground {
    pub seed: u64,
    http: reqwest::Client,
    ways: watch::Sender<Vec<Option<Way>>>,
    disturbances: watch::Sender<Vec<Disturbance>>,
    made: Mutex<BTreeMap<usize, Made>>,
    broken: Mutex<Vec<Broken>>,
    pub asked: std::sync::atomic::AtomicU64,
}

impl Ground {
    pub fn new(seed: u64, nodes: usize) -> Self {
        // The first test of a process installs it; the others find it there.
        let _ = rustls::crypto::ring::default_provider().install_default();
        Self {
            seed,
            http: reqwest::Client::builder().timeout(PATIENCE).build().unwrap(),
            ways: watch::Sender::new(vec![None; nodes]),
            disturbances: watch::Sender::default(),
            made: Mutex::default(),
            broken: Mutex::default(),
            asked: Default::default(),
        }
    }

    /// Dice of their own for everybody who throws any, all from the one seed.
    pub fn dice(&self, who: &str) -> StdRng {
        let salt = who.bytes().fold(self.seed, |salt, byte| {
            salt.wrapping_mul(0x100_0000_01b3) ^ u64::from(byte)
        });
        StdRng::seed_from_u64(salt)
    }

    pub fn open(&self, node: usize, way: Option<Way>) {
        self.ways.send_modify(|ways| ways[node] = way);
    }

    /// A way to a node that is up, as far as anybody knows.
    pub async fn way(&self, dice: &mut StdRng) -> Way {
        let mut ways = self.ways.subscribe();
        let open = ways.wait_for(|ways| ways.iter().any(Option::is_some)).await.unwrap();
        let open: Vec<&Way> = open.iter().flatten().collect();
        (*open.choose(dice).unwrap()).clone()
    }

    pub async fn all_are_up(&self) {
        let mut ways = self.ways.subscribe();
        ways.wait_for(|ways| ways.iter().all(Option::is_some)).await.unwrap();
    }

    /// Asks a node. No answer is an answer, too: the node may have died in between.
    pub async fn ask(&self, way: &Way, path: &str, post: Option<(&str, &Value)>) -> Option<(u16, Value)> {
        self.asked.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let url = format!("{}{path}", way.url);
        let request = match post {
            None => self.http.get(url),
            Some(("", body)) => self.http.post(url).json(body),
            Some((key, body)) => self.http.post(url).header("idempotency-key", key).json(body),
        };
        let response = request.bearer_auth(&way.key).send().await.ok()?;
        let status = response.status().as_u16();
        let text = response.text().await.ok()?;
        Some((status, serde_json::from_str(&text).unwrap_or(Value::String(text))))
    }

    pub fn disturbed(&self, disturbance: Disturbance) {
        self.disturbances.send_modify(|all| all.push(disturbance));
    }

    /// Waits until so much was disturbed. A start in vain, because the database is away, disturbs nothing.
    pub async fn was_disturbed(&self, times: usize) {
        let mut all = self.disturbances.subscribe();
        let disturbs = |one: &&Disturbance| one.what != IN_VAIN;
        all.wait_for(|all| all.iter().filter(disturbs).count() >= times)
            .await
            .unwrap();
    }

    pub fn disturbances(&self) -> Vec<Disturbance> {
        self.disturbances.borrow().clone()
    }

    pub fn made(&self) -> MutexGuard<'_, BTreeMap<usize, Made>> {
        self.made.lock().unwrap()
    }

    pub fn broke(&self, promise: Promise, how: impl Into<String>) {
        let how = how.into();
        self.broken.lock().unwrap().push(Broken { promise, how });
    }

    pub fn broken(&self) -> Vec<Broken> {
        self.broken.lock().unwrap().clone()
    }
}
