//! Which files of a directory were taken, and for which calls.

use std::{
    collections::HashMap,
    ffi::{OsStr, OsString},
};

use jiff::Timestamp;
use outdial_callfile::{Entry, Taken};
use outdial_domain::{Call, CallId};

use super::kept::Kept;

/// A file that was taken.
#[derive(Debug, Clone)]
pub(super) struct Held {
    pub(super) taken: Taken,
    /// Its name in the directory, as long as it has one.
    pub(super) name: Option<OsString>,
    /// Its call; none while that could not be saved.
    pub(super) call: Option<CallId>,
    /// Whether an attempt was made.
    pub(super) begun: bool,
    /// What it was like when it was taken.
    size: u64,
    due: Timestamp,
}

/// All of them, by what they are asked for.
#[derive(Debug, Default)]
pub(super) struct Files {
    by_inode: HashMap<u64, Held>,
    by_name: HashMap<OsString, u64>,
    by_call: HashMap<CallId, u64>,
}

impl Held {
    pub(super) fn new(taken: Taken, name: Option<OsString>, size: u64, due: Timestamp) -> Self {
        Self {
            taken,
            name,
            call: None,
            begun: false,
            size,
            due,
        }
    }

    /// What it was like when it was taken is kept with its call.
    pub(super) fn was(&mut self, call: &Call) {
        if let Some(kept) = Kept::of(call) {
            (self.size, self.due) = (kept.size, kept.due);
        }
    }

    /// Whether somebody has written into the file since it was taken, and we have not.
    pub(super) fn is_changed(&self, entry: &Entry) -> bool {
        !self.begun && (self.size, self.due) != (entry.size, entry.modified)
    }
}

impl Files {
    pub(super) fn insert(&mut self, held: Held) {
        let inode = held.taken.inode;
        if let Some(name) = held.name.clone() {
            self.by_name.insert(name, inode);
        }
        if let Some(call) = held.call {
            self.by_call.insert(call, inode);
        }
        self.by_inode.insert(inode, held);
    }

    pub(super) fn remove(&mut self, inode: u64) {
        self.unname(inode);
        let call = self.by_inode.remove(&inode).and_then(|held| held.call);
        if let Some(call) = call {
            self.by_call.remove(&call);
        }
    }

    pub(super) fn get(&self, inode: u64) -> Option<&Held> {
        self.by_inode.get(&inode)
    }

    pub(super) fn of_call(&self, call: CallId) -> Option<&Held> {
        self.get(*self.by_call.get(&call)?)
    }

    pub(super) fn named(&self, name: &OsStr) -> Option<u64> {
        self.by_name.get(name).copied()
    }

    /// An attempt was made for it.
    pub(super) fn begin(&mut self, inode: u64) {
        if let Some(held) = self.by_inode.get_mut(&inode) {
            held.begun = true;
        }
    }

    /// It has no name any more.
    pub(super) fn unname(&mut self, inode: u64) {
        let name = self.by_inode.get_mut(&inode).and_then(|held| held.name.take());
        if let Some(name) = name
            && self.by_name.get(&name) == Some(&inode)
        {
            self.by_name.remove(&name);
        }
    }

    /// It has this name now.
    pub(super) fn rename(&mut self, inode: u64, name: OsString) {
        self.unname(inode);
        if let Some(held) = self.by_inode.get_mut(&inode) {
            held.name = Some(name.clone());
            self.by_name.insert(name, inode);
        }
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Held> {
        self.by_inode.values()
    }
}
