use std::time::Duration;

use anyhow::{Context, Result};
use outdial_testkit::peers::{Peer, interop_dir, npm_packages, require};
use tokio::process::Command;

/// Texts a second from npm's `smpp` to itself, and processor seconds of the sender per 1,000; `None` where it is not
/// on this machine. Every text is answered and its receipt taken, and nothing is kept.
pub(crate) async fn npm_smpp(window: usize, length: Duration) -> Result<Option<(f64, f64)>> {
    if !require(Peer::NpmSmpp) {
        return Ok(None);
    }
    let output = Command::new("node")
        .arg(interop_dir().join("peers/smpp_rate.js"))
        .arg(npm_packages().join("smpp"))
        .arg(window.to_string())
        .arg(length.as_secs_f64().to_string())
        .kill_on_drop(true)
        .output()
        .await
        .context("start node")?;
    anyhow::ensure!(
        output.status.success(),
        "npm's smpp ended with {}: {}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    let said: serde_json::Value = serde_json::from_slice(&output.stdout).context("listen to npm's smpp")?;
    let figure = |name: &str| said[name].as_f64().with_context(|| format!("no {name} in {said}"));
    Ok(Some((figure("rate")?, figure("processor")?)))
}
