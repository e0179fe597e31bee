use super::certificates::{Certificates, Shown};
use super::paths::interop_dir;
use super::policy::asterisk_place;
use super::ports::{PortLease, lease_ports};
use anyhow::{Context, Result, bail};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};
use tempfile::TempDir;

const STARTS_WITHIN: Duration = Duration::from_secs(30);

/// A real Asterisk with ports and a home of its own, ended when this value goes.
///
/// `interop/README.md` lists the extensions it answers on.
#[derive(Debug)]
pub struct Asterisk {
    child: Child,
    home: Option<TempDir>,
    ports: PortLease,
    /// What it was told about TLS.
    tls: Vec<(&'static str, OsString)>,
}

impl Asterisk {
    /// The user whom a challenged caller must be.
    pub const USER: &str = "outdial";
    /// Another user, for a phone that registers.
    pub const PHONE: &str = "phone";
    /// The same as [`Asterisk::USER`] at the manager interface, who may also ask which applications there are.
    pub const ASKS: &str = "outdial-asks";
    /// The secret of all users.
    pub const SECRET: &str = "outdial-secret";

    /// Starts one and waits until it takes calls.
    ///
    /// # Errors
    ///
    /// When it is not installed, or does not come up within half a minute.
    pub async fn start() -> Result<Self> {
        Self::start_with(None).await
    }

    /// The same, which also takes SIP over TLS and shows this certificate.
    ///
    /// # Errors
    ///
    /// As [`Asterisk::start`].
    pub async fn with_tls(certificates: &Certificates, shown: Shown) -> Result<Self> {
        Self::start_with(Some((certificates, shown))).await
    }

    async fn start_with(tls: Option<(&Certificates, Shown)>) -> Result<Self> {
        let place = asterisk_place();
        std::fs::create_dir_all(&place).with_context(|| format!("make {}", place.display()))?;
        let home = tempfile::Builder::new()
            .prefix("t")
            .tempdir_in(&place)
            .context("make a home for Asterisk")?;
        let ports = lease_ports(200)?;
        let tls = tls.map(|(certificates, shown)| {
            vec![
                ("ASTERISK_TLS_PORT", ports.nth(1).to_string().into()),
                ("ASTERISK_TLS_CERTIFICATE", certificates.certificate(shown).into()),
                ("ASTERISK_TLS_KEY", certificates.key(shown).into()),
                ("ASTERISK_TLS_ROOT", certificates.root().into()),
            ]
        });
        let tls = tls.unwrap_or_default();
        let mut asterisk = Self {
            child: spawn(&home, &ports, &tls)?,
            home: Some(home),
            ports,
            tls,
        };
        asterisk.ready().await?;
        Ok(asterisk)
    }

    /// Ends it as a crash does. All that it wrote stays there.
    ///
    /// # Errors
    ///
    /// When it cannot be ended.
    pub fn crash(&mut self) -> Result<()> {
        self.child.kill().context("end Asterisk")?;
        self.child.wait().context("wait for the end of Asterisk")?;
        Ok(())
    }

    /// Starts it once more after a crash, at the same ports, and waits until it takes calls.
    ///
    /// # Errors
    ///
    /// As [`Asterisk::start`].
    pub async fn start_again(&mut self) -> Result<()> {
        self.child = spawn(self.home(), &self.ports, &self.tls)?;
        self.ready().await
    }

    /// The one that other tests of this process use at this moment, or a new one.
    ///
    /// Tests that share one must call extensions with names of their own.
    ///
    /// # Errors
    ///
    /// As [`Asterisk::start`].
    pub async fn shared() -> Result<Arc<Self>> {
        static SHARED: tokio::sync::Mutex<Weak<Asterisk>> = tokio::sync::Mutex::const_new(Weak::new());
        let mut shared = SHARED.lock().await;
        if let Some(running) = shared.upgrade() {
            return Ok(running);
        }
        let started = Arc::new(Self::start().await?);
        *shared = Arc::downgrade(&started);
        Ok(started)
    }

    /// Where it takes SIP over UDP and TCP.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.ports.first()).into()
    }

    /// Where its manager interface is, for [`Asterisk::USER`] with its secret. [`Asterisk::PHONE`] may
    /// log in there and do nothing.
    #[must_use]
    pub fn manager_address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.ports.last()).into()
    }

    /// A directory that it plays from.
    #[must_use]
    pub fn sounds_dir(&self) -> PathBuf {
        self.home().path().join("sounds")
    }

    /// Where it takes SIP over TLS, when it was started with certificates.
    #[must_use]
    pub fn tls_address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.ports.nth(1)).into()
    }

    /// Rings whoever has registered as this user, as its own caller `+6591112222` who, when
    /// answered, goes to an extension. The number is put before the host of the place registered.
    ///
    /// # Errors
    ///
    /// When Asterisk is not there to be told.
    pub fn ring_registered(&self, user: &str, number: &str, extension: &str) -> Result<String> {
        self.cli(&format!(
            "channel originate PJSIP/{number}@{user} extension {extension}@extensions"
        ))
    }

    /// Whether anybody has registered as this user and the place still stands.
    ///
    /// # Errors
    ///
    /// When Asterisk is not there to answer.
    pub fn is_registered(&self, user: &str) -> Result<bool> {
        Ok(self.cli("pjsip show contacts")?.contains(&format!("{user}/sip")))
    }

    /// A command of its command line, and what it printed.
    ///
    /// # Errors
    ///
    /// When Asterisk is not there to answer.
    pub fn cli(&self, line: &str) -> Result<String> {
        let output = command(self.home(), &self.ports)
            .args(["cli", line])
            .stdin(Stdio::null())
            .output()
            .context("run Asterisk's command line")?;
        if !output.status.success() {
            bail!("{line}: {}", String::from_utf8_lossy(&output.stderr));
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// What extension `104NAME` recorded, once the caller has hung up.
    #[must_use]
    pub fn recording(&self, name: &str) -> PathBuf {
        self.recordings_dir().join(name).with_extension("wav")
    }

    /// The folder of all recordings.
    #[must_use]
    pub fn recordings_dir(&self) -> PathBuf {
        self.home().path().join("recordings")
    }

    /// The digits that extension `102NAME` read, once the call has ended.
    ///
    /// # Errors
    ///
    /// When Asterisk is not there to answer.
    pub fn digits(&self, name: &str) -> Result<Option<String>> {
        let printed = self.cli(&format!("database get digits {name}"))?;
        Ok(printed
            .lines()
            .find_map(|line| line.strip_prefix("Value:"))
            .map(|value| value.trim().to_owned()))
    }

    /// Where it takes call files from. What becomes of them is in `outgoing_done` beside it.
    #[must_use]
    pub fn call_files(&self) -> PathBuf {
        self.home().path().join("spool/outgoing")
    }

    /// What is kept under a family of its database, by key. `interop/README.md` says what call files
    /// leave there.
    ///
    /// # Errors
    ///
    /// When Asterisk is not there to answer.
    pub fn kept(&self, family: &str) -> Result<BTreeMap<String, String>> {
        let printed = self.cli(&format!("database show {family}"))?;
        let start = format!("/{family}/");
        let entries = printed.lines().filter_map(|line| {
            let (key, value) = line.strip_prefix(&start)?.split_once(": ")?;
            Some((key.trim_end().to_owned(), value.trim_end_matches(' ').to_owned()))
        });
        Ok(entries.collect())
    }

    /// Its warnings and errors so far.
    #[must_use]
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.home().path().join("log/messages.log")).unwrap_or_default()
    }

    fn output(&self) -> String {
        std::fs::read_to_string(self.home().path().join("output.log")).unwrap_or_default()
    }

    fn home(&self) -> &TempDir {
        self.home
            .as_ref()
            .expect("the home goes only when the value is dropped")
    }

    async fn ready(&mut self) -> Result<()> {
        let started = Instant::now();
        loop {
            if self
                .cli("core waitfullybooted")
                .is_ok_and(|said| said.contains("fully booted"))
            {
                return Ok(());
            }
            if let Some(status) = self.child.try_wait().context("look after Asterisk")? {
                bail!("Asterisk ended while starting, {status}: {}", self.output());
            }
            if started.elapsed() > STARTS_WITHIN {
                bail!(
                    "Asterisk takes no calls after {STARTS_WITHIN:?}: {} {}",
                    self.output(),
                    self.log()
                );
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

impl Drop for Asterisk {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking()
            && let Some(home) = self.home.take()
        {
            // Its logs and recordings are what explains a failed test.
            let kept = home.keep();
            tracing::warn!(home = %kept.display(), "kept what Asterisk left");
        }
    }
}

fn spawn(home: &TempDir, ports: &PortLease, tls: &[(&'static str, OsString)]) -> Result<Child> {
    let log = File::options()
        .create(true)
        .append(true)
        .open(home.path().join("output.log"))
        .context("make its log")?;
    command(home, ports)
        .envs(tls.iter().map(|(key, value)| (key, value)))
        .arg("run")
        .stdin(Stdio::null())
        .stdout(log.try_clone().context("share its log")?)
        .stderr(log)
        .spawn()
        .context("start Asterisk")
}

fn command(home: &TempDir, ports: &PortLease) -> Command {
    let mut command = Command::new(interop_dir().join("peers/asterisk"));
    command
        .env("ASTERISK_PLACE", asterisk_place())
        .env("ASTERISK_ROOT", asterisk_place().join("root"))
        .env("ASTERISK_HOME", home.path())
        .env("ASTERISK_SIP_PORT", ports.first().to_string())
        .env("ASTERISK_MANAGER_PORT", ports.last().to_string())
        .env("ASTERISK_RTP_START", ports.nth(2).to_string())
        .env("ASTERISK_RTP_END", ports.last().to_string())
        .env("ASTERISK_USER", Asterisk::USER)
        .env("ASTERISK_SECRET", Asterisk::SECRET);
    command
}
