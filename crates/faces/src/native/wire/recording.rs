//! A recording.

use outdial_domain as domain;
use serde::Serialize;
use utoipa::ToSchema;

use super::{ChannelsWord, RecordingEndWord, RecordingStateWord, Seconds, Time};

/// The sound of a call, kept.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::native) struct Recording {
    /// Names it.
    #[schema(example = "rec_019a9c3e5b7d7c1e8f00112233445566")]
    id: String,
    /// The call.
    #[schema(example = "call_019a9c3e5b7d7c1e8f00112233445566")]
    call: String,
    /// The leg.
    #[schema(example = "leg_019a9c3e5b7d7c1e8f00112233445566")]
    leg: String,
    /// What its maker called it.
    name: String,
    /// Whose voice goes where: `mono` has everybody together, `separate` the party of the leg on the left and
    /// what it hears on the right, `party` the party of the leg alone, `other` the other party alone that it talks to, `room` everybody in the room that the leg is in.
    channels: ChannelsWord,
    /// Where it stands. One that is `unreachable` was being written by a node that is gone; it is `finished` when that
    /// is back.
    state: RecordingStateWord,
    /// Why it ended; `null` while it is under way.
    #[schema(required = true)]
    end: Option<RecordingEndWord>,
    /// Samples a second; `null` until it is finished.
    #[schema(required = true)]
    rate: Option<u32>,
    /// How long it plays; `null` until it is finished.
    #[schema(required = true)]
    seconds: Option<Seconds>,
    /// The size of its file; `null` until it is finished.
    #[schema(required = true)]
    bytes: Option<u64>,
    begun_at: Time,
    #[schema(required = true)]
    ended_at: Option<Time>,
    /// When it is deleted by rule; `null` when there is none.
    #[schema(required = true)]
    delete_at: Option<Time>,
    /// Opens its sound for a while, without a key: the rest of the URL behind that of this server. `null`
    /// until it is finished, and where nothing was kept.
    #[schema(required = true)]
    recording_url: Option<String>,
}

/// Recordings, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::native) struct RecordingList {
    pub(in crate::native) recordings: Vec<Recording>,
    /// Give it as `cursor` for the next page; `null` on the last one.
    #[schema(required = true)]
    pub(in crate::native) next: Option<String>,
}

impl Recording {
    /// With a link that opens its sound.
    pub(in crate::native) fn opened_by(self, url: String) -> Self {
        Self {
            recording_url: Some(url),
            ..self
        }
    }
}

impl From<domain::Recording> for Recording {
    fn from(recording: domain::Recording) -> Self {
        let finished = recording.is_finished();
        Self {
            id: recording.id.to_string(),
            call: recording.call.to_string(),
            leg: recording.leg.to_string(),
            name: recording.name,
            channels: ChannelsWord(recording.channels),
            state: RecordingStateWord(recording.state),
            end: recording.end.map(RecordingEndWord),
            rate: finished.then_some(recording.rate),
            seconds: finished.then_some(recording.length.into()),
            bytes: finished.then_some(recording.bytes),
            begun_at: Time(recording.begun_at),
            ended_at: recording.ended_at.map(Time),
            delete_at: recording.delete_at.map(Time),
            recording_url: None,
        }
    }
}
