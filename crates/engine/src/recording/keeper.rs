//! Writes the row of one recording, whatever becomes of its call.

use std::time::Duration;

use outdial_domain::Recording;
use tokio::{
    sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
    task::JoinHandle,
    time::sleep,
};

use crate::Engine;

/// How long to wait before what failed is tried again.
const AFTER_FAILURE: Duration = Duration::from_secs(1);

/// Keeps a row like the recording that it is told of.
#[derive(Debug)]
pub(crate) struct Keeper {
    news: UnboundedSender<Recording>,
    task: JoinHandle<()>,
}

impl Keeper {
    /// Begins to keep the row.
    pub(crate) fn start(engine: &Engine, recording: Recording) -> Self {
        let (news, receiver) = unbounded_channel();
        // There is a receiver: it is right here.
        let _ = news.send(recording);
        let engine = engine.clone();
        let task = engine
            .inner()
            .tasks
            .clone()
            .spawn(async move { keep(&engine, receiver).await });
        Self { news, task }
    }

    /// Tells how the recording is now.
    pub(crate) fn tell(&self, recording: Recording) {
        // The task ends by itself only when the engine stops while the store fails. The next start accounts
        // for the recording then.
        let _ = self.news.send(recording);
    }

    /// Waits until the last that was told is written.
    pub(crate) async fn written(self) {
        drop(self.news);
        // A task that failed has said so.
        let _ = self.task.await;
    }
}

async fn keep(engine: &Engine, mut news: UnboundedReceiver<Recording>) {
    while let Some(mut recording) = news.recv().await {
        while let Ok(newer) = news.try_recv() {
            recording = newer;
        }
        if recording.is_finished() {
            recording.keep(super::keep_for(engine, recording.account).await);
            // Where all nodes find it first: a crash in between leaves it to the next start of this node.
            if !trying(engine, || engine.recordings.share(recording.id)).await {
                return;
            }
        }
        if !trying(engine, || engine.store.save_recording(recording.clone())).await {
            return;
        }
    }
}

/// Tries until it is done, or the engine stops while it still fails. Says whether it was done.
async fn trying<'e, E: std::fmt::Display>(
    engine: &'e Engine,
    act: impl Fn() -> futures_util::future::BoxFuture<'e, Result<(), E>>,
) -> bool {
    loop {
        let Err(error) = act().await else { return true };
        tracing::error!(%error, "a recording is not accounted for yet; trying again");
        tokio::select! {
            () = sleep(AFTER_FAILURE) => {}
            () = engine.inner().stopping.cancelled() => return false,
        }
    }
}
