//! What happened. Status, history, webhooks, live streams and `explain` are all readers of events.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    AccountId, AttemptId, CallId, Channels, Digit, Ending, EventId, LegId, MessageId, Outcome, Quality, RecordingEnd,
    RecordingId, message::MessageEvent,
};

/// Something that happened, saved in the same transaction as the state it changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// Names it.
    pub id: EventId,
    /// Whose it is.
    pub account: AccountId,
    /// What it happened to.
    pub subject: Subject,
    /// 1 for the subject's first event, without gaps.
    pub sequence: u32,
    /// When.
    pub at: Timestamp,
    /// What.
    pub kind: EventKind,
}

/// What an event happened to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Subject {
    /// A call.
    Call(CallId),
    /// A message.
    Message(MessageId),
}

impl Subject {
    /// The UUID without the prefix that says what it is, for stores that keep ids as bytes.
    #[must_use]
    pub fn uuid(self) -> uuid::Uuid {
        match self {
            Self::Call(id) => id.uuid(),
            Self::Message(id) => id.uuid(),
        }
    }

    /// The call, where it is one.
    #[must_use]
    pub fn call(self) -> Option<CallId> {
        match self {
            Self::Call(id) => Some(id),
            Self::Message(_) => None,
        }
    }

    /// The message, where it is one.
    #[must_use]
    pub fn message(self) -> Option<MessageId> {
        match self {
            Self::Call(_) => None,
            Self::Message(id) => Some(id),
        }
    }
}

impl From<CallId> for Subject {
    fn from(id: CallId) -> Self {
        Self::Call(id)
    }
}

impl From<MessageId> for Subject {
    fn from(id: MessageId) -> Self {
        Self::Message(id)
    }
}

impl std::fmt::Display for Subject {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Call(id) => id.fmt(f),
            Self::Message(id) => id.fmt(f),
        }
    }
}

impl std::str::FromStr for Subject {
    type Err = crate::IdError;

    /// Reads the id of either: its prefix says which it is.
    fn from_str(given: &str) -> Result<Self, crate::IdError> {
        match given.split_once('_') {
            Some((MessageId::PREFIX, _)) => given.parse().map(Self::Message),
            _ => given.parse().map(Self::Call),
        }
    }
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum EventKind {
    /// The call was accepted and is on disk.
    Created {
        /// Whom to ring.
        to: String,
        /// The caller id asked for.
        from: Option<String>,
        /// Not before this time.
        due: Timestamp,
        /// By which interface it came.
        face: String,
    },
    /// Its time has come, and a limit does not allow it yet.
    Queued {
        /// Which limit, in words.
        because: String,
    },
    /// A trunk was chosen.
    Routed {
        /// The trunk.
        trunk: String,
        /// What is dialled there.
        target: String,
        /// Why the trunks before it were passed over.
        passed_over: Vec<String>,
    },
    /// A leg is in the journal; from now on it may ring.
    Journalled {
        /// The attempt.
        attempt: AttemptId,
        /// Its number, from 1.
        number: u16,
        /// The leg.
        leg: LegId,
        /// The node that will ring it.
        node: String,
    },
    /// The carrier has sent the leg on its way.
    Dialing {
        /// The leg.
        leg: LegId,
    },
    /// The far side rings.
    Ringing {
        /// The leg.
        leg: LegId,
        /// The SIP status, as 180.
        sip_code: Option<u16>,
        /// Whether sound may come before the answer.
        early_media: bool,
    },
    /// The far side answered.
    Answered {
        /// The leg.
        leg: LegId,
        /// The codec agreed on.
        codec: String,
    },
    /// What was agreed on with the far side beside the codec, told where there is something of it, and again when it
    /// changes.
    Session {
        /// The leg.
        leg: LegId,
        /// The suite that protects its sound, as in SDP; none where nothing does.
        srtp: Option<String>,
        /// After so many seconds the session ends unless it is refreshed; none where it does not end by itself.
        refresh_seconds: Option<u32>,
        /// Whether we refresh it.
        refreshed_by_us: bool,
    },
    /// The far side put us on hold, or took us back.
    FarHold {
        /// The leg.
        leg: LegId,
        /// Whether we are on hold.
        held: bool,
    },
    /// A number that the flow dials was not rung.
    NotRung {
        /// What was to be dialled.
        to: String,
        /// Why not, in words.
        because: String,
    },
    /// Two legs of the call hear each other.
    Connected {
        /// The leg.
        leg: LegId,
        /// The other one.
        with: LegId,
    },
    /// A leg entered a room.
    RoomJoined {
        /// The leg.
        leg: LegId,
        /// The name of the room.
        room: String,
        /// How many are in it now.
        members: u32,
    },
    /// A leg left a room.
    RoomLeft {
        /// The leg.
        leg: LegId,
        /// The name of the room.
        room: String,
        /// Why, in words.
        because: String,
    },
    /// Somebody changed the call while it was under way.
    Controlled {
        /// Who, in words.
        by: String,
        /// What was asked for, in words.
        what: String,
        /// Why, where whoever asked said so.
        why: Option<String>,
        /// What came of it, in words.
        result: String,
    },
    /// An instruction of the flow began.
    InstructionStarted {
        /// Where it stands in the flow, as `2` or `1.on.3.0`.
        step: String,
        /// What it does, in words.
        what: String,
    },
    /// An instruction of the flow is done.
    InstructionDone {
        /// Where it stands in the flow.
        step: String,
        /// What came of it, in words.
        result: String,
    },
    /// The far side pressed a key.
    Digit {
        /// The leg.
        leg: LegId,
        /// The key; none where it may be meant for a gather that keeps its keys to itself.
        digit: Option<Digit>,
        /// How it came: `rtp`, `sip_info` or `in_band`.
        way: String,
    },
    /// A `gather` ended.
    Gathered {
        /// Where it stands in the flow.
        step: String,
        /// The name the digits are kept under.
        name: String,
        /// What was pressed; none where the gather keeps its keys to itself.
        digits: Option<String>,
    },
    /// A code was pressed while two talked.
    Code {
        /// The leg of who pressed it.
        leg: LegId,
        /// Where the dial stands in the flow that listens for it.
        step: String,
        /// The keys.
        code: String,
    },
    /// Somebody asked to end the call.
    HangUpRequested {
        /// Who, in words.
        by: String,
        /// Why, where whoever asked said so.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        why: Option<String>,
    },
    /// The sound of a leg is kept from now on.
    RecordingStarted {
        /// The recording.
        recording: RecordingId,
        /// The leg.
        leg: LegId,
        /// What its maker called it.
        name: String,
        /// Whose voice goes where.
        channels: Channels,
        /// Who wanted it, in words.
        by: String,
    },
    /// What is said from now on is not kept.
    RecordingPaused {
        /// The recording.
        recording: RecordingId,
        /// Who wanted it, in words.
        by: String,
    },
    /// What is said is kept again.
    RecordingResumed {
        /// The recording.
        recording: RecordingId,
        /// Who wanted it, in words.
        by: String,
    },
    /// A recording is complete.
    RecordingFinished {
        /// The recording.
        recording: RecordingId,
        /// What its maker called it.
        name: String,
        /// Why it ended.
        end: RecordingEnd,
        /// How long it plays, in milliseconds.
        millis: u64,
        /// The size of its file.
        bytes: u64,
    },
    /// A recording was being written by a node that is gone, and is complete when that is back.
    RecordingUnreachable {
        /// The recording.
        recording: RecordingId,
        /// What its maker called it.
        name: String,
        /// The node.
        node: String,
    },
    /// A leg ended.
    LegEnded {
        /// The leg.
        leg: LegId,
        /// How.
        ending: Ending,
        /// How good its sound was.
        quality: Option<Quality>,
    },
    /// The call was due and waits for another time.
    Postponed {
        /// When it is due now.
        until: Timestamp,
        /// Why, in words.
        because: String,
    },
    /// Somebody changed the call before it was dialled.
    Changed {
        /// Who, in words.
        by: String,
        /// Which fields of its plan, and `flow`.
        fields: Vec<String>,
        /// When it is due now.
        due: Timestamp,
    },
    /// The call will be tried again.
    RetryScheduled {
        /// The number of the next attempt.
        attempt: u16,
        /// When.
        at: Timestamp,
        /// What the attempt before came to.
        because: Outcome,
        /// Whom it will ring.
        to: String,
        /// The only trunk it will use, where there is one.
        via: Option<String>,
    },
    /// The call ended.
    Ended {
        /// How.
        ending: Ending,
    },
    /// Something happened to a message.
    Message {
        /// What.
        event: MessageEvent,
    },
}

/// The words of all kinds of events, each once: the compiler sees to it that none is forgotten.
macro_rules! kinds {
    ($($name:ident = $word:literal),+; $($of_message:ident = $message_word:literal),+ $(,)?) => {
        impl EventKind {
            /// The stable words of all kinds.
            pub const WORDS: &'static [&'static str] = &[$($word,)+ $($message_word),+];

            /// The stable word for this kind, as used in the API and in filters.
            #[must_use]
            pub fn word(&self) -> &'static str {
                match self {
                    $(Self::$name { .. } => $word,)+
                    $(Self::Message { event: MessageEvent::$of_message { .. } } => $message_word),+
                }
            }
        }
    };
}

kinds! {
    Created = "created",
    Queued = "queued",
    Routed = "routed",
    Journalled = "journalled",
    Dialing = "dialing",
    Ringing = "ringing",
    Answered = "answered",
    Session = "session",
    FarHold = "far_hold",
    NotRung = "not_rung",
    Connected = "connected",
    RoomJoined = "room_joined",
    RoomLeft = "room_left",
    Controlled = "controlled",
    InstructionStarted = "instruction_started",
    InstructionDone = "instruction_done",
    Digit = "digit",
    Gathered = "gathered",
    Code = "code",
    HangUpRequested = "hang_up_requested",
    RecordingStarted = "recording_started",
    RecordingPaused = "recording_paused",
    RecordingResumed = "recording_resumed",
    RecordingFinished = "recording_finished",
    RecordingUnreachable = "recording_unreachable",
    LegEnded = "leg_ended",
    Postponed = "postponed",
    Changed = "changed",
    RetryScheduled = "retry_scheduled",
    Ended = "ended";
    Created = "message_created",
    Queued = "message_queued",
    Sending = "message_sending",
    Submitted = "message_submitted",
    RetryScheduled = "message_retry_scheduled",
    Reported = "message_reported",
    Received = "message_received",
    Ended = "message_ended",
}
