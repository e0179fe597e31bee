//! Keeps what was spoken or read: in memory, and for speech on disk too.

mod disk;
mod key;
mod lru;
mod memory;

pub(crate) use disk::DiskCache;
pub(crate) use key::Key;
pub(crate) use memory::MemoryCache;
