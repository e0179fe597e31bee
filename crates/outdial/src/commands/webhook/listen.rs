//! `outdial webhook listen`: a small receiver that prints what it is told, and checks it.

use std::{process::ExitCode, sync::Arc};

use axum::{
    Router,
    body::Bytes,
    extract::{DefaultBodyLimit, State},
    http::{HeaderMap, StatusCode},
};
use outdial_domain::SigningSecret;
use outdial_engine::ports::{Clock, SystemClock};
use outdial_webhooks::{ID, SIGNATURE, TIMESTAMP, verify};
use serde_json::Value;
use tokio::net::TcpListener;

use crate::{cli::Listen, commands::serve::wait_for_stop, exit::Failure};

/// The largest notification that is taken.
const LARGEST: usize = 4 * 1024 * 1024;

struct Receiver {
    secret: Option<SigningSecret>,
    status: StatusCode,
    json: bool,
}

pub(super) async fn run(arguments: Listen) -> Result<ExitCode, Failure> {
    let status = StatusCode::from_u16(arguments.answer)
        .map_err(|_| Failure::usage(format!("{} is no HTTP status: give one as 200", arguments.answer)))?;
    let listener = TcpListener::bind(arguments.bind)
        .await
        .map_err(|error| Failure::start(format!("cannot listen on {}: {error}", arguments.bind)))?;
    let bound = listener
        .local_addr()
        .map_err(|error| Failure::start(error.to_string()))?;
    let receiver = Receiver {
        secret: arguments.secret.map(SigningSecret::new),
        status,
        json: arguments.json,
    };
    crate::output::tell!(
        "listening on http://{bound}/; the server tells it when its configuration has `[webhooks] allow = [\"{}\"]`",
        bound.ip()
    );
    let router = Router::new()
        .fallback(receive)
        .layer(DefaultBodyLimit::max(LARGEST))
        .with_state(Arc::new(receiver));
    tokio::select! {
        served = axum::serve(listener, router).into_future() => {
            served.map_err(|error| Failure::start(error.to_string()))?;
        }
        stopped = wait_for_stop() => stopped?,
    }
    Ok(ExitCode::SUCCESS)
}

async fn receive(State(receiver): State<Arc<Receiver>>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let header = |name| {
        headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    };
    let (id, text) = (header(ID), String::from_utf8_lossy(&body));
    let (verdict, status) = match &receiver.secret {
        None => ("not checked".to_owned(), receiver.status),
        Some(secret) => match verify(
            secret,
            id,
            header(TIMESTAMP),
            header(SIGNATURE),
            &text,
            SystemClock.now(),
        ) {
            Ok(()) => ("verified".to_owned(), receiver.status),
            Err(error) => (error.to_string(), StatusCode::UNAUTHORIZED),
        },
    };
    let notification: Value = serde_json::from_slice(&body).unwrap_or_default();
    if receiver.json {
        let line = serde_json::json!({"id": id, "signature": verdict, "notification": notification});
        crate::output::say!("{line}");
    } else {
        let event = &notification["data"]["event"];
        // Whoever sends is a stranger: its words have no control characters by now.
        let word = |value: &Value| value.as_str().unwrap_or("?").escape_debug().to_string();
        let subject = event
            .get("call")
            .or_else(|| event.get("message"))
            .unwrap_or(&Value::Null);
        let (kind, subject, sequence) = (word(&notification["type"]), word(subject), &event["sequence"]);
        crate::output::say!("{kind} {subject} #{sequence} {} {verdict}", id.escape_debug());
    }
    status
}
