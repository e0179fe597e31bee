//! Runs the media machines: sockets and pacing threads.
//!
//! One thread per core owns the streams that were given to it. It wakes every millisecond in which
//! one of its streams has something to do, and at no other time: a stream is turned every 20 ms, in
//! one of twenty phases, so that a thousand streams spread their packets evenly; a few share a phase,
//! because waking up costs more than a turn. Each turn reads what has arrived, turns the
//! [`MediaStream`](outdial_media::stream::MediaStream) by one frame and sends one packet. Nothing in a
//! turn allocates, takes a lock or wakes a task, unless a first packet came, or something
//! happened that the owner wants to know (a digit, the end of a play).
//!
//! Streams that hear each other are in a room, which has one thread and one phase: a stream that
//! joins moves there, so that what one says the others are sent in the same turn.
//!
//! ```no_run
//! use std::net::{IpAddr, Ipv4Addr};
//! use outdial_media::{codec::Codec, stream::StreamConfig};
//! use outdial_media_io::{MediaEngine, Remote};
//!
//! # async fn example(random: u128, leg: outdial_domain::LegId) -> Result<(), Box<dyn std::error::Error>> {
//! let engine = MediaEngine::start(0, IpAddr::V4(Ipv4Addr::LOCALHOST), 16384..=32767)?;
//! let mut stream = engine.open(leg)?;
//! println!("offer port {}", stream.local().port());
//! stream.start(StreamConfig::new(Codec::Pcmu, random), Remote::new("192.0.2.7:4000".parse()?));
//! stream.play(1, vec![vec![0_i16; 8000].into()]);
//! while let Some(event) = stream.event().await {
//!     println!("{event:?}");
//! }
//! # Ok(())
//! # }
//! ```

mod arrival;
mod engine;
mod event;
mod keypad;
mod latch;
mod pacer;
mod ports;
mod priority;
mod room;
mod rooms;
mod slot;
mod stream;
mod wheel;

pub use engine::{MediaEngine, OpenError, StartError};
pub use event::MediaEvent;
pub use latch::Remote;
pub use stream::Stream;
