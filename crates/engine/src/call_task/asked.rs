//! Those who asked to end a call under way, and when they are answered: a crash after the answer must not
//! forget it, or a plan's retry would ring the phone again.

use std::{pin::Pin, time::Duration};

use tokio::sync::oneshot;

use crate::{HangUpAnswer, live::Said, recorder::Recorder};

/// How long they wait for it to be on disk. The call is ended at once anyway.
const DISK: Duration = Duration::from_secs(1);

/// Those who asked to end a call, and are not answered yet.
#[derive(Debug, Default)]
pub(super) struct Asked(Vec<oneshot::Sender<Said>>);

impl Asked {
    pub(super) fn push(&mut self, asked: oneshot::Sender<Said>) {
        self.0.push(asked);
    }

    /// Tells them that the call is being ended. Whoever asked may have gone.
    pub(super) fn answer(&mut self) {
        for asked in self.0.drain(..) {
            let _ = asked.send(Said::HangUp(HangUpAnswer::HungUp));
        }
    }

    /// Answers when all that was noted is on disk.
    pub(super) fn on_saved(&mut self, recorder: &Recorder) {
        if recorder.is_idle() {
            self.answer();
        }
    }

    /// Answers when the end of the call is on disk, or when the disk has failed for a moment.
    pub(super) async fn answer_with(mut self, mut finished: Pin<Box<impl Future<Output = ()>>>) {
        let in_time = tokio::time::timeout(DISK, &mut finished).await.is_ok();
        self.answer();
        if !in_time {
            finished.await;
        }
    }
}
