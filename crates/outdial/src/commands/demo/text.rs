//! The last act: a text that is sent in parts.

use outdial_handset::{Smsc, TakenText};
use serde_json::{Value, json};

use super::Stage;
use crate::{commands::messages, exit::Failure, output::say, render};

/// A number of the range that is kept free for fiction.
const PHONE: &str = "+12025550100";

/// With characters that need UCS-2, and more of them than one part has room for.
const TEXT: &str = "Ünïcode 👍 comes through. This goes to the network in two parts, and the phone shows it as one.";

/// What came of the act.
pub(super) struct Sent {
    pub(super) story: Value,
    /// What a phone shows of what the SMSC took; `None` where it could not be read.
    shown: Option<String>,
    parts: usize,
}

impl Sent {
    /// Whether it was delivered, and what the SMSC took is the text; otherwise why not.
    pub(super) fn verdict(&self) -> Result<(), String> {
        let message = &self.story["message"];
        if message["state"] != "delivered" {
            return Err(format!("the text ended as {}: {}", message["state"], message["reason"]));
        }
        if message["part_count"] != json!(self.parts) {
            return Err(format!(
                "the text has {} parts, and the SMSC took {}",
                message["part_count"], self.parts
            ));
        }
        match &self.shown {
            Some(shown) if shown == TEXT => Ok(()),
            shown => Err(format!("the text was sent, and {shown:?} came")),
        }
    }

    /// The act as it goes into the JSON of the demo.
    pub(super) fn summary(&self) -> Value {
        json!({
            "message_id": self.story["message"]["id"],
            "state": self.story["message"]["state"],
            "parts": self.parts,
            "shown": self.shown,
            "events": self.story["events"],
        })
    }

    pub(super) fn timeline(&self) -> String {
        render::message_story(&self.story)
    }

    pub(super) fn tell(&self) {
        say!(
            "The SMSC took {} parts, and said that they were delivered: {TEXT}",
            self.parts
        );
    }
}

pub(super) async fn play(stage: &Stage<'_>, smsc: &Smsc) -> Result<Sent, Failure> {
    let body = json!({ "to": PHONE, "body": TEXT, "tag": "demo" });
    let answer = stage.client.post("/messages", &body).await?;
    let id = answer["results"][0]["message"]["id"].as_str().unwrap_or_default();
    messages::follow(&stage.client, id, |event| stage.say(&render::event_line(event))).await?;
    let story = stage
        .client
        .get(&format!("/messages/{id}/explain?unmasked=true"))
        .await?;
    let taken = smsc.taken();
    Ok(Sent {
        story,
        shown: taken.iter().map(shown).collect(),
        parts: taken.len(),
    })
}

/// What a phone shows of a part in UCS-2, behind its header.
fn shown(part: &TakenText) -> Option<String> {
    let digits = part.octets.as_bytes().chunks(2);
    let octets: Option<Vec<u8>> = digits
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
        .collect();
    let octets = octets?;
    let header = match (part.header, octets.first()) {
        (true, Some(length)) => usize::from(*length) + 1,
        _ => 0,
    };
    let units = octets.get(header..)?.chunks(2);
    let units: Option<Vec<u16>> = units
        .map(|pair| Some(u16::from_be_bytes(pair.try_into().ok()?)))
        .collect();
    String::from_utf16(&units?).ok()
}
