//! The sounds in memory.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use outdial_engine::ports::Clip;

use super::{Key, lru::Lru};

/// Sounds in memory, up to a number of bytes.
pub(crate) struct MemoryCache(Mutex<Lru<Arc<Clip>>>);

impl MemoryCache {
    /// Holds at most this many bytes.
    pub(crate) fn new(most: u64) -> Self {
        Self(Mutex::new(Lru::new(most)))
    }

    /// The sound, which now counts as used.
    pub(crate) fn get(&self, key: &Key) -> Option<Arc<Clip>> {
        self.lock().get(key).map(|(clip, _)| Arc::clone(clip))
    }

    /// Keeps a sound, unless it is larger than the whole.
    pub(crate) fn put(&self, key: Key, clip: &Arc<Clip>) {
        /// What an entry needs beside its samples, roughly.
        const ENTRY: u64 = 256;
        let size = ENTRY + 2 * clip.samples.len() as u64;
        self.lock().put(key, Arc::clone(clip), size);
    }

    fn lock(&self) -> MutexGuard<'_, Lru<Arc<Clip>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
