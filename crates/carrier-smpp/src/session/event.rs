//! What a session is told at its beginning, and what it tells.

use std::time::Duration;

use outdial_domain::message::ReceiptState;

use crate::{
    delivery::Delivery,
    status::Status,
    wire::{BindKind, Credentials},
};

/// On what terms the session is held.
#[derive(Debug, Clone)]
pub(crate) struct Terms {
    pub(crate) kind: BindKind,
    pub(crate) who: Credentials,
    pub(crate) window: usize,
    pub(crate) enquire_after: Duration,
    pub(crate) answer_within: Duration,
}

/// What whoever submitted something knows it by.
pub(crate) type Ticket = u64;

/// What happened.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// The SMSC has bound us.
    Bound,
    /// What became of a submission.
    Submitted(Ticket, Answer),
    /// What became of a question; `None` when the SMSC does not know.
    Looked(Ticket, Option<ReceiptState>),
    /// The SMSC hands something over, and waits for [`Session::answer`](super::Session::answer).
    Delivery(Handed, Box<Delivery>),
    /// The session is over. Nothing follows.
    Over(Over),
}

/// What came of a submission.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    /// The SMSC answered so; it gives its name for the text where it took it.
    Status(Status, Option<String>),
    /// The SMSC refused the PDU as such, by `generic_nack`, with this status.
    Nack(Status),
    /// No octet of it has left.
    NotSent,
    /// It has left, and nobody knows what came of it.
    Silence,
}

/// What is to be answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Handed {
    pub(super) sequence: u32,
    pub(super) data_sm: bool,
}

/// Why a session is over.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Over {
    #[error("the SMSC refuses the bind: {0}")]
    BindRefused(Status),
    #[error("the SMSC does not answer")]
    Silent,
    #[error("the SMSC ended the session")]
    Unbound,
    #[error("we ended the session")]
    Ours,
    #[error("the SMSC sent {0}")]
    Garbage(String),
    #[error("the connection broke: {0}")]
    Broken(String),
}

impl Over {
    /// Whether what is yet to be written shall leave before the connection is closed. When not, it must not.
    pub(crate) fn says_more(&self) -> bool {
        match self {
            Self::Unbound | Self::Ours | Self::Garbage(_) => true,
            Self::BindRefused(_) | Self::Silent | Self::Broken(_) => false,
        }
    }
}
