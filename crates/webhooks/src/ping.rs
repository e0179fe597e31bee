//! Tries whether a webhook can be told: a signed message that tells of nothing.

use jiff::Timestamp;
use outdial_domain::Webhook;

use crate::{
    post::{Post, PostError, Posted, Posting},
    sign::{ID, SIGNATURE, TIMESTAMP, signature},
};

/// Sends a webhook a signed message of the type `ping`, once, which receivers answer as they answer
/// notifications.
///
/// # Errors
///
/// [`PostError`] when there is no answer.
pub async fn ping(post: &dyn Post, webhook: &Webhook, id: &str, now: Timestamp) -> Result<Posted, PostError> {
    let body = serde_json::json!({
        "type": "ping",
        "timestamp": now.to_string(),
        "data": { "webhook": webhook.id.to_string() },
    });
    let body = body.to_string();
    let signed = signature(webhook.live_secrets(now), id, now, &body);
    let headers = vec![
        ("content-type", "application/json".to_owned()),
        (ID, id.to_owned()),
        (TIMESTAMP, now.as_second().to_string()),
        (SIGNATURE, signed),
    ];
    let url = webhook.url.clone();
    post.post(Posting { url, headers, body }).await
}
