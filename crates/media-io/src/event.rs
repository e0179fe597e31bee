//! What a stream tells its owner, and what its owner tells it.

use std::{net::SocketAddr, sync::Arc};

use outdial_domain::{Digit, RoomId, digit::Digits};
use outdial_engine::ports::{DigitWay, TapSink};
use outdial_media::{srtp::SrtpKeys, stream::StreamConfig};

use crate::{Remote, rooms::Join};

/// Something that happened on a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MediaEvent {
    /// The first packet of the far side came.
    FirstPacket {
        /// Where it came from.
        from: SocketAddr,
    },
    /// The far side pressed a key.
    Digit {
        /// The key.
        digit: Digit,
        /// How it came: in RTP, or as tones in the sound.
        way: DigitWay,
    },
    /// A play is over.
    PlayFinished {
        /// The number it was started with.
        play: u64,
        /// Whether it was stopped instead of played to its end.
        stopped: bool,
    },
    /// A play was not taken because too many wait already.
    PlayRefused {
        /// The number it was to be started with.
        play: u64,
    },
    /// The keys that were to be pressed have been pressed.
    DigitsSent,
    /// It is in a room, and hears the others from now on.
    Joined {
        /// Which one.
        room: RoomId,
    },
    /// It is in no room any more.
    Left,
    /// Nothing was received for the time in [`StreamConfig::silent_after`]. Told again only after the far side was heard.
    FarSideSilent,
    /// A fault of ours ended the stream; nothing is sent or received any more.
    Failed,
}

/// What the owner of a stream tells it. The loss of the channel means: close.
pub(crate) enum Command {
    Play {
        play: u64,
        clips: Vec<Arc<[i16]>>,
    },
    StopPlaying,
    SendDigits(Digits),
    Renegotiate(Box<Terms>),
    SetSending(bool),
    Tap(TapSink),
    Join(Box<Join>),
    Leave,
    Mute(bool),
    Hold(bool),
    /// Passes a key on that the far side pressed in another way than by sound.
    Pass(Digit),
}

/// What a stream is run by.
#[derive(Debug)]
pub(crate) struct Terms {
    pub(crate) config: StreamConfig,
    pub(crate) remote: Remote,
    pub(crate) keys: Option<SrtpKeys>,
}
