//! `outdial demo`: a call from beginning to end, on loopback, with a phone of our own.
//!
//! Everything is real: the request goes through the API, the call through SIP, the sentence through
//! RTP, the key comes back as a telephone-event. The demo then judges the result by what the phone
//! recorded, against a rendering of the sentence that has not passed through any of it.

mod heard;

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use outdial_handset::HeardCall;
use serde_json::{Value, json};

use super::print_json;
use crate::{
    cli::{Common, Demo},
    client::Client,
    config::Config,
    exit::Failure,
    render,
    server::{Role, Server},
};

/// A number of the range that is kept free for fiction.
const PHONE: &str = "+12025550100";
/// How long the whole call may take.
const LIMIT: Duration = Duration::from_secs(180);
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
    let result = played.map_err(|_| Failure::result(format!("the call took longer than {} s", LIMIT.as_secs())))??;
    show(&demo, &result, &out)?;
    Ok(if result.verdict().is_ok() {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(1)
    })
}

/// The user's configuration of speech, and nothing else of it: the demo touches no trunk and no port
/// that somebody else may use.
fn configuration(common: &Common, work: &Path, deaf: bool) -> Result<Config, Failure> {
    let phone = format!(
        "[[phone]]\nnumber = \"{PHONE}\"\nring = \"1s\"\ndeaf = {deaf}\n\
         do = [{{ wait_for = \"prompt\", limit = \"100s\" }}, {{ press = \"1\" }}]\n"
    );
    let script = work.join("phone.toml");
    std::fs::write(&script, phone).map_err(|error| Failure::start(format!("{}: {error}", script.display())))?;
    let mut config = Config {
        speech: Config::load(common.config.as_deref())?.speech,
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

/// What came of the demo.
struct Played {
    story: Value,
    phone: HeardCall,
    heard: Result<f32, String>,
}

impl Played {
    /// Whether the phone heard the sentence and the key arrived; otherwise why not.
    fn verdict(&self) -> Result<(), String> {
        let call = &self.story["call"];
        let outcome = call["ending"]["outcome"].as_str().unwrap_or_default();
        if outcome != "completed" {
            return Err(format!(
                "the call ended as `{outcome}`: {}",
                call["ending"]["reason"].as_str().unwrap_or("")
            ));
        }
        self.heard.clone()?;
        match self.digits().as_str() {
            "1" => Ok(()),
            other => Err(format!("the phone pressed 1, and `{other}` arrived")),
        }
    }

    fn digits(&self) -> String {
        self.story["call"]["digits"][0]["digits"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    }
}

async fn play(server: &Server, demo: &Demo, out: &Path) -> Result<Played, Failure> {
    let client = Client::new(&server.url, &server.key)?;
    let handsets = server
        .handsets
        .as_ref()
        .ok_or_else(|| Failure::start("the demo has no phone"))?;
    let flow = json!([{ "gather": {
        "name": "key",
        "prompts": [{ "say": demo.say }],
        "digits": 1,
        "timeout": "10s",
        "on": { "1": [{ "say": "Thank you. Goodbye." }] },
    }}]);
    let placed = client
        .post("/calls", &json!({ "to": PHONE, "flow": flow, "tag": "demo" }))
        .await?;
    let id = placed["id"].as_str().unwrap_or_default().to_owned();
    let mut seen = super::call::Ended::follow(&client, &id).await?;
    seen.wait(|event| {
        if !demo.json {
            crate::output::say!("{}", render::event_line(event));
        }
    })
    .await?;
    let story = client.get(&format!("/calls/{id}/explain?unmasked=true")).await?;
    if story["call"]["answered_at"].is_null() {
        let reason = story["call"]["ending"]["reason"].as_str().unwrap_or_default();
        return Err(Failure::result(format!("the phone was not reached: {reason}")));
    }
    let phone = handsets.finished(PHONE).await;
    let wav = out.join("heard.wav");
    let recorded = phone
        .wav
        .as_ref()
        .ok_or_else(|| Failure::result("the phone recorded nothing"))?;
    std::fs::copy(recorded, &wav).map_err(|error| Failure::result(format!("{}: {error}", wav.display())))?;
    let expected = demo.expect.as_ref().unwrap_or(&demo.say).clone();
    let heard = tokio::task::spawn_blocking(move || heard::score(&wav, &expected)).await;
    let heard = heard.map_err(|error| Failure::result(format!("the comparison failed: {error}")))?;
    Ok(Played { story, phone, heard })
}

fn show(demo: &Demo, result: &Played, out: &Path) -> Result<(), Failure> {
    let wav = out.join("heard.wav");
    let verdict = result.verdict();
    let summary = json!({
        "ok": verdict.is_ok(),
        "failure": verdict.as_ref().err(),
        "call_id": result.story["call"]["id"],
        "outcome": result.story["call"]["ending"]["outcome"],
        "digits": result.digits(),
        "heard_wav": wav,
        "heard_score": result.heard.as_ref().ok(),
        "rung": result.phone.invited_at.to_string(),
        "events": result.story["events"],
    });
    let timeline = render::story(&result.story);
    for (name, content) in [
        ("timeline.txt", timeline.clone()),
        ("timeline.json", format!("{summary:#}\n")),
    ] {
        let path = out.join(name);
        std::fs::write(&path, content).map_err(|error| Failure::result(format!("{}: {error}", path.display())))?;
    }
    if demo.json {
        print_json(&summary);
        return Ok(());
    }
    crate::output::say!(
        "\n{}",
        timeline
            .split_once("\n\nSIP of")
            .map_or("", |(_, sip)| sip)
            .trim_start()
    );
    match &verdict {
        Ok(()) => crate::output::say!(
            "The phone heard the sentence (match {:.2} of 1) and pressed {}.\n\nListen:   {}\nTimeline: {}",
            result.heard.as_ref().copied().unwrap_or_default(),
            result.digits(),
            wav.display(),
            out.join("timeline.txt").display(),
        ),
        Err(reason) => crate::output::say!("FAILED: {reason}\n\nWhat the phone recorded: {}", wav.display()),
    }
    Ok(())
}
