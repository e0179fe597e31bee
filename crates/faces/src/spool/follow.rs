//! Brings files up to what has become of their calls.

use outdial_domain::{CallId, CallState};
use outdial_engine::{
    HangUpAnswer, fault,
    ports::CallDetails,
    verbs::{self, CallError},
};

use super::{
    files::Held,
    keeper::{Keeper, words},
    notes::{Standing, bring_up_to_date, is_answered},
};

impl Keeper {
    /// Writes into the files of these calls what has happened to them, and finishes those whose call is over.
    pub(super) async fn follow(&mut self, calls: Vec<CallId>) -> Result<(), String> {
        let mut changed = Vec::new();
        for call in calls {
            self.unwritten.remove(&call);
            match verbs::get_call(&self.engine, &self.actor, call).await {
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
        Box::pin(self.intake(fresh)).await
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
            self.take_back(details.call.id).await;
            return None;
        }
        Some((held, details))
    }

    /// Ends a call that waits. What happens then is told as for every other call.
    pub(super) async fn take_back(&mut self, call: CallId) -> bool {
        match verbs::hang_up(&self.engine, &self.actor, call).await {
            Ok(answer) => answer == HangUpAnswer::Prevented,
            Err(CallError::NotFound) => true,
            Err(error) => {
                self.not_written(call, &words(&error));
                false
            }
        }
    }

    fn not_written(&mut self, call: CallId, why: &str) {
        tracing::warn!(%call, directory = %self.config.directory.display(), %why, "the file of a call is not up to date");
        self.unwritten.insert(call);
        self.try_again();
    }
}
