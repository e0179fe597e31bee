use jiff::Timestamp;
use serde::Serialize;

/// Something that happened to a phone. One line of the ring log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PhoneEvent {
    /// When.
    pub time: Timestamp,
    /// The number that was rung.
    pub number: String,
    /// The Call-ID of the call.
    pub call_id: String,
    /// Which ring of this number this is, the first being 1. 0 for a challenge, which rings nothing.
    pub ring: u64,
    /// What happened.
    #[serde(flatten)]
    pub kind: EventKind,
}

/// What happened to a phone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum EventKind {
    /// An INVITE was sent back with a challenge, or refused for wrong credentials.
    Challenged,
    /// An INVITE reached the phone. This is what counts as a ring.
    Invite {
        /// The user part of the caller's address.
        from: String,
    },
    /// It rings (180 was sent).
    Ringing,
    /// It plays early media (183 was sent).
    EarlyMedia,
    /// It answered (200 was sent).
    Answered,
    /// The caller acknowledged the answer.
    Acknowledged,
    /// The caller gave up before the answer.
    Canceled,
    /// The far side hung up.
    Bye,
    /// The far side pressed a key.
    Digit {
        /// The key.
        digit: char,
        /// How it came.
        way: HeardWay,
    },
    /// The far side changed the media by a re-INVITE or an UPDATE.
    Changed,
    /// The call is over.
    Ended {
        /// Who ended it.
        by: EndedBy,
    },
}

/// How a key press was heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum HeardWay {
    /// As a telephone event (RFC 4733).
    Rtp,
    /// In a SIP INFO request.
    Info,
    /// As tones in the audio.
    InBand,
}

/// Who ended a call, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum EndedBy {
    /// The far side hung up (BYE).
    FarSide,
    /// The far side gave up before the answer (CANCEL).
    Canceled,
    /// The phone hung up (BYE).
    Phone,
    /// The phone refused or redirected with this status.
    Refused(u16),
    /// The phone does not reply to anything.
    Silent,
    /// The phone answered, and no ACK came.
    NoAck,
    /// The phones were shut down.
    Shutdown,
    /// The SIP library failed; [`HeardCall::problems`](crate::HeardCall::problems) says how.
    Failure,
}
