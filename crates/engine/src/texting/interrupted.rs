//! Accounts for messages that nobody stays with any more.

use std::{
    collections::HashSet,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures_util::future::BoxFuture;
use outdial_domain::{Message, MessageId, MessageState, message::PartFate};

use super::{answers, arrivals, saving::change};
use crate::{
    Engine,
    ports::{LostText, StoreError},
};

/// How long a network may take to find a text.
const FIND: Duration = Duration::from_secs(30);

/// The messages of runs that are gone which this process looks for, because their carrier can.
#[derive(Debug, Default)]
pub(crate) struct LookedFor(Mutex<HashSet<MessageId>>);

impl LookedFor {
    fn messages(&self) -> MutexGuard<'_, HashSet<MessageId>> {
        // A set is whole after every single operation on it.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What becomes known of a text that is looked for.
type Finding = BoxFuture<'static, Option<Vec<PartFate>>>;

/// Accounts for what runs that are gone had in the journal: it is looked for where the network can be asked by our
/// name for it. What is not found may have left, so it is sent again only where its plan says so.
pub(crate) async fn end_those_of_the_gone(engine: &Engine) -> Result<(), StoreError> {
    for message in engine.store.interrupted_messages().await? {
        let Some(finding) = finding(engine, &message) else {
            end(engine, message).await?;
            continue;
        };
        // Nobody waits here for a network.
        let id = message.id;
        if engine.inner().looked_for.messages().insert(id) {
            let engine = engine.clone();
            engine.inner().tasks.clone().spawn(async move {
                look_for(&engine, message, finding).await;
                engine.inner().looked_for.messages().remove(&id);
            });
        }
    }
    arrivals::take_known(engine).await
}

fn finding(engine: &Engine, message: &Message) -> Option<Finding> {
    let trunk = message.trunk.clone()?;
    let known = engine.settings.sms_trunks.iter().find(|known| known.name == trunk)?;
    engine.text_carriers.get(&known.carrier)?.find(LostText {
        trunk,
        message: message.id,
        since: message.updated_at,
        good_for: Duration::try_from(message.plan.expires.duration_since(engine.ids.now())).ok(),
    })
}

async fn look_for(engine: &Engine, message: Message, finding: Finding) {
    let id = message.id;
    let found = tokio::select! {
        // Whoever starts next looks for it.
        () = engine.stopping() => return,
        found = tokio::time::timeout(FIND, finding) => found.ok().flatten(),
    };
    let ended = match found {
        Some(fates) => {
            tracing::info!(%id, "a message that was interrupted was found at its network");
            answers::write_down(engine, message, fates, true).await;
            Ok(())
        }
        None => end(engine, message).await,
    };
    if let Err(error) = ended {
        tracing::warn!(%id, %error, "a message that was interrupted is accounted for later");
    }
}

async fn end(engine: &Engine, mut message: Message) -> Result<(), StoreError> {
    let id = message.id;
    let Ok(events) = message.interrupted(engine.ids.now()) else {
        return Ok(());
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
    Ok(())
}
