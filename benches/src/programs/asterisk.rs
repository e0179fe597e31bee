use std::{
    ffi::OsString,
    fs::File,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use outdial_testkit::peers::{Certificates, PortLease, Shown, interop_dir, target_dir};
use tempfile::TempDir;

use super::{CallFiles, Running, lease_up_to};
use crate::machine;

const STARTS_WITHIN: Duration = Duration::from_secs(30);

/// A real Asterisk that dials what is moved into its spool directory.
#[derive(Debug)]
pub(crate) struct Asterisk {
    program: Running,
    home: TempDir,
    ports: PortLease,
}

impl Asterisk {
    /// Whether `script/setup` has unpacked it.
    pub(crate) fn is_here() -> bool {
        place().join("root/usr/sbin/asterisk").exists()
    }

    pub(crate) async fn start() -> Result<Self> {
        Self::start_with(None).await
    }

    /// The same, which also speaks TLS.
    pub(crate) async fn with_tls(certificates: &Certificates) -> Result<Self> {
        Self::start_with(Some(certificates)).await
    }

    async fn start_with(certificates: Option<&Certificates>) -> Result<Self> {
        let place = place();
        // A short name, because the path of its control socket may not be long.
        let home = tempfile::Builder::new()
            .prefix("b")
            .tempdir_in(&place)
            .with_context(|| format!("make a home in {}", place.display()))?;
        CallFiles::make(&home.path().join("spool"))?;
        // Two for each of a thousand calls at a time.
        let ports = lease_up_to(&[2_400, 2_100])?;
        let log = File::create(home.path().join("output.log")).context("make its log")?;
        let program = Running::start(
            starter(home.path(), &ports)
                .envs(
                    certificates
                        .into_iter()
                        .flat_map(|certificates| tls(certificates, &ports)),
                )
                .arg("run")
                .stdin(Stdio::null())
                .stdout(log.try_clone().context("share its log")?)
                .stderr(log),
        )?;
        let mut asterisk = Self { program, home, ports };
        asterisk.ready().await?;
        Ok(asterisk)
    }

    /// Where it takes call files.
    pub(crate) fn call_files(&self) -> CallFiles {
        CallFiles::in_folder(&self.home.path().join("spool"))
    }

    /// Moves so many call files into the spool, as fast as they can be moved; see [`CallFiles::dial`].
    pub(crate) fn dial(&self, calls: usize, uri: &str, application: &str, data: &str) -> Result<Instant> {
        self.call_files().dial(calls, uri, application, data)
    }

    /// Waits until no call file is left: every call is over.
    pub(crate) async fn is_done(&self, patience: Duration) -> Result<()> {
        self.call_files().are_done(patience).await
    }

    /// A folder that it can play files of.
    pub(crate) fn sounds(&self) -> PathBuf {
        self.home.path().join("sounds")
    }

    pub(crate) fn processor(&self) -> Result<f64> {
        machine::processor(self.program.pid())
    }

    pub(crate) fn resident(&self) -> Result<f64> {
        machine::resident(self.program.pid())
    }

    async fn ready(&mut self) -> Result<()> {
        let started = Instant::now();
        let mut asked = "core waitfullybooted";
        loop {
            let said = self.cli(asked);
            if said.contains("fully booted") {
                // Harmless when it has been loaded already.
                self.cli("module load pbx_spool.so");
                asked = "module show like pbx_spool";
            } else if said.contains("Running") {
                return Ok(());
            }
            if let Some(status) = self.program.ended()? {
                bail!("Asterisk ended while starting, {status}: {}", self.output());
            }
            if started.elapsed() > STARTS_WITHIN {
                bail!(
                    "Asterisk takes no calls after {STARTS_WITHIN:?}; to `{asked}` it said {said:?}: {}",
                    self.output()
                );
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// What its command line says to a command; nothing when it is not there to answer.
    fn cli(&self, line: &str) -> String {
        let output = starter(self.home.path(), &self.ports)
            .args(["cli", line])
            .stdin(Stdio::null())
            .output();
        output
            .map(|output| String::from_utf8_lossy(&output.stdout).into_owned())
            .unwrap_or_default()
    }

    fn output(&self) -> String {
        std::fs::read_to_string(self.home.path().join("output.log")).unwrap_or_default()
    }
}

/// What it is told about TLS. Its port is below those of its sound.
fn tls(certificates: &Certificates, ports: &PortLease) -> [(&'static str, OsString); 4] {
    [
        ("ASTERISK_TLS_PORT", ports.nth(1).to_string().into()),
        (
            "ASTERISK_TLS_CERTIFICATE",
            certificates.certificate(Shown::Right).into(),
        ),
        ("ASTERISK_TLS_KEY", certificates.key(Shown::Right).into()),
        ("ASTERISK_TLS_ROOT", certificates.root().into()),
    ]
}

fn place() -> PathBuf {
    target_dir().join("peers/asterisk")
}

fn starter(home: &Path, ports: &PortLease) -> Command {
    let mut command = Command::new(interop_dir().join("peers/asterisk"));
    command
        .env("ASTERISK_PLACE", place())
        .env("ASTERISK_ROOT", place().join("root"))
        .env("ASTERISK_HOME", home)
        .env("ASTERISK_SIP_PORT", ports.first().to_string())
        .env("ASTERISK_RTP_START", ports.nth(2).to_string())
        .env("ASTERISK_RTP_END", ports.last().to_string());
    command
}
