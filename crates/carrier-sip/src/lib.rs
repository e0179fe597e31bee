//! The leg carrier that rings over SIP.
//!
//! [`SipCarrier`] implements [`VoiceCarrier`](outdial_engine::ports::VoiceCarrier): it rings legs
//! over UDP to configured trunks or straight to SIP URIs, and gives the engine their sound. One task
//! owns a leg from its INVITE to its end (`leg`); the SIP library does messages, transactions and
//! digests and appears nowhere outside this crate.
//!
//! What a far side may expect of us:
//!
//! - The Call-ID of a leg is its id and `@outdial`, as in `leg_018f…@outdial`. The same leg is never
//!   sent out twice, and whoever reads a far side's log finds our leg by it.
//! - Calls come in from trunks only, known by their address (`sources`), by what we registered, or by
//!   the password that they show (`guard`). OPTIONS is answered to anybody, everything else that
//!   strangers send is refused, and past a rate nothing at all is answered (`incoming`).
//! - Silence after an INVITE means that it may have rung, and so is `no_answer`; an address to which
//!   no route leads fails before anything is sent.

mod ask;
mod bucket;
mod caller;
mod carrier;
mod challenge;
mod config;
mod dialog;
mod digest;
mod digits;
mod edge;
mod flow;
mod guard;
mod headers;
mod hep;
mod identity;
mod incoming;
mod invite;
mod leg;
mod legs;
mod listen;
mod names;
mod probe;
mod reason;
mod reliable;
mod routes;
mod sdp;
mod session_timer;
mod sources;
mod start;
mod target;
mod tls;
mod trace;
mod trunk;
mod way;

pub use carrier::SipCarrier;
pub use config::{ConfigError, Digests, Identity, SipConfig, SipTransport, SipTrunk, TlsListen};
pub use hep::{HepCount, HepSettings};
pub use names::Lead;
pub use probe::{ProbeError, ProbeReport};
pub use sdp::Srtp;
pub use sources::{Network, NetworkError};
pub use start::StartError;
pub use tls::{TlsError, TlsReport, TlsSettings};
pub use trunk::{HealthState, RegistrationState, TrunkState};
pub use way::{Reached, Way};
