//! The port to limits that several nodes keep together.

use futures_util::future::BoxFuture;

use super::StoreError;
use crate::pacing::{
    bucket::Nanos,
    limits::{Hold, Key, Usage, Want},
};

/// Limits that all nodes of one store keep together.
pub trait SharedLimits: Send + Sync {
    /// Counts calls against their limits: each against all of its own or against none, in this order, in
    /// one step that no other node comes between, and by one clock for all nodes. The rule itself is
    /// [`Ledger::admit`](crate::pacing::limits::Ledger::admit).
    ///
    /// # Errors
    ///
    /// [`StoreError`]; calls may have been counted then, and what they counted against rates is lost. It is
    /// [`StoreError::Fenced`] when the run was declared gone.
    fn count(&self, count: Count) -> BoxFuture<'_, Result<Counted, StoreError>>;
}

/// What a node counts.
#[derive(Debug, Clone)]
pub struct Count {
    /// The run of the node. What it says counts until it is declared gone, or leaves.
    pub run: String,
    /// Whether `live` names all limits that live calls of it count against, so that nothing counts any more of
    /// what it said before. A node says so from time to time, because a crash of the store may forget a little.
    pub whole: bool,
    /// How many live calls of it count against these limits: against all that `calls` want places of, and
    /// against others where that has changed. What is not named stays as it was.
    pub live: Vec<(Key, u32)>,
    /// What each call that wants to go counts against.
    pub calls: Vec<Vec<Want>>,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counted {
    /// The time by the clock that all nodes have in common; the times below are by it, too.
    pub now: Nanos,
    /// For each call, whether it may go.
    pub verdicts: Vec<Result<(), Hold>>,
    /// How far the limits are used up that were named, over all nodes.
    pub used: Vec<(Key, Usage)>,
}
