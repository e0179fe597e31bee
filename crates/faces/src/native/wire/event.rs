//! What happened.

mod mask;
mod of_call;
mod of_message;

use outdial_domain as domain;
use outdial_engine::ports::StoredEvent;
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    ChannelsWord, Ending, MessageStateWord, OutcomeWord, Quality, RecordingEndWord, Seconds, SubmissionStateWord, Time,
};

/// Something that happened to a call or a message.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::native) struct Event {
    /// Names it.
    #[schema(example = "evt_019a9c3e5b7d7c1e8f00112233445566")]
    id: String,
    /// 1 for the first event of the call or message, without gaps.
    sequence: u32,
    /// Its place among all events: greater for later ones.
    position: i64,
    /// The call it happened to, if it was one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "call_019a9c3e5b7d7c1e8f00112233445566")]
    call: Option<String>,
    /// The message it happened to, if it was one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "msg_019a9c3e5b7d7c1e8f00112233445566")]
    message: Option<String>,
    at: Time,
    #[serde(flatten)]
    data: EventData,
}

/// The events of one call or message, in order.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::native) struct EventList {
    pub(in crate::native) events: Vec<Event>,
}

/// What happened: the kind in `type`, what is known about it in `data`.
#[derive(Debug, Serialize, ToSchema)]
#[serde(tag = "type", content = "data", rename_all = "snake_case")]
pub(in crate::native) enum EventData {
    /// The call was accepted and is on disk.
    Created {
        /// Whom to ring.
        to: String,
        /// The caller id asked for.
        #[schema(required = true)]
        from: Option<String>,
        /// Not before this time.
        due: Time,
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
        /// The trunk, or `direct`.
        trunk: String,
        /// What is dialled there.
        target: String,
        /// Why the trunks before it were passed over.
        passed_over: Vec<String>,
    },
    /// A leg is in the journal; from now on it may ring.
    Journalled {
        /// The attempt.
        attempt: String,
        /// Its number, from 1.
        number: u16,
        /// The leg.
        leg: String,
        /// The node that will ring it.
        node: String,
    },
    /// The leg was sent on its way.
    Dialing {
        /// The leg.
        leg: String,
    },
    /// The far side rings.
    Ringing {
        /// The leg.
        leg: String,
        /// The SIP status, as 180.
        #[schema(required = true)]
        sip_code: Option<u16>,
        /// Whether sound may come before the answer.
        early_media: bool,
    },
    /// The far side answered.
    Answered {
        /// The leg.
        leg: String,
        /// The codec agreed on.
        codec: String,
    },
    /// What was agreed on with the far side beside the codec, told where there is something of it, and again when it
    /// changes.
    Session {
        /// The leg.
        leg: String,
        /// The suite that protects its sound, as in SDP; `null` where nothing does.
        #[schema(required = true)]
        srtp: Option<String>,
        /// After so many seconds the session ends unless it is refreshed; `null` where it does not end by itself.
        #[schema(required = true)]
        refresh_seconds: Option<u32>,
        /// Who refreshes it: `us` or `far_side`; `null` where nobody has to.
        #[schema(required = true)]
        refreshed_by: Option<&'static str>,
    },
    /// The far side put us on hold, or took us back.
    FarHold {
        /// The leg.
        leg: String,
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
        leg: String,
        /// The other one.
        with: String,
    },
    /// A leg entered a room.
    RoomJoined {
        /// The leg.
        leg: String,
        /// The name of the room.
        room: String,
        /// How many are in it now.
        members: u32,
    },
    /// A leg left a room, or was not let in.
    RoomLeft {
        /// The leg.
        leg: String,
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
        #[schema(required = true)]
        why: Option<String>,
        /// What came of it, in words.
        result: String,
    },
    /// An instruction of the flow began.
    InstructionStarted {
        /// Where it stands in the flow, as `1.on.3.0`.
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
        leg: String,
        /// The key; `null` where it may be meant for a gather that is private.
        #[schema(required = true)]
        digit: Option<String>,
        /// How it came: `rtp`, `sip_info` or `in_band`.
        way: String,
    },
    /// A gather ended.
    Gathered {
        /// Where it stands in the flow.
        step: String,
        /// The name the digits are kept under.
        name: String,
        /// What was pressed; `null` where the gather is private.
        #[schema(required = true)]
        digits: Option<String>,
    },
    /// A code of a `dial` was pressed while two talked.
    Code {
        /// The leg of who pressed it.
        leg: String,
        /// Where the dial stands in the flow.
        step: String,
        /// The keys.
        code: String,
    },
    /// Somebody asked to end the call.
    HangUpRequested {
        /// Who, in words.
        by: String,
        /// Why, where whoever asked said so.
        #[schema(required = true)]
        why: Option<String>,
    },
    /// The sound of a leg is kept from now on.
    RecordingStarted {
        /// The recording.
        recording: String,
        /// The leg.
        leg: String,
        /// What its maker called it.
        name: String,
        /// Whose voice goes where.
        channels: ChannelsWord,
        /// Who wanted it, in words.
        by: String,
    },
    /// What is said from now on is not kept.
    RecordingPaused {
        /// The recording.
        recording: String,
        /// Who wanted it, in words.
        by: String,
    },
    /// What is said is kept again.
    RecordingResumed {
        /// The recording.
        recording: String,
        /// Who wanted it, in words.
        by: String,
    },
    /// A recording is complete and can be read.
    RecordingFinished {
        /// The recording.
        recording: String,
        /// What its maker called it.
        name: String,
        /// Why it ended.
        end: RecordingEndWord,
        /// How long it plays.
        seconds: Seconds,
        /// The size of its file.
        bytes: u64,
    },
    /// A recording was being written by a node that is gone. It is complete when that is back.
    RecordingUnreachable {
        /// The recording.
        recording: String,
        /// What its maker called it.
        name: String,
        /// The node.
        node: String,
    },
    /// A leg ended.
    LegEnded {
        /// The leg.
        leg: String,
        /// How.
        ending: Ending,
        /// How good its sound was.
        #[schema(required = true)]
        quality: Option<Quality>,
    },
    /// The call was due and waits for another time.
    Postponed {
        /// When it is due now.
        until: Time,
        /// Why, in words.
        because: String,
    },
    /// Somebody changed the call before it was dialled.
    Changed {
        /// Who, in words.
        by: String,
        /// What: the names of fields.
        fields: Vec<String>,
        /// When it is due now.
        due: Time,
    },
    /// The call will be tried again.
    RetryScheduled {
        /// The number of the next attempt.
        attempt: u16,
        /// When.
        at: Time,
        /// What the attempt before came to.
        because: OutcomeWord,
        /// Whom it will ring.
        to: String,
        /// The only trunk it will use.
        #[schema(required = true)]
        via: Option<String>,
    },
    /// The call ended.
    Ended {
        /// How.
        ending: Ending,
    },
    /// The message was accepted and is on disk.
    MessageCreated {
        /// Who shall have it.
        to: String,
        /// Who sends it.
        #[schema(required = true)]
        from: Option<String>,
        /// Not before this time.
        due: Time,
        /// By which interface it came.
        face: String,
    },
    /// The time of the message has come, and it cannot leave yet.
    MessageQueued {
        /// What it waits for, in words.
        because: String,
    },
    /// The message is in the journal, and leaves now.
    MessageSending {
        /// The trunk.
        trunk: String,
        /// The number of the try, from 1.
        attempt: u16,
        /// Why the trunks before it were passed over.
        passed_over: Vec<String>,
    },
    /// The network has all of the message.
    MessageSubmitted {
        /// The network's names for what was submitted, where it gave any.
        ids: Vec<Option<String>>,
    },
    /// The message will be tried again.
    MessageRetryScheduled {
        /// When.
        at: Time,
        /// Why the try before failed, in words.
        because: String,
    },
    /// The network said what became of a part of the message.
    MessageReported {
        /// Which one, from 1.
        part: usize,
        /// What became of it.
        state: SubmissionStateWord,
        /// The network's code for what went wrong.
        #[schema(required = true)]
        error: Option<String>,
    },
    /// The message came in over a trunk of ours.
    MessageReceived {
        /// Who sent it.
        from: String,
        /// For which number of ours.
        to: String,
        /// The trunk.
        trunk: String,
        /// `stop`, `start` or `help`, where it is one of the words for that.
        #[schema(required = true)]
        keyword: Option<&'static str>,
    },
    /// Nothing follows for the message any more.
    MessageEnded {
        /// How it stands.
        state: MessageStateWord,
        /// Why, in words, where that says more than the state.
        #[schema(required = true)]
        reason: Option<String>,
    },
}

impl Event {
    /// The same without what identifies people, of whom some are known.
    pub(super) fn masked(mut self, known: &[&str]) -> Self {
        self.data.mask(known);
        self
    }
}

impl From<StoredEvent> for Event {
    fn from(stored: StoredEvent) -> Self {
        let domain::Event {
            id,
            account: _,
            subject,
            sequence,
            at,
            kind,
        } = stored.event;
        Self {
            id: id.to_string(),
            sequence,
            position: stored.position,
            call: subject.call().map(|id| id.to_string()),
            message: subject.message().map(|id| id.to_string()),
            at: Time(at),
            data: kind.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use outdial_domain::{AccountId, CallId, EventId, EventKind, Subject};

    use super::*;

    #[test]
    fn the_type_is_the_word_that_the_domain_uses() {
        let at = jiff::Timestamp::UNIX_EPOCH;
        for kind in [
            EventKind::HangUpRequested {
                by: "me".into(),
                why: None,
            },
            EventKind::InstructionStarted {
                step: "0".into(),
                what: "say".into(),
            },
        ] {
            let word = kind.word();
            let event = domain::Event {
                id: EventId::new(at, [0; 10]),
                account: AccountId::new(at, [0; 10]),
                subject: Subject::Call(CallId::new(at, [0; 10])),
                sequence: 1,
                at,
                kind,
            };
            let shown = serde_json::json!(Event::from(StoredEvent { position: 9, event }));
            assert_eq!(shown["type"], word);
            assert!(shown["data"].is_object());
            assert_eq!(shown["at"], "1970-01-01T00:00:00Z");
        }
    }
}
