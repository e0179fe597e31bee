//! Copies the log into the main file, beside the writer.
//!
//! SQLite copies it within the transaction after which it has become long, and whoever waits for that one waits for
//! thousands of pages and for the disk. Copied here, most of it is in the main file when that moment comes, and the
//! writer only has to begin the log anew.

use std::{
    path::{Path, PathBuf},
    sync::mpsc::{Receiver, SyncSender, sync_channel},
    thread::JoinHandle,
};

use rusqlite::Connection;

use super::open;

/// After so many transactions it is copied.
const EVERY: usize = 64;

/// Counts transactions, and has the log copied. It stops when this is dropped or [ends](Self::end).
pub(super) struct Checkpoints {
    since: usize,
    wanted: SyncSender<()>,
    thread: JoinHandle<()>,
}

impl Checkpoints {
    /// Starts the thread that copies.
    ///
    /// # Errors
    ///
    /// When the system gives no thread.
    pub(super) fn start(path: PathBuf) -> std::io::Result<Self> {
        let (wanted, wishes) = sync_channel(1);
        let thread = std::thread::Builder::new()
            .name("store-checkpoint".to_owned())
            .spawn(move || run(&path, &wishes))?;
        Ok(Self {
            since: 0,
            wanted,
            thread,
        })
    }

    /// A transaction was saved.
    pub(super) fn saved(&mut self) {
        self.since += 1;
        if self.since >= EVERY {
            self.since = 0;
            // One that is being copied now takes this with it, or the next one does.
            let _ = self.wanted.try_send(());
        }
    }

    /// Lets go of the file.
    pub(super) fn end(self) {
        drop(self.wanted);
        if self.thread.join().is_err() {
            tracing::error!("the thread that copies the log has died");
        }
    }
}

fn run(path: &Path, wishes: &Receiver<()>) {
    let mut connection: Option<Connection> = None;
    while wishes.recv().is_ok() {
        let copied = match connection.take() {
            Some(connection) => Ok(connection),
            None => open::copier(path),
        }
        .and_then(|connection| {
            connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", (), |_| Ok(()))?;
            Ok(connection)
        });
        match copied {
            Ok(good) => connection = Some(good),
            // The writer does it then, and is heard of when it cannot either.
            Err(error) => tracing::debug!(%error, "the log was not copied"),
        }
    }
}
