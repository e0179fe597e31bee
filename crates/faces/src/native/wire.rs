//! What this face writes: types of its own, so that no change of the domain changes an answer.

mod account;
mod audio;
mod call;
mod capture;
mod event;
mod key;
mod mask;
mod message;
mod pcapng;
mod recording;
mod room;
mod schedule;
mod story;
mod values;
mod webhook;

pub(super) use account::{Account, AccountLimits, AccountList, OwnLimits};
pub(super) use audio::Audio;
pub(super) use call::{Attempt, Call, CallList, Ending, Gathered, HangUp, Leg, Progress, Quality};
pub(super) use capture::capture;
pub(super) use event::{Event, EventData, EventList};
pub(super) use key::{Key, KeyList, NewKey};
pub(super) use mask::{Mask, MaskList};
pub(super) use message::{
    CanceledMessage, ChangedList, LeftAlone, LeftAloneList, Message, MessageList, MessagePart, MessagePreview,
    MessageStory, SentList, SentMessage, SentResult,
};
pub(super) use recording::{Recording, RecordingList};
pub(super) use room::{Controlled, Member, OpenedRoom, Room, RoomList};
pub(super) use schedule::{Schedule, ScheduleList};
pub(super) use story::{Story, Trace, WireMessage};
pub(super) use values::{
    AttemptStateWord, CallStateWord, ChannelsWord, ConcatenationWord, DirectionWord, EncodingWord, EndedByWord,
    HangUpWord, MessageStateWord, OutcomeWord, PriorityWord, RecordingEndWord, RecordingStateWord, ScopeWord, Seconds,
    SubmissionStateWord, Time,
};
pub(super) use webhook::{
    CallWebhook, Delivery, DeliveryList, EventWord, NewWebhook, Notification, NotificationData, Replayed, Webhook,
    WebhookList,
};
