use std::{
    fs::File,
    io::{BufRead, BufReader},
    path::Path,
    process::{Command, Stdio},
    sync::mpsc,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use outdial_testkit::peers::PortLease;
use tempfile::TempDir;

use super::{Running, folder, lease_up_to, sibling};
use crate::{client::Client, machine};

const ROOMY: &str = "[limits]\nlive_calls = 3000\n[handsets]\nenabled = false\n";
const STARTS_WITHIN: Duration = Duration::from_secs(30);

/// The program, serving.
#[derive(Debug)]
pub(crate) struct Outdial {
    program: Running,
    pub(crate) client: Client,
    /// Where it is served, and its key, for whoever asks without the client.
    pub(crate) url: String,
    pub(crate) key: String,
    ready: String,
    /// From its start to its `ready` line.
    pub(crate) start: Duration,
    // Dropped after the program.
    _folder: Option<TempDir>,
    _ports: PortLease,
}

impl Outdial {
    /// Starts it as it comes, but for ports that are free.
    pub(crate) fn idle() -> Result<Self> {
        Self::serve(&[200], "")
    }

    /// Starts it with room for thousands of calls at a time.
    pub(crate) fn roomy() -> Result<Self> {
        Self::roomy_with("")
    }

    /// The same, with what is in this folder from the time before, and leaves it there.
    pub(crate) fn roomy_in(folder: &Path, more: &str) -> Result<Self> {
        Self::serve_in(folder, None, &[4_400], &format!("{ROOMY}{more}"))
    }

    /// The same, with these trunks and whatever else they need.
    pub(crate) fn roomy_with(more: &str) -> Result<Self> {
        // A port rests for a second after its call, so a high rate of calls takes many, too.
        Self::serve(&[8_000, 6_000, 4_400], &format!("{ROOMY}{more}"))
    }

    /// Starts it so that it may tell receivers on this machine.
    pub(crate) fn telling() -> Result<Self> {
        Self::serve(
            &[200],
            "[webhooks]\nallow = [\"127.0.0.1\"]\n[handsets]\nenabled = false\n",
        )
    }

    /// Starts it with a trunk to an SMSC on this machine, where so many texts may be unanswered.
    pub(crate) fn texting(smsc: u16, window: usize, more: &str) -> Result<Self> {
        let config = format!(
            "[policy]\nopen = [\"+65\"]\n[webhooks]\nallow = [\"127.0.0.1\"]\n[handsets]\nenabled = false\n\
             [[sms_trunk]]\nname = \"smsc\"\nhost = \"127.0.0.1\"\nport = {smsc}\nsystem_id = \"outdial\"\n\
             window = {window}\n{more}"
        );
        Self::serve(&[200], &config)
    }

    fn serve(ports: &[u16], more: &str) -> Result<Self> {
        let folder = folder()?;
        let path = folder.path().to_owned();
        Self::serve_in(&path, Some(folder), ports, more)
    }

    fn serve_in(folder: &Path, goes_with_it: Option<TempDir>, ports: &[u16], more: &str) -> Result<Self> {
        let ports = lease_up_to(ports)?;
        let config = folder.join("outdial.toml");
        let (first, last) = (ports.first(), ports.last());
        let text = format!(
            "[server]\nbind = \"127.0.0.1:0\"\n[sip]\nbind = \"127.0.0.1:0\"\n\
             [media]\nfirst_port = {first}\nlast_port = {last}\n{more}"
        );
        std::fs::write(&config, text).context("write a configuration")?;
        let data = folder.join("data");
        let log = folder.join("log");
        let started = Instant::now();
        let mut program = Running::start(
            Command::new(sibling("outdial")?)
                .arg("--config")
                .arg(&config)
                .arg("--data")
                .arg(&data)
                .arg("serve")
                .stdin(Stdio::null())
                .stdout(Stdio::piped())
                .stderr(File::create(&log).context("make a log")?),
        )?;
        let ready = ready(&mut program).with_context(|| tail(&log))?;
        let start = started.elapsed();
        let url = ready
            .split_once("api ")
            .and_then(|(_, rest)| rest.split([',', ' ']).next())
            .with_context(|| format!("no address in {ready:?}"))?;
        let key = std::fs::read_to_string(data.join("key")).context("read the key")?;
        Ok(Self {
            client: Client::new(url, key.trim())?,
            url: url.to_owned(),
            key: key.trim().to_owned(),
            ready: ready.trim().to_owned(),
            program,
            start,
            _folder: goes_with_it,
            _ports: ports,
        })
    }

    /// Where a face is served that has a listener of its own.
    pub(crate) fn face(&self, name: &str) -> Result<String> {
        let rest = self
            .ready
            .split_once(&format!(", {name} http://"))
            .map(|(_, rest)| rest);
        let address = rest.and_then(|rest| rest.split(',').next());
        Ok(address
            .with_context(|| format!("no {name} in {:?}", self.ready))?
            .to_owned())
    }

    pub(crate) fn processor(&self) -> Result<f64> {
        machine::processor(self.program.pid())
    }

    pub(crate) fn resident(&self) -> Result<f64> {
        machine::resident(self.program.pid())
    }

    pub(crate) fn most_resident(&self) -> Result<f64> {
        machine::most_resident(self.program.pid())
    }
}

/// The line that says that it is ready.
fn ready(program: &mut Running) -> Result<String> {
    let out = program.0.stdout.take().context("its standard output is a pipe")?;
    let (sender, receiver) = mpsc::channel();
    // A thread, because a pipe cannot be read with a limit of time. It ends with the program.
    std::thread::spawn(move || {
        let mut line = String::new();
        let _ = BufReader::new(out).read_line(&mut line);
        let _ = sender.send(line);
    });
    let line = receiver
        .recv_timeout(STARTS_WITHIN)
        .with_context(|| format!("outdial is not ready after {STARTS_WITHIN:?}"))?;
    anyhow::ensure!(line.starts_with("ready:"), "outdial did not get ready");
    Ok(line)
}

fn tail(log: &Path) -> String {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().rev().take(10).collect();
    lines.into_iter().rev().collect::<Vec<_>>().join("\n")
}
