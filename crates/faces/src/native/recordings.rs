//! `/api/v1/recordings`

mod audio;
pub(super) mod change;
pub(super) mod get;
pub(super) mod list;
pub(super) mod remove;
pub(super) mod start;
#[cfg(test)]
mod tests;

pub(super) use audio::{endpoint as audio, endpoint_for_links as shared_audio};

use outdial_domain as domain;
use outdial_engine::{
    Engine,
    verbs::{self, RecordingError},
};

pub(crate) use audio::path_of as path_of_link;

use super::{code::Code, refusal::Refusal, wire::Recording};

/// Seconds after which a recording may be with all nodes.
const ELSEWHERE_RETRY: u64 = 5;

fn refusal(error: RecordingError) -> Refusal {
    let detail = error.to_string();
    match error {
        RecordingError::NotFound => Refusal::new(Code::RecordingNotFound, detail),
        RecordingError::NotRunning => Refusal::new(Code::NotRecording, detail),
        RecordingError::UnderWay => Refusal::new(Code::RecordingUnderWay, detail),
        RecordingError::Refused(_) => Refusal::new(Code::CannotRecord, detail),
        RecordingError::Away(_) | RecordingError::Empty(_) => Refusal::new(Code::RecordingUnreadable, detail),
        RecordingError::Unreadable(_) => {
            // Where files lie is for the log.
            tracing::error!(error = detail, "the sound of a recording cannot be read");
            let detail = "the sound of this recording cannot be read at the moment";
            Refusal::new(Code::RecordingUnreadable, detail).retry_after(ELSEWHERE_RETRY)
        }
        RecordingError::Call(error) => error.into(),
    }
}

/// A recording as it is shown, with a link where there is something to hear.
async fn shown(engine: &Engine, recording: domain::Recording) -> Result<Recording, Refusal> {
    if !recording.is_finished() || recording.bytes == 0 {
        return Ok(recording.into());
    }
    let (link, signature) = verbs::link_to_recording(engine, &recording).await?;
    let url = audio::path_of(&link, &signature);
    Ok(Recording::from(recording).opened_by(url))
}
