//! The second act: two people are connected behind a number that is neither's, and three meet in a room.
//! Each says something, and the others' recordings are searched for it.

use std::path::Path;

use futures_util::future::{join_all, try_join_all};
use serde_json::{Value, json};

use super::{Stage, completed, heard};
use crate::{exit::Failure, output::say};

/// The number that both see who are connected, of the range that is kept free for fiction.
pub(super) const MASK: &str = "+12025550199";
const ROOM: &str = "stand-up";

struct Person {
    name: &'static str,
    number: &'static str,
    says: &'static str,
    /// What the phone does after its answer. Whoever answers someone listens until they fell silent.
    does: &'static str,
}

/// Ann is rung first, and Ben for her.
const BRIDGED: [Person; 2] = [
    Person {
        name: "ann",
        number: "+12025550101",
        says: "Good morning Ben, this is Ann. Which number do you see?",
        does: "{ wait_for = \"prompt\", silence = \"1500ms\" }, { speak = \"ann.wav\" }",
    },
    Person {
        name: "ben",
        number: "+12025550102",
        says: "Hello, this is Ben speaking.",
        does: "{ wait = \"200ms\" }, { speak = \"ben.wav\" }, { listen = \"20s\", silence = \"800ms\" }, \
               { hang_up = true }",
    },
];

/// Eve leads the meeting: it is over when she leaves.
const MEETING: [Person; 3] = [
    Person {
        name: "cleo",
        number: "+12025550103",
        says: "Cleo is here, and the new release is ready.",
        does: "{ wait = \"3s\" }, { speak = \"cleo.wav\" }",
    },
    Person {
        name: "dan",
        number: "+12025550104",
        says: "This is Dan, I tried it on two machines.",
        does: "{ listen = \"20s\", silence = \"1s\" }, { speak = \"dan.wav\" }",
    },
    Person {
        name: "eve",
        number: "+12025550105",
        says: "Eve speaking, then let us ship it today.",
        does: "{ listen = \"20s\", silence = \"1s\" }, { listen = \"20s\", silence = \"1s\" }, \
               { speak = \"eve.wav\" }, { wait = \"500ms\" }, { hang_up = true }",
    },
];

/// The phones, as their script has them, with what they say beside it in this directory.
pub(super) fn phones(directory: &Path) -> Result<String, Failure> {
    let mut script = String::new();
    for person in BRIDGED.iter().chain(&MEETING) {
        let path = directory.join(person.name).with_extension("wav");
        let spoken = heard::speak(person.says).map_err(Failure::start)?;
        std::fs::write(&path, spoken).map_err(|error| Failure::start(format!("{}: {error}", path.display())))?;
        script += &format!(
            "[[phone]]\nnumber = \"{}\"\nring = \"300ms\"\ndo = [{}]\n",
            person.number, person.does
        );
    }
    Ok(script)
}

/// What came of people who were brought together.
pub(super) struct Talk {
    pub(super) stories: Vec<Value>,
    heard: Vec<Heard>,
}

/// How well the recording of one person holds what a person said.
struct Heard {
    by: &'static str,
    of: &'static str,
    score: Result<f32, String>,
}

impl Talk {
    /// Whether everybody heard all others, and nobody themselves; otherwise why not.
    pub(super) fn verdict(&self) -> Result<(), String> {
        self.stories.iter().try_for_each(completed)?;
        for Heard { by, of, score } in &self.heard {
            let score = score.clone()?;
            if (score >= heard::HEARD) == (by == of) {
                let whether = if by == of { "heard" } else { "did not hear" };
                return Err(format!(
                    "{by} {whether} what {of} said: the recording matches by {score:.2}"
                ));
            }
        }
        Ok(())
    }

    pub(super) fn summary(&self, stage: &Stage<'_>) -> Value {
        let calls: Vec<&Value> = self.stories.iter().map(|story| &story["call"]["id"]).collect();
        let heard = self.heard.iter().filter(|heard| heard.by != heard.of);
        let heard: Vec<Value> = heard
            .map(|heard| {
                json!({
                    "by": heard.by,
                    "of": heard.of,
                    "wav": stage.file(heard.by),
                    "score": heard.score.as_ref().ok(),
                })
            })
            .collect();
        json!({ "ok": self.verdict().is_ok(), "call_ids": calls, "heard": heard })
    }

    pub(super) fn tell(&self, stage: &Stage<'_>) {
        for Heard { by, of, score } in self.heard.iter().filter(|heard| heard.by != heard.of) {
            let score = score.as_ref().copied().unwrap_or_default();
            let file = stage.file(by);
            say!("{by} heard {of} (match {score:.2} of 1). Listen: {}", file.display());
        }
    }
}

/// Ann is called, and connected with Ben; both see a number that is neither's.
pub(super) async fn bridge(stage: &Stage<'_>) -> Result<Talk, Failure> {
    let [ann, ben] = &BRIDGED;
    let flow = json!([{ "dial": { "to": ben.number } }]);
    let placed = stage
        .place(&json!({ "to": ann.number, "from": MASK, "flow": flow, "tag": "demo" }))
        .await?;
    let story = stage.watch(&placed, "").await?;
    talk(stage, vec![story], &BRIDGED).await
}

/// Cleo, Dan and Eve are rung into a room.
pub(super) async fn room(stage: &Stage<'_>) -> Result<Talk, Failure> {
    let [cleo, dan, eve] = &MEETING;
    let leader = json!({ "to": eve.number, "moderator": true });
    let body = json!({ "room": ROOM, "participants": [cleo.number, dan.number, leader], "end": true, "tag": "demo" });
    let opened = stage.client.post("/rooms", &body).await?;
    let calls = opened["calls"].as_array().into_iter().flatten();
    let stories = try_join_all(calls.zip(&MEETING).map(|(call, person)| stage.watch(call, person.name))).await?;
    talk(stage, stories, &MEETING).await
}

/// Searches the recordings of all for what all said.
async fn talk(stage: &Stage<'_>, stories: Vec<Value>, people: &'static [Person]) -> Result<Talk, Failure> {
    if let Err(reason) = stories.iter().try_for_each(completed) {
        return Err(Failure::result(reason));
    }
    let mut heard = Vec::new();
    for by in people {
        stage.keep_recording(by.number, by.name).await?;
        let recording = stage.file(by.name);
        let scores = join_all(people.iter().map(|of| heard::score(&recording, of.says))).await;
        heard.extend(people.iter().zip(scores).map(|(of, score)| Heard {
            by: by.name,
            of: of.name,
            score,
        }));
    }
    Ok(Talk { stories, heard })
}
