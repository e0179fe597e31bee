//! The carrier that sends texts over SMPP 3.4, and takes receipts and texts.
//!
//! An [`SmppTrunk`] says where the SMSC is and how it wants things; [`SmppCarrier`] keeps its binds up. Inside, a
//! session (`session.rs`) is turned by hand and knows no socket; a link carries it over a connection; the links of
//! a trunk share the texts that wait (`trunk.rs`).
//!
//! ```no_run
//! use outdial_carrier_smpp::{Binds, SmppCarrier, SmppTrunk};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let mut trunk = SmppTrunk::new("operator", "smsc.example.com", 2775);
//! trunk.system_id = "outdial".into();
//! trunk.password = "secret08".to_owned().into();
//! trunk.binds = Binds::Transceivers(2);
//! let carrier = SmppCarrier::start(vec![trunk])?;
//! # let _ = carrier;
//! # Ok(())
//! # }
//! ```
#![warn(clippy::wildcard_enum_match_arm)]

mod arrive;
mod carrier;
mod config;
mod delivery;
mod frame;
mod ids;
mod link;
mod numbers;
mod parts;
mod receipt;
mod session;
mod status;
mod tls;
mod trunk;
mod wire;

pub use carrier::SmppCarrier;
pub use config::{Binds, SmppTrunk, WrongTrunk};
pub use ids::MessageIds;
pub use numbers::{LONGEST_NAME, NumberRule};
pub use status::{Status, Verdict};
pub use tls::{TlsError, TlsSettings};
