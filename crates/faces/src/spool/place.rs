//! Places the calls of files that were taken.

use std::ffi::{OsStr, OsString};

use futures_util::{StreamExt, stream};
use jiff::{SignedDuration, Timestamp};
use outdial_callfile::{Contents, Key, Status, Taken, parse};
use outdial_domain::{CallId, Plan};
use outdial_engine::{
    routing::NoRoute,
    verbs::{self, PlaceCallError},
};

use super::{
    application::Applications,
    files::Held,
    intake::TOGETHER,
    keeper::{Keeper, words},
    notes::{note, put_away},
    wanted::{Read, Unfit, wanted},
};

/// So many calls are saved, or asked for, at the same time.
pub(super) const AT_ONCE: usize = 32;

/// A file that was taken and read.
pub(super) struct Fresh {
    pub(super) taken: Taken,
    pub(super) name: OsString,
    pub(super) contents: Contents,
}

impl Keeper {
    /// Places the calls of files that were taken.
    pub(super) async fn place(&mut self, fresh: Vec<Fresh>) -> Result<(), String> {
        let this = &*self;
        let placing = fresh.into_iter().map(|file| async move {
            let placed = this.request(&file).await;
            (file, placed)
        });
        let placed: Vec<_> = stream::iter(placing).buffer_unordered(AT_ONCE).collect().await;
        for (file, placed) in placed {
            let Fresh { taken, name, contents } = file;
            let size = contents.bytes.len() as u64;
            let mut held = Held::new(taken, Some(name), size, contents.modified);
            match placed {
                Ok(call) => held.call = Some(call),
                Err(Unfit::Later(why)) => {
                    tracing::warn!(file = ?held.name, %why, "a call file waits");
                    self.try_again();
                }
                Err(unfit) => match self.refuse(&held, &contents, unfit).await {
                    Ok(()) => continue,
                    Err(why) => {
                        tracing::warn!(file = ?held.name, %why, "a call file that is no call cannot be put away");
                        self.try_again();
                    }
                },
            }
            self.files.insert(held);
        }
        Ok(())
    }

    /// Places the calls of files that were taken before.
    pub(super) async fn place_held(&mut self, held: Vec<Held>) -> Result<(), String> {
        for held in held.chunks(TOGETHER) {
            let held = held.to_vec();
            let read = self.blocking(move |queue| {
                let read = |held: Held| {
                    let contents = queue.read(&held.taken);
                    (held, contents)
                };
                held.into_iter().map(read).collect::<Vec<_>>()
            });
            let mut fresh = Vec::new();
            for (held, contents) in read.await? {
                match (held.name, contents) {
                    (Some(name), Ok(contents)) => {
                        self.files.remove(held.taken.inode);
                        let taken = held.taken;
                        fresh.push(Fresh { taken, name, contents });
                    }
                    (None, _) => {
                        self.files.remove(held.taken.inode);
                        self.let_go(vec![held.taken]).await?;
                    }
                    (Some(_), Err(error)) => tracing::warn!(%error, "a call file that was taken cannot be read"),
                }
            }
            self.place(fresh).await?;
        }
        Ok(())
    }

    /// Saves the call of a file, if that has not been done before.
    async fn request(&self, file: &Fresh) -> Result<CallId, Unfit> {
        let with = Applications {
            engine: &self.engine,
            actor: &self.actor,
            sounds: self.sounds.as_ref(),
            ways: &self.ways,
        };
        let token = file.taken.token.as_str();
        let read = Read {
            name: &shown(&file.name),
            token,
            bytes: &file.contents.bytes,
            due: file.contents.modified,
        };
        let (flows, caller_id) = (&self.config.flows, self.config.caller_id.as_ref());
        let request = wanted(&with, flows, caller_id, &read, self.engine.ids.now()).await?;
        match verbs::place_call(&self.engine, &self.actor, request).await {
            Ok(call) => Ok(call.id),
            Err(PlaceCallError::NameTaken) => {
                let found = verbs::find_by_reference(&self.engine, &self.actor, token).await;
                Ok(found.map_err(|error| Unfit::Later(words(&error)))?.call.id)
            }
            Err(PlaceCallError::NoRoute(no_route) | PlaceCallError::NoRouteTo { reason: no_route, .. })
                if !matches!(no_route, NoRoute::Closed(_)) =>
            {
                Err(Unfit::NoWay(no_route.to_string()))
            }
            Err(error @ (PlaceCallError::Stopping | PlaceCallError::Store(_))) => Err(Unfit::Later(words(&error))),
            Err(PlaceCallError::Invalid(problems)) => {
                let told = problems
                    .iter()
                    .map(|problem| format!("{}: {}", problem.field, problem.message));
                Err(Unfit::Wrong(told.collect::<Vec<_>>().join("; ")))
            }
            Err(error) => Err(Unfit::Wrong(words(&error))),
        }
    }

    /// Finishes a file that is no call, or has it wait after an attempt that failed.
    pub(super) async fn refuse(&mut self, held: &Held, contents: &Contents, unfit: Unfit) -> Result<(), String> {
        let Some(name) = held.name.clone() else {
            return self.let_go(vec![held.taken.clone()]).await;
        };
        let (taken, now) = (held.taken.clone(), self.engine.ids.now());
        let read = parse(&contents.bytes);
        let archive = read.file.as_ref().is_some_and(|file| file.archive);
        let (status, why) = match unfit {
            Unfit::Wrong(why) => (Status::Failed, Some(plain(&why))),
            Unfit::Used | Unfit::Later(_) => (Status::Expired, None),
            Unfit::NoWay(why) => {
                if contents.modified > now {
                    self.waiting.insert(name, contents.modified);
                    return self.let_go(vec![taken]).await;
                }
                let why = plain(&why);
                tracing::info!(file = ?name, directory = %self.config.directory.display(), %why, "an attempt failed");
                let (attempt, retry) = (read.history.used().saturating_add(1), read.file.as_ref());
                let retry = retry.filter(|file| i64::from(attempt) <= i64::from(file.max_retries));
                let next = retry.and_then(|file| now.checked_add(seconds(file.retry_time)).ok());
                self.note_attempt(&taken, attempt, next, now).await?;
                if let Some(next) = next {
                    self.waiting.insert(name, next);
                    return self.let_go(vec![taken]).await;
                }
                (Status::Expired, None)
            }
        };
        if let Some(why) = &why {
            tracing::warn!(file = ?name, directory = %self.config.directory.display(), %why, "a call file has failed");
        }
        let finished = self.blocking(move |queue| {
            put_away(queue, &taken, &name, status, why.as_deref(), archive, now)?;
            queue.sync()?;
            queue.let_go(&taken)
        });
        finished.await?.map_err(|error| words(&error))
    }

    /// Writes down an attempt that failed before there was a call.
    async fn note_attempt(
        &self,
        taken: &Taken,
        attempt: u32,
        next: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<(), String> {
        let taken = taken.clone();
        let written = self.blocking(move |queue| {
            queue.note(&taken, &note(Key::StartRetry, attempt, now), now)?;
            match next {
                Some(next) => queue.note(&taken, &note(Key::EndRetry, attempt, now), next),
                None => Ok(()),
            }
        });
        written.await?.map_err(|error| words(&error))
    }
}

/// A name for people: text, without what they cannot see.
fn shown(name: &OsStr) -> String {
    let mut text: String = name.to_string_lossy().chars().filter(|c| !c.is_control()).collect();
    text.truncate(text.floor_char_boundary(Plan::LONGEST_REFERENCE));
    text
}

/// A reason that quotes a file, without what a terminal would obey.
fn plain(why: &str) -> String {
    why.chars()
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect()
}

fn seconds(seconds: u32) -> SignedDuration {
    SignedDuration::from_secs(seconds.into())
}
