//! Telephone media turned by hand: RTP, RTCP, SRTP, telephone-event, codecs, jitter buffer, DTMF, tones, resampling, WAV. No I/O and no clock.
//!
//! Bytes and time go in; bytes, events and deadlines come out.
//! Most callers want [`stream::MediaStream`], which joins the parts below into the media of one leg:
//!
//! ```
//! use std::time::Instant;
//! use outdial_media::codec::Codec;
//! use outdial_media::stream::{MediaStream, StreamConfig, StreamEvent};
//!
//! let mut now = Instant::now();
//! let random = 0x5eed_0000_1111_2222_3333_4444_5555_6666; // from a generator of the caller's
//! let mut stream = MediaStream::new(StreamConfig::new(Codec::Pcmu, random), now);
//! stream.play(7, [vec![0_i16; 160].into()])?;
//!
//! let mut packet = [0; outdial_media::MAX_PACKET];
//! for _ in 0..2 {
//!     let length = stream.tick(now, &mut packet).expect("a stream sends from the start");
//!     assert_eq!(length, 12 + 160);
//!     now += outdial_media::FRAME;
//! }
//! assert_eq!(stream.poll_event(), Some(StreamEvent::PlayFinished { id: 7, stopped: false }));
//! # Ok::<(), outdial_media::player::QueueFull>(())
//! ```
//!
//! Nothing here allocates per packet or per frame once a stream has begun to send or to hear, but for [`srtp`]; files, resampling and searching do, and are meant for other threads.

pub mod codec;
pub mod conceal;
pub mod correlate;
pub mod digit;
pub mod dtmf_inband;
mod g711;
mod g722;
pub mod jitter;
pub mod loudness;
pub mod mixer;
pub mod player;
pub mod quality;
pub mod resample;
pub mod room;
pub mod rtcp;
pub mod rtp;
pub mod sip_info;
pub mod srtp;
pub mod stream;
pub mod telephone_event;
pub mod tones;
pub mod wav;

use std::time::Duration;

/// The length of one frame in milliseconds: every stream is turned by this step.
pub const FRAME_MS: u32 = 20;

/// The length of one frame, for whoever keeps the pace.
pub const FRAME: Duration = Duration::from_millis(FRAME_MS as u64);

/// The most samples a frame holds: 20 ms at 16 kHz.
pub const MAX_FRAME: usize = 320;

/// The octets that any packet made here fits into.
pub const MAX_PACKET: usize = 1500;
