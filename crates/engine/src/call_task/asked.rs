//! Those who asked to end a call under way, and when they are answered: a crash after the answer must not
//! forget it, or a plan's retry would ring the phone again; and a carrier that has the call as a whole says first
//! whether it ends.

use std::{pin::Pin, time::Duration};

use tokio::{sync::oneshot, time::Instant};

use crate::{HangUpAnswer, live::Said, recorder::Recorder};

/// How long they wait for it to be on disk. The call is ended at once anyway.
const DISK: Duration = Duration::from_secs(1);

/// How long a carrier that has the call as a whole may take to say whether it ends. Whoever asks from another node
/// waits a little longer.
const SAYS_WITHIN: Duration = Duration::from_secs(8);

/// Those who asked to end a call, and are not answered yet.
#[derive(Debug, Default)]
pub(super) struct Asked {
    waiting: Vec<oneshot::Sender<Said>>,
    /// Until when the carrier may say whether the call ends, where it is to say so.
    says_until: Option<Instant>,
    /// Why the call goes on, where it does.
    goes_on: Option<String>,
}

impl Asked {
    pub(super) fn push(&mut self, asked: oneshot::Sender<Said>) {
        self.waiting.push(asked);
    }

    /// The carrier is told to end the call, and is to say whether it does.
    pub(super) fn carrier_is_told(&mut self) {
        self.says_until = Some(Instant::now() + SAYS_WITHIN);
        self.goes_on = None;
    }

    /// The carrier says whether the call ends, or why it goes on.
    pub(super) fn carrier_says(&mut self, said: Result<(), String>) {
        self.says_until = None;
        self.goes_on = said.err();
    }

    /// Until when somebody waits for what the carrier says.
    pub(super) fn says_until(&self) -> Option<Instant> {
        self.says_until.filter(|_| !self.waiting.is_empty())
    }

    /// The carrier has said nothing in time, so nobody knows whether the call ends.
    pub(super) fn carrier_is_silent(&mut self) {
        let seconds = SAYS_WITHIN.as_secs();
        self.carrier_says(Err(format!(
            "its carrier was told to end it, and has not said within {seconds} s whether it does"
        )));
    }

    /// Tells them that the call is being ended, or why it is not, if that is known. Whoever asked may have gone.
    pub(super) fn answer(&mut self) {
        if self.says_until.is_some() {
            return;
        }
        for asked in self.waiting.drain(..) {
            let _ = asked.send(match &self.goes_on {
                Some(reason) => Said::Refused(reason.clone()),
                None => Said::HangUp(HangUpAnswer::HungUp),
            });
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
        self.says_until = None;
        let in_time = tokio::time::timeout(DISK, &mut finished).await.is_ok();
        self.answer();
        if !in_time {
            finished.await;
        }
    }
}
