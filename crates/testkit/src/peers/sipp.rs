use super::paths::interop_dir;
use super::ports::{PortLease, lease_ports};
use super::sockets::{holds_udp_port, listens_at_tcp_port};
use anyhow::{Context, Result, bail};
use std::fs::File;
use std::io::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

const STARTS_WITHIN: Duration = Duration::from_secs(10);
const PORTS: u16 = 20;
/// Where among its ports those for sound begin; the one after SIP's is for who takes TLS off.
const MEDIA: u16 = 2;

/// What one SIPp is to do; [`SippBuilder::start`] starts it.
#[derive(Clone, Debug)]
pub struct SippBuilder {
    scenario: Scenario,
    target: Option<SocketAddr>,
    port: Option<u16>,
    calls: u32,
    timeout: Duration,
    options: Vec<String>,
    ip: IpAddr,
}

#[derive(Clone, Debug)]
enum Scenario {
    File(PathBuf),
    BuiltIn(&'static str),
}

impl SippBuilder {
    fn new(scenario: Scenario) -> Self {
        Self {
            scenario,
            target: None,
            port: None,
            calls: 1,
            timeout: Duration::from_secs(30),
            options: Vec::new(),
            ip: Ipv4Addr::LOCALHOST.into(),
        }
    }

    /// A SIP port of your own; otherwise one is leased.
    #[must_use]
    pub fn port(mut self, port: u16) -> Self {
        self.port = Some(port);
        self
    }

    /// Speaks IPv6, over which a target is called anyway.
    #[must_use]
    pub fn ipv6(mut self) -> Self {
        self.ip = Ipv6Addr::LOCALHOST.into();
        self
    }

    /// After how many calls it ends; 1 unless said.
    #[must_use]
    pub fn calls(mut self, calls: u32) -> Self {
        self.calls = calls;
        self
    }

    /// After how long it gives up and fails; 30 s unless said.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Sends what it hears back to whom it hears it from.
    #[must_use]
    pub fn echo(self) -> Self {
        self.option("-rtp_echo")
    }

    /// One more word of its command line. A `-key` of the scenario can be given another value so.
    #[must_use]
    pub fn option(mut self, option: impl Into<String>) -> Self {
        self.options.push(option.into());
        self
    }

    /// Starts it, and waits until its SIP port is its own.
    ///
    /// # Errors
    ///
    /// When it is not installed, the scenario is wrong, or the port is taken; with what it printed.
    pub async fn start(self) -> Result<Sipp> {
        let folder = tempfile::Builder::new()
            .prefix("sipp")
            .tempdir()
            .context("make a folder for SIPp")?;
        let ports = lease_ports(PORTS)?;
        let port = self.port.unwrap_or_else(|| ports.first());
        let screen = File::create(folder.path().join("screen")).context("make a file for its screen")?;

        let mut command = Command::new("sipp");
        if let Some(target) = self.target {
            command.arg(target.to_string());
        }
        // Before those of the scenario: of a `-key` that is there twice, SIPp takes the first.
        command.args(&self.options);
        match &self.scenario {
            Scenario::File(path) => command.arg("-sf").arg(path).args(options_in(path)?),
            Scenario::BuiltIn(name) => command.args(["-sn", name]),
        };
        command
            // Scenarios name the audio they play relative to their own folder.
            .current_dir(interop_dir().join("sipp"))
            .args(["-i", &self.ip.to_string(), "-mi", &self.ip.to_string()])
            .args(["-bind_local", "-nostdin", "-skip_rlimit"])
            .args([
                "-p",
                &port.to_string(),
                "-mp",
                &ports.nth(MEDIA).to_string(),
                "-cp",
                &ports.last().to_string(),
            ])
            .args(["-m", &self.calls.to_string()])
            .args([
                "-timeout",
                &format!("{}s", self.timeout.as_secs().max(1)),
                "-timeout_error",
            ])
            .args(["-trace_msg", "-message_file"])
            .arg(folder.path().join("messages"))
            .args(["-trace_err", "-error_file"])
            .arg(folder.path().join("errors"))
            .args(["-trace_stat", "-stf"])
            .arg(folder.path().join("counts"))
            .stdin(Stdio::null())
            .stdout(screen.try_clone().context("share its screen")?)
            .stderr(screen);
        let child = command.spawn().context("start sipp, of the package sip-tester")?;
        let mut sipp = Sipp {
            child,
            folder,
            ports,
            port,
            ip: self.ip,
            timeout: self.timeout,
        };
        sipp.ready().await?;
        Ok(sipp)
    }
}

/// A running SIPp; killed when this value goes before it has ended.
#[derive(Debug)]
pub struct Sipp {
    child: Child,
    folder: TempDir,
    ports: PortLease,
    port: u16,
    ip: IpAddr,
    timeout: Duration,
}

impl Sipp {
    /// The far side of a call, played by a scenario: a path, or the name of a file in `interop/sipp`.
    ///
    /// Command-line words that the scenario needs stand in it as `<!-- sipp options: … -->`.
    #[must_use]
    pub fn uas(scenario: impl AsRef<Path>) -> SippBuilder {
        SippBuilder::new(Scenario::File(interop_dir().join("sipp").join(scenario)))
    }

    /// SIPp's own plain far side: rings, answers, waits for BYE.
    #[must_use]
    pub fn plain_uas() -> SippBuilder {
        SippBuilder::new(Scenario::BuiltIn("uas"))
    }

    /// A caller, played by a scenario.
    #[must_use]
    pub fn uac(scenario: impl AsRef<Path>, target: SocketAddr) -> SippBuilder {
        let mut builder = Self::uas(scenario);
        builder.target = Some(target);
        builder.ip = loopback(target);
        builder
    }

    /// SIPp's own plain caller: calls, and hangs up when it is answered.
    #[must_use]
    pub fn plain_uac(target: SocketAddr) -> SippBuilder {
        let mut builder = SippBuilder::new(Scenario::BuiltIn("uac"));
        builder.target = Some(target);
        builder.ip = loopback(target);
        builder
    }

    /// Where it takes SIP, over UDP or whatever its scenario says.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        (self.ip, self.port).into()
    }

    /// The port that scenarios know as `[media_port]`. The next ones up to `[media_port+9]` are
    /// nobody else's either; unless it plays or echoes sound, a test may listen there.
    #[must_use]
    pub fn media_port(&self) -> u16 {
        self.ports.nth(MEDIA)
    }

    /// Waits until it ends by itself: all calls done, or its time over.
    ///
    /// # Errors
    ///
    /// When it does not end at all; what it saw is in the error.
    pub async fn wait(mut self) -> Result<SippResult> {
        // Its own time-out comes first, and tells more.
        let patience = self.timeout + Duration::from_secs(10);
        let started = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().context("look after sipp")? {
                return Ok(self.result(status.code()));
            }
            if started.elapsed() > patience {
                let _ = self.child.kill();
                bail!("sipp did not end within {patience:?}\n{}", self.result(None));
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    async fn ready(&mut self) -> Result<()> {
        let started = Instant::now();
        let pid = self.child.id();
        while !holds_udp_port(pid, self.port) && !listens_at_tcp_port(pid, self.port) {
            if let Some(status) = self.child.try_wait().context("look after sipp")? {
                if status.success() {
                    // A caller may be done before it is looked at.
                    return Ok(());
                }
                bail!(
                    "sipp ended at once, {status}\n{}\n{}",
                    self.read("screen"),
                    self.read("errors")
                );
            }
            if started.elapsed() > STARTS_WITHIN {
                bail!("sipp holds no port {} after {STARTS_WITHIN:?}", self.port);
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Ok(())
    }

    fn result(&self, exit_code: Option<i32>) -> SippResult {
        let counts = self.read("counts");
        SippResult {
            exit_code,
            successful: last_count(&counts, "SuccessfulCall(C)"),
            failed: last_count(&counts, "FailedCall(C)"),
            errors: self.read("errors"),
            messages: self.read("messages"),
        }
    }

    fn read(&self, name: &str) -> String {
        let bytes = std::fs::read(self.folder.path().join(name)).unwrap_or_default();
        String::from_utf8_lossy(&bytes).replace("\r\n", "\n")
    }
}

impl Drop for Sipp {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// How it went, as SIPp saw it.
#[derive(Clone, Debug)]
pub struct SippResult {
    /// 0 when every call went as its scenario says; none when it was killed.
    pub exit_code: Option<i32>,
    /// Calls that went as the scenario says.
    pub successful: u64,
    /// Calls that did not.
    pub failed: u64,
    /// What it complains about.
    pub errors: String,
    /// Every message sent and received, with its time.
    pub messages: String,
}

impl SippResult {
    /// Whether there were calls, and every one went as the scenario says.
    #[must_use]
    pub fn is_success(&self) -> bool {
        self.exit_code == Some(0) && self.failed == 0 && self.successful > 0
    }

    /// Goes on only when it was a success.
    ///
    /// # Panics
    ///
    /// Otherwise, with SIPp's complaint and every message.
    pub fn assert_success(&self) {
        assert!(self.is_success(), "the SIPp scenario failed\n{self}");
    }

    /// How many requests of this method it received, retransmissions included.
    #[must_use]
    pub fn received(&self, method: &str) -> usize {
        let first_line = format!("{method} sip:");
        self.received_messages()
            .filter(|message| message.starts_with(&first_line))
            .count()
    }

    /// How many responses of this status it received to requests of this method, repetitions included.
    #[must_use]
    pub fn received_status(&self, status: u16, method: &str) -> usize {
        let first_line = format!("SIP/2.0 {status} ");
        self.received_messages()
            .filter(|message| message.starts_with(&first_line))
            .filter(|message| {
                let mut headers = message.lines().filter_map(|line| line.split_once(':'));
                headers.any(|(name, value)| name.eq_ignore_ascii_case("CSeq") && value.ends_with(method))
            })
            .count()
    }

    /// Every message that it received, from its first line to the next one's time.
    pub fn received_messages(&self) -> impl Iterator<Item = &str> {
        self.messages
            .split(" message ")
            .filter_map(|part| Some(part.strip_prefix("received")?.split_once('\n')?.1.trim_start()))
    }

    /// Whether the last digest credentials that it received were made with this secret.
    ///
    /// For scenarios 11 and 18: SIPp's own check reads only the answer to a 401, and only MD5.
    ///
    /// # Errors
    ///
    /// When there were no credentials, or Python is missing.
    pub fn credentials_hold(&self, secret: &str) -> Result<bool> {
        let mut child = Command::new("python3")
            .arg(interop_dir().join("peers/digest.py"))
            .arg(secret)
            .stdin(Stdio::piped())
            .spawn()
            .context("start python3")?;
        child
            .stdin
            .take()
            .context("its standard input is a pipe")?
            .write_all(self.messages.as_bytes())
            .context("hand over the messages")?;
        match child.wait().context("wait for python3")?.code() {
            Some(0) => Ok(true),
            Some(1) => Ok(false),
            other => bail!("no credentials to check (exit code {other:?})\n{}", self.messages),
        }
    }
}

impl std::fmt::Display for SippResult {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(
            formatter,
            "exit code {:?}, {} successful, {} failed",
            self.exit_code, self.successful, self.failed
        )?;
        writeln!(formatter, "{}\n{}", self.errors, self.messages)
    }
}

/// This machine, in the kind of address that somebody has.
fn loopback(target: SocketAddr) -> IpAddr {
    match target {
        SocketAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
        SocketAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
    }
}

fn options_in(scenario: &Path) -> Result<Vec<String>> {
    let text = std::fs::read_to_string(scenario).with_context(|| format!("read {}", scenario.display()))?;
    let options = text
        .split_once("<!-- sipp options: ")
        .and_then(|(_, rest)| rest.split_once(" -->"));
    Ok(options
        .map(|(words, _)| words.split_whitespace().map(str::to_owned).collect())
        .unwrap_or_default())
}

/// A column of the last row of SIPp's statistics; 0 when it wrote none.
fn last_count(table: &str, column: &str) -> u64 {
    let mut rows = table.lines();
    let place = rows
        .next()
        .and_then(|names| names.split(';').position(|name| name == column));
    let row = rows.next_back();
    place
        .zip(row)
        .and_then(|(place, row)| row.split(';').nth(place)?.trim().parse().ok())
        .unwrap_or(0)
}
