//! Compares a directory with what is known of it.

use std::{
    collections::HashMap,
    ffi::{OsStr, OsString},
};

use futures_util::{StreamExt, stream};
use jiff::{SignedDuration, Timestamp};
use outdial_callfile::{Arrivals, Queue, parse};
use outdial_domain::CallId;
use outdial_engine::verbs::{self, CallError};

use super::{
    files::Held,
    keeper::{AT_REST, Keeper, words},
    place::AT_ONCE,
    wanted::Unfit,
};

impl Keeper {
    /// Finds out what was taken before this process, and goes on with it.
    pub(super) async fn recover(&mut self) -> Result<(), String> {
        let found = self.blocking(|queue| Ok::<_, std::io::Error>((queue.taken()?, queue.list()?)));
        let (taken, listed) = found.await?.map_err(|error| words(&error))?;
        let mut names: HashMap<u64, OsString> = listed.into_iter().map(|listed| (listed.inode, listed.name)).collect();
        let (mut calls, mut unplaced) = (Vec::new(), Vec::new());
        let (engine, actor) = (self.engine.clone(), self.actor.clone());
        let (engine, actor) = (&engine, &actor);
        let asked = taken.into_iter().map(|taken| async move {
            let found = verbs::find_by_reference(engine, actor, taken.token.as_str()).await;
            (taken, found)
        });
        let mut asked = std::pin::pin!(stream::iter(asked).buffer_unordered(AT_ONCE));
        while let Some((taken, found)) = asked.next().await {
            let name = names.remove(&taken.inode);
            let mut held = Held::new(taken, name, 0, Timestamp::UNIX_EPOCH);
            match found {
                Ok(details) => {
                    held.call = Some(details.call.id);
                    held.begun = !details.attempts.is_empty();
                    held.was(&details.call);
                    calls.push(details.call.id);
                    self.files.insert(held);
                }
                Err(CallError::NotFound) => unplaced.push(held),
                Err(error) => return Err(words(&error)),
            }
        }
        if !calls.is_empty() || !unplaced.is_empty() {
            tracing::info!(
                directory = %self.config.directory.display(),
                calls = calls.len(),
                unplaced = unplaced.len(),
                "files that were taken before"
            );
        }
        self.follow(calls).await?;
        let unplaced = self.without_begun(unplaced).await?;
        self.place_held(unplaced).await?;
        // Those that were written to while nobody looked.
        let waiting = self.files.all().filter(|held| held.call.is_some() && !held.begun);
        let names: Vec<OsString> = waiting.filter_map(|held| held.name.clone()).collect();
        self.intake(names).await
    }

    /// Puts those away that were begun by a run of which the store knows nothing, as after it was brought back from a
    /// backup: somebody may have been rung for them. Gives the others.
    async fn without_begun(&mut self, unplaced: Vec<Held>) -> Result<Vec<Held>, String> {
        let read = self.blocking(move |queue| {
            let read = |held: Held| {
                let contents = queue.read(&held.taken).ok();
                let begun = contents.filter(|contents| parse(&contents.bytes).history.running().is_some());
                (held, begun)
            };
            unplaced.into_iter().map(read).collect::<Vec<_>>()
        });
        let mut others = Vec::new();
        for (held, begun) in read.await? {
            match begun {
                None => others.push(held),
                Some(contents) => {
                    tracing::warn!(file = ?held.name, "a call file was begun, and its call is not known: it is not dialled again");
                    self.refuse(&held, &contents, Unfit::Used).await?;
                }
            }
        }
        Ok(others)
    }

    /// Compares the directory with what is known of it.
    pub(super) async fn list(&mut self, arrivals: &Arrivals) -> Result<(), String> {
        let listed = self.blocking(Queue::list).await?.map_err(|error| words(&error))?;
        let names: HashMap<u64, &OsStr> = listed
            .iter()
            .map(|found| (found.inode, found.name.as_os_str()))
            .collect();
        let lost = self
            .files
            .all()
            .filter(|held| held.name.is_some() && !names.contains_key(&held.taken.inode));
        let lost: Vec<u64> = lost.map(|held| held.taken.inode).collect();
        self.told
            .retain(|name, (inode, _)| names.get(inode) == Some(&name.as_os_str()));
        drop(names);
        self.lose(lost).await?;
        let unknown = listed.into_iter().filter(|found| {
            let known = self.files.get(found.inode);
            let known = known.is_some_and(|held| held.name.as_ref() == Some(&found.name));
            !known && !self.waiting.has(&found.name) && !arrivals.is_arriving(&found.name)
        });
        let names: Vec<OsString> = unknown.map(|found| found.name).collect();
        let rested = self.rested(names).await?;
        self.intake(rested).await?;
        self.again().await
    }

    /// Those of these files that nobody is writing, as far as one can see.
    async fn rested(&mut self, names: Vec<OsString>) -> Result<Vec<OsString>, String> {
        let now = self.engine.ids.now();
        let looked = self.blocking(move |queue| {
            let look = |name: OsString| queue.look(&name).map(|entry| (name, entry.changed));
            names.into_iter().filter_map(look).collect::<Vec<_>>()
        });
        let rest = SignedDuration::try_from(AT_REST).unwrap_or_default();
        let (rested, moving): (Vec<_>, Vec<_>) = looked
            .await?
            .into_iter()
            .partition(|(_, changed)| now.duration_since(*changed) >= rest || *changed > now);
        if !moving.is_empty() {
            self.list_at = self.list_at.min(tokio::time::Instant::now() + AT_REST);
        }
        Ok(rested.into_iter().map(|(name, _)| name).collect())
    }

    /// Does again what has failed.
    async fn again(&mut self) -> Result<(), String> {
        let unplaced = self.files.all().filter(|held| held.call.is_none());
        let unplaced: Vec<Held> = unplaced.cloned().collect();
        self.place_held(unplaced).await?;
        let unwritten: Vec<CallId> = self.unwritten.drain().collect();
        self.follow(unwritten).await
    }
}
