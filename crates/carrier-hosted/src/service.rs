//! What the carrier asks of a service, whichever it is.

use std::{ops::RangeInclusive, time::Duration};

use jiff::Timestamp;
use outdial_domain::{Ending, MessageId, message::PartFate, message::ReceiptState};
use outdial_engine::ports::{Ask, TextAsk, TextOrder, WholeOrder};

use crate::Reach;

/// A service, as one trunk reaches it.
pub trait Service: Send + Sync + 'static {
    /// Its name for people.
    const NAME: &'static str;
    /// Its name in paths and for the engine.
    const WORD: &'static str;
    /// Whether a call can be found again whose request was not answered.
    const FINDS_CALLS: bool;
    /// The same of a text.
    const FINDS_TEXTS: bool;
    /// A request for a call.
    type Request: Send + Sync + 'static;
    /// The turn of a request.
    type Turn: Send;

    /// The name of the trunk.
    fn trunk(&self) -> &str;

    /// How it is reached.
    fn reach(&self) -> &Reach;

    /// What nobody else knows, from which the path of callbacks is made; `None` where there are none.
    fn secret(&self) -> Option<&str>;

    /// The request that does what is asked for.
    ///
    /// # Errors
    ///
    /// Why the service cannot do it.
    fn express(&self, ask: &Ask<'_>) -> Result<Self::Request, String>;

    /// The same request for this very leg, with the name by which it is found again. It may write files.
    ///
    /// # Errors
    ///
    /// Why it cannot be made.
    fn name(
        &self,
        request: Self::Request,
        order: &WholeOrder,
        callback: Option<String>,
    ) -> Result<Self::Request, String>;

    /// Waits until a request may be sent. Whoever drops it has sent nothing.
    fn turn(&self) -> impl Future<Output = Result<Self::Turn, String>> + Send;

    /// Sends a request for a call, once.
    fn place(&self, turn: Self::Turn, request: &Self::Request) -> impl Future<Output = Placed> + Send;

    /// Looks for the call of a request that was made within this time, and whose answer was lost.
    fn find(&self, request: &Self::Request, made: RangeInclusive<Timestamp>) -> impl Future<Output = Found> + Send;

    /// What is known of a call.
    fn look(&self, name: &str) -> impl Future<Output = Result<Seen, Trouble>> + Send;

    /// Ends a call.
    fn hang_up(&self, name: &str) -> impl Future<Output = HungUp> + Send;

    /// Whether a text like this could be sent.
    ///
    /// # Errors
    ///
    /// Why not, in words.
    fn can_text(&self, ask: &TextAsk<'_>) -> Result<(), String>;

    /// For how long it takes no texts, because it said that it gets too many.
    fn pauses(&self) -> Option<Duration> {
        None
    }

    /// Sends a text, once. Where the service gets too many, it [pauses](Self::pauses) from then on.
    fn text(&self, order: &TextOrder, callback: Option<String>) -> impl Future<Output = PartFate> + Send;

    /// Looks for the text of a request whose answer was lost: its name at the service.
    fn find_text(
        &self,
        message: MessageId,
        made: RangeInclusive<Timestamp>,
    ) -> impl Future<Output = Option<String>> + Send;

    /// What became of a text, and the service's code for what went wrong.
    fn look_at_text(&self, name: &str) -> impl Future<Output = Result<(ReceiptState, Option<String>), Trouble>> + Send;

    /// The name of a text that a callback tells of.
    fn text_of_callback(&self, form: &[u8]) -> Option<String>;
}

/// What became of a request for a call.
#[derive(Debug)]
pub enum Placed {
    /// The service took it, under this name.
    Yes(String),
    /// It did not, and nobody was rung.
    No(Ending),
    /// It takes nothing at the moment, and nobody was rung.
    Later(Duration, String),
    /// Nobody knows whether it took it.
    Lost(String),
}

/// What a search for a call found.
#[derive(Debug)]
pub enum Found {
    /// This one.
    Name(String),
    /// None yet.
    Nothing,
    /// Several that could be it.
    Several,
    /// The service could not be asked.
    Trouble(String),
}

/// What is known of a call.
#[derive(Debug)]
pub struct Seen {
    /// Whether the first party has answered.
    pub answered: bool,
    /// How it ended, if it has.
    pub ended: Option<Ending>,
}

/// Why nothing is known of a call or a text now.
#[derive(Debug)]
pub enum Trouble {
    /// The service says that it knows none of this name.
    Gone(String),
    /// It could not be asked.
    Passing(String),
}

/// What became of a wish to end a call.
#[derive(Debug)]
pub enum HungUp {
    /// It ends.
    Yes,
    /// It may have been prevented, or go on; nothing more is heard of it.
    Perhaps(String),
    /// It goes on, because of this.
    No(String),
}
