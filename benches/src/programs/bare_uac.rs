use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use super::sibling;

/// What the SIP library alone used.
#[derive(Debug, Deserialize)]
pub(crate) struct BareUac {
    pub(crate) processor: f64,
}

/// Places calls with nothing but the SIP library, in a process of its own.
pub(crate) async fn bare_uac(port: u16, calls: usize, in_flight: usize) -> Result<BareUac> {
    let output = tokio::process::Command::from(Command::new(sibling("bare-uac")?))
        .args([port.to_string(), calls.to_string(), in_flight.to_string()])
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(std::time::Duration::from_secs(60), output)
        .await
        .context("the bare caller does not end")?
        .context("start the bare caller")?;
    ensure!(
        output.status.success(),
        "the bare caller failed: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).context("read what the bare caller printed")
}
