//! Writes what became of deliveries, as many in one transaction as there are.

use std::time::Duration;

use outdial_engine::{Engine, ports::Settled};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

/// The most that wait to be written.
const QUEUE: usize = 4_096;
/// The most that are written in one transaction.
const BATCH: usize = 256;
/// How long to wait before a failed write is tried again.
const AFTER_FAILURE: Duration = Duration::from_secs(1);

type Work = (Settled, oneshot::Sender<()>);

/// Takes what is to be written.
pub(crate) struct Settler {
    queue: mpsc::Sender<Work>,
}

/// Writes it.
pub(crate) struct Settling {
    engine: Engine,
    queue: mpsc::Receiver<Work>,
}

pub(crate) fn start(engine: Engine) -> (Settler, Settling) {
    let (sender, queue) = mpsc::channel(QUEUE);
    (Settler { queue: sender }, Settling { engine, queue })
}

impl Settler {
    /// Hands it over. Who wants to know that it is on disk waits for the answer.
    pub(crate) async fn settle(&self, settled: Settled) -> oneshot::Receiver<()> {
        let (answer, answered) = oneshot::channel();
        // When it is gone everything stops, and the notification is sent again after the next start.
        let _ = self.queue.send((settled, answer)).await;
        answered
    }
}

impl Settling {
    /// Runs until all is written and nobody has more, or until it is to stop while the store fails.
    pub(crate) async fn run(mut self, stopping: CancellationToken) {
        let mut work = Vec::with_capacity(BATCH);
        loop {
            tokio::select! {
                biased;
                taken = self.queue.recv_many(&mut work, BATCH) => if taken == 0 { return },
                () = stopping.cancelled(), if self.queue.is_empty() => {
                    // What is under way gets its time to end.
                    if tokio::time::timeout(AFTER_FAILURE, self.queue.recv_many(&mut work, BATCH)).await.is_err() {
                        return;
                    }
                }
            }
            if !self.write(&mut work, &stopping).await {
                return;
            }
        }
    }

    async fn write(&self, work: &mut Vec<Work>, stopping: &CancellationToken) -> bool {
        let (settled, answers): (Vec<Settled>, Vec<oneshot::Sender<()>>) = work.drain(..).unzip();
        while let Err(error) = self.engine.store.settle(settled.clone(), self.engine.ids.now()).await {
            tracing::error!(%error, "what became of notifications is not written; trying again");
            if stopping.is_cancelled() {
                return false;
            }
            tokio::time::sleep(AFTER_FAILURE).await;
        }
        for answer in answers {
            // Whoever wanted to know may have stopped waiting.
            let _ = answer.send(());
        }
        true
    }
}
