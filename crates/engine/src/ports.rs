//! What the engine needs from the world. Adapters provide it; tests have fakes for all of it.

mod blobs;
mod carrier;
mod claims;
mod first_answer;
mod limits;
mod messages;
mod nodes;
mod prompts;
mod recordings;
mod rooms;
mod schedules;
mod store;
mod tap;
mod text_carrier;
mod webhooks;
mod world;

pub use blobs::{BlobError, Blobs};
pub use carrier::{
    Answer, Ask, DigitWay, FarSound, IncomingLeg, LeftBehind, LegCommand, LegEnd, LegEvent, LegHandle, LegOrder,
    RingError, Terms, VoiceCarrier, WholeOrder, WireMessage, WireTransport,
};
pub use claims::{Backlog, Claimed, Lane, Placing, Share, Tally, Wanted, Work};
pub use first_answer::FirstAnswer;
pub use limits::{Count, Counted, SharedLimits};
pub use messages::{
    ClaimedMessages, LeftAlone, MessageBatch, MessageChange, MessageFilter, MessageStore, ReceiptName, SavedMessage,
    TrunkReceipt, Which,
};
pub use nodes::{JoinError, NodeCommand, Nodes, Released, Reply, Run};
pub use prompts::{Clip, ImportedAudio, PromptError, Prompts, Say, Signal};
pub use recordings::{RecordingFile, RecordingFiles, RecordingFilter, RecordingStore};
pub use rooms::{Joining, NoRooms, RoomKind, RoomSound};
pub use schedules::StoredSchedule;
pub use store::{
    AudioFile, CallDetails, CallFilter, Change, ClaimedCall, Job, Page, Store, StoreError, StoredEvent, Trace,
};
pub use tap::{Tap, TapFrame, TapSink, tap};
pub use text_carrier::{
    Arrival, Arrived, ArrivedPlace, ArrivedText, LostText, TextAsk, TextCarrier, TextOrder, TextQuestion, TextTrunk,
};
pub use webhooks::{
    ClaimedReceivers, Delivery, DeliveryFilter, DeliveryResult, FanOut, Feed, FeedKey, Happened, Notice, NoticeWriter,
    Patience, ReceiverClaim, Settled, Snapshot, WebhookStore,
};
pub use world::{Clock, Entropy, Ids, SystemClock, SystemEntropy};
