//! Accounts for messages that nobody stays with any more.

use outdial_domain::MessageState;

use super::{answers, arrivals, saving::change};
use crate::{Engine, ports::StoreError};

/// Accounts for what runs that are gone had in the journal: it may have left, so it is sent again only where its
/// plan says so.
pub(crate) async fn end_those_of_the_gone(engine: &Engine) -> Result<(), StoreError> {
    for mut message in engine.store.interrupted_messages().await? {
        let id = message.id;
        let Ok(events) = message.interrupted(engine.ids.now()) else {
            continue;
        };
        let change = change(engine, &mut message, events);
        // Somebody who was faster is right.
        engine.store.commit_messages(change.into()).await?;
        answers::count(&message);
        match message.state {
            MessageState::Scheduled | MessageState::Queued => {
                tracing::warn!(%id, due = %message.plan.due, "nobody stayed with this message from its journal to its answer; it is sent again by its plan");
                engine.inner().messages_due.notify_one();
            }
            state => {
                tracing::warn!(%id, %state, "nobody stayed with this message from its journal to its answer; it is not sent again");
            }
        }
    }
    arrivals::take_known(engine).await
}
