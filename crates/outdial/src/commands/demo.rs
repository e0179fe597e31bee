//! `outdial demo`: calls from beginning to end, and a text, on loopback, with phones and an SMSC of our own.
//!
//! Everything is real: the requests go through the API, the calls through SIP, the sentences through
//! RTP, a key comes back as a telephone-event. The demo then judges the result by what the phones
//! recorded, against a rendering of the sentences that has not passed through any of it.

mod heard;
mod sentence;
mod text;
mod together;

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use outdial_handset::{HandsetSet, HeardCall};
use serde_json::{Value, json};

use self::{sentence::Played, together::Talk};
use super::print_json;
use crate::{
    cli::{Common, Demo},
    client::Client,
    config::{Config, NumberSection},
    exit::Failure,
    output::say,
    render,
    server::{Role, Server},
};

/// How long everything may take.
const LIMIT: Duration = Duration::from_secs(240);
/// The longest sentence, in characters: about a minute of speech.
const LONGEST: usize = 800;

pub(super) async fn run(common: &Common, demo: Demo) -> Result<ExitCode, Failure> {
    if demo.say.trim().is_empty() || demo.say.chars().count() > LONGEST {
        return Err(Failure::usage(format!(
            "--say: give a sentence of at most {LONGEST} characters"
        )));
    }
    let work = tempfile::tempdir().map_err(|error| Failure::start(format!("no temporary directory: {error}")))?;
    let out = out_directory(demo.out.as_deref())?;
    let config = configuration(common, work.path(), demo.deaf)?;
    let server = Server::start(&config, &work.path().join("data"), Role::Dialling).await?;
    let played = tokio::time::timeout(LIMIT, play(&server, &demo, &out)).await;
    server.stop().await;
    let verdict =
        played.map_err(|_| Failure::result(format!("the calls took longer than {} s", LIMIT.as_secs())))??;
    Ok(if verdict.is_ok() {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(1)
    })
}

/// The user's configuration of speech, and nothing else of it: the demo touches no trunk and no port
/// that somebody else may use.
fn configuration(common: &Common, work: &Path, deaf: bool) -> Result<Config, Failure> {
    let script = work.join("phones.toml");
    let phones = sentence::phone(deaf) + &together::phones(work)?;
    std::fs::write(&script, phones).map_err(|error| Failure::start(format!("{}: {error}", script.display())))?;
    let mut config = Config {
        speech: Config::load(common.config.as_deref())?.speech,
        number: vec![NumberSection::caller_id(together::MASK)],
        ..Config::default()
    };
    config.server.bind.set_port(0);
    config.sip.bind.set_port(0);
    config.handsets.script = Some(script);
    Ok(config)
}

fn out_directory(wanted: Option<&Path>) -> Result<PathBuf, Failure> {
    let made = match wanted {
        Some(path) => std::fs::create_dir_all(path).map(|()| path.to_owned()),
        None => tempfile::Builder::new()
            .prefix("outdial-demo-")
            .disable_cleanup(true)
            .tempdir()
            .map(tempfile::TempDir::keep),
    };
    made.map_err(|error| Failure::usage(format!("--out: the directory cannot be made: {error}")))
}

/// Where the acts are played.
struct Stage<'s> {
    client: Client,
    phones: &'s HandsetSet,
    out: &'s Path,
    quiet: bool,
}

impl Stage<'_> {
    fn say(&self, line: &str) {
        if !self.quiet {
            say!("{line}");
        }
    }

    async fn place(&self, body: &Value) -> Result<Value, Failure> {
        self.client.post("/calls", body).await
    }

    /// Shows what happens to a call, for whoever it is to, until it has ended; then gives its whole story.
    async fn watch(&self, call: &Value, who: &str) -> Result<Value, Failure> {
        let id = call["id"].as_str().unwrap_or_default();
        let mut seen = super::call::Ended::follow(&self.client, id).await?;
        seen.wait(|event| self.say(format!("{} {who}", render::event_line(event)).trim_end()))
            .await?;
        self.client.get(&format!("/calls/{id}/explain?unmasked=true")).await
    }

    fn file(&self, name: &str) -> PathBuf {
        self.out.join(name).with_extension("wav")
    }

    /// Keeps what a phone recorded, which was rung once.
    async fn keep_recording(&self, number: &str, name: &str) -> Result<HeardCall, Failure> {
        let phone = self.phones.finished(number).await;
        let recorded = phone.wav.as_ref();
        let recorded = recorded.ok_or_else(|| Failure::result(format!("{number} recorded nothing")))?;
        let wav = self.file(name);
        std::fs::copy(recorded, &wav).map_err(|error| Failure::result(format!("{}: {error}", wav.display())))?;
        Ok(phone)
    }
}

/// Whether a call ended well; otherwise how.
fn completed(story: &Value) -> Result<(), String> {
    let ending = &story["call"]["ending"];
    match ending["outcome"].as_str().unwrap_or_default() {
        "completed" => Ok(()),
        outcome => Err(format!(
            "the call to {} ended as `{outcome}`: {}",
            story["call"]["to"].as_str().unwrap_or_default(),
            ending["reason"].as_str().unwrap_or_default()
        )),
    }
}

/// Plays all acts, and shows what came of them. What fails ends the play.
async fn play(server: &Server, demo: &Demo, out: &Path) -> Result<Result<(), String>, Failure> {
    let phones = server.handsets.as_ref();
    let stage = Stage {
        client: Client::new(&server.url, &server.key)?,
        phones: phones.ok_or_else(|| Failure::start("the demo has no phones"))?,
        out,
        quiet: demo.json,
    };
    stage.say("A phone rings, hears a sentence and presses a key.\n");
    let alone = sentence::play(&stage, demo).await?;
    let mut show = Show::new(&stage, &alone);
    if show.verdict.is_ok() {
        stage.say("\nAnn is called, and connected with Ben. Both see a number that is neither's.\n");
        show.talk("bridge", &together::bridge(&stage).await?);
    }
    if show.verdict.is_ok() {
        stage.say("\nCleo, Dan and Eve meet in a room.\n");
        show.talk("room", &together::room(&stage).await?);
    }
    if show.verdict.is_ok() {
        let smsc = server.smsc.as_ref();
        let smsc = smsc.ok_or_else(|| Failure::start("the demo has no SMSC"))?;
        stage.say("\nA text is sent.\n");
        show.text(&text::play(&stage, smsc).await?);
    }
    show.finish()
}

/// What there is to show of the acts so far.
struct Show<'s> {
    stage: &'s Stage<'s>,
    verdict: Result<(), String>,
    summary: Value,
    timeline: String,
}

impl<'s> Show<'s> {
    fn new(stage: &'s Stage<'s>, played: &Played) -> Self {
        let show = Self {
            stage,
            verdict: played.verdict(),
            summary: played.summary(stage),
            timeline: render::story(&played.story),
        };
        if !stage.quiet {
            let sip = show.timeline.split_once("\n\nSIP of").map_or("", |(_, sip)| sip);
            say!("\n{}", sip.trim_start());
            if show.verdict.is_ok() {
                played.tell(stage);
            }
        }
        show
    }

    fn talk(&mut self, name: &str, talk: &Talk) {
        self.verdict = talk.verdict();
        self.summary[name] = talk.summary(self.stage);
        for story in &talk.stories {
            self.timeline += &format!("\n{}", render::story(story));
        }
        if !self.stage.quiet && self.verdict.is_ok() {
            say!("");
            talk.tell(self.stage);
        }
    }

    fn text(&mut self, sent: &text::Sent) {
        self.verdict = sent.verdict();
        self.summary["text"] = sent.summary();
        self.timeline += &format!("\n{}", sent.timeline());
        if !self.stage.quiet && self.verdict.is_ok() {
            say!("");
            sent.tell();
        }
    }

    /// Leaves the timeline in files, and says how it went.
    fn finish(mut self) -> Result<Result<(), String>, Failure> {
        self.summary["ok"] = json!(self.verdict.is_ok());
        self.summary["failure"] = json!(self.verdict.as_ref().err());
        let timeline = self.stage.out.join("timeline.txt");
        for (path, content) in [
            (&timeline, self.timeline),
            (&self.stage.out.join("timeline.json"), format!("{:#}\n", self.summary)),
        ] {
            std::fs::write(path, content).map_err(|error| Failure::result(format!("{}: {error}", path.display())))?;
        }
        if self.stage.quiet {
            print_json(&self.summary);
            return Ok(self.verdict);
        }
        match &self.verdict {
            Ok(()) => say!("\nWhy each step happened: {}", timeline.display()),
            Err(reason) => say!(
                "FAILED: {reason}\n\nWhat the phones recorded: {}",
                self.stage.out.display()
            ),
        }
        Ok(self.verdict)
    }
}
