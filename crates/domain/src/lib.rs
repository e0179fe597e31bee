//! Outdial's nouns and rules, as plain data and plain functions.
//!
//! Nothing in here waits, opens a socket, looks at a clock or knows how it is stored or shown.
//! Start with [`call`] and [`attempt`]: a [`Call`] is a request to reach somebody, an [`Attempt`]
//! is one try at it, a [`Leg`] is one party's connection within that try. What happens to them is
//! an [`Event`], and [`LiveCall::step`] is the only way from one state to the next.
#![warn(clippy::wildcard_enum_match_arm)]

pub mod account;
pub mod address;
pub mod attempt;
pub mod call;
pub mod digit;
pub mod event;
pub mod face;
pub mod hours;
pub mod id;
pub mod leg;
pub mod mask;
pub mod masking;
pub mod message;
pub mod outcome;
pub mod plan;
pub mod recording;
pub mod recurrence;
pub mod retry;
pub mod room;
pub mod schedule;
pub mod text;
pub mod webhook;

pub use account::{Account, Allowance, Key, Limits, Number, NumberUse, Scope};
pub use address::{Address, AddressError, Destination};
pub use attempt::{Attempt, AttemptState};
pub use call::{Call, CallState, Direction, LiveCall};
pub use digit::{Digit, Digits};
pub use event::{Event, EventKind, Subject};
pub use face::FaceRecord;
pub use hours::{Hours, HoursError, HoursZone, Window};
pub use id::{
    AccountId, AttemptId, AudioId, CallId, CommandId, DeliveryId, EventId, IdError, KeyId, LegId, MaskId, MessageId,
    ReceiverId, RecordingId, RoomId, ScheduleId, WebhookId,
};
pub use leg::{Leg, LegState, Quality};
pub use mask::{Mask, Pin};
pub use message::{Message, MessageEvent, MessagePlan, MessageState};
pub use outcome::{EndedBy, Ending, Outcome};
pub use plan::{Plan, Priority};
pub use recording::{Channels, Recording, RecordingEnd, RecordingState};
pub use recurrence::{Cron, Recurrence};
pub use retry::{Factor, Retry, RetryRule};
pub use room::{RoomName, RoomNameError};
pub use schedule::Schedule;
pub use webhook::{CallWebhook, EventFilter, LiveSecret, SigningSecret, Webhook};
