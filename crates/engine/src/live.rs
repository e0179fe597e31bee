//! The calls that are under way on this node, and how to talk to the tasks that own them.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use outdial_domain::{CallId, EndedBy};
use tokio::sync::{mpsc, oneshot};

/// What the owner of a live call is told.
#[derive(Debug)]
pub(crate) enum Control {
    /// End the call.
    HangUp {
        /// Who asks, for the event log.
        by: String,
        /// Whether a request or the system asks.
        kind: EndedBy,
        /// Told once the decision is made.
        answer: oneshot::Sender<HangUpAnswer>,
    },
}

/// What became of a request to end a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HangUpAnswer {
    /// It had not been dialled, and will not be.
    Prevented,
    /// It was under way and is being ended.
    HungUp,
    /// It had ended already.
    TooLate,
}

impl HangUpAnswer {
    /// The stable word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Prevented => "prevented",
            Self::HungUp => "hung_up",
            Self::TooLate => "too_late",
        }
    }
}

/// The calls under way on this node.
#[derive(Debug, Default)]
pub(crate) struct LiveCalls(Mutex<HashMap<CallId, mpsc::Sender<Control>>>);

impl LiveCalls {
    /// Room for a few requests; whoever asks waits for an answer anyway.
    const CONTROLS: usize = 8;

    fn map(&self) -> std::sync::MutexGuard<'_, HashMap<CallId, mpsc::Sender<Control>>> {
        // A map of senders is whole after every single operation on it.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn enter(&self, call: CallId) -> mpsc::Receiver<Control> {
        let (sender, receiver) = mpsc::channel(Self::CONTROLS);
        self.map().insert(call, sender);
        receiver
    }

    /// Forgets an owner that has let go of its receiver. The next attempt at the same call may have begun
    /// by then: its owner stays.
    pub(crate) fn leave(&self, call: CallId) {
        let mut map = self.map();
        if map.get(&call).is_some_and(mpsc::Sender::is_closed) {
            map.remove(&call);
        }
    }

    pub(crate) fn owner(&self, call: CallId) -> Option<mpsc::Sender<Control>> {
        self.map().get(&call).cloned()
    }

    pub(crate) fn all(&self) -> Vec<mpsc::Sender<Control>> {
        self.map().values().cloned().collect()
    }

    pub(crate) fn count(&self) -> usize {
        self.map().len()
    }
}
