//! Tells the legs of a spool when their files are done.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, Weak},
    thread,
    time::Duration,
};

use outdial_callfile::{Ending, FileName, Finished, Spool, Watch, WatchError};
use tokio::sync::oneshot;

/// How often the reader looks whether it is still wanted.
const LOOK_UP: Duration = Duration::from_secs(5);

/// One watch for all legs of a spool, because the kernel gives a user few of them.
pub(crate) struct Watcher {
    spool: Spool,
    shared: Arc<Mutex<Shared>>,
}

#[derive(Default)]
struct Shared {
    waiting: HashMap<FileName, oneshot::Sender<Ending>>,
    /// The thread that reads what the kernel tells.
    reader: Option<thread::JoinHandle<()>>,
}

impl Watcher {
    pub(crate) fn new(spool: Spool) -> Self {
        Self {
            spool,
            shared: Arc::default(),
        }
    }

    pub(crate) fn spool(&self) -> &Spool {
        &self.spool
    }

    /// How the file of this name will end. What has ended before this is not told: whoever expects a file that may
    /// be in the queue already looks for its result after this.
    ///
    /// # Errors
    ///
    /// When the spool cannot be watched.
    pub(crate) fn expect(&self, name: &FileName) -> Result<oneshot::Receiver<Ending>, WatchError> {
        let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        if shared.reader.as_ref().is_none_or(thread::JoinHandle::is_finished) {
            let watch = self.spool.watch()?;
            let legs = Arc::downgrade(&self.shared);
            shared.reader = Some(thread::spawn(move || read(watch, &legs)));
        }
        // Legs that have ended otherwise.
        shared.waiting.retain(|_, leg| !leg.is_closed());
        let (tell, told) = oneshot::channel();
        shared.waiting.insert(name.clone(), tell);
        Ok(told)
    }
}

/// Reads as long as it is wanted, or until the kernel refuses; legs then find their results when
/// their time is over.
fn read(mut watch: Watch, legs: &Weak<Mutex<Shared>>) {
    loop {
        let next = watch.next(Some(LOOK_UP));
        let Some(legs) = legs.upgrade() else { return };
        match next {
            Ok(Some(Finished { name, ending })) => {
                let mut legs = legs.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some(leg) = legs.waiting.remove(&name) {
                    // A leg that has ended wants no telling.
                    let _ = leg.send(ending);
                }
            }
            Ok(None) => {}
            Err(WatchError::Read(error)) => tracing::warn!(%error, "a finished call file"),
            Err(error) => {
                // Whoever waits is told by the end of its channel.
                legs.lock().unwrap_or_else(PoisonError::into_inner).waiting.clear();
                return tracing::error!(%error, "the spool can no longer be watched");
            }
        }
    }
}
