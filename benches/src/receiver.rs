//! A receiver of notifications that takes everything and counts it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use anyhow::{Context, Result};
use axum::{Router, extract::State, http::StatusCode};
use tokio::{net::TcpListener, sync::Notify, task::JoinHandle};

/// The receiver, listening on 127.0.0.1 until this value goes.
#[derive(Debug)]
pub(crate) struct Receiver {
    pub(crate) url: String,
    counted: Arc<Counted>,
    serving: JoinHandle<std::io::Result<()>>,
}

#[derive(Debug, Default)]
struct Counted {
    took: AtomicUsize,
    more: Notify,
}

async fn take(State(counted): State<Arc<Counted>>, body: axum::body::Bytes) -> StatusCode {
    // Read whole, as a receiver would.
    drop(body);
    counted.took.fetch_add(1, Ordering::Relaxed);
    counted.more.notify_one();
    StatusCode::NO_CONTENT
}

impl Receiver {
    pub(crate) async fn start() -> Result<Self> {
        let counted = Arc::new(Counted::default());
        let listener = TcpListener::bind("127.0.0.1:0").await.context("listen")?;
        let url = format!("http://{}/", listener.local_addr().context("ask for the address")?);
        let router = Router::new().fallback(take).with_state(Arc::clone(&counted));
        let serving = tokio::spawn(axum::serve(listener, router).into_future());
        Ok(Self { url, counted, serving })
    }

    /// Waits until so many notifications came.
    pub(crate) async fn wait_for(&self, many: usize, within: Duration) -> Result<()> {
        let came = async {
            while self.counted.took.load(Ordering::Relaxed) < many {
                self.counted.more.notified().await;
            }
        };
        let waited = tokio::time::timeout(within, came).await;
        waited.with_context(|| format!("{} of {many} came", self.counted.took.load(Ordering::Relaxed)))
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.serving.abort();
    }
}
