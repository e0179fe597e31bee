//! Takes files, and places their calls.

use std::{
    collections::HashMap,
    ffi::{OsStr, OsString},
};

use futures_util::{StreamExt, stream};
use jiff::{SignedDuration, Timestamp};
use outdial_callfile::{Arrivals, Contents, Entry, FileName, Key, NotTaken, Queue, Status, Taken, parse};
use outdial_domain::{CallId, CallState, Plan};
use outdial_engine::{
    fault,
    routing::NoRoute,
    verbs::{self, CallError, PlaceCallError},
};

use super::{
    application::Applications,
    files::Held,
    keeper::{AT_REST, Keeper, words},
    notes::{finish_without_call, note, problem},
    wanted::{Read, Unfit, wanted},
};

/// So many files are taken together, and put on the disk by one sync.
const TOGETHER: usize = 200;
/// So many calls are saved at the same time.
const AT_ONCE: usize = 32;
/// A file that is due later than this is left alone until it is nearer.
const FURTHEST: SignedDuration = SignedDuration::from_hours(24 * 365);
const DAY: SignedDuration = SignedDuration::from_hours(24);

/// A file that was taken and read.
struct Fresh {
    taken: Taken,
    name: OsString,
    contents: Contents,
}

impl Keeper {
    /// Looks at files that are complete.
    pub(super) async fn intake(&mut self, names: Vec<OsString>) -> Result<(), String> {
        for names in names.chunks(TOGETHER) {
            let names = names.to_vec();
            let looked = self.blocking(move |queue| {
                let look = |name: OsString| queue.look(&name).map(|entry| (name, entry));
                names.into_iter().filter_map(look).collect::<Vec<_>>()
            });
            let mut wanted = Vec::new();
            for (name, entry) in looked.await? {
                if self.is_wanted(&name, &entry).await? {
                    wanted.push((name, entry, self.token()?));
                }
            }
            if !wanted.is_empty() {
                self.take(wanted).await?;
            }
        }
        Ok(())
    }

    /// Whether a file is to be taken: it is none that was, or has changed since.
    async fn is_wanted(&mut self, name: &OsStr, entry: &Entry) -> Result<bool, String> {
        if let Some(before) = self.files.named(name)
            && before != entry.inode
        {
            // Another file was moved over it.
            self.lose(before).await?;
        }
        let now = self.engine.ids.now();
        if entry.modified.duration_since(now) > FURTHEST {
            let nearer = now.checked_add(DAY).unwrap_or(now);
            self.waiting.insert(name.to_owned(), nearer);
            return Ok(false);
        }
        let Some(held) = self.files.get(entry.inode) else {
            return Ok(self.told.get(name) != Some(&(entry.inode, entry.changed)));
        };
        if held.is_changed(entry) && held.call.is_some() {
            self.lose(entry.inode).await?;
            return Ok(self.files.get(entry.inode).is_none());
        }
        if held.name.as_deref() != Some(name) {
            self.files.rename(entry.inode, name.to_owned());
        }
        Ok(false)
    }

    async fn take(&mut self, wanted: Vec<(OsString, Entry, FileName)>) -> Result<(), String> {
        let work = self.blocking(move |queue| {
            let take = |(name, entry, token): (OsString, Entry, FileName)| {
                let taken = queue.take(&name, &token);
                (name, entry, taken)
            };
            let taken: Vec<_> = wanted.into_iter().map(take).collect();
            queue.flush()?;
            fault::point("file_taken");
            let read = |(name, entry, taken): (OsString, Entry, Result<Taken, NotTaken>)| {
                let fresh = taken.and_then(|taken| {
                    let contents = queue.read(&taken)?;
                    let name = name.clone();
                    Ok(Fresh { taken, name, contents })
                });
                (name, entry, fresh)
            };
            Ok::<_, std::io::Error>(taken.into_iter().map(read).collect::<Vec<_>>())
        });
        let mut fresh = Vec::new();
        for (name, entry, read) in work.await?.map_err(|error| words(&error))? {
            match read {
                Ok(file) => {
                    self.told.remove(&name);
                    fresh.push(file);
                }
                Err(NotTaken::Gone | NotTaken::NoFile) => {}
                Err(why) => self.tell(name, &entry, why.to_string()).await?,
            }
        }
        self.place(fresh).await
    }

    /// Says once that a file cannot be taken. It stays where it is.
    async fn tell(&mut self, name: OsString, entry: &Entry, why: String) -> Result<(), String> {
        tracing::warn!(file = ?name, directory = %self.config.directory.display(), %why, "a call file is left alone");
        let shown = name.clone();
        let told = self.blocking(move |queue| (queue.tell_problem(&shown, &problem(&why)), queue.look(&shown)));
        let (told, looked) = told.await?;
        if let Err(error) = told {
            tracing::warn!(file = ?name, %error, "there is no file beside it that tells of it");
        }
        // The try to take it has changed it.
        let entry = looked.unwrap_or(*entry);
        self.told.insert(name, (entry.inode, entry.changed));
        Ok(())
    }

    /// Places the calls of files that were taken.
    async fn place(&mut self, fresh: Vec<Fresh>) -> Result<(), String> {
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
            Err(PlaceCallError::NoRoute(no_route @ (NoRoute::UnknownTrunk { .. } | NoRoute::NoTrunk(_)))) => {
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
    async fn refuse(&mut self, held: &Held, contents: &Contents, unfit: Unfit) -> Result<(), String> {
        let Some(name) = held.name.clone() else { return Ok(()) };
        let (taken, now) = (held.taken.clone(), self.engine.ids.now());
        let read = parse(&contents.bytes);
        let keep = read.file.as_ref().is_some_and(|file| file.archive);
        let (status, why) = match unfit {
            Unfit::Wrong(why) => (Status::Failed, Some(plain(&why))),
            Unfit::Used | Unfit::Later(_) => (Status::Expired, None),
            Unfit::NoWay(why) => {
                if contents.modified > now {
                    self.waiting.insert(name, contents.modified);
                    return self.let_go(taken).await;
                }
                let why = plain(&why);
                tracing::info!(file = ?name, directory = %self.config.directory.display(), %why, "an attempt failed");
                let (attempt, retry) = (read.history.used().saturating_add(1), read.file.as_ref());
                let retry = retry.filter(|file| i64::from(attempt) <= i64::from(file.max_retries));
                let next = retry.and_then(|file| now.checked_add(seconds(file.retry_time)).ok());
                self.note_attempt(&taken, attempt, next, now).await?;
                if let Some(next) = next {
                    self.waiting.insert(name, next);
                    return self.let_go(taken).await;
                }
                (Status::Expired, None)
            }
        };
        if let Some(why) = &why {
            tracing::warn!(file = ?name, directory = %self.config.directory.display(), %why, "a call file has failed");
        }
        let keep = keep || status == Status::Failed;
        let finished = self.blocking(move |queue| {
            finish_without_call(queue, &taken, &name, status, why.as_deref(), keep, now)?;
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

    pub(super) async fn let_go(&self, taken: Taken) -> Result<(), String> {
        let done = self.blocking(move |queue| queue.let_go(&taken));
        done.await?.map_err(|error| words(&error))
    }

    /// Whether a name still leads to the file that was taken under it; if not, its call is taken back.
    pub(super) async fn look_after(&mut self, name: &OsStr) -> Result<(), String> {
        self.told.remove(name);
        let Some(inode) = self.files.named(name) else {
            return Ok(());
        };
        let looked = name.to_owned();
        let now = self.blocking(move |queue| queue.look(&looked)).await?;
        if now.is_none_or(|entry| entry.inode != inode) {
            self.lose(inode).await?;
        }
        Ok(())
    }

    /// A file has lost its name, or is not what it was: a call that waits is taken back. One that is under way goes
    /// on, and is not tried again.
    async fn lose(&mut self, inode: u64) -> Result<(), String> {
        let Some(held) = self.files.get(inode).cloned() else {
            return Ok(());
        };
        self.files.unname(inode);
        let waits = match held.call {
            None => true,
            Some(call) => match verbs::get_call(&self.engine, &self.actor, call).await {
                Ok(details) => {
                    let waits = matches!(details.call.state, CallState::Scheduled | CallState::Queued);
                    waits && self.take_back(call).await
                }
                Err(CallError::NotFound) => true,
                Err(_) => false,
            },
        };
        if waits {
            self.files.remove(inode);
            self.let_go(held.taken).await?;
        }
        Ok(())
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
        for inode in lost {
            self.lose(inode).await?;
        }
        self.told
            .retain(|name, (inode, _)| names.get(inode) == Some(&name.as_os_str()));
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

    /// Places the calls of files that were taken before.
    async fn place_held(&mut self, held: Vec<Held>) -> Result<(), String> {
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
                        self.let_go(held.taken).await?;
                    }
                    (Some(_), Err(error)) => tracing::warn!(%error, "a call file that was taken cannot be read"),
                }
            }
            self.place(fresh).await?;
        }
        Ok(())
    }

    /// Finds out what was taken before this process, and goes on with it.
    pub(super) async fn recover(&mut self) -> Result<(), String> {
        let found = self.blocking(|queue| Ok::<_, std::io::Error>((queue.taken()?, queue.list()?)));
        let (taken, listed) = found.await?.map_err(|error| words(&error))?;
        let mut names: HashMap<u64, OsString> = listed.into_iter().map(|listed| (listed.inode, listed.name)).collect();
        let (mut calls, mut unplaced) = (Vec::new(), Vec::new());
        for taken in taken {
            let name = names.remove(&taken.inode);
            let found = verbs::find_by_reference(&self.engine, &self.actor, taken.token.as_str()).await;
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
        self.place_held(unplaced).await?;
        // Those that were written to while nobody looked.
        let waiting = self.files.all().filter(|held| held.call.is_some() && !held.begun);
        let names: Vec<OsString> = waiting.filter_map(|held| held.name.clone()).collect();
        self.intake(names).await
    }

    /// What a file is called by, once and for all.
    fn token(&self) -> Result<FileName, String> {
        let token = self.engine.ids.make(|now, random| {
            let random: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
            format!("{}-{random}", now.as_millisecond())
        });
        FileName::new(token).map_err(|error| words(&error))
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
