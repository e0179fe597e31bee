//! The carrier that hands whole calls to an Asterisk: it rings, plays and hangs up by itself, and we
//! learn what became of the call.
//!
//! By call files nothing is needed but the spool directory: [`Way::Files`]. The name of a file is the
//! name of its leg, so that no leg is handed over twice, and the result is read from the archive.
//!
//! By the manager interface, [`Way::Manager`], what happens is known while it happens, a call can be
//! hung up, and its ending has a reason. The name of the channel is that of the leg.
//!
//! ```no_run
//! use outdial_callfile::Spool;
//! use outdial_carrier_asterisk::{AsteriskCarrier, AsteriskTrunk, Way};
//!
//! let mut trunk = AsteriskTrunk::new("pbx", Way::Files(Spool::default()));
//! trunk.channel = Some("PJSIP/{number}@provider".parse()?);
//! trunk.sounds = Some("/var/lib/asterisk/sounds/outdial".into());
//! let carrier = AsteriskCarrier::new(vec![trunk])?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod carrier;
mod config;
mod ending;
mod files;
mod manager;
mod order;
mod probe;
mod script;
mod sounds;
mod target;
mod together;
mod watcher;

pub use carrier::AsteriskCarrier;
pub use config::{AsteriskTrunk, Dialplan, Way, WrongTrunk};
pub use manager::ManagerLogin;
pub use target::{Template, WrongTemplate};
