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
    for recording in engine.store.open_recordings(node).await? {
        finish(engine, recording).await?;
    }
    Ok(())
}

/// Finishes a recording whose file is here, or was never made. `None` while the disk fails: the next start tries again.
async fn finish(engine: &Engine, mut recording: Recording) -> Result<Option<Recording>, StoreError> {
    let id = recording.id;
    let Some(made) = mended(engine, &recording).await else {
        return Ok(None);
    };
    recording.finish(made, engine.ids.now());
    recording.keep(super::keep_for(engine, recording.account).await);
    if let Err(error) = engine.recordings.share(id).await {
        tracing::error!(recording = %id, %error, "an interrupted recording is looked at again at the next start");
        return Ok(None);
    }
    engine.store.save_recording(recording.clone()).await?;
    tracing::warn!(recording = %id, seconds = made.length.as_secs(), "a recording was interrupted; what was heard is kept");
    Ok(Some(recording))
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

/// The events that a call lacks because it was interrupted while it was recorded. What the node that is gone has of it
/// is said to be there.
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
            matches!(&stored.event.kind, EventKind::RecordingFinished { recording: id, .. }
                | EventKind::RecordingUnreachable { recording: id, .. } if *id == recording.id)
        })
    };
    let untold = recordings.into_iter().rev().filter(|recording| !is_told(recording));
    let mut lacking = Vec::new();
    for recording in untold {
        lacking.extend(closed(engine, recording).await?);
    }
    Ok(lacking)
}

/// Closes a recording that nobody writes any more, and gives the event.
async fn closed(engine: &Engine, mut recording: Recording) -> Result<Option<EventKind>, StoreError> {
    if recording.is_finished() {
        return Ok(Some(super::finished_event(&recording)));
    }
    if !matches!(
        engine.recordings.read(recording.id, 0, 1).await,
        Err(BlobError::Missing(_))
    ) {
        let finished = finish(engine, recording).await?;
        return Ok(finished.as_ref().map(super::finished_event));
    }
    recording.lose(engine.ids.now());
    recording.keep(super::keep_for(engine, recording.account).await);
    engine.store.save_recording(recording.clone()).await?;
    tracing::warn!(recording = %recording.id, node = recording.node, "the node that wrote a recording is gone, and has it still");
    Ok(Some(EventKind::RecordingUnreachable {
        recording: recording.id,
        name: recording.name,
        node: recording.node,
    }))
}
