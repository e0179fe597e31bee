//! Lists calls, newest first.

use outdial_domain::Call;

use super::Actor;
use crate::{
    Engine,
    ports::{CallFilter, Page, StoreError},
};

/// The most calls that one page holds.
pub const LONGEST_PAGE: usize = 1_000;

/// Calls of the actor's account, newest first.
///
/// # Errors
///
/// [`StoreError`] when the store cannot be read.
pub async fn list_calls(engine: &Engine, actor: &Actor, mut filter: CallFilter) -> Result<Page<Call>, StoreError> {
    filter.most = filter.most.clamp(1, LONGEST_PAGE);
    engine.store.calls(actor.account, filter).await
}
