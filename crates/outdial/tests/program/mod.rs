//! The program itself, run as its users run it.
#![expect(
    unreachable_pub,
    reason = "each test file includes this module and uses a part of it"
)]
#![allow(
    dead_code,
    clippy::allow_attributes,
    reason = "each test file includes this module and uses a part of it"
)]

use std::{
    f64::consts::TAU,
    path::{Path, PathBuf},
    process::{Output, Stdio},
    time::Duration,
};

use futures_util::StreamExt;
use outdial_testkit::peers::{PortLease, lease_ports};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
};

/// The compiled program.
pub const OUTDIAL: &str = env!("CARGO_BIN_EXE_outdial");

/// How long anything may take before a test gives up.
pub const LIMIT: Duration = Duration::from_secs(120);

/// A directory for the program's data and configuration, and ports for its sound.
pub struct Home {
    pub dir: TempDir,
    ports: PortLease,
}

impl Home {
    pub fn new() -> Self {
        // The first test of a process installs it; the others find it there.
        let _ = rustls::crypto::ring::default_provider().install_default();
        Self {
            dir: tempfile::tempdir().unwrap(),
            ports: lease_ports(200).unwrap(),
        }
    }

    /// The first of the ports for sound.
    pub fn first_port(&self) -> u16 {
        self.ports.first()
    }

    pub fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    /// Writes the configuration: ports that nobody else has, then what the test adds.
    pub fn configure(&self, more: &str) -> PathBuf {
        self.configure_node("local", more)
    }

    /// The same for one of several nodes.
    pub fn configure_node(&self, name: &str, more: &str) -> PathBuf {
        let path = self.dir.path().join("outdial.toml");
        let (first, last) = (self.ports.first(), self.ports.last());
        // Keys of a test's `[sip]` are given with it, so the section is only written when it has none.
        let sip = if more.contains("[sip]") {
            ""
        } else {
            "[sip]\nbind = \"127.0.0.1:0\"\n"
        };
        let text = format!(
            "[server]\nbind = \"127.0.0.1:0\"\nnode = \"{name}\"\nstop_within = 5\n{sip}[media]\nfirst_port = {first}\nlast_port = {last}\nthreads = 1\n{more}"
        );
        std::fs::write(&path, text).unwrap();
        path
    }

    /// The command line with this data directory and configuration.
    pub fn command(&self, arguments: &[&str]) -> Command {
        self.command_through(&[], arguments)
    }

    /// The same, run by a command that gets the program and its arguments as its last arguments, and the
    /// data directory as `DATA`.
    pub fn command_through(&self, wrapper: &[String], arguments: &[&str]) -> Command {
        let mut words = wrapper.iter().map(String::as_str).chain([OUTDIAL]);
        let mut command = Command::new(words.next().unwrap());
        command
            .args(words)
            .env("DATA", self.data())
            .arg("--data")
            .arg(self.data())
            .args(arguments)
            .env_remove("OUTDIAL_URL")
            .env_remove("OUTDIAL_KEY")
            .stdin(Stdio::null())
            .kill_on_drop(true);
        let config = self.dir.path().join("outdial.toml");
        if config.exists() {
            command.env("OUTDIAL_CONFIG", config);
        }
        command
    }

    /// Runs a command to its end.
    pub async fn run(&self, arguments: &[&str]) -> Ran {
        let output = tokio::time::timeout(LIMIT, self.command(arguments).output()).await;
        Ran::new(&output.expect("the command ends").unwrap())
    }

    /// Starts the server and waits until it is ready.
    pub async fn serve(&self) -> Server {
        self.serve_with_fault("").await
    }

    /// The same by a command that ends up as the server itself, with the same process id.
    pub async fn serve_through(&self, wrapper: &[String]) -> Server {
        self.ready(self.command_through(wrapper, &["serve"])).await
    }

    /// The same with a fault: a place where it dies or stands still, as `engine/src/fault.rs` says.
    pub async fn serve_with_fault(&self, fault: &str) -> Server {
        let mut command = self.command(&["serve"]);
        if !fault.is_empty() {
            command.env("OUTDIAL_FAULT", fault);
        }
        self.ready(command).await
    }

    async fn ready(&self, command: Command) -> Server {
        let server = self.try_ready(command).await;
        server.expect("the server tells that it is ready before it ends")
    }

    /// Starts a server by this command and waits until it is ready, or `None` when it ends before.
    pub async fn try_ready(&self, mut command: Command) -> Option<Server> {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let ready = tokio::time::timeout(LIMIT, lines.next_line())
            .await
            .expect("it gets ready")
            .unwrap()?;
        let after = |word: &str| {
            let rest = ready
                .split_once(word)
                .unwrap_or_else(|| panic!("{ready}"))
                .1
                .trim_start();
            rest.split([',', ' ']).next().unwrap().to_owned()
        };
        let (url, sip) = (after("api "), after("sip "));
        let mut server = Server {
            child,
            url,
            sip,
            ready,
            key: String::new(),
            http: reqwest::Client::new(),
        };
        let key = std::fs::read_to_string(server.inside(&self.data().join("key"))).ok()?;
        key.trim().clone_into(&mut server.key);
        Some(server)
    }
}

/// What a command left.
#[derive(Debug)]
pub struct Ran {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Ran {
    fn new(output: &Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// A running server.
pub struct Server {
    child: Child,
    pub url: String,
    pub sip: String,
    ready: String,
    pub key: String,
    http: reqwest::Client,
}

impl Server {
    /// Where a face is served that has a listener of its own.
    pub fn face(&self, name: &str) -> String {
        let rest = self
            .ready
            .split_once(&format!(", {name} http://"))
            .map(|(_, rest)| rest);
        let address = rest.and_then(|rest| rest.split(',').next());
        address.unwrap_or_else(|| panic!("{}", self.ready)).to_owned()
    }

    pub fn pid(&self) -> u32 {
        self.child.id().expect("it runs")
    }

    /// Where a path of the server's is seen from here, which may have other file systems.
    pub fn inside(&self, path: &Path) -> PathBuf {
        let root = PathBuf::from(format!("/proc/{}/root", self.pid()));
        root.join(path.strip_prefix("/").unwrap())
    }

    /// Whether it ends by itself within this time.
    pub async fn ends_within(&mut self, time: Duration) -> bool {
        tokio::time::timeout(time, self.child.wait()).await.is_ok()
    }

    /// Waits until it has died by itself, as it does at a fault.
    pub async fn died(mut self) {
        let status = tokio::time::timeout(LIMIT, self.child.wait())
            .await
            .expect("it dies")
            .unwrap();
        assert!(!status.success(), "{status}");
    }

    /// Waits until none of it runs any more, as a debugger makes a process stand still.
    pub async fn stands_still(&self) {
        assert!(self.stands_still_within(LIMIT).await, "it stands still");
    }

    /// Whether that is so within this time.
    pub async fn stands_still_within(&self, time: Duration) -> bool {
        let stands = || {
            let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.pid())).unwrap_or_default();
            // The state comes after the name, which is in parentheses.
            stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('T'))
        };
        let wait = async {
            while !stands() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(time, wait).await.is_ok()
    }

    /// Ends it as a crash does.
    pub async fn kill(mut self) {
        self.child.kill().await.unwrap();
    }

    /// Ends it as an operator does, and expects it to end well.
    pub async fn stop(self) {
        let told = Command::new("kill")
            .arg("-TERM")
            .arg(self.pid().to_string())
            .status()
            .await
            .unwrap();
        assert!(told.success());
        self.ended_well().await;
    }

    /// Waits for its end, which must be a good one.
    pub async fn ended_well(mut self) {
        let status = tokio::time::timeout(LIMIT, self.child.wait())
            .await
            .expect("it ends")
            .unwrap();
        assert!(status.success(), "{status}");
    }

    pub async fn get(&self, path: &str) -> (u16, Value) {
        let request = self.http.get(format!("{}{path}", self.url)).bearer_auth(&self.key);
        Self::answer(request).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        let request = self
            .http
            .post(format!("{}{path}", self.url))
            .bearer_auth(&self.key)
            .json(body);
        Self::answer(request).await
    }

    pub async fn patch(&self, path: &str, body: &Value) -> (u16, Value) {
        let request = self
            .http
            .patch(format!("{}{path}", self.url))
            .bearer_auth(&self.key)
            .json(body);
        Self::answer(request).await
    }

    /// Asks, and bears that no answer comes.
    pub async fn try_post(&self, path: &str, body: &Value) -> Option<u16> {
        let request = self.http.post(format!("{}{path}", self.url)).bearer_auth(&self.key);
        Some(request.json(body).send().await.ok()?.status().as_u16())
    }

    /// The whole answer to a request.
    pub async fn post_raw(&self, path: &str, body: &Value) -> reqwest::Response {
        let request = self
            .http
            .post(format!("{}{path}", self.url))
            .bearer_auth(&self.key)
            .json(body);
        tokio::time::timeout(LIMIT, request.send())
            .await
            .expect("an answer")
            .unwrap()
    }

    pub async fn answer(request: reqwest::RequestBuilder) -> (u16, Value) {
        let response = tokio::time::timeout(LIMIT, request.send())
            .await
            .expect("an answer")
            .unwrap();
        let status = response.status().as_u16();
        let text = response.text().await.unwrap();
        (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
    }

    /// Places a call and gives its id.
    pub async fn place(&self, body: &Value) -> String {
        let (status, call) = self.post("/api/v1/calls", body).await;
        assert_eq!(status, 201, "{call}");
        call["id"].as_str().unwrap().to_owned()
    }

    /// Waits until something has happened to a call or a message; gives the event.
    pub async fn reached(&self, call: &str, kind: &str) -> Value {
        self.happened(call, kind, |event| event["type"] == kind).await
    }

    /// The same for an event that this is true of.
    pub async fn happened(&self, call: &str, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let of = if call.starts_with("msg_") { "message" } else { "call" };
        let request = self
            .http
            .get(format!("{}/api/v1/events?after=0&{of}={call}", self.url))
            .bearer_auth(&self.key);
        let response = request.send().await.unwrap();
        assert!(response.status().is_success(), "{}", response.status());
        let wait = async {
            let mut text = String::new();
            let mut chunks = response.bytes_stream();
            while let Some(chunk) = chunks.next().await {
                text += &String::from_utf8_lossy(&chunk.unwrap());
                let events = text.lines().filter_map(|line| line.strip_prefix("data:"));
                let mut events = events.filter_map(|data| serde_json::from_str::<Value>(data).ok());
                if let Some(event) = events.find(&wanted) {
                    return event;
                }
            }
            panic!("the events of {call} ended before `{what}`: {text}");
        };
        tokio::time::timeout(LIMIT, wait)
            .await
            .unwrap_or_else(|_| panic!("{call} did not reach `{what}`"))
    }

    /// Waits until a call has ended; gives its whole story.
    pub async fn ended(&self, call: &str) -> Value {
        self.reached(call, "ended").await;
        let (status, story) = self.get(&format!("/api/v1/calls/{call}/explain?unmasked=true")).await;
        assert_eq!(status, 200, "{story}");
        story
    }

    /// Places a call and waits for its end.
    pub async fn call(&self, body: &Value) -> Value {
        let id = self.place(body).await;
        self.ended(&id).await
    }
}

/// Waits until something is so.
pub async fn in_time(wanted: impl AsyncFn() -> bool) {
    let wait = async {
        while !wanted().await {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(LIMIT, wait).await.expect("it gets there");
}

/// The words of a story's events, in order.
pub fn words(story: &Value) -> Vec<&str> {
    story["events"]
        .as_array()
        .unwrap()
        .iter()
        .map(|event| event["type"].as_str().unwrap())
        .collect()
}

/// The outcome of a story and who ended it.
pub fn outcome(story: &Value) -> (&str, &str) {
    let ending = &story["call"]["ending"];
    (
        ending["outcome"].as_str().unwrap_or("none"),
        ending["by"].as_str().unwrap_or("none"),
    )
}

/// The samples of a WAV file of one channel, and its rate.
pub fn samples(path: &Path) -> (Vec<i16>, u32) {
    let bytes = std::fs::read(path).unwrap();
    let clip = outdial_media::wav::read(&bytes, 4_000).unwrap();
    (clip.samples.clone(), clip.rate)
}

/// For how many seconds a recording has a tone: steps of 50 ms in which it is most of the sound (Goertzel).
pub fn tone_heard_for(recording: &Path, tone: f64) -> f64 {
    let (samples, rate) = samples(recording);
    let step = rate as usize / 20;
    let heard = samples.chunks_exact(step).filter(|chunk| {
        let (mut re, mut im, mut energy) = (0.0, 0.0, 0.0);
        for (index, sample) in chunk.iter().enumerate() {
            let (sample, angle) = (f64::from(*sample), TAU * tone * index as f64 / f64::from(rate));
            re += sample * angle.cos();
            im += sample * angle.sin();
            energy += sample * sample;
        }
        // Another tone of the same level may be in it.
        energy > 1e6 && 2.0 * (re * re + im * im) / (step as f64 * energy) > 0.2
    });
    heard.count() as f64 / 20.0
}

/// A flow that is silent for a while and then hangs up.
pub fn pause(length: &str) -> Value {
    json!([{ "pause": length }])
}
