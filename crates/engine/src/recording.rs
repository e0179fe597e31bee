//! Recordings: the sound of legs, kept in files that a crash does not spoil.
//!
//! ```text
//! leg ─► tap ─► ring ─► the writer's thread: track ─► file (sizes mended every second)
//!                            └─► how it ended ─► the call task ─► event, and the row by its keeper
//! ```
//!
//! One `writer` takes the frames of all taps of this node, because a disk may stand still, and no thread
//! that paces sound may wait for it. Frames that found no room meanwhile become silence of their length.
//! What a crash leaves behind is mended at the next start (`interrupted`).

pub(crate) mod interrupted;
pub(crate) mod keeper;
pub(crate) mod links;
mod track;
mod voice;
pub(crate) mod wav;
pub(crate) mod writer;

use std::{collections::BTreeMap, time::Duration};

use outdial_domain::{AccountId, EventKind, Recording, RecordingEnd};

use crate::Engine;
pub use links::{Link, LinkSigner};

/// What the operator decided about recordings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keeping {
    /// How long they are kept; for ever without it.
    pub keep: Option<Duration>,
    /// The same for single accounts, by name.
    pub accounts: BTreeMap<String, Option<Duration>>,
    /// How long a link to one opens it.
    pub link: Duration,
}

impl Keeping {
    /// How long the recordings of this account are kept.
    #[must_use]
    pub fn of(&self, account: &str) -> Option<Duration> {
        self.accounts.get(account).copied().unwrap_or(self.keep)
    }
}

impl Default for Keeping {
    fn default() -> Self {
        Self {
            keep: None,
            accounts: BTreeMap::new(),
            link: Duration::from_secs(3600),
        }
    }
}

/// How long a recording of this account is kept. An account that cannot be read now is taken as one without
/// a rule of its own.
pub(crate) async fn keep_for(engine: &Engine, account: AccountId) -> Option<Duration> {
    let keeping = &engine.settings.recordings;
    if keeping.accounts.is_empty() {
        return keeping.keep;
    }
    keeping.of(&engine.inner().names.of(engine, account).await)
}

/// What is told of a recording that is complete.
pub(crate) fn finished_event(recording: &Recording) -> EventKind {
    EventKind::RecordingFinished {
        recording: recording.id,
        name: recording.name.clone(),
        end: recording.end.unwrap_or(RecordingEnd::Interrupted),
        millis: u64::try_from(recording.length.as_millis()).unwrap_or(u64::MAX),
        bytes: recording.bytes,
    }
}
