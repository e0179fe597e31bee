//! A real call over one trunk: whether it is answered, with which codec, and what is heard each way.

use std::time::Duration;

use serde_json::{Value, json};

use super::{
    Finding,
    listening::{self, Listening},
    nat, probe_signal,
    tapped::Ear,
};
use crate::{
    client::Client,
    commands::call::Ended,
    config::{CarrierKind, Config, Trunk},
    exit::Failure,
    server::Server,
};

/// The sample rate of the signal as it is uploaded.
const RATE: u32 = 8_000;
/// The key that is pressed, to be found again where the far side echoes.
const KEY: &str = "7";
/// The place of its instruction in the flow.
const KEY_STEP: &str = "3";
/// How long ringing, talking and the messages around them may take.
const LIMIT: Duration = Duration::from_secs(60);

/// Rings the number, and tells what came of it.
pub(super) async fn findings(server: &Server, ear: &Ear, config: &Config, trunk: &Trunk, number: &str) -> Vec<Finding> {
    let story = tokio::time::timeout(LIMIT, story(server, trunk, number)).await;
    let story = match story {
        Ok(Ok(story)) => story,
        Ok(Err(failure)) => return vec![Finding::new("test call", Err(failure.to_string()))],
        Err(_) => {
            let late = format!("the call took longer than {} s", LIMIT.as_secs());
            return vec![Finding::new("test call", Err(late))];
        }
    };
    let answered = event(&story, "answered");
    let mut findings = vec![Finding::new("test call", outcome(&story["call"]))];
    if let Some(finding) = codec(&story["call"], answered, trunk) {
        findings.push(Finding::new("codec", finding));
    }
    if answered.is_some() && trunk.carrier == CarrierKind::Asterisk {
        findings.push(Finding::not_known(
            "sound",
            "the Asterisk carries it, and it does not pass here",
        ));
    } else if answered.is_some() {
        let recording = ear.recording();
        let heard = Listening {
            recording: &recording,
            quality: &story["call"]["attempts"][0]["legs"][0]["quality"],
            key_back: key_back(&story),
        };
        findings.extend(listening::findings(&heard, config));
        findings.push(nat::sound(ear.far_sound()));
    }
    findings
}

async fn story(server: &Server, trunk: &Trunk, number: &str) -> Result<Value, Failure> {
    let client = Client::new(&server.url, &server.key)?;
    let mut sound = Vec::new();
    outdial_media::wav::write_mono(&mut sound, RATE, &probe_signal::signal(RATE))
        .map_err(|error| Failure::start(format!("no test signal can be made: {error}")))?;
    let audio = client.upload("signal.wav", sound).await?;
    // Before the signal, jitter buffers find their depth; after it, a late echo has time.
    let flow =
        json!([{ "pause": "500ms" }, { "play": audio }, { "pause": "1s" }, { "send_digits": KEY }, { "pause": "2s" }]);
    let body = json!({ "to": number, "via": trunk.name, "flow": flow, "ring": "30s", "max": "20s" });
    let placed = client.post("/calls", &body).await?;
    let id = placed["id"].as_str().unwrap_or_default().to_owned();
    Ended::follow(&client, &id).await?.wait(|_| {}).await?;
    client.get(&format!("/calls/{id}/explain")).await
}

fn outcome(call: &Value) -> Result<String, String> {
    let ending = &call["ending"];
    let reason = ending["reason"].as_str().unwrap_or_default();
    if ending["outcome"] == "completed" {
        return Ok("it was answered, and ended as it should".to_owned());
    }
    let remedy = match ending["sip_code"].as_u64() {
        Some(401 | 403 | 407) => "; check `username`, `password`, and which caller ids it allows (`from_user`)",
        Some(404 | 484 | 604) => "; check how it wants numbers written",
        Some(488 | 606 | 415) => "; see the codec",
        _ => "",
    };
    Err(format!(
        "it ended as {}: {reason}{remedy}",
        ending["outcome"].as_str().unwrap_or_default()
    ))
}

fn codec(call: &Value, answered: Option<&Value>, trunk: &Trunk) -> Option<Result<String, String>> {
    let offered = trunk.codecs.join(", ");
    if let Some(event) = answered {
        let agreed = event["data"]["codec"].as_str().unwrap_or_default();
        return Some(Ok(format!("{agreed} was agreed on, of {offered}")));
    }
    let refused = matches!(call["ending"]["sip_code"].as_u64(), Some(488 | 606 | 415));
    refused.then(|| {
        Err(format!(
            "none in common: we offer {offered}. Ask which it takes, and set `codecs` and `srtp` of the trunk"
        ))
    })
}

/// How long our key was on its way there and back, its own length included.
fn key_back(story: &Value) -> Option<i64> {
    let at = |event: &Value| event["at"].as_str()?.parse::<jiff::Timestamp>().ok();
    let events = || story["events"].as_array().into_iter().flatten();
    let pressed = events().find(|event| event["type"] == "instruction_started" && event["data"]["step"] == KEY_STEP)?;
    let back = events().find(|event| event["type"] == "digit" && event["data"]["digit"] == KEY)?;
    let time = at(back)?.duration_since(at(pressed)?).as_millis();
    i64::try_from(time).ok().filter(|time| *time >= 0)
}

fn event<'a>(story: &'a Value, kind: &str) -> Option<&'a Value> {
    let mut events = story["events"].as_array().into_iter().flatten();
    events.find(|event| event["type"] == kind)
}
