//! The sound of a flow, rendered before it is needed.

use std::{collections::HashMap, sync::Arc};

use futures_util::future::try_join_all;
use outdial_domain::{AccountId, AudioId};
use outdial_flow::{Flow, Prompt};

use crate::{Engine, ports::Clip};

/// Every prompt of a flow, as sound.
#[derive(Default)]
pub(super) struct Rendered(HashMap<Prompt, Arc<Clip>>);

impl Rendered {
    /// Renders all prompts of a flow. The reason of a failure is for people.
    pub(super) async fn render(engine: &Engine, account: AccountId, flow: &Flow, rate: u32) -> Result<Self, String> {
        Self::render_prompts(engine, account, flow.prompts(), rate).await
    }

    /// Renders these prompts. The reason of a failure is for people.
    pub(super) async fn render_prompts(
        engine: &Engine,
        account: AccountId,
        mut prompts: Vec<Prompt>,
        rate: u32,
    ) -> Result<Self, String> {
        let mut seen = std::collections::HashSet::new();
        prompts.retain(|prompt| seen.insert(prompt.clone()));
        let clips = try_join_all(prompts.into_iter().map(async |prompt| {
            let clip = match &prompt {
                Prompt::Say(say) => engine.prompts.say(say, rate).await.map_err(|error| error.to_string()),
                Prompt::Play(audio) => load(engine, account, audio.audio, rate).await,
                Prompt::Beep => Ok(beep(rate)),
            };
            clip.map(|clip| (prompt, clip))
        }));
        Ok(Self(clips.await?.into_iter().collect()))
    }

    /// Every prompt with its sound.
    pub(super) fn all(&self) -> Vec<(Prompt, Arc<Clip>)> {
        self.0
            .iter()
            .map(|(prompt, clip)| (prompt.clone(), Arc::clone(clip)))
            .collect()
    }

    /// The sound of these prompts, in order.
    pub(super) fn clips(&self, prompts: &[Prompt]) -> Vec<Arc<Clip>> {
        // The interpreter only asks for prompts of the flow that was rendered.
        prompts
            .iter()
            .filter_map(|prompt| self.0.get(prompt).cloned())
            .collect()
    }
}

/// The tone before a message: 1000 Hz for 300 ms, at a tenth of full scale, which ends at zero.
fn beep(rate: u32) -> Arc<Clip> {
    let sample = |index: u32| {
        let turns = f64::from(index) * 1_000.0 / f64::from(rate);
        #[expect(clippy::cast_possible_truncation, reason = "it is a tenth of the greatest")]
        let sample = (f64::sin(turns * std::f64::consts::TAU) * 3_276.0) as i16;
        sample
    };
    Arc::new(Clip {
        rate,
        samples: (0..rate * 3 / 10).map(sample).collect(),
    })
}

async fn load(engine: &Engine, account: AccountId, audio: AudioId, rate: u32) -> Result<Arc<Clip>, String> {
    let file = engine
        .store
        .audio(account, audio)
        .await
        .map_err(|error| error.to_string())?;
    let file = file.ok_or_else(|| format!("there is no audio {audio}: upload it first"))?;
    if let Some(clip) = engine.prompts.cached(&file.blob, rate) {
        return Ok(clip);
    }
    let bytes = engine.blobs.get(&file.blob).await.map_err(|error| error.to_string())?;
    engine
        .prompts
        .decode(&file.blob, bytes, rate)
        .await
        .map_err(|error| error.to_string())
}
