//! Telling the owner of a live call, or of a room, something, on whichever node it is.
//!
//! The store's table of commands is the truth; a notification only makes everybody look sooner.

use std::time::Duration;

use outdial_domain::CommandId;
use tokio::time::{sleep, timeout};

use crate::{
    Engine,
    live::{Asked, Control, Said},
    ports::{CallDetails, NodeCommand, Nodes, Reply, StoreError},
    rooms::owner,
    verbs::{self, CallError},
};

/// How long an owner on another node may take to answer.
const ANSWERS_WITHIN: Duration = Duration::from_secs(10);

/// How often to look when no notification comes.
const LOOK: Duration = Duration::from_millis(500);

/// Why a node did not say anything.
#[derive(Debug)]
pub(crate) enum Unanswered {
    /// It does not answer any more.
    Silent,
    /// The store failed.
    Store(StoreError),
}

impl From<StoreError> for Unanswered {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<Unanswered> for CallError {
    fn from(unanswered: Unanswered) -> Self {
        match unanswered {
            Unanswered::Silent => Self::OwnerGone,
            Unanswered::Store(error) => Self::Store(error),
        }
    }
}

/// Tells the owner of a call something and waits for what it says. `None` when nobody owns the call.
///
/// # Errors
///
/// [`CallError::OwnerGone`] when the node of the owner does not answer any more.
pub(crate) async fn tell(engine: &Engine, details: &CallDetails, control: Control) -> Result<Option<Said>, CallError> {
    let call = details.call.id;
    if let Some(said) = engine.inner().live.tell(call, control.clone()).await {
        return Ok(Some(said));
    }
    let leg = details.legs.iter().rev().find(|leg| leg.progress.ending.is_none());
    match (engine.store.nodes(), leg) {
        (Some(nodes), Some(leg)) => Ok(Some(
            ask(engine, nodes, &leg.node, &Asked::Call { call, control }).await?,
        )),
        _ => Ok(None),
    }
}

/// Leaves something for a run, and waits for no answer.
pub(crate) async fn leave(
    engine: &Engine,
    nodes: &dyn Nodes,
    run: &str,
    asked: &Asked,
) -> Result<CommandId, StoreError> {
    let id = engine.ids.make(CommandId::new);
    let run = run.to_owned();
    let command = serde_json::to_string(asked).unwrap_or_default();
    nodes.command(NodeCommand { id, run, command }).await?;
    Ok(id)
}

/// Asks a run something, and waits for what it says.
///
/// # Errors
///
/// [`Unanswered`] says why it said nothing.
pub(crate) async fn ask(engine: &Engine, nodes: &dyn Nodes, run: &str, asked: &Asked) -> Result<Said, Unanswered> {
    let mut commanded = nodes.commanded();
    let id = leave(engine, nodes, run, asked).await?;
    let answered = async {
        loop {
            commanded.borrow_and_update();
            match nodes.reply(id).await? {
                Reply::Answered(said) => return serde_json::from_str(&said).map_err(|_| Unanswered::Silent),
                Reply::Nobody => return Err(Unanswered::Silent),
                Reply::Waiting => {}
            }
            tokio::select! {
                _ = commanded.changed() => {}
                () = sleep(LOOK) => {}
            }
        }
    };
    timeout(ANSWERS_WITHIN, answered)
        .await
        .unwrap_or(Err(Unanswered::Silent))
}

/// Does what other nodes ask of the owners here, until the engine has stopped.
pub(crate) async fn serve(engine: Engine) {
    let left = engine.inner().left.clone();
    let Some(nodes) = engine.store.nodes() else { return };
    let mut commanded = nodes.commanded();
    loop {
        commanded.borrow_and_update();
        if let Err(error) = take(&engine, nodes).await {
            tracing::debug!(%error, "the commands of other nodes cannot be read");
        }
        tokio::select! {
            () = left.cancelled() => return,
            _ = commanded.changed() => {}
            () = sleep(LOOK) => {}
        }
    }
}

async fn take(engine: &Engine, nodes: &dyn Nodes) -> Result<(), StoreError> {
    for command in nodes.take_commands(&engine.inner().node.run().id).await? {
        let engine = engine.clone();
        tokio::spawn(async move {
            let said = obey(&engine, &command).await;
            let text = serde_json::to_string(&said).unwrap_or_default();
            if let Some(nodes) = engine.store.nodes()
                && let Err(error) = nodes.answer(command.id, text).await
            {
                tracing::warn!(%error, command = %command.id, "a command of another node was obeyed and not answered");
            }
        });
    }
    Ok(())
}

async fn obey(engine: &Engine, command: &NodeCommand) -> Said {
    match serde_json::from_str(&command.command) {
        Ok(Asked::Call {
            call,
            control: Control::Take { account },
        }) => owner::take(engine, account, call).await,
        Ok(Asked::Call { call, control }) => engine.inner().live.tell(call, control).await.unwrap_or(Said::Gone),
        Ok(Asked::Rooms { account }) => Said::Rooms(verbs::rooms_here(engine, account)),
        Ok(Asked::Room {
            account,
            room,
            by,
            order,
        }) => verbs::control_room_here(engine, account, &room, &by, order),
        Err(error) => {
            tracing::error!(%error, command = %command.id, "a command of another node cannot be read: is its version newer?");
            Said::Gone
        }
    }
}
