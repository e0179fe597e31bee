//! `outdial webhook`: receives, checks and repeats notifications.

mod listen;
mod verify;

use std::process::ExitCode;

use serde_json::json;

use super::Connection;
use crate::{
    cli::{Common, Replay, Webhook},
    exit::Failure,
    server::Role,
};

pub(super) async fn run(common: &Common, command: Webhook) -> Result<ExitCode, Failure> {
    match command {
        Webhook::Listen(arguments) => listen::run(arguments).await,
        Webhook::Verify(arguments) => verify::run(&arguments),
        Webhook::Replay(arguments) => replay(common, arguments).await,
    }
}

async fn replay(common: &Common, arguments: Replay) -> Result<ExitCode, Failure> {
    // The notifications are sent by a server; without one that runs there is nobody to send them.
    let connection = Connection::open(common, Role::Dialling).await?;
    let body = json!({
        "delivery": arguments.delivery, "call": arguments.call, "webhook": arguments.webhook,
        "after": arguments.after, "through": arguments.through, "from": arguments.from, "until": arguments.until,
    });
    let replayed = connection.client.post("/webhooks/replay", &body).await;
    connection.close().await;
    let replayed = replayed?;
    crate::output::say!("{} events are told again", replayed["events"]);
    if let Some(position) = replayed["more_after"].as_i64() {
        crate::output::tell!("that was not all: go on with --after {position}");
    }
    Ok(ExitCode::SUCCESS)
}
