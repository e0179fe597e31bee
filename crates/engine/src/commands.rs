//! Telling the owner of a live call something, on whichever node it is.
//!
//! The store's table of commands is the truth; a notification only makes everybody look sooner.

use std::time::Duration;

use outdial_domain::{CallId, CommandId};
use tokio::time::{sleep, timeout};

use crate::{
    Engine,
    live::{Control, Said},
    ports::{CallDetails, NodeCommand, Nodes, Reply, StoreError},
    rooms::owner,
    verbs::CallError,
};

/// How long an owner on another node may take to answer.
const ANSWERS_WITHIN: Duration = Duration::from_secs(10);

/// How often to look when no notification comes.
const LOOK: Duration = Duration::from_millis(500);

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
        (Some(nodes), Some(leg)) => tell_node(engine, nodes, &leg.node, call, &control).await.map(Some),
        _ => Ok(None),
    }
}

/// Leaves something for a run, and waits for no answer.
pub(crate) async fn leave(
    engine: &Engine,
    nodes: &dyn Nodes,
    run: &str,
    call: CallId,
    control: &Control,
) -> Result<(), StoreError> {
    let id = engine.ids.make(CommandId::new);
    let run = run.to_owned();
    let control = serde_json::to_string(control).unwrap_or_default();
    nodes.command(NodeCommand { id, run, call, control }).await
}

async fn tell_node(
    engine: &Engine,
    nodes: &dyn Nodes,
    run: &str,
    call: CallId,
    control: &Control,
) -> Result<Said, CallError> {
    let id = engine.ids.make(CommandId::new);
    let control = serde_json::to_string(control).map_err(|_| CallError::OwnerGone)?;
    let mut commanded = nodes.commanded();
    let run = run.to_owned();
    nodes.command(NodeCommand { id, run, call, control }).await?;
    let answered = async {
        loop {
            commanded.borrow_and_update();
            match nodes.reply(id).await? {
                Reply::Answered(said) => return serde_json::from_str(&said).map_err(|_| CallError::OwnerGone),
                Reply::Nobody => return Err(CallError::OwnerGone),
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
        .unwrap_or(Err(CallError::OwnerGone))
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
                tracing::warn!(%error, call = %command.call, "a command of another node was obeyed and not answered");
            }
        });
    }
    Ok(())
}

async fn obey(engine: &Engine, command: &NodeCommand) -> Said {
    match serde_json::from_str(&command.control) {
        Ok(Control::Take { account }) => owner::take(engine, account, command.call).await,
        Ok(control) => engine
            .inner()
            .live
            .tell(command.call, control)
            .await
            .unwrap_or(Said::Gone),
        Err(error) => {
            tracing::error!(%error, call = %command.call, "a command of another node cannot be read: is its version newer?");
            Said::Gone
        }
    }
}
