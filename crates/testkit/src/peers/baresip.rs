use super::paths::target_dir;
use super::ports::{PortLease, lease_ports};
use super::stop::terminate;
use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

const STARTS_WITHIN: Duration = Duration::from_secs(10);

/// Longer than anything that a phone waits for takes.
const HAPPENS_WITHIN: Duration = Duration::from_secs(30);

/// Where Debian and Ubuntu put its modules; where they lie elsewhere, it finds none and says so.
const MODULES: &str = "/usr/lib/baresip/modules";

/// Who a baresip is, and how it talks; [`BaresipBuilder::start`] starts it.
#[derive(Clone, Debug)]
pub struct BaresipBuilder {
    user: String,
    at: SocketAddr,
    secret: Option<String>,
    registers: bool,
    transport: &'static str,
    trusted: Option<PathBuf>,
    encryption: Option<&'static str>,
    codecs: Option<&'static str>,
    says: Option<PathBuf>,
}

impl BaresipBuilder {
    /// Registers where it belongs, with this secret.
    #[must_use]
    pub fn registers(mut self, secret: &str) -> Self {
        self.registers = true;
        self.knows(secret)
    }

    /// Shows this secret to whoever asks.
    #[must_use]
    pub fn knows(mut self, secret: &str) -> Self {
        self.secret = Some(secret.to_owned());
        self
    }

    /// Speaks SIP over TCP.
    #[must_use]
    pub fn over_tcp(mut self) -> Self {
        self.transport = "tcp";
        self
    }

    /// Speaks SIP over TLS, and trusts this root.
    #[must_use]
    pub fn over_tls(mut self, root: &Path) -> Self {
        self.transport = "tls";
        self.trusted = Some(root.to_owned());
        self
    }

    /// Talks by SRTP only, with keys in the description.
    #[must_use]
    pub fn encrypted(mut self) -> Self {
        self.encryption = Some("srtp-mand");
        self
    }

    /// Knows these codecs only, as in `G722/16000/1`.
    #[must_use]
    pub fn codecs(mut self, codecs: &'static str) -> Self {
        self.codecs = Some(codecs);
        self
    }

    /// Says what is in this WAV file, once in each call, and hangs up after it.
    #[must_use]
    pub fn says(mut self, file: &Path) -> Self {
        self.says = Some(file.to_owned());
        self
    }

    /// Starts it, and waits until it can be told what to do.
    ///
    /// # Errors
    ///
    /// When it is not installed, or does not come up.
    pub async fn start(self) -> Result<Baresip> {
        let place = target_dir().join("peers/baresip");
        std::fs::create_dir_all(&place).with_context(|| format!("make {}", place.display()))?;
        let home = tempfile::Builder::new()
            .prefix("t")
            .tempdir_in(&place)
            .context("make a home for baresip")?;
        let ports = lease_ports(20)?;
        let write = |name: &str, text: String| {
            std::fs::write(home.path().join(name), text).with_context(|| format!("write {name}"))
        };
        write("config", self.configuration(home.path(), &ports))?;
        write("accounts", self.account())?;
        write("contacts", String::new())?;
        let log = File::create(home.path().join("log")).context("make its log")?;
        let mut child = Command::new("baresip")
            .arg("-f")
            .arg(home.path())
            .stdin(Stdio::null())
            .stdout(log.try_clone().context("share its log")?)
            .stderr(log)
            .spawn()
            .context("start baresip")?;
        let control = match connect(&mut child, control_port(&ports)).await {
            Ok(control) => control,
            Err(error) => {
                terminate(&mut child);
                let log = std::fs::read_to_string(home.path().join("log")).unwrap_or_default();
                return Err(error.context(log));
            }
        };
        Ok(Baresip {
            child,
            home,
            ports,
            control,
            unread: Vec::new(),
            told: Vec::new(),
        })
    }

    fn configuration(&self, home: &Path, ports: &PortLease) -> String {
        let home = home.display();
        // Who has nothing of its own to say says what it hears: source and player are one bridge.
        let source = match &self.says {
            Some(file) => format!("aufile,{}", file.display()),
            None => "aubridge,ear".to_owned(),
        };
        let trusted = match &self.trusted {
            Some(root) => format!("sip_cafile {}\nsip_verify_server yes\n", root.display()),
            None => String::new(),
        };
        let modules: String = ["g711", "g722", "srtp", "aufile", "aubridge", "sndfile"]
            .map(|name| format!("module {name}.so\n"))
            .concat();
        let applications: String = ["account", "menu", "ctrl_tcp"]
            .map(|name| format!("module_app {name}.so\n"))
            .concat();
        format!(
            "module_path {MODULES}\n{modules}{applications}{trusted}ctrl_tcp_listen 127.0.0.1:{}\n\
             sip_listen 127.0.0.1:{}\nrtp_ports {}-{}\nsnd_path {home}\naudio_source {source}\n\
             audio_player aubridge,ear\naudio_alert aubridge,bell\n",
            control_port(ports),
            ports.first(),
            ports.nth(4),
            ports.last(),
        )
    }

    fn account(&self) -> String {
        let Self {
            user, at, transport, ..
        } = self;
        let mut line = format!("<sip:{user}@{at};transport={transport}>;answermode=auto");
        if let Some(secret) = &self.secret {
            line += &format!(";auth_user={user};auth_pass={secret}");
        }
        line += if self.registers { ";regint=600" } else { ";regint=0" };
        if let Some(encryption) = self.encryption {
            line += &format!(";mediaenc={encryption}");
        }
        if let Some(codecs) = self.codecs {
            line += &format!(";audio_codecs={codecs}");
        }
        line + "\n"
    }
}

/// TLS takes the port after the one for SIP, so control takes the next.
fn control_port(ports: &PortLease) -> u16 {
    ports.nth(2)
}

async fn connect(child: &mut Child, port: u16) -> Result<TcpStream> {
    let started = Instant::now();
    loop {
        if let Ok(control) = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await {
            return Ok(control);
        }
        if let Some(status) = child.try_wait().context("look after baresip")? {
            bail!("baresip ended while starting, {status}");
        }
        if started.elapsed() > STARTS_WITHIN {
            bail!("baresip cannot be controlled after {STARTS_WITHIN:?}");
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// A real softphone without a sound card: it says a file, or else what it hears, and keeps both.
#[derive(Debug)]
pub struct Baresip {
    child: Child,
    home: TempDir,
    ports: PortLease,
    control: TcpStream,
    unread: Vec<u8>,
    told: Vec<String>,
}

impl Baresip {
    /// The phone of this user, whose registrar or proxy is there. It answers whoever calls it.
    #[must_use]
    pub fn of(user: &str, at: SocketAddr) -> BaresipBuilder {
        BaresipBuilder {
            user: user.to_owned(),
            at,
            secret: None,
            registers: false,
            transport: "udp",
            trusted: None,
            encryption: None,
            codecs: None,
            says: None,
        }
    }

    /// Where it takes SIP.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.ports.first()).into()
    }

    /// Waits until the place where it belongs has taken its registration, which it begins by itself.
    ///
    /// # Errors
    ///
    /// When that does not happen, with what it printed.
    pub async fn registered(&self) -> Result<()> {
        // It may be over before anybody is connected who could be told.
        let started = Instant::now();
        while !self.log().contains("binding]") {
            if started.elapsed() > HAPPENS_WITHIN {
                bail!("baresip is not registered\n{}", self.log());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }

    /// Calls somebody.
    ///
    /// # Errors
    ///
    /// When it does not listen.
    pub async fn dial(&mut self, uri: &str) -> Result<()> {
        self.tell("dial", uri).await
    }

    /// Ends its call.
    ///
    /// # Errors
    ///
    /// When it does not listen.
    pub async fn hang_up(&mut self) -> Result<()> {
        self.tell("hangup", "").await
    }

    /// Waits until it tells of this, as in `CALL_RINGING`, `CALL_ESTABLISHED` and `CALL_CLOSED`.
    ///
    /// # Errors
    ///
    /// When that does not happen, with what did and what it printed.
    pub async fn until(&mut self, kind: &str) -> Result<Value> {
        let wait = async {
            loop {
                let message = self.next().await?;
                let of = message["type"].as_str().unwrap_or_default().to_owned();
                let found = of == kind;
                self.told.push(of);
                if found {
                    return Ok(message);
                }
            }
        };
        match tokio::time::timeout(HAPPENS_WITHIN, wait).await {
            Ok(result) => result,
            Err(_) => bail!("no {kind} in {:?}\n{}", self.told, self.log()),
        }
    }

    /// The recordings of what it has heard so far, one for each call, oldest first.
    #[must_use]
    pub fn heard(&self) -> Vec<PathBuf> {
        self.recordings("-dec.wav")
    }

    /// The recordings of what it has said so far.
    #[must_use]
    pub fn said(&self) -> Vec<PathBuf> {
        self.recordings("-enc.wav")
    }

    /// What it has printed so far.
    #[must_use]
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.home.path().join("log")).unwrap_or_default()
    }

    fn recordings(&self, ending: &str) -> Vec<PathBuf> {
        let files = std::fs::read_dir(self.home.path()).into_iter().flatten().flatten();
        let mut found: Vec<PathBuf> = files
            .map(|file| file.path())
            .filter(|path| path.to_string_lossy().ends_with(ending))
            .collect();
        found.sort();
        found
    }

    /// A command, as a netstring with JSON in it.
    async fn tell(&mut self, command: &str, parameters: &str) -> Result<()> {
        let text = json!({ "command": command, "params": parameters }).to_string();
        let netstring = format!("{}:{text},", text.len());
        self.control
            .write_all(netstring.as_bytes())
            .await
            .with_context(|| format!("tell baresip to {command}"))
    }

    async fn next(&mut self) -> Result<Value> {
        loop {
            if let Some((message, length)) = netstring(&self.unread) {
                let value = serde_json::from_slice(message).context("read what baresip tells");
                self.unread.drain(..length);
                return value;
            }
            let count = self
                .control
                .read_buf(&mut self.unread)
                .await
                .context("listen to baresip")?;
            if count == 0 {
                bail!("baresip has ended: {}", self.log());
            }
        }
    }
}

/// The first message of the bytes, and how many it takes with its length and comma.
fn netstring(bytes: &[u8]) -> Option<(&[u8], usize)> {
    let colon = bytes.iter().position(|byte| *byte == b':')?;
    let length: usize = std::str::from_utf8(&bytes[..colon]).ok()?.parse().ok()?;
    let end = colon + 1 + length;
    (bytes.len() > end).then(|| (&bytes[colon + 1..end], end + 1))
}

impl Drop for Baresip {
    fn drop(&mut self) {
        // It writes the lengths into its recordings when it is asked to end.
        terminate(&mut self.child);
    }
}
