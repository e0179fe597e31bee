//! `outdial serve`: runs the server until it is told to stop.

use std::process::ExitCode;

use tokio::signal::unix::{SignalKind, signal};

use crate::{
    cli::Common,
    config::Config,
    exit::Failure,
    server::{Role, Server},
};

pub(super) async fn run(common: &Common) -> Result<ExitCode, Failure> {
    let config = Config::load(common.config.as_deref())?;
    let server = Server::start(&config, &common.data, Role::Dialling).await?;
    let phones = match &server.handsets {
        Some(handsets) => format!(", handsets {}", handsets.address()),
        None => String::new(),
    };
    crate::output::say!(
        "ready: api {}, sip {}{phones}, data {}",
        server.url,
        server.sip_address(),
        common.data.display()
    );
    wait_for_stop().await?;
    tracing::info!("stopping");
    server.stop().await;
    Ok(ExitCode::SUCCESS)
}

/// Waits for SIGTERM, for SIGINT or for SIGHUP from a terminal.
pub(super) async fn wait_for_stop() -> Result<(), Failure> {
    let failed = |error: std::io::Error| Failure::start(format!("signals cannot be received: {error}"));
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    let mut hang_up = signal(SignalKind::hangup()).map_err(failed)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
        _ = hang_up.recv() => {}
    }
    Ok(())
}
