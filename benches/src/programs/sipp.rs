use std::{
    fs::File,
    net::{Ipv4Addr, TcpListener, UdpSocket},
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use outdial_testkit::peers::{PortLease, lease_ports};
use tempfile::TempDir;

use super::{Running, folder};

const STARTS_WITHIN: Duration = Duration::from_secs(10);

/// What the far side of the calls does.
#[derive(Debug, Clone, Copy)]
pub(crate) enum FarSide {
    HangsUp,
    Listens,
}

/// How the far side is reached, and how its sound travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    Udp,
    /// Over UDP, with the sound protected by SRTP.
    Protected,
    Tcp,
    /// Behind somebody who takes TLS off, one port above its own.
    Tls,
}

impl Way {
    /// One connection for all calls, as ours is for all calls of a trunk.
    fn mode(self) -> &'static str {
        match self {
            Self::Udp | Self::Protected => "u1",
            Self::Tcp | Self::Tls => "t1",
        }
    }

    fn uri(self, port: u16) -> String {
        match self {
            Self::Udp | Self::Protected => format!("sip:callee@127.0.0.1:{port}"),
            Self::Tcp => format!("sip:callee@127.0.0.1:{port};transport=tcp"),
            Self::Tls => format!("sip:callee@127.0.0.1:{};transport=tls", port + 1),
        }
    }

    /// The profile of the sound, and a line more. The key is anything: nobody opens what comes.
    fn sound(self) -> [&'static str; 2] {
        match self {
            Self::Protected => [
                "RTP/SAVP",
                "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwd",
            ],
            Self::Udp | Self::Tcp | Self::Tls => ["RTP/AVP", "a=maxptime:60"],
        }
    }
}

impl FarSide {
    fn scenario(self) -> &'static str {
        match self {
            Self::HangsUp => "sipp/answers-and-hangs-up.xml",
            Self::Listens => "sipp/answers-and-listens.xml",
        }
    }
}

/// A SIPp that takes any number of calls.
#[derive(Debug)]
pub(crate) struct Sipp {
    program: Running,
    port: u16,
    way: Way,
    folder: TempDir,
    _ports: PortLease,
}

impl Sipp {
    /// Starts one that wants the sound of its calls at these ports in turn.
    pub(crate) async fn start(far_side: FarSide, sound: &[u16]) -> Result<Self> {
        Self::start_by(Way::Udp, far_side, sound).await
    }

    /// The same, reached otherwise.
    pub(crate) async fn start_by(way: Way, far_side: FarSide, sound: &[u16]) -> Result<Self> {
        let folder = folder()?;
        let ports = lease_ports(20)?;
        let port = ports.first();
        let list = sound
            .iter()
            .fold("SEQUENTIAL\n".to_owned(), |list, port| list + &format!("{port}\n"));
        let fields = folder.path().join("sound.csv");
        std::fs::write(&fields, list).context("write the list of ports")?;
        let scenario = Path::new(env!("CARGO_MANIFEST_DIR")).join(far_side.scenario());
        let [profile, protection] = way.sound();
        let complaints = File::create(folder.path().join("complaints")).context("make a file")?;
        let program = Running::start(
            Command::new("sipp")
                .arg("-sf")
                .arg(scenario)
                .arg("-inf")
                .arg(fields)
                .args(["-i", "127.0.0.1", "-bind_local", "-mi", "127.0.0.1"])
                .args(["-p", &port.to_string(), "-t", way.mode()])
                .args(["-key", "contact", &way.uri(port)])
                .args(["-key", "profile", profile, "-key", "protection", protection])
                .args(["-mp", &ports.nth(2).to_string()])
                .args(["-cp", &ports.last().to_string()])
                .args([
                    "-nostdin",
                    "-skip_rlimit",
                    "-deadcall_wait",
                    "0",
                    "-buff_size",
                    "4000000",
                ])
                .current_dir(folder.path())
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(complaints),
        )
        .context("it comes with the package sip-tester")?;
        let mut sipp = Self {
            program,
            port,
            way,
            folder,
            _ports: ports,
        };
        sipp.ready().await?;
        Ok(sipp)
    }

    /// Whom to call.
    pub(crate) fn uri(&self) -> String {
        self.way.uri(self.port)
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    fn is_free(&self) -> bool {
        match self.way {
            Way::Udp | Way::Protected => UdpSocket::bind((Ipv4Addr::LOCALHOST, self.port)).is_ok(),
            Way::Tcp | Way::Tls => TcpListener::bind((Ipv4Addr::LOCALHOST, self.port)).is_ok(),
        }
    }

    /// The port is leased, so only SIPp can have taken it.
    async fn ready(&mut self) -> Result<()> {
        let started = Instant::now();
        while self.is_free() {
            if let Some(status) = self.program.ended()? {
                let said = std::fs::read_to_string(self.folder.path().join("complaints")).unwrap_or_default();
                bail!("sipp ended at once, {status}: {said}");
            }
            if started.elapsed() > STARTS_WITHIN {
                bail!("sipp holds no port after {STARTS_WITHIN:?}");
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }
}
