use super::paths::{interop_dir, target_dir};
use super::policy::kamailio_program;
use super::ports::{PortLease, lease_ports};
use super::sockets::udp_port_is_held;
use super::stop::terminate;
use anyhow::{Context, Result, bail};
use std::fmt::Write as _;
use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

const STARTS_WITHIN: Duration = Duration::from_secs(10);

/// A real Kamailio in front of some targets: it stays in the way of every call, and asks the next
/// target when one cannot. Ended when this value goes.
#[derive(Debug)]
pub struct Kamailio {
    child: Child,
    home: TempDir,
    ports: PortLease,
}

impl Kamailio {
    /// Starts one that asks these targets in this order, and waits until it listens.
    ///
    /// # Errors
    ///
    /// When it is not installed, or does not come up.
    pub async fn start(targets: &[SocketAddr]) -> Result<Self> {
        let place = target_dir().join("peers/kamailio");
        std::fs::create_dir_all(&place).with_context(|| format!("make {}", place.display()))?;
        let home = tempfile::Builder::new()
            .prefix("t")
            .tempdir_in(&place)
            .context("make a home for Kamailio")?;
        let mut list = String::new();
        for (place, target) in targets.iter().enumerate() {
            // The highest priority is asked first.
            writeln!(list, "1 sip:{target} 0 {}", targets.len() - place)?;
        }
        let list_file = home.path().join("targets");
        std::fs::write(&list_file, list).context("write its targets")?;
        let ports = lease_ports(2)?;
        let log = File::create(home.path().join("log")).context("make its log")?;
        let at = format!("127.0.0.1:{}", ports.first());
        let child = Command::new(kamailio_program())
            .arg("-f")
            .arg(interop_dir().join("peers/kamailio.cfg"))
            .args(["-DD", "-E", "-n", "1", "-m", "32", "-M", "8", "-w"])
            .arg(home.path())
            .args(["-l", &format!("udp:{at}"), "-l", &format!("tcp:{at}")])
            .arg("-A")
            .arg(format!("TARGETS=\"{}\"", list_file.display()))
            .arg("-Y")
            .arg(home.path())
            .stdin(Stdio::null())
            .stdout(log.try_clone().context("share its log")?)
            .stderr(log)
            .spawn()
            .context("start kamailio")?;
        let mut kamailio = Self { child, home, ports };
        kamailio.ready().await?;
        Ok(kamailio)
    }

    /// Where it takes SIP, over UDP and TCP.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.ports.first()).into()
    }

    /// What it has complained about so far.
    #[must_use]
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.home.path().join("log")).unwrap_or_default()
    }

    async fn ready(&mut self) -> Result<()> {
        let started = Instant::now();
        while !udp_port_is_held(self.ports.first()) {
            if let Some(status) = self.child.try_wait().context("look after Kamailio")? {
                bail!("Kamailio ended while starting, {status}: {}", self.log());
            }
            if started.elapsed() > STARTS_WITHIN {
                bail!("Kamailio does not listen after {STARTS_WITHIN:?}: {}", self.log());
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Ok(())
    }
}

impl Drop for Kamailio {
    fn drop(&mut self) {
        // It ends its own processes only when it is asked to end.
        terminate(&mut self.child);
    }
}
