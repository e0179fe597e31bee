use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use axum::{Router, extract::State, http::StatusCode};
use futures_util::{StreamExt, TryStreamExt, stream};
use serde_json::json;
use tokio::{net::TcpListener, sync::Notify};

use crate::{
    programs::Outdial,
    table::{Row, Table},
};

/// How many notifications are delivered, each of another call.
const MANY: usize = 5_000;
const WITHIN: Duration = Duration::from_secs(120);

/// A receiver that takes everything and counts it.
#[derive(Debug, Default)]
struct Receiver {
    took: AtomicUsize,
    all: Notify,
}

async fn take(State(receiver): State<Arc<Receiver>>, body: axum::body::Bytes) -> StatusCode {
    // Read whole, as a receiver would.
    drop(body);
    if receiver.took.fetch_add(1, Ordering::Relaxed) + 1 == MANY {
        receiver.all.notify_one();
    }
    StatusCode::NO_CONTENT
}

/// Notifications that wait already: signed, sent over HTTP to one receiver, and written to the log.
pub(super) async fn measure(table: &mut Table) -> Result<()> {
    let server = Outdial::telling()?;
    let receiver = Arc::new(Receiver::default());
    let listener = TcpListener::bind("127.0.0.1:0").await.context("listen")?;
    let url = format!("http://{}/", listener.local_addr().context("ask for the address")?);
    let router = Router::new().fallback(take).with_state(Arc::clone(&receiver));
    let serving = tokio::spawn(axum::serve(listener, router).into_future());

    let body = json!({ "to": "sip:nobody@127.0.0.1:9", "flow": [{ "hang_up": {} }], "in": "8760h" });
    let place = |_| server.client.place(&body);
    let placed: Vec<_> = stream::iter(0..MANY)
        .map(place)
        .buffer_unordered(50)
        .try_collect()
        .await?;
    anyhow::ensure!(placed.len() == MANY, "not all calls were taken");
    let webhook = server
        .client
        .post("/webhooks", &json!({ "url": url, "events": ["created"] }))
        .await?;
    let (before, started) = (server.processor()?, Instant::now());
    let all = json!({ "webhook": webhook["id"], "after": 0 });
    server.client.post("/webhooks/replay", &all).await?;
    let waited = tokio::time::timeout(WITHIN, receiver.all.notified()).await;
    waited.with_context(|| format!("{} of {MANY} came", receiver.took.load(Ordering::Relaxed)))?;
    let seconds = started.elapsed().as_secs_f64();
    let processor = server.processor()? - before;
    serving.abort();
    #[expect(clippy::cast_precision_loss, reason = "a few thousand")]
    let many = MANY as f64;
    table.add(Row::new("notifications delivered a second, 1 receiver", many / seconds));
    table.add(Row::new("notifications: CPU s per 1,000", 1_000.0 * processor / many));
    Ok(())
}
