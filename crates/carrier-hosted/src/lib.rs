//! The carriers that hand calls and texts to hosted services: Exotel, Hoiio, and Voicent's gateway.
//!
//! Each is thin over our own client of that service. A call is handed over as a whole, where the service can do what
//! it is to do; whatever it cannot is refused with the reason before anybody is rung. What becomes of a call or a
//! text is asked for again and again; where the service can reach us, it rings a bell ([`HostedCarrier::bells`]),
//! and is asked at once.
//!
//! A request whose answer was lost is never made again. The call is looked for at the service: at Hoiio by the
//! tag that it was given, at Exotel by its numbers and its time, if just one fits. Voicent's gateway cannot be
//! asked.
//!
//! ```no_run
//! use std::sync::Arc;
//!
//! use outdial_carrier_hosted::{ExotelCarrier, ExotelTrunk, Reach};
//! use outdial_engine::ports::SystemClock;
//!
//! let mut trunk = ExotelTrunk::new("india", "rajnikanth", "asd7".to_owned().into());
//! trunk.from = Some("08088919888".to_owned());
//! trunk.reach = Reach { callbacks: Some("https://calls.example.com".to_owned()), ..Reach::default() };
//! let carrier = ExotelCarrier::start(vec![trunk], Arc::new(SystemClock))?;
//! # let _ = carrier;
//! # Ok::<(), outdial_carrier_hosted::WrongTrunk>(())
//! ```

mod bells;
mod carrier;
mod ending;
mod exotel;
mod hoiio;
mod leg;
mod numbers;
mod pause;
mod plan;
mod reach;
mod service;
mod texts;
mod voicent;

pub use carrier::HostedCarrier;
pub use exotel::{Exotel, ExotelCarrier, ExotelTrunk};
pub use hoiio::{Hoiio, HoiioCarrier, HoiioTrunk};
pub use reach::{Polling, Reach, WrongTrunk};
pub use voicent::{Voicent, VoicentCarrier, VoicentTrunk};
