use super::paths::{interop_dir, target_dir};
use super::policy::npm_smpp_package;
use super::ports::{PortLease, lease_ports};
use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

const STARTS_WITHIN: Duration = Duration::from_secs(20);

/// An SMSC made of npm's `smpp`, which `interop/peers/smsc.js` describes. Ended when this value goes.
#[derive(Debug)]
pub struct NpmSmsc {
    _child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    port: PortLease,
}

impl NpmSmsc {
    /// Starts one, and waits until it listens.
    ///
    /// # Errors
    ///
    /// When node or the package is not installed, or it does not come up.
    pub async fn start() -> Result<Self> {
        Self::start_with(&[]).await
    }

    /// The same over TLS, with this key and certificate.
    ///
    /// # Errors
    ///
    /// As [`NpmSmsc::start`].
    pub async fn start_tls(key: &Path, certificate: &Path) -> Result<Self> {
        Self::start_with(&[key, certificate]).await
    }

    async fn start_with(files: &[&Path]) -> Result<Self> {
        let port = lease_ports(1)?;
        std::fs::create_dir_all(target_dir().join("peers")).context("make a home for it")?;
        let mut child = Command::new("node")
            .arg(interop_dir().join("peers/smsc.js"))
            .arg(npm_smpp_package())
            .arg(port.first().to_string())
            .args(files)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .context("start node")?;
        let output = child.stdout.take().context("its output")?;
        let mut smsc = Self {
            _child: child,
            lines: BufReader::new(output).lines(),
            port,
        };
        match tokio::time::timeout(STARTS_WITHIN, smsc.lines.next_line()).await {
            Ok(Ok(Some(line))) if line == "ready" => Ok(smsc),
            other => bail!("npm's smpp did not come up: {other:?}"),
        }
    }

    /// Where it takes binds.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port.first()).into()
    }

    /// The next text that it took: `to`, `from`, `text`, `header`, `coding`, `segment`.
    ///
    /// # Errors
    ///
    /// When it is gone.
    pub async fn taken(&mut self) -> Result<Value> {
        let line = self.lines.next_line().await.context("read what it took")?;
        serde_json::from_str(&line.context("npm's smpp is gone")?).context("read what it took")
    }
}
