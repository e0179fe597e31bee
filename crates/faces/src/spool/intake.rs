//! Takes files as they come.

use std::ffi::{OsStr, OsString};

use jiff::SignedDuration;
use outdial_callfile::{Entry, FileName, NotTaken, Taken};
use outdial_engine::fault;

use super::{
    keeper::{Keeper, words},
    place::Fresh,
};

/// So many files are taken together, and put on the disk by one sync.
pub(super) const TOGETHER: usize = 200;
/// A file that is due later than this is left alone until it is nearer.
const FURTHEST: SignedDuration = SignedDuration::from_hours(24 * 365);
const DAY: SignedDuration = SignedDuration::from_hours(24);

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
            self.lose(vec![before]).await?;
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
            self.lose(vec![entry.inode]).await?;
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
        let mut fresh: Vec<Fresh> = Vec::new();
        for (name, entry, read) in work.await?.map_err(|error| words(&error))? {
            match read {
                Ok(file) => {
                    self.told.remove(&name);
                    let inode = file.taken.inode;
                    // It has another name, by which it was taken: its turn by this one comes when that call is over.
                    if self.files.get(inode).is_some() || fresh.iter().any(|other| other.taken.inode == inode) {
                        self.let_go(vec![file.taken]).await?;
                    } else {
                        fresh.push(file);
                    }
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
        let told = self.blocking(move |queue| (queue.tell_problem(&shown, &why), queue.look(&shown)));
        let (told, looked) = told.await?;
        if let Err(error) = told {
            tracing::warn!(file = ?name, %error, "there is no file beside it that tells of it");
        }
        // The try to take it has changed it.
        let entry = looked.unwrap_or(*entry);
        self.told.insert(name, (entry.inode, entry.changed));
        Ok(())
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
