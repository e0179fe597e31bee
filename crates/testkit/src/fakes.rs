//! Fakes of every port of the engine, small enough to read before a test relies on them.
//!
//! [`World`] holds one of each and starts an engine on them. A test keeps the world, so that it can
//! turn the clock, tell the carrier what the next phone does, and let the store fail.
//!
//! ```
//! use outdial_testkit::fakes::{Script, World};
//!
//! # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
//! let world = World::new();
//! world.carrier.next(Script::presses("1"));
//! let engine = world.engine().await;
//! # engine.stop(std::time::Duration::ZERO).await;
//! # });
//! ```

mod blobs;
mod carrier;
mod clock;
mod entropy;
mod prompts;
mod recordings;
mod rooms;
mod store;
#[cfg(test)]
mod tests;
mod texts;
mod world;

pub use blobs::MemoryBlobs;
pub use carrier::{FakeCarrier, FakeLeg, Script};
pub use clock::FakeClock;
pub use entropy::SeededEntropy;
pub use prompts::FakePrompts;
pub use recordings::MemoryRecordings;
pub use rooms::FakeRooms;
pub use store::MemoryStore;
pub use texts::FakeTexts;
pub use world::World;
