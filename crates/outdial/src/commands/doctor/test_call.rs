//! A real call over one trunk: whether it is answered, with which codec, and what is heard each way.

use std::time::Duration;

use serde_json::{Value, json};

use super::Finding;
use crate::{
    client::Client,
    commands::call::Ended,
    config::{Config, Trunk},
    exit::Failure,
    server::Server,
};

/// The sample rate of the tone that is played.
const RATE: u32 = 8_000;
/// The key that is pressed, to be found again where the far side echoes.
const KEY: &str = "7";
/// How long ringing, talking and the messages around them may take.
const LIMIT: Duration = Duration::from_secs(60);
/// A far side that lost more than this share of our sound does not understand us well.
const LOSS: f64 = 0.05;

/// Rings the number, and tells what came of it.
pub(super) async fn findings(server: &Server, config: &Config, trunk: &Trunk, number: &str) -> Vec<Finding> {
    let story = tokio::time::timeout(LIMIT, story(server, trunk, number)).await;
    let story = match story {
        Ok(Ok(story)) => story,
        Ok(Err(failure)) => return vec![Finding::new("test call", Err(failure.to_string()))],
        Err(_) => {
            let late = format!("the call took longer than {} s", LIMIT.as_secs());
            return vec![Finding::new("test call", Err(late))];
        }
    };
    let call = outcome(&story["call"]);
    let answered = event(&story, "answered");
    let mut findings = vec![Finding::new("test call", call)];
    if let Some(finding) = codec(&story["call"], answered, trunk) {
        findings.push(Finding::new("codec", finding));
    }
    if answered.is_some() {
        let quality = &story["call"]["attempts"][0]["legs"][0]["quality"];
        findings.push(Finding::new("sound from it", heard(quality, config)));
        findings.push(Finding::new("sound to it", hears(&story, quality)));
    }
    findings
}

async fn story(server: &Server, trunk: &Trunk, number: &str) -> Result<Value, Failure> {
    let client = Client::new(&server.url, &server.key)?;
    let mut tone = Vec::new();
    let samples = outdial_media::tones::sine(RATE, 800.0, -20.0, 1_000);
    outdial_media::wav::write_mono(&mut tone, RATE, &samples)
        .map_err(|error| Failure::start(format!("no tone can be made: {error}")))?;
    let audio = client.upload("tone.wav", tone).await?;
    let flow = json!([{ "play": audio }, { "send_digits": KEY }, { "pause": "2s" }]);
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

/// What came in.
fn heard(quality: &Value, config: &Config) -> Result<String, String> {
    let number = |name: &str| quality[name].as_u64().unwrap_or_default();
    let (received, lost, sent) = (number("received"), number("lost"), number("sent"));
    if received == 0 {
        let media = &config.media;
        return Err(format!(
            "nothing came, while we sent {sent} packets: it sends nothing, or to where we are not. Let UDP to the ports \
             {} to {} of `[media]` through the firewall, and if `nat` says that it sees us elsewhere, set `[sip] advertise`",
            media.first_port, media.last_port
        ));
    }
    let jitter = quality["jitter_ms"].as_f64().unwrap_or_default();
    Ok(format!("{received} packets, {lost} lost, jitter {jitter:.1} ms"))
}

/// Whether the far side hears us: by its echo, or by its reports.
fn hears(story: &Value, quality: &Value) -> Result<String, String> {
    if let Some(lost) = quality["far_loss"].as_f64()
        && lost > LOSS
    {
        return Err(format!(
            "it reports that {:.0} % of our packets are lost on their way: look at the network between",
            lost * 100.0
        ));
    }
    let round_trip = match quality["round_trip_ms"].as_f64() {
        Some(time) => format!("; packets go there and back in {time:.0} ms"),
        None => String::new(),
    };
    if let Some(time) = echo(story) {
        return Ok(format!("the key that we pressed came back after {time} ms{round_trip}"));
    }
    match quality["far_loss"].as_f64() {
        Some(_) => Ok(format!("it reports that our packets arrive{round_trip}")),
        None => {
            Ok("not known: it sends no reports, and our key did not come back. Call a number that echoes".to_owned())
        }
    }
}

/// How long our key was on its way there and back, its own length included.
fn echo(story: &Value) -> Option<i64> {
    let at = |event: &Value| event["at"].as_str()?.parse::<jiff::Timestamp>().ok();
    let events = || story["events"].as_array().into_iter().flatten();
    let pressed = events().find(|event| event["type"] == "instruction_started" && event["data"]["step"] == "1")?;
    let back = events().find(|event| event["type"] == "digit" && event["data"]["digit"] == KEY)?;
    let time = at(back)?.duration_since(at(pressed)?).as_millis();
    i64::try_from(time).ok().filter(|time| *time >= 0)
}

fn event<'a>(story: &'a Value, kind: &str) -> Option<&'a Value> {
    let mut events = story["events"].as_array().into_iter().flatten();
    events.find(|event| event["type"] == kind)
}
