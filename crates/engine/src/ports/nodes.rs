//! The port through which nodes that share a store know of each other.

use std::time::Duration;

use futures_util::future::BoxFuture;
use outdial_domain::{AccountId, CallId, CommandId, RoomName};
use tokio::sync::watch;

use super::StoreError;

/// What nodes need that share one store: who is alive, and a way to talk to each other.
///
/// All of it goes by the clock of the store. A run of a node is alive while its lease lasts. When the
/// lease has run out, others may take what the run had claimed, and the store takes no leg into the
/// journal for it. When it is declared gone, it never comes back: the node must join as another run.
pub trait Nodes: Send + Sync {
    /// Enters a run of a node. An earlier run of the same name is declared gone if its lease has run
    /// out. Entering the same run again renews its lease.
    ///
    /// # Errors
    ///
    /// [`JoinError::InUse`] while another run of this name is alive.
    fn join(&self, run: &Run, lease: Duration) -> BoxFuture<'_, Result<(), JoinError>>;

    /// Renews the lease of a run. Says whether it is the one that has been here longest of all that
    /// are alive: that one looks after what others leave behind.
    ///
    /// # Errors
    ///
    /// [`StoreError::Fenced`] when it was declared gone.
    fn beat(&self, run: &str, lease: Duration) -> BoxFuture<'_, Result<bool, StoreError>>;

    /// Gives back what a run had claimed and not journalled.
    ///
    /// # Errors
    ///
    /// [`StoreError`]; then others take it when the lease has run out.
    fn give_back(&self, run: &str) -> BoxFuture<'_, Result<(), StoreError>>;

    /// Takes a run away, and gives back what it had claimed and not journalled, and its receivers.
    ///
    /// # Errors
    ///
    /// [`StoreError`]; then its lease runs out by itself.
    fn leave(&self, run: &str) -> BoxFuture<'_, Result<(), StoreError>>;

    /// Gives back what runs had claimed whose lease has run out, calls and receivers, and declares gone those
    /// whose lease ran out this long ago.
    ///
    /// It trusts only a run that has held its own lease for its whole length without a break: after an
    /// outage of the store every lease has run out, and every node needs a moment to renew its own.
    ///
    /// # Errors
    ///
    /// [`StoreError`]; then nothing was done.
    fn release(&self, by: &str, lease: Duration, patience: Duration) -> BoxFuture<'_, Result<Released, StoreError>>;

    /// Leaves a command for a run.
    ///
    /// # Errors
    ///
    /// [`StoreError`]; then it was not left.
    fn command(&self, command: NodeCommand) -> BoxFuture<'_, Result<(), StoreError>>;

    /// Takes the commands that were left for a run, each once.
    ///
    /// # Errors
    ///
    /// [`StoreError`]; then none was taken.
    fn take_commands(&self, run: &str) -> BoxFuture<'_, Result<Vec<NodeCommand>, StoreError>>;

    /// Answers a command.
    ///
    /// # Errors
    ///
    /// [`StoreError`]; then it is not answered.
    fn answer(&self, command: CommandId, answer: String) -> BoxFuture<'_, Result<(), StoreError>>;

    /// What became of a command. One that needs no more waiting is forgotten.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when that cannot be found out.
    fn reply(&self, command: CommandId) -> BoxFuture<'_, Result<Reply, StoreError>>;

    /// Forgets commands that nobody has asked after for this long.
    ///
    /// # Errors
    ///
    /// [`StoreError`]; then they are still there.
    fn forget_commands(&self, older_than: Duration) -> BoxFuture<'_, Result<(), StoreError>>;

    /// Whose a room is: this run's from now on, unless it is that of another one that is alive.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when that cannot be found out.
    fn own_room(&self, account: AccountId, room: &RoomName, run: &str) -> BoxFuture<'_, Result<String, StoreError>>;

    /// Lets go of a room, if it is this run's: it may be anybody's.
    ///
    /// # Errors
    ///
    /// [`StoreError`]; then it is still this run's.
    fn disown_room(&self, account: AccountId, room: &RoomName, run: &str) -> BoxFuture<'_, Result<(), StoreError>>;

    /// The rooms of an account, by name, and whose they are: runs that were not declared gone.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when that cannot be found out.
    fn rooms(&self, account: AccountId) -> BoxFuture<'_, Result<Vec<(RoomName, String)>, StoreError>>;

    /// Gives a call that a run has claimed and not journalled to another run. Says whether it did.
    ///
    /// # Errors
    ///
    /// [`StoreError`]; then the call is where it was.
    fn hand_over(&self, call: CallId, from: &str, to: &str) -> BoxFuture<'_, Result<bool, StoreError>>;

    /// Changes when a command or an answer may be there. What it holds means nothing.
    fn commanded(&self) -> watch::Receiver<u64>;
}

/// What became of the claims of runs that are dead.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Released {
    /// Whether runs were declared gone.
    pub gone: bool,
    /// Whether receivers of notifications were given back, who may be told again.
    pub receivers: bool,
}

/// One run of a node, from its start to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// Names it, as no other run was ever named: the fencing token of all it does.
    pub id: String,
    /// The name of the node, of which one run may be alive at a time.
    pub name: String,
}

/// Why a run cannot be entered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JoinError {
    /// Another run of this name is alive, or was until a moment ago.
    #[error("another run of this node, {run}, is alive")]
    InUse {
        /// The other run.
        run: String,
        /// How long its lease lasts if it is not renewed.
        left: Duration,
        /// When its lease ends by the store's clock, in microseconds: a later one means that it was
        /// renewed in between.
        until: i64,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What somebody asks of a run: of the owner of a call or a room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeCommand {
    /// Names it.
    pub id: CommandId,
    /// The run.
    pub run: String,
    /// What to do, in the engine's own words.
    pub command: String,
}

/// What became of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// Not answered yet, and its run is alive.
    Waiting,
    /// The answer, in the engine's own words.
    Answered(String),
    /// Its run is not alive any more, and has not answered.
    Nobody,
}
