//! Lets go of files that are gone, and takes their calls back.

use std::ffi::OsString;

use futures_util::{StreamExt, stream};
use outdial_callfile::Taken;
use outdial_domain::{CallId, CallState};
use outdial_engine::{
    HangUpAnswer,
    verbs::{self, CallError},
};

use super::{
    files::Held,
    intake::TOGETHER,
    keeper::{Keeper, words},
    place::AT_ONCE,
};

impl Keeper {
    /// Whether names still lead to the files that were taken under them; where not, their calls are taken back.
    pub(super) async fn look_after(&mut self, names: Vec<OsString>) -> Result<(), String> {
        for name in &names {
            self.told.remove(name);
        }
        let known = names.into_iter().filter_map(|name| {
            let inode = self.files.named(&name)?;
            Some((name, inode))
        });
        let known: Vec<(OsString, u64)> = known.collect();
        if known.is_empty() {
            return Ok(());
        }
        let looked = self.blocking(move |queue| {
            let is_lost = |(name, inode): &(OsString, u64)| queue.look(name).is_none_or(|entry| entry.inode != *inode);
            let lost = known.into_iter().filter(is_lost);
            lost.map(|(_, inode)| inode).collect::<Vec<_>>()
        });
        let lost = looked.await?;
        self.lose(lost).await
    }

    /// Files have lost their names, or are not what they were: calls that wait are taken back. One that is under way
    /// goes on, and is not tried again.
    pub(super) async fn lose(&mut self, inodes: Vec<u64>) -> Result<(), String> {
        for inodes in inodes.chunks(TOGETHER) {
            let held = inodes.iter().filter_map(|inode| self.files.get(*inode).cloned());
            let held: Vec<Held> = held.collect();
            for held in &held {
                self.files.unname(held.taken.inode);
            }
            let this = &*self;
            let asked = held.into_iter().map(|held| async move {
                let free = this.is_free(&held).await;
                (held, free)
            });
            // Together, because what is saved at the same time shares its way to the disk.
            let asked: Vec<_> = stream::iter(asked).buffer_unordered(AT_ONCE).collect().await;
            let mut free = Vec::new();
            for (held, is_free) in asked {
                match is_free {
                    Ok(true) => {
                        self.files.remove(held.taken.inode);
                        free.push(held.taken);
                    }
                    Ok(false) => {}
                    Err(why) => {
                        if let Some(call) = held.call {
                            self.not_written(call, &why);
                        }
                    }
                }
            }
            self.let_go(free).await?;
        }
        Ok(())
    }

    /// Whether nothing comes of a file any more: it has no call, or one that waited and was taken back.
    async fn is_free(&self, held: &Held) -> Result<bool, String> {
        // By its token, because a call may have been saved though it was not told.
        match verbs::find_by_reference(&self.engine, &self.actor, held.taken.token.as_str()).await {
            Ok(details) if matches!(details.call.state, CallState::Scheduled | CallState::Queued) => {
                self.take_back(details.call.id).await
            }
            Ok(_) => Ok(false),
            Err(CallError::NotFound) => Ok(true),
            // It was begun meanwhile.
            Err(CallError::GoesOn(_)) => Ok(false),
            Err(error) => Err(words(&error)),
        }
    }

    /// Ends a call that waits, and says whether nobody was rung. What happens then is told as for every other call.
    pub(super) async fn take_back(&self, call: CallId) -> Result<bool, String> {
        match verbs::hang_up(&self.engine, &self.actor, call).await {
            Ok(answer) => Ok(answer == HangUpAnswer::Prevented),
            Err(CallError::NotFound) => Ok(true),
            Err(error) => Err(words(&error)),
        }
    }

    /// Takes the tokens of files away: each is fresh then, if it is still there.
    pub(super) async fn let_go(&self, taken: Vec<Taken>) -> Result<(), String> {
        let done = self.blocking(move |queue| taken.iter().try_for_each(|taken| queue.let_go(taken)));
        done.await?.map_err(|error| words(&error))
    }
}
