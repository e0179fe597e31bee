//! Recordings: begins, shows, pauses, stops, opens and removes them.

use std::time::Duration;

use outdial_domain::{CallId, CallState, Channels, Recording, RecordingEnd, RecordingId, RecordingState};
use outdial_flow::{Record, RecordingAction};

use super::{Actor, CallError, get_call};
use crate::{
    Engine, commands,
    live::{Control, NOT_ANSWERED, Said},
    ports::{BlobError, Page, RecordingFilter, StoreError},
    recording::{Link, LinkSigner},
};

/// The most recordings of one page.
pub const LONGEST_RECORDING_PAGE: usize = 1_000;

/// What to record of a call that is under way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordCall {
    /// What the recording is called.
    pub name: String,
    /// Whose voice goes where.
    pub channels: Channels,
    /// The longest that it may become.
    pub most: Duration,
}

impl Default for RecordCall {
    fn default() -> Self {
        Self {
            name: Recording::USUAL_NAME.to_owned(),
            channels: Channels::Mono,
            most: Record::USUAL_LONGEST,
        }
    }
}

/// Why something about a recording was not done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecordingError {
    /// The account has no such recording.
    #[error("there is no recording with this id in this account")]
    NotFound,
    /// It is complete, or its call is over.
    #[error("this recording is not under way any more")]
    NotRunning,
    /// It is being written.
    #[error("this recording is under way: stop it first")]
    UnderWay,
    /// Its node went away while it wrote it.
    #[error("the node `{0}` was writing this recording when it went away: it can be heard when that node is back")]
    Away(String),
    /// It ended before anything was kept.
    #[error("nothing was kept of this recording: it ended because of `{0}` before there was any sound on the disk")]
    Empty(RecordingEnd),
    /// The call cannot be recorded now, for this reason.
    #[error("{0}")]
    Refused(String),
    /// Its sound is with another node, or on a disk that fails.
    #[error("the sound of this recording cannot be read: {0}")]
    Unreadable(String),
    /// About its call.
    #[error(transparent)]
    Call(#[from] CallError),
}

impl From<StoreError> for RecordingError {
    fn from(error: StoreError) -> Self {
        Self::Call(error.into())
    }
}

/// Why a link opens nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LinkError {
    /// It was not made here, or was changed.
    #[error("this link was not made by this server, or was changed: ask for a new one")]
    Forged,
    /// Its time is over.
    #[error("the time of this link is over: ask for a new one")]
    Expired,
    /// The recording is gone.
    #[error("this recording was deleted")]
    Gone,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Records a call from now on, on whichever node it is.
///
/// # Errors
///
/// [`RecordingError::Refused`] when the call rings still, is over, or cannot be recorded.
pub async fn record_call(
    engine: &Engine,
    actor: &Actor,
    id: CallId,
    wanted: RecordCall,
) -> Result<Recording, RecordingError> {
    let details = get_call(engine, actor, id).await?;
    let control = Control::Record {
        by: actor.name.clone(),
        name: wanted.name,
        channels: wanted.channels,
        most: wanted.most,
    };
    match commands::tell(engine, &details, control).await? {
        Some(Said::Recording(recording)) => Ok(*recording),
        Some(Said::Refused(reason)) => Err(RecordingError::Refused(reason)),
        None if details.call.state != CallState::Ended => Err(RecordingError::Refused(NOT_ANSWERED.to_owned())),
        None | Some(_) => Err(RecordingError::Refused("the call is over".to_owned())),
    }
}

/// Pauses, resumes or stops a recording, on whichever node it is. Doing it again is harmless.
///
/// # Errors
///
/// [`RecordingError::NotRunning`] when it is complete.
pub async fn change_recording(
    engine: &Engine,
    actor: &Actor,
    id: RecordingId,
    action: RecordingAction,
) -> Result<Recording, RecordingError> {
    let recording = get_recording(engine, actor, id).await?;
    if recording.is_over() {
        return Err(RecordingError::NotRunning);
    }
    let details = get_call(engine, actor, recording.call).await?;
    let control = Control::Recording {
        by: actor.name.clone(),
        id,
        action,
    };
    match commands::tell(engine, &details, control).await? {
        Some(Said::Recording(recording)) => Ok(*recording),
        None | Some(_) => Err(RecordingError::NotRunning),
    }
}

/// A recording as it stands.
///
/// # Errors
///
/// [`RecordingError::NotFound`] when the account has no such recording.
pub async fn get_recording(engine: &Engine, actor: &Actor, id: RecordingId) -> Result<Recording, RecordingError> {
    let found = engine.store.recording(actor.account, id).await?;
    found.ok_or(RecordingError::NotFound)
}

/// Recordings of the account, newest first.
///
/// # Errors
///
/// [`StoreError`] when the store cannot be read.
pub async fn list_recordings(
    engine: &Engine,
    actor: &Actor,
    mut filter: RecordingFilter,
) -> Result<Page<Recording>, StoreError> {
    filter.most = filter.most.clamp(1, LONGEST_RECORDING_PAGE);
    engine.store.recordings(actor.account, filter).await
}

/// Removes a recording and its sound.
///
/// # Errors
///
/// [`RecordingError::UnderWay`] while it is written.
pub async fn remove_recording(engine: &Engine, actor: &Actor, id: RecordingId) -> Result<(), RecordingError> {
    let recording = get_recording(engine, actor, id).await?;
    if !recording.is_over() {
        return Err(RecordingError::UnderWay);
    }
    forget(engine, &recording).await
}

/// Removes the sound first: what is left by a crash in between is a row that is removed again.
pub(crate) async fn forget(engine: &Engine, recording: &Recording) -> Result<(), RecordingError> {
    let removed = engine.recordings.remove(recording.id).await;
    removed.map_err(|error| RecordingError::Unreadable(error.to_string()))?;
    engine.store.remove_recording(recording.account, recording.id).await?;
    Ok(())
}

/// Whether there is anything to hear of a recording.
///
/// # Errors
///
/// [`RecordingError`] says why there is not.
pub fn has_sound(recording: &Recording) -> Result<(), RecordingError> {
    match recording.state {
        RecordingState::Recording | RecordingState::Paused => Err(RecordingError::UnderWay),
        RecordingState::Unreachable => Err(RecordingError::Away(recording.node.clone())),
        RecordingState::Finished if recording.bytes == 0 => Err(RecordingError::Empty(
            recording.end.unwrap_or(RecordingEnd::Interrupted),
        )),
        RecordingState::Finished => Ok(()),
    }
}

/// At most so many bytes of the file of a recording, from this place on.
///
/// # Errors
///
/// [`RecordingError::Unreadable`] when it is with another node still, or its disk fails.
pub async fn read_recording(
    engine: &Engine,
    recording: &Recording,
    from: u64,
    most: usize,
) -> Result<Vec<u8>, RecordingError> {
    let read = engine.recordings.read(recording.id, from, most).await;
    read.map_err(|error| match error {
        BlobError::Missing(_) => {
            let node = &recording.node;
            RecordingError::Unreadable(format!("it is with the node `{node}` still, or its file is gone"))
        }
        error @ BlobError::Io(_) => RecordingError::Unreadable(error.to_string()),
    })
}

/// A link that opens this recording for a while, with its signature.
///
/// # Errors
///
/// [`StoreError`] when the secret that it is signed with cannot be read.
pub async fn link_to_recording(engine: &Engine, recording: &Recording) -> Result<(Link, String), StoreError> {
    let signer = engine.inner().links.signer(engine).await?;
    Ok(signer.link(recording.account, recording.id, engine.ids.now()))
}

/// What signs links to recordings, for those who make many.
///
/// # Errors
///
/// [`StoreError`] when the secret that they are signed with cannot be read.
pub async fn link_signer(engine: &Engine) -> Result<LinkSigner, StoreError> {
    engine.inner().links.signer(engine).await.cloned()
}

/// The recording that a link opens.
///
/// # Errors
///
/// [`LinkError`] says why it opens none.
pub async fn open_link(engine: &Engine, link: Link, signature: &str) -> Result<Recording, LinkError> {
    if !engine.inner().links.signer(engine).await?.is_signed(&link, signature) {
        return Err(LinkError::Forged);
    }
    if link.has_expired(engine.ids.now()) {
        return Err(LinkError::Expired);
    }
    let found = engine.store.recording(link.account, link.recording).await?;
    found.ok_or(LinkError::Gone)
}
