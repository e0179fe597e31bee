//! The port to whatever sends texts.

use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;
use jiff::Timestamp;
use outdial_domain::{
    MessageId,
    message::{PartFate, Receipt, ReceiptState},
    text::{Composed, Concatenation, EncodedText},
};
use tokio::sync::{mpsc, oneshot};

/// A kind of way out for texts. One carrier may serve several trunks.
///
/// Voice has a port of its own: what the two have in common is in the engine, not in what carries them.
pub trait TextCarrier: Send + Sync {
    /// How things are with this trunk; `None` when it is none of this carrier's.
    fn trunk(&self, name: &str) -> Option<TextTrunk>;

    /// Whether a trunk could send such a text, whatever its state.
    ///
    /// # Errors
    ///
    /// What is wrong with the sender, the receiver or the text, in words.
    fn can(&self, ask: &TextAsk<'_>) -> Result<(), String>;

    /// Sends a text, which must be in the journal before this is called, and says what became of each of its
    /// submissions. What a trunk had too much of is refused as [`Slower`](outdial_domain::message::Refusal::Slower),
    /// and the trunk [pauses](TextTrunk::pauses): nothing waits in here, where a crash would make it unknown.
    ///
    /// Whoever drops the future takes back what has not left yet.
    fn send(&self, order: TextOrder) -> BoxFuture<'static, Vec<PartFate>>;

    /// Where a part is that this carrier had before a crash, where the far side can be asked.
    fn look_up(&self, question: TextQuestion) -> BoxFuture<'static, Option<ReceiptState>>;

    /// Looks for a text that this carrier had before a crash, and whose answer nobody wrote down, by the name that its
    /// message has everywhere: what became of each of its submissions, or `None` where it is not found, which does not say
    /// that it was not sent. `None` at once where the far side cannot be asked.
    fn find(&self, _: LostText) -> Option<BoxFuture<'static, Option<Vec<PartFate>>>> {
        None
    }

    /// What comes in over this carrier's trunks. The engine takes the receiver once, at its start.
    fn arriving(&self) -> Option<mpsc::Receiver<Arrival>> {
        None
    }
}

/// What a carrier is asked about.
#[derive(Debug, Clone, Copy)]
pub struct TextAsk<'a> {
    /// The trunk it would go out by.
    pub trunk: &'a str,
    /// The sender: a number or a name; the trunk's own where none is given.
    pub from: Option<&'a str>,
    /// The receiver: `+` and an international number, or a short number.
    pub to: &'a str,
    /// What it says.
    pub text: &'a str,
}

/// How things are with a trunk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextTrunk {
    /// How it tells that parts belong together.
    pub concatenation: Concatenation,
    /// Whether receipts follow.
    pub receipts: bool,
    /// Why nothing can be sent over it at the moment; `None` when it can.
    pub down: Option<String>,
    /// For how long it takes nothing, because the far side said that it gets too much; `None` when it takes more.
    pub pauses: Option<Duration>,
}

/// One text to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextOrder {
    /// The trunk.
    pub trunk: String,
    /// The message, whose name it has everywhere.
    pub message: MessageId,
    /// The sender: a number or a name; the trunk's own where none is given.
    pub from: Option<String>,
    /// The receiver: `+` and an international number, or a short number.
    pub to: String,
    /// The text and its parts.
    pub composed: Composed,
    /// What its parts have in common, and its name for the far side. It is the same however often it is tried.
    pub reference: u16,
    /// The submissions that the far side has already, from 0; they are not sent.
    pub have: Vec<usize>,
    /// After so long it is of no use any more.
    pub good_for: Option<Duration>,
    /// Whether it goes before those that are not urgent.
    pub high: bool,
    /// Nothing may be sent after this moment: another node may have the message by then. What waits longer in the
    /// carrier is [`PartFate::NotSent`].
    pub send_before: Option<Instant>,
}

/// What a far side is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextQuestion {
    /// The trunk.
    pub trunk: String,
    /// The name that the far side gave to the part.
    pub id: String,
    /// The sender that the text had.
    pub from: Option<String>,
}

/// A text whose answer was lost by a crash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LostText {
    /// The trunk that it went by.
    pub trunk: String,
    /// The message.
    pub message: MessageId,
    /// When it went into the journal, and was sent right after.
    pub since: Timestamp,
    /// After so long it is of no use any more.
    pub good_for: Option<Duration>,
}

/// What comes in over a trunk. The far side keeps it until it was told that we have it.
#[derive(Debug)]
pub struct Arrival {
    /// The trunk.
    pub trunk: String,
    /// What it is.
    pub what: Arrived,
    /// To be told once it is on disk. Whoever drops this wants it again later.
    pub taken: oneshot::Sender<()>,
}

/// What may come in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Arrived {
    /// What became of a part that we sent.
    Receipt(Receipt),
    /// A text for us, or a part of one.
    Text(ArrivedText),
}

/// A text for us, or a part of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArrivedText {
    /// Who sent it, as the network writes it.
    pub from: String,
    /// Which number of ours it is for, as the network writes it.
    pub to: String,
    /// What it says.
    pub text: EncodedText,
    /// Which part of a text it is; `None` for a whole one.
    pub place: Option<ArrivedPlace>,
}

/// Which part of a text it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ArrivedPlace {
    /// What the parts of the text have in common.
    pub reference: u16,
    /// How many parts the text has.
    pub total: u8,
    /// Which of them it is, from 1.
    pub number: u8,
}
