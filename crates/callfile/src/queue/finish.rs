//! What is done with a file whose call is over. Every step can be done again after a crash in the middle of it.

use std::{
    ffi::{OsStr, OsString},
    fs::{self, File},
    io::{self, Write},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::Path,
};

use jiff::Timestamp;
use nix::fcntl::OFlag;

use super::{
    Queue, Taken, remove,
    taken::{modified, set_modified},
};
use crate::Status;

/// The end of the names of what is on its way out of the directory.
const LEAVING: &str = ".out";
/// The end of the names of what is on its way into the archive, and of texts that are being written.
const ARRIVING: &str = ".done";

impl Queue {
    /// Writes the result into a file that was taken, keeps the file in the archive or not, and takes its name out of
    /// the directory, if the name still leads to it. It is not [let go](Self::let_go) yet: that may be done when
    /// the directory was [synced](Self::sync).
    ///
    /// # Errors
    ///
    /// When the system cannot; then it may be done again.
    pub fn finish(&self, taken: &Taken, name: &OsStr, status: Status, keep: bool, now: Timestamp) -> io::Result<()> {
        if keep {
            self.write_status(taken, status, now)?;
            self.archive(taken, name)?;
        }
        self.take_out(taken, name)
    }

    /// Writes beside the finished files, as one line, what was wrong with a file: `NAME.problem`.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    pub fn tell_problem(&self, name: &OsStr, text: &str) -> io::Result<()> {
        self.make_archive()?;
        let path = self.held.join(format!("problem{ARRIVING}"));
        remove(&path)?;
        let mut file = File::options().create_new(true).write(true).mode(0o644).open(&path)?;
        file.write_all(format!("{text}\n").as_bytes())?;
        fs::rename(&path, self.archive.join(problem_name(name)))
    }

    /// Takes back what is told of a file by [`tell_problem`](Self::tell_problem).
    ///
    /// # Errors
    ///
    /// When the system cannot.
    pub fn forget_problem(&self, name: &OsStr) -> io::Result<()> {
        remove(&self.archive.join(problem_name(name)))
    }

    /// Makes a file that was taken one that nobody had yet: all behind its first bytes goes, and its time stays.
    /// Then it may be let go.
    ///
    /// # Errors
    ///
    /// When the system cannot.
    pub fn make_fresh(&self, taken: &Taken, bytes: u64) -> io::Result<()> {
        let file = self.open_held(&taken.token)?;
        let is = file.metadata()?;
        if is.len() > bytes {
            let time = modified(&is);
            // Opened to append, so it is cut by another handle.
            let cut = File::options()
                .write(true)
                .custom_flags(OFlag::O_NOFOLLOW.bits())
                .open(self.second(&taken.token))?;
            cut.set_len(bytes)?;
            if let Some(time) = time {
                set_modified(&cut, time);
            }
        }
        Ok(())
    }

    /// Puts on the disk which names are in the directory and which are not any more.
    ///
    /// # Errors
    ///
    /// When the system cannot; then nothing may be let go.
    pub fn sync(&self) -> io::Result<()> {
        File::open(&self.dir)?.sync_all()
    }

    fn write_status(&self, taken: &Taken, status: Status, now: Timestamp) -> io::Result<()> {
        let bytes = self.read(taken)?.bytes;
        if Status::at_the_end_of(&bytes) != Some(status) {
            let mut file = self.open_held(&taken.token)?;
            // Without a line feed before it, as Asterisk does.
            file.write_all(format!("Status: {status}\n").as_bytes())?;
            set_modified(&file, now);
        }
        Ok(())
    }

    fn archive(&self, taken: &Taken, name: &OsStr) -> io::Result<()> {
        let place = self.archive.join(name);
        if fs::symlink_metadata(&place).is_ok_and(|is| is.ino() == taken.inode) {
            return Ok(());
        }
        self.make_archive()?;
        let arriving = self.held.join(format!("{}{ARRIVING}", taken.token));
        remove(&arriving)?;
        fs::hard_link(self.second(&taken.token), &arriving)?;
        // In place of an older one of this name.
        fs::rename(&arriving, &place)
    }

    fn make_archive(&self) -> io::Result<()> {
        match fs::create_dir(&self.archive) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            made => made,
        }
    }

    /// Takes the name away, and gives it back when another file came to have it in this very moment.
    fn take_out(&self, taken: &Taken, name: &OsStr) -> io::Result<()> {
        if !self.stands_at(name, taken) {
            return Ok(());
        }
        let path = self.dir.join(name);
        let out = self.held.join(format!("{}{LEAVING}", taken.token));
        remove(&out)?;
        match fs::rename(&path, &out) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            renamed => renamed?,
        }
        if fs::symlink_metadata(&out)?.ino() == taken.inode {
            return remove(&out);
        }
        put_back(&out, &path)
    }

    /// What a crash left between two names: it is a call file like any other, and finds its way by any name.
    pub(super) fn put_strays_back(&self) -> io::Result<()> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.held)? {
            names.push(entry?.file_name());
        }
        let ends = |name: &OsString, end: &str| name.to_str().is_some_and(|name| name.ends_with(end));
        for name in &names {
            let path = self.held.join(name);
            if ends(name, ARRIVING) {
                remove(&path)?;
            } else if ends(name, LEAVING) {
                let token = name.to_str().and_then(|name| name.strip_suffix(LEAVING));
                let inode = |path: &Path| fs::symlink_metadata(path).ok().map(|is| is.ino());
                let own = token.and_then(|token| inode(&self.held.join(token)));
                if own.is_some() && own == inode(&path) {
                    remove(&path)?;
                } else {
                    put_back(&path, &self.dir.join(name))?;
                }
            }
        }
        Ok(())
    }
}

/// Gives a file a name, unless the name has a newer one by now.
fn put_back(from: &Path, to: &Path) -> io::Result<()> {
    match fs::hard_link(from, to) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        Ok(()) | Err(_) => remove(from),
    }
}

fn problem_name(name: &OsStr) -> OsString {
    const END: &str = ".problem";
    let mut text = name.to_owned();
    if text.len() + END.len() > 255 {
        let lossy = name.to_string_lossy();
        text = lossy[..lossy.floor_char_boundary(240)].into();
    }
    text.push(END);
    text
}
