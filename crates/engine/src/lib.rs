//! Outdial's verbs, the task that owns a live call, the scheduler and routing.
//!
//! The engine says what it needs from the world in [`ports`] and knows no provider, no carrier and
//! no HTTP status by name. Faces and the command line enter through [`verbs`], one file each.
//!
//! ```text
//! verb ─► store (call, event, job) ─► scheduler claims the due job ─► call task
//!                                                                       ├─ routes, renders the prompts
//!                                                                       ├─ journals the leg
//!                                                                       ├─ rings it through the carrier
//!                                                                       └─ runs the flow, saves every event
//! ```

mod call_task;
mod commands;
mod engine;
pub mod fault;
mod interrupted;
mod live;
mod node;
pub mod outgoing;
pub mod pacing;
pub mod policy;
pub mod ports;
mod recorder;
pub mod recording;
mod recurring;
mod rooms;
pub mod routing;
mod saving;
mod scheduler;
mod seldom;
mod settings;
pub mod sound_files;
mod sweeper;
mod texting;
pub mod verbs;

pub use engine::{Engine, Parts, StartError};
pub use live::{HangUpAnswer, Order};
pub use pacing::Rules;
pub use rooms::{Member, RoomView};
pub use seldom::Seldom;
pub use settings::{KeywordAnswers, Settings};
pub use texting::route::SmsTrunk;
pub use verbs::Actor;
