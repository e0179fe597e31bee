use std::time::{Duration, Instant};

use anyhow::Result;
use futures_util::{StreamExt, TryStreamExt, stream};
use serde_json::json;

use crate::{
    programs::Outdial,
    receiver::Receiver,
    table::{Row, Table},
};

/// How many notifications are delivered, each of another call.
const MANY: usize = 5_000;
const WITHIN: Duration = Duration::from_secs(120);

/// Notifications that wait already: signed, sent over HTTP to one receiver, and written to the log.
pub(super) async fn measure(table: &mut Table) -> Result<()> {
    let server = Outdial::telling()?;
    let receiver = Receiver::start().await?;
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
        .post("/webhooks", &json!({ "url": receiver.url, "events": ["created"] }))
        .await?;
    let (before, started) = (server.processor()?, Instant::now());
    let all = json!({ "webhook": webhook["id"], "after": 0 });
    server.client.post("/webhooks/replay", &all).await?;
    receiver.wait_for(MANY, WITHIN).await?;
    let seconds = started.elapsed().as_secs_f64();
    let processor = server.processor()? - before;
    #[expect(clippy::cast_precision_loss, reason = "a few thousand")]
    let many = MANY as f64;
    table.add(Row::new("notifications delivered a second, 1 receiver", many / seconds));
    table.add(Row::new("notifications: CPU s per 1,000", 1_000.0 * processor / many));
    Ok(())
}
