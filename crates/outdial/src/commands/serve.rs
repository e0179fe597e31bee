//! `outdial serve`: runs the server until it is told to stop.

use std::process::ExitCode;

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::{
    cli::Common,
    config::Config,
    exit::Failure,
    server::{Role, Server},
};

pub(super) async fn run(common: &Common) -> Result<ExitCode, Failure> {
    let config = Config::load(common.config.as_deref())?;
    let mut stop = StopSignals::listen()?;
    let mut server = Server::start(&config, &common.data, Role::Dialling).await?;
    server.take_call_files();
    let phones = match &server.handsets {
        Some(handsets) => format!(", handsets {}", handsets.address()),
        None => String::new(),
    };
    let faces: String = server.faces.iter().map(|face| format!(", {face}")).collect();
    crate::output::say!(
        "ready: api {}, sip {}{phones}{faces}, data {}",
        server.url,
        server.sip_address(),
        common.data.display()
    );
    stop.next().await;
    tracing::info!("stopping: live calls may end; a second signal ends them at once");
    server.drain(stop.next()).await;
    Ok(ExitCode::SUCCESS)
}

/// Waits for SIGTERM, for SIGINT or for SIGHUP from a terminal.
pub(super) async fn wait_for_stop() -> Result<(), Failure> {
    StopSignals::listen()?.next().await;
    Ok(())
}

/// The signals that stop the program. None is missed between two waits.
struct StopSignals {
    terminate: Signal,
    hang_up: Signal,
    interrupt: Signal,
}

impl StopSignals {
    fn listen() -> Result<Self, Failure> {
        let failed = |error: std::io::Error| Failure::start(format!("signals cannot be received: {error}"));
        Ok(Self {
            terminate: signal(SignalKind::terminate()).map_err(failed)?,
            hang_up: signal(SignalKind::hangup()).map_err(failed)?,
            interrupt: signal(SignalKind::interrupt()).map_err(failed)?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
            _ = self.hang_up.recv() => {}
        }
    }
}
