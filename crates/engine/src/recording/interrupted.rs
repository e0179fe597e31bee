//! Recordings that a crash broke off: their files are mended, and they are said to be complete.

use std::{io, time::Duration};

use outdial_domain::{Call, Channels, EventKind, Recording, RecordingEnd, recording::Made};

use super::wav::{self, Format, HEADER};
use crate::{
    Engine,
    ports::{BlobError, RecordingFilter, StoreError},
};

/// The most recordings of one call that are looked at after a crash.
const MOST: usize = 1_000;

/// Finishes what earlier runs of this node left behind. Nothing of this run is recorded yet.
pub(crate) async fn finish_those_of_this_node(engine: &Engine) -> Result<(), StoreError> {
    let node = &engine.settings.node;
    for mut recording in engine.store.open_recordings(node).await? {
        let id = recording.id;
        let Some(made) = mended(engine, &recording).await else {
            continue;
        };
        recording.finish(made, engine.ids.now());
        recording.keep(super::keep_for(engine, recording.account).await);
        if let Err(error) = engine.recordings.share(id).await {
            tracing::error!(recording = %id, %error, "an interrupted recording is looked at again at the next start");
            continue;
        }
        engine.store.save_recording(recording).await?;
        tracing::warn!(recording = %id, seconds = made.length.as_secs(), "a recording was interrupted; what was heard is kept");
    }
    Ok(())
}

/// Makes the file right. `None` when the disk fails: the next start tries again.
async fn mended(engine: &Engine, recording: &Recording) -> Option<Made> {
    let id = recording.id;
    let format = match engine.recordings.read(id, 0, 44).await {
        Ok(header) => Format::of(&header).unwrap_or(Format {
            rate: 8_000,
            channels: if recording.channels == Channels::Separate { 2 } else { 1 },
        }),
        // It was interrupted before its file was made.
        Err(BlobError::Missing(_)) => return Some(made(None)),
        Err(error @ BlobError::Io(_)) => {
            tracing::error!(recording = %id, %error, "an interrupted recording cannot be read");
            return None;
        }
    };
    let files = std::sync::Arc::clone(&engine.recordings);
    let mending = tokio::task::spawn_blocking(move || wav::mend(&mut *files.reopen(id)?, format));
    match mending.await.unwrap_or_else(|error| Err(io::Error::other(error))) {
        Ok(data) => Some(made(Some((format, data)))),
        Err(error) => {
            tracing::error!(recording = %id, %error, "an interrupted recording cannot be mended");
            None
        }
    }
}

fn made(file: Option<(Format, u64)>) -> Made {
    Made {
        end: RecordingEnd::Interrupted,
        rate: file.map_or(0, |(format, _)| format.rate),
        length: file.map_or(Duration::ZERO, |(format, data)| format.length(data)),
        bytes: file.map_or(0, |(_, data)| HEADER + data),
    }
}

/// The events that a call lacks because it was interrupted while it was recorded.
pub(crate) async fn events_of(engine: &Engine, call: &Call) -> Result<Vec<EventKind>, StoreError> {
    let filter = RecordingFilter {
        call: Some(call.id),
        before: None,
        most: MOST,
    };
    let recordings = engine.store.recordings(call.account, filter).await?.items;
    if recordings.is_empty() {
        return Ok(Vec::new());
    }
    let events = engine.store.events_of(call.account, call.id.into()).await?;
    let is_told = |recording: &Recording| {
        events.iter().any(|stored| {
            matches!(&stored.event.kind, EventKind::RecordingFinished { recording: id, .. } if *id == recording.id)
        })
    };
    let untold = recordings.iter().rev().filter(|recording| !is_told(recording));
    Ok(untold.map(super::finished_event).collect())
}
