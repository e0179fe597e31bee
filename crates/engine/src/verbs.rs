//! What the system can do, one verb a file. Every face and the command line enter here.

mod accounts;
mod after_restore;
mod authenticate;
mod change_call;
mod control_call;
mod do_not_disturb;
mod edit;
mod face_calls;
mod get_call;
mod hang_up;
mod hours;
mod list_calls;
mod list_events;
mod masks;
mod messages;
mod once;
mod open_room;
mod place_call;
mod place_in_queue;
mod preview_message;
mod recordings;
mod replay;
mod rooms;
mod schedules;
mod send_messages;
mod upload_audio;
mod webhooks;

use outdial_domain::{AccountId, Scope};

pub use accounts::{
    AccountError, AllowAccount, NewKey, allow_account, allowed_to, create_account, create_key, find_account,
    get_account, hash_secret, list_accounts, list_keys, remove_key,
};
pub use after_restore::after_restore;
pub(crate) use authenticate::KnownKeys;
pub use authenticate::{AuthenticateError, authenticate};
pub use change_call::{ChangeCall, ChangeCallError, change_call};
pub use control_call::{ControlError, LONGEST_REASON, control_call};
pub use do_not_disturb::{
    DoNotDisturbError, LONGEST_LIST, MOST_NUMBERS, allow_again, leave_alone, list_left_alone, who_is_left_alone,
};
pub use edit::Edit;
pub use face_calls::{find_by_reference, forget_by_face, keep_by_face};
pub use get_call::{CallStory, Disclosure, NotDisclosed, disclosure, explain_call, get_call};
pub use hang_up::{hang_up, hang_up_because};
pub use list_calls::{LONGEST_PAGE, list_calls};
pub use list_events::{follow_events, list_events};
pub use masks::{CreateMask, MaskError, create_mask, get_mask, list_masks, remove_mask};
pub use messages::{Canceled, MessageError, MessageStory, cancel_message, explain_message, get_message, list_messages};
pub(crate) use once::Requests;
pub use once::{Known, Once, RequestName, UnderWay, hash_request, look_up_request};
pub use open_room::{OpenRoom, OpenedRoom, Participant, open_room};
pub use place_call::{Action, FaceReference, KeptByFace, PlaceCall, PlaceCallError, place_call, place_call_once};
pub use place_in_queue::{PlaceInQueue, place_in_queue};
pub use preview_message::{MOST_MESSAGE_PARTS, preview_message};
pub(crate) use recordings::forget as forget_recording;
pub use recordings::{
    LONGEST_RECORDING_PAGE, LinkError, RecordCall, RecordingError, change_recording, get_recording, has_sound,
    link_signer, link_to_recording, list_recordings, open_link, read_recording, record_call, remove_recording,
};
pub use replay::{LONGEST_REPLAY, Replay, ReplayError, Replayed, replay, snapshot};
pub use rooms::{RoomError, RoomOrder, control_room, get_room, list_rooms};
pub(crate) use rooms::{control_room_here, rooms_here};
pub use schedules::{
    Occurring, ScheduleError, change_schedule, create_schedule, get_schedule, list_schedules, remove_schedule,
};
pub use send_messages::{
    LONGEST_UNIQUE, LONGEST_VALIDITY, MOST_RECEIVERS, Receiver, SendMessages, SendMessagesError, SentTo,
    USUAL_VALIDITY, send_messages,
};
pub use upload_audio::{LARGEST_UPLOAD, UploadError, upload_audio};

pub use webhooks::{
    LONGEST_OLD_SECRET, MOST_WEBHOOKS, OLD_SECRET_LIVES, WebhookError, WebhookOfCall, create_webhook, enable_webhook,
    get_webhook, is_signing_secret, list_deliveries, list_webhooks, remove_webhook, rotate_webhook_secret,
};

use crate::ports::StoreError;

/// Who asks: an account, and what the key it came with allows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// The account.
    pub account: AccountId,
    /// Its name.
    pub account_name: String,
    /// What the key allows.
    pub scopes: Vec<Scope>,
    /// Who, in words, for the event log: `key Backups`, `the command line`.
    pub name: String,
    /// The interface it came by, for the event log.
    pub face: &'static str,
}

/// Why something about one call was not done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// The account has no such call.
    #[error("there is no call with this id in this account")]
    NotFound,
    /// The node that has the call does not answer.
    #[error("the node that has this call does not answer: it may be gone, and then the call ends within seconds")]
    OwnerGone,
    /// The carrier that has the call does not end it, for this reason. Whether it ends is told when it has.
    #[error("the call goes on: {0}")]
    GoesOn(String),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}
