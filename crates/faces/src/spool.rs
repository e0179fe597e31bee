//! Directories of call files, taken as an Asterisk takes them, and placed as calls of ours.
//!
//! A file is taken when it is complete, whenever it is due, and is a call from then on: `scheduled`, `queued`, paced
//! with all others. It stays in its directory until the call is over; then it goes into the archive with the
//! same words as with Asterisk. Whoever removes it, or moves another file over it, takes the call back.
//!
//! # No file is dialled twice
//!
//! | step | what a crash after it leaves | and the next start |
//! |---|---|---|
//! | the file gets a second name, a token, which is put on the disk (`outdial_callfile::Queue`) | a token without a call | places it |
//! | the call is saved, named by the token | a token and its call | follows the call |
//! | the engine journals and dials by itself | as before | the engine accounts for it |
//! | notes are written into the file | fewer notes than attempts | writes those that are missing |
//! | the call has ended; the file goes into the archive, and its name out of the directory | both names, or one | does the rest |
//! | the directory is put on the disk, and the token goes | nothing | has nothing to do |
//!
//! The token belongs to the file, and not to its name: another file that is moved over it has none, and is another call.
//!
//! Parts: `channel`, `application`, `dial_data` and `wanted` make a request of a file; `intake` takes files, `place` places
//! them, `follow` brings them up to what has become of their calls, by `notes`, and `lost` takes the calls of those back
//! that are gone; `keeper` is the task that does all of this for one directory, `files` and `waiting` are what it knows, and
//! `known` compares that with the directory.

mod application;
mod channel;
mod dial_data;
mod files;
mod follow;
mod intake;
mod keeper;
mod kept;
mod known;
mod lost;
#[cfg(test)]
mod many_tests;
mod notes;
mod place;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod waiting;
mod wanted;

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use outdial_callfile::{Queue, QueueError};
use outdial_domain::Address;
use outdial_engine::Engine;

use crate::Tenant;
use keeper::Keeper;

/// The name of this face in the event log.
pub const FACE: &str = "spool";

/// How long to wait before a directory that cannot be used is tried again.
const AGAIN: Duration = Duration::from_secs(5);

/// What the program decides about one directory.
#[derive(Debug, Clone)]
pub struct SpoolConfig {
    /// Whose calls they are.
    pub tenant: Tenant,
    /// The directory.
    pub directory: PathBuf,
    /// The caller id of files that name none.
    pub caller_id: Option<Address>,
    /// Which trunk a peer or a context of a channel means, as `from-internal`, `PJSIP/provider` or `*`. With an empty
    /// name the routes choose.
    pub trunks: BTreeMap<String, String>,
    /// Which stored flow a place in the dialplan means: `context`, `context/extension` or
    /// `context/extension/priority`.
    pub flows: BTreeMap<String, String>,
    /// Where the sounds are that files may name; without it there are none.
    pub audio: Option<PathBuf>,
}

/// Whether files can be taken out of a directory.
///
/// # Errors
///
/// [`QueueError`] with its remedy; it is [`QueueError::InUse`] where a server takes them already.
pub fn check(config: &SpoolConfig) -> Result<(), QueueError> {
    Queue::open(&config.directory).map(drop)
}

/// Takes the files of a directory until it is told to stop. Where another program takes them, or the directory is gone,
/// it waits.
pub async fn serve(engine: Engine, config: SpoolConfig, stop: impl Future<Output = ()>) {
    let mut stop = std::pin::pin!(stop);
    let mut told = None;
    loop {
        let kept = match Queue::open(&config.directory) {
            Ok(queue) => {
                let keeper = Keeper::new(engine.clone(), config.clone(), queue);
                keeper.keep(&mut stop).await
            }
            Err(error) => Err(error.to_string()),
        };
        let Err(why) = kept else { return };
        // Once, and not at every try.
        if told.as_ref() != Some(&why) {
            tracing::warn!(%why, "a directory of call files cannot be used; it is tried again");
            told = Some(why);
        }
        tokio::select! {
            () = &mut stop => return,
            () = tokio::time::sleep(AGAIN) => {}
        }
    }
}
