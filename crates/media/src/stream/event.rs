use std::collections::VecDeque;

use crate::digit::Digit;

/// Something that happened on a stream, from [`MediaStream::poll_event`](super::MediaStream::poll_event).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StreamEvent {
    /// The first packet of the peer came; before the answer this is early media.
    FirstPacket {
        /// The peer's synchronisation source.
        ssrc: u32,
    },
    /// The peer's packets now come from another source, for example after a transfer.
    SourceChanged {
        /// The new synchronisation source.
        ssrc: u32,
    },
    /// The peer pressed a key. Told when it goes down, once.
    Digit {
        /// The key.
        digit: Digit,
        /// How it came.
        way: DigitWay,
    },
    /// A play is over.
    PlayFinished {
        /// The id it was started with.
        id: u64,
        /// Whether it was stopped before its end.
        stopped: bool,
    },
    /// The last of these digits has been sent.
    DigitsSent {
        /// The id they were given with.
        id: u64,
    },
    /// Nothing was received for the time that the configuration names. Told again only after something was received.
    Silent,
    /// The peer said goodbye by RTCP (RFC 3550, section 6.6). Its leg may live on.
    Goodbye,
}

/// What [`MediaStream::pass_inbound`](super::MediaStream::pass_inbound) had to pass on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Passed {
    /// So many octets.
    Octets(usize),
    /// A frame that was lost.
    Lost,
    /// The peer is silent, or was not heard yet.
    Nothing,
}

/// How a digit reached us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DigitWay {
    /// As a telephone-event packet (RFC 4733).
    TelephoneEvent,
    /// As a pair of tones in the audio.
    InBand,
}

/// Events that wait to be asked for. It never grows: a peer that floods us loses its own newest.
#[derive(Debug)]
pub(super) struct EventRing {
    events: VecDeque<StreamEvent>,
}

impl EventRing {
    const CAPACITY: usize = 32;

    pub(super) fn new() -> Self {
        Self {
            events: VecDeque::with_capacity(Self::CAPACITY),
        }
    }

    pub(super) fn push(&mut self, event: StreamEvent) {
        if self.events.len() < Self::CAPACITY {
            self.events.push_back(event);
        }
    }

    pub(super) fn pop(&mut self) -> Option<StreamEvent> {
        self.events.pop_front()
    }
}
