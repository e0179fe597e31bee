//! Brings files up to what has become of their calls.

use futures_util::{StreamExt, stream};
use outdial_domain::{CallId, CallState};
use outdial_engine::{fault, ports::CallDetails, verbs};

use super::{
    files::Held,
    intake::TOGETHER,
    keeper::{Keeper, words},
    notes::{Standing, bring_up_to_date, is_answered},
    place::AT_ONCE,
};

impl Keeper {
    /// Writes into the files of these calls what has happened to them, and finishes those whose call is over.
    pub(super) async fn follow(&mut self, calls: Vec<CallId>) -> Result<(), String> {
        // A file that is fresh again is taken once more, so this may come to itself again.
        for calls in calls.chunks(TOGETHER) {
            Box::pin(self.follow_some(calls)).await?;
        }
        Ok(())
    }

    async fn follow_some(&mut self, calls: &[CallId]) -> Result<(), String> {
        let this = &*self;
        let read = calls.iter().copied().map(|call| async move {
            let details = verbs::get_call(&this.engine, &this.actor, call).await;
            (call, details)
        });
        let read: Vec<_> = stream::iter(read).buffered(AT_ONCE).collect().await;
        let mut changed = Vec::new();
        for (call, details) in read {
            self.unwritten.remove(&call);
            match details {
                Ok(details) => changed.extend(self.file_of(details).await),
                Err(error) => self.not_written(call, &words(&error)),
            }
        }
        if changed.is_empty() {
            return Ok(());
        }
        let now = self.engine.ids.now();
        let written = self.blocking(move |queue| {
            let written = changed.into_iter().map(|(held, details)| {
                let standing = bring_up_to_date(queue, &held.taken, held.name.as_deref(), &details, now);
                (held, details.call.id, standing)
            });
            let mut written: Vec<_> = written.collect();
            fault::point("file_noted");
            let is_over = |standing: &Result<Standing, _>| matches!(standing, Ok(Standing::Finished | Standing::Fresh));
            if written.iter().any(|(_, _, standing)| is_over(standing)) {
                fault::point("file_finished");
                let synced = queue.sync();
                for (held, _, standing) in &mut written {
                    if is_over(standing) {
                        let let_go = synced
                            .as_ref()
                            .map_err(|error| std::io::Error::other(error.to_string()));
                        if let Err(error) = let_go.and_then(|()| queue.let_go(&held.taken)) {
                            *standing = Err(error);
                        }
                    }
                }
            }
            written
        });
        let mut fresh = Vec::new();
        for (held, call, standing) in written.await? {
            match standing {
                Ok(Standing::UnderWay) => {}
                Ok(Standing::Finished) => self.files.remove(held.taken.inode),
                Ok(Standing::Fresh) => {
                    self.files.remove(held.taken.inode);
                    fresh.extend(held.name);
                }
                Err(error) => self.not_written(call, &error.to_string()),
            }
        }
        self.intake(fresh).await
    }

    /// The file of a call as it is to be written; none where the call is taken back instead.
    async fn file_of(&mut self, details: CallDetails) -> Option<(Held, CallDetails)> {
        let held = self.files.of_call(details.call.id)?.clone();
        if !details.attempts.is_empty() {
            self.files.begin(held.taken.inode);
        }
        let waits = matches!(details.call.state, CallState::Scheduled | CallState::Queued);
        // Nobody wants a retry of what was answered, whatever its flow met with, or of what was removed.
        if waits && (held.name.is_none() || is_answered(&details)) {
            if let Err(why) = self.take_back(details.call.id).await {
                self.not_written(details.call.id, &why);
            }
            return None;
        }
        Some((held, details))
    }

    pub(super) fn not_written(&mut self, call: CallId, why: &str) {
        tracing::warn!(%call, directory = %self.config.directory.display(), %why, "the file of a call is not up to date");
        self.unwritten.insert(call);
        self.try_again();
    }
}
