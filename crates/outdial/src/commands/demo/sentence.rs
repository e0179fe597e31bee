//! The first act: a phone rings, hears a sentence and presses a key.

use outdial_handset::HeardCall;
use serde_json::{Value, json};

use super::{Stage, heard};
use crate::{cli::Demo, exit::Failure, output::say};

/// A number of the range that is kept free for fiction.
const PHONE: &str = "+12025550100";

/// The phone, as its script has it.
pub(super) fn phone(deaf: bool) -> String {
    format!(
        "[[phone]]\nnumber = \"{PHONE}\"\nring = \"1s\"\ndeaf = {deaf}\n\
         do = [{{ wait_for = \"prompt\", limit = \"100s\" }}, {{ press = \"1\" }}]\n"
    )
}

/// What came of the act.
pub(super) struct Played {
    pub(super) story: Value,
    phone: HeardCall,
    heard: Result<f32, String>,
}

impl Played {
    /// Whether the phone heard the sentence and the key arrived; otherwise why not.
    pub(super) fn verdict(&self) -> Result<(), String> {
        super::completed(&self.story)?;
        let score = self.heard.clone()?;
        if score < heard::HEARD {
            return Err(format!(
                "the phone did not hear the sentence: its recording matches by {score:.2}, wanted are {}",
                heard::HEARD
            ));
        }
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

    /// The act as it goes into the JSON of the demo.
    pub(super) fn summary(&self, stage: &Stage<'_>) -> Value {
        json!({
            "call_id": self.story["call"]["id"],
            "outcome": self.story["call"]["ending"]["outcome"],
            "digits": self.digits(),
            "heard_wav": stage.file("heard"),
            "heard_score": self.heard.as_ref().ok(),
            "rung": self.phone.invited_at.to_string(),
            "events": self.story["events"],
        })
    }

    pub(super) fn tell(&self, stage: &Stage<'_>) {
        say!(
            "The phone heard the sentence (match {:.2} of 1) and pressed {}. Listen: {}",
            self.heard.as_ref().copied().unwrap_or_default(),
            self.digits(),
            stage.file("heard").display(),
        );
    }
}

pub(super) async fn play(stage: &Stage<'_>, demo: &Demo) -> Result<Played, Failure> {
    let flow = json!([{ "gather": {
        "name": "key",
        "prompts": [{ "say": demo.say }],
        "digits": 1,
        "timeout": "10s",
        "on": { "1": [{ "say": "Thank you. Goodbye." }] },
    }}]);
    let placed = stage
        .place(&json!({ "to": PHONE, "flow": flow, "tag": "demo" }))
        .await?;
    let story = stage.watch(&placed, "").await?;
    if story["call"]["answered_at"].is_null() {
        let reason = story["call"]["ending"]["reason"].as_str().unwrap_or_default();
        return Err(Failure::result(format!("the phone was not reached: {reason}")));
    }
    let phone = stage.keep_recording(PHONE, "heard").await?;
    let expected = demo.expect.as_ref().unwrap_or(&demo.say);
    let heard = heard::score(&stage.file("heard"), expected).await;
    Ok(Played { story, phone, heard })
}
