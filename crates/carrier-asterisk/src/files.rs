//! A leg that is handed over as a call file.

use std::{
    fs, io,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use outdial_callfile::{Ending as FileEnding, FileName, Sealed, Spool, SpoolError, Whereabouts};
use outdial_domain::{EndedBy, Ending, LegId, Outcome};
use outdial_engine::ports::{LeftBehind, LegCommand, LegEvent};
use tokio::{
    sync::{mpsc, oneshot},
    time::{Instant, sleep, sleep_until},
};

use crate::{
    carrier::ended,
    ending,
    order::{self, Order},
};

/// A file that Asterisk has not begun within this time is taken back.
const BEGUN_WITHIN: Duration = Duration::from_secs(30);
/// How long after the longest that a call can take its result may come.
const RESULT: Duration = Duration::from_secs(30);
/// Why nobody hangs up a call that Asterisk has begun as a file.
const GOES_ON: &str =
    "a call that Asterisk has taken as a file cannot be hung up: give the trunk `[trunk.asterisk.ami]`";
/// How long Asterisk may take from reading a file to writing its note into it.
const NOTING: Duration = Duration::from_secs(2);
/// How soon after it was put into the queue a file is looked at for the first time, whether Asterisk has begun it,
/// and how often at last.
const SEALED: Duration = Duration::from_millis(5);
const SEALED_AT_LAST: Duration = Duration::from_millis(500);
/// How often a result is looked for when the system does not tell of it.
const LOOK: Duration = Duration::from_secs(5);

/// A leg that is, or is about to be, a file in the queue.
pub(crate) struct FileLeg {
    pub(crate) spool: Spool,
    pub(crate) name: FileName,
    pub(crate) result: oneshot::Receiver<FileEnding>,
    pub(crate) events: mpsc::Sender<LegEvent>,
    pub(crate) commands: mpsc::Receiver<LegCommand>,
}

/// What is to be said where the result never comes.
enum Limit {
    /// It has to be taken by Asterisk first.
    Begin,
    /// Asterisk has it.
    Result,
}

/// The name of a leg's file.
pub(crate) fn name(leg: LegId) -> FileName {
    FileName::of_id(leg).expect("an id is letters, digits and an underscore")
}

impl FileLeg {
    /// Hands it over and stays with it to its end.
    pub(crate) async fn run(mut self, order: Order) {
        let ending = match self.put(&order).await {
            Err(ending) => ending,
            Ok(()) => {
                // Whoever listened may have gone; Asterisk has the call all the same.
                let _ = self.events.send(LegEvent::Sent).await;
                let now = Instant::now();
                self.follow(Limit::Begin, now + BEGUN_WITHIN, now + order.longest() + RESULT)
                    .await
            }
        };
        ended(&self.events, ending).await;
    }

    /// Stays with a file of an earlier run of ours. Says nothing when nobody can know what became of it.
    pub(crate) async fn take_up(mut self, left: &LeftBehind) {
        if let Some(ending) = self.find_again(left).await {
            ended(&self.events, ending).await;
        }
    }

    /// A file that Asterisk has not begun is taken back: nobody was rung. One that is neither in the queue nor
    /// in the archive says nothing, because archives are cleaned. One that Asterisk has begun may ring and talk
    /// as long as its call may; only then is it removed, so that an Asterisk that did not survive the call does
    /// not dial again.
    async fn find_again(&mut self, left: &LeftBehind) -> Option<Ending> {
        let mut longest = left.longest;
        match find(&self.spool, &self.name).await {
            Ok(Whereabouts::Done(result)) => {
                let _ = self.events.send(LegEvent::Sent).await;
                return Some(ending::of_file(&result));
            }
            Ok(Whereabouts::Nowhere) => return None,
            Ok(Whereabouts::Queued { history, .. }) if history.notes.is_empty() => {
                if let Taken::Back = take_back(&self.spool, &self.name).await {
                    let reason = "we were interrupted, and took the call back before Asterisk dialled: nobody was rung";
                    return Some(ending::not_dialled(reason));
                }
            }
            Ok(Whereabouts::Queued { file, history, .. }) => {
                if let Some(file) = file
                    && let Some(in_all) = order::longest(&file)
                    && let Some(began) = history.began(file.retry_time).last()
                {
                    let ago = Duration::try_from(left.now.duration_since(began)).unwrap_or_default();
                    longest = in_all.saturating_sub(ago);
                }
            }
            Ok(Whereabouts::Finishing) => {}
            Err(error) => {
                tracing::warn!(%error, "what became of an interrupted call is not known before its time is over");
            }
        }
        let _ = self.events.send(LegEvent::Sent).await;
        let until = Instant::now() + longest + RESULT;
        Some(self.follow(Limit::Result, until, until).await)
    }

    async fn put(&self, order: &Order) -> Result<(), Ending> {
        let (spool, name, file) = (self.spool.clone(), self.name.clone(), order.file.clone());
        match blocking(move || spool.spool_as(&name, &file, None)).await {
            Ok(_) => Ok(()),
            // It was handed over before, by whoever had this leg then.
            Err(error @ SpoolError::AlreadyThere { .. }) => Err(ending::unknown(&error.to_string())),
            Err(error) => Err(ending::not_dialled(format!("{error}. {}", error.remedy()))),
        }
    }

    async fn follow(&mut self, mut limit: Limit, mut until: Instant, longest: Instant) -> Ending {
        let (mut commanded, mut watched) = (true, true);
        let mut seal = Some(SEALED);
        loop {
            tokio::select! {
                result = &mut self.result, if watched => match result {
                    Ok(FileEnding::Done(result)) => return ending::of_file(&result),
                    Ok(FileEnding::Removed) => return ending::unknown(
                        "the call file was removed and is not in the archive: the phone may or may not have rung"
                    ),
                    // The watch has ended, or another leg has this name. What is left is to look.
                    Err(_) => watched = false,
                },
                () = sleep(seal.unwrap_or_default()), if seal.is_some() => seal = self.sealed(seal).await,
                () = sleep(LOOK), if !watched => {
                    if let Ok(Whereabouts::Done(result)) = find(&self.spool, &self.name).await {
                        return ending::of_file(&result);
                    }
                }
                command = self.commands.recv(), if commanded => match command {
                    Some(LegCommand::HangUp { ending }) => {
                        if let Taken::Back = take_back(&self.spool, &self.name).await {
                            return ending;
                        }
                        // It is followed to its end. Whoever listened may have gone.
                        let _ = self.events.send(LegEvent::HungUp(Err(GOES_ON.to_owned()))).await;
                    }
                    Some(_) => {}
                    // Nobody waits for it any longer; but while we run, no file stays behind.
                    None => commanded = false,
                },
                () = sleep_until(until) => {
                    if let Some(ending) = self.over(&mut limit, &mut until, longest).await {
                        return ending;
                    }
                }
            }
        }
    }

    /// Seals the file as soon as Asterisk has begun it, so that one that does not survive the call does not dial
    /// again when it is back, whether we are there or not. Says when to try that again.
    async fn sealed(&self, after: Option<Duration>) -> Option<Duration> {
        /// One who may not seal one file may seal none.
        static TOLD: AtomicBool = AtomicBool::new(false);
        let (spool, name) = (self.spool.clone(), self.name.clone());
        match blocking(move || spool.seal(&name)).await {
            Ok(Sealed::NotBegun) => after.map(|after| (after * 2).min(SEALED_AT_LAST)),
            Ok(Sealed::Yes | Sealed::NotQueued) => None,
            Err(error) => {
                if !TOLD.swap(true, Ordering::Relaxed) {
                    tracing::warn!(
                        name = %self.name, %error,
                        "call files cannot be kept from being dialled again if both Asterisk and this server die: let this \
                         user read and write them"
                    );
                }
                None
            }
        }
    }

    /// A limit has passed. Gives the ending, or sets the next limit.
    async fn over(&self, limit: &mut Limit, until: &mut Instant, longest: Instant) -> Option<Ending> {
        let found = find(&self.spool, &self.name).await;
        if let Ok(Whereabouts::Done(result)) = &found {
            return Some(ending::of_file(result));
        }
        let begun = match &found {
            Ok(Whereabouts::Queued { history, .. }) => !history.notes.is_empty(),
            Ok(_) | Err(_) => true,
        };
        match limit {
            Limit::Begin if begun => {
                (*limit, *until) = (Limit::Result, longest);
                None
            }
            Limit::Begin => Some(match take_back(&self.spool, &self.name).await {
                Taken::Back => ending::not_dialled(format!(
                    "Asterisk did not take the call file within {} s, so it was taken back and nobody was rung. Does \
                     Asterisk run, with pbx_spool, and look into {}?",
                    BEGUN_WITHIN.as_secs(),
                    self.spool.dir().display()
                )),
                Taken::ByAsterisk => ending::unknown("Asterisk took the call file at the moment it was taken back"),
            }),
            Limit::Result => {
                remove(&self.spool, &self.name).await;
                Some(ending::unknown(
                    "Asterisk took the call file and reported no result in time",
                ))
            }
        }
    }
}

/// Who has a file that was to be taken back.
enum Taken {
    Back,
    ByAsterisk,
}

/// Takes a file out of the queue if Asterisk has not begun it.
///
/// Asterisk reads a file and then opens it again to note that it has begun; so a file that was taken
/// between the two comes back with a note.
async fn take_back(spool: &Spool, name: &FileName) -> Taken {
    match find(spool, name).await {
        Ok(Whereabouts::Queued { history, .. }) if history.notes.is_empty() => {}
        _ => return Taken::ByAsterisk,
    }
    match fs::remove_file(spool.dir().join(name.as_str())) {
        Ok(()) => {}
        Err(_) => return Taken::ByAsterisk,
    }
    sleep(NOTING).await;
    match find(spool, name).await {
        Ok(Whereabouts::Nowhere) => Taken::Back,
        _ => Taken::ByAsterisk,
    }
}

/// Removes a file that nobody may dial any more. Asterisk does not need it for a call that runs.
async fn remove(spool: &Spool, name: &FileName) {
    let path = spool.dir().join(name.as_str());
    let removed = blocking(move || match fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err((path, error)),
        _ => Ok(()),
    });
    if let Err((path, error)) = removed.await {
        tracing::error!(path = %path.display(), %error, "this call file must be removed, or Asterisk may dial it again");
    }
}

async fn find(spool: &Spool, name: &FileName) -> Result<Whereabouts, outdial_callfile::ReadError> {
    let (spool, name) = (spool.clone(), name.clone());
    blocking(move || spool.find(&name)).await
}

/// Runs what waits for the disk on a thread for that.
pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(work)
        .await
        .expect("it does not panic, and nobody aborts it")
}

/// The ending of a leg that was hung up before it was handed over.
pub(crate) fn too_late() -> Ending {
    Ending::new(
        Outcome::Failed,
        EndedBy::System,
        "the moment until which this leg might be sent has passed",
    )
}
