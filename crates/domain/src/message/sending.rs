//! The way of a message out: into the journal, to the network, and again where that is safe.

use std::time::Duration;

use jiff::Timestamp;

use super::{
    Message, MessageEvent, MessageState, OnUnknown, PartFate, Refusal, Submission, SubmissionState, WrongState, waiting,
};

/// After so many tries that failed a message is given up.
const MOST_FAILURES: u16 = 50;

/// Why a submission without an answer is unknown.
const NOBODY_SAID: &str = "nobody said what became of it";

/// The pause after the first try that failed; each that follows is twice as long.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(300);

impl Message {
    /// The submissions that must not be made again, from 0: the network has them, or may have them.
    #[must_use]
    pub fn have(&self) -> Vec<usize> {
        let made = |submission: &Submission| submission.state > SubmissionState::Sending;
        let numbered = self.submissions.iter().enumerate();
        numbered
            .filter(|(_, submission)| made(submission))
            .map(|(number, _)| number)
            .collect()
    }

    /// The trunk that it must go by: that of the plan, or the one that has some of it already, because over another
    /// one the receiver would get that twice.
    #[must_use]
    pub fn bound_to(&self) -> Option<&str> {
        match self.have().is_empty() {
            true => self.plan.via.as_deref(),
            false => self.trunk.as_deref(),
        }
    }

    /// The trunk that could not take it at its last try, of which it has nothing: another one may be able to.
    #[must_use]
    pub fn failed_on(&self) -> Option<&str> {
        let failed = self.failures > 0 && self.have().is_empty();
        failed.then_some(self.trunk.as_deref()).flatten()
    }

    /// Writes down that it leaves now, as it must be on disk before it does: over this trunk, in so many submissions.
    ///
    /// # Errors
    ///
    /// [`WrongState`] when it does not wait, or waits to be sent by another trunk.
    pub fn journal(&mut self, trunk: &str, submissions: usize, now: Timestamp) -> Result<MessageEvent, WrongState> {
        self.must_wait("sent")?;
        if self.have().is_empty() {
            let new = Submission {
                state: SubmissionState::Waiting,
                id: None,
                error: None,
                perhaps: self.perhaps_left(),
            };
            self.submissions = vec![new; submissions.max(1)];
        } else if self.trunk.as_deref() != Some(trunk) || self.submissions.len() != submissions {
            let what = "sent by another trunk, because one has some of it already";
            return Err(WrongState {
                state: self.state,
                what,
            });
        }
        for submission in &mut self.submissions {
            if submission.state == SubmissionState::Waiting {
                submission.state = SubmissionState::Sending;
            }
        }
        self.state = MessageState::Sending;
        self.trunk = Some(trunk.to_owned());
        self.tries = self.tries.saturating_add(1);
        self.updated_at = now;
        Ok(MessageEvent::Sending {
            trunk: trunk.to_owned(),
            attempt: self.tries,
            passed_over: Vec::new(),
        })
    }

    /// Writes down what became of its submissions, and decides what follows: the network has all of it, it is tried
    /// again, or it ends.
    ///
    /// # Errors
    ///
    /// [`WrongState`] when it is not being sent, as after an interruption that was accounted for.
    pub fn answered(&mut self, fates: &[PartFate], now: Timestamp) -> Result<Vec<MessageEvent>, WrongState> {
        if self.state != MessageState::Sending {
            let what = "answered";
            return Err(WrongState {
                state: self.state,
                what,
            });
        }
        // What nobody gave an answer of may have left.
        let missing = PartFate::Unknown {
            reason: NOBODY_SAID.to_owned(),
        };
        let mut found = Found::default();
        for (number, submission) in self.submissions.iter_mut().enumerate() {
            found.take(submission, fates.get(number).unwrap_or(&missing));
        }
        self.updated_at = now;
        Ok(self.follows(found, now))
    }

    /// Ends it when the network has all of it and was not asked for receipts: nothing follows then.
    pub fn expect_no_receipts(&mut self, now: Timestamp) -> Option<MessageEvent> {
        let has_all = self.state == MessageState::Submitted;
        has_all.then(|| self.end(MessageState::Sent, None, now))
    }

    /// Accounts for a crash while it was being sent: what has no answer may have left.
    ///
    /// # Errors
    ///
    /// [`WrongState`] when it was not being sent.
    pub fn interrupted(&mut self, now: Timestamp) -> Result<Vec<MessageEvent>, WrongState> {
        let lost = PartFate::Unknown {
            reason: "we were interrupted while it was sent".to_owned(),
        };
        self.answered(&vec![lost; self.submissions.len()], now)
    }

    fn follows(&mut self, found: Found, now: Timestamp) -> Vec<MessageEvent> {
        if let Some(reason) = found.unknown {
            return match self.plan.on_unknown {
                OnUnknown::Leave => vec![self.end(MessageState::Unknown, Some(reason), now)],
                OnUnknown::Retry if self.sent_again >= self.plan.unknown_retries => {
                    let reason = match self.sent_again {
                        1 => format!("it was sent again once: {reason}"),
                        times => format!("it was sent again {times} times: {reason}"),
                    };
                    vec![self.end(MessageState::Unknown, Some(reason), now)]
                }
                OnUnknown::Retry => {
                    self.sent_again += 1;
                    for submission in &mut self.submissions {
                        // One that has a name was sent: the network has said that it does not know more.
                        if submission.state == SubmissionState::Unknown && submission.id.is_none() {
                            submission.state = SubmissionState::Waiting;
                            submission.perhaps = true;
                        }
                    }
                    vec![self.again(reason, now)]
                }
            };
        }
        let Some((refusal, reason)) = found.refused else {
            self.state = MessageState::Submitted;
            self.sent_at = Some(now);
            self.reason = None;
            let ids = self
                .submissions
                .iter()
                .map(|submission| submission.id.clone())
                .collect();
            let mut events = vec![MessageEvent::Submitted { ids }];
            // Receipts may have been faster than the answer.
            events.extend(self.conclude(now));
            return events;
        };
        let some_left = !self.have().is_empty();
        match refusal {
            Refusal::Slower => vec![self.held_up(reason, now)],
            Refusal::Never => vec![self.end_unsent(MessageState::Rejected, Some(reason), now)],
            Refusal::Elsewhere if some_left => {
                let reason = format!("the trunk has some of its parts and refuses the rest: {reason}");
                vec![self.end_unsent(MessageState::Failed, Some(reason), now)]
            }
            Refusal::Elsewhere => {
                self.refused_by.extend(self.trunk.clone());
                vec![self.again(reason, now)]
            }
            Refusal::Later => vec![self.again(reason, now)],
        }
    }

    /// Waits for its trunk, which was given too much at one time. That says nothing against the message: it keeps its
    /// place, and is tried as often as that takes.
    fn held_up(&mut self, because: String, now: Timestamp) -> MessageEvent {
        if self.plan.expires <= now {
            return self.end_unsent(MessageState::Expired, Some(because), now);
        }
        self.state = MessageState::Queued;
        self.reason = Some(because.clone());
        MessageEvent::Queued { because }
    }

    /// Waits for another try, or ends when there is no time for one.
    fn again(&mut self, because: String, now: Timestamp) -> MessageEvent {
        self.failures = self.failures.saturating_add(1);
        if self.failures >= MOST_FAILURES {
            let reason = format!("it was tried {} times: {because}", self.tries);
            return self.end_unsent(MessageState::Failed, Some(reason), now);
        }
        let at = now.checked_add(pause(self.failures)).unwrap_or(Timestamp::MAX);
        let Some(at) = self.plan.opening(at) else {
            return self.end_unsent(MessageState::Expired, Some(because), now);
        };
        self.plan.due = at;
        self.state = waiting(&self.plan, now);
        self.reason = Some(because.clone());
        MessageEvent::RetryScheduled { at, because }
    }
}

/// What the fates of all submissions come to.
#[derive(Debug, Default)]
struct Found {
    unknown: Option<String>,
    refused: Option<(Refusal, String)>,
}

impl Found {
    fn take(&mut self, submission: &mut Submission, fate: &PartFate) {
        if submission.state != SubmissionState::Sending {
            return;
        }
        match fate {
            PartFate::Accepted { id } => {
                submission.state = SubmissionState::Submitted;
                submission.id.clone_from(id);
                submission.error = None;
            }
            PartFate::Unknown { reason } => self.lost(submission, reason),
            // It was said to be there, and nobody has said so before.
            PartFate::Had => self.lost(submission, NOBODY_SAID),
            PartFate::Refused { refusal, reason } => self.refused(submission, *refusal, reason),
            PartFate::NotSent { reason } => self.refused(submission, Refusal::Later, reason),
        }
    }

    fn lost(&mut self, submission: &mut Submission, reason: &str) {
        submission.state = SubmissionState::Unknown;
        submission.id = None;
        submission.error = Some(reason.to_owned());
        self.unknown.get_or_insert_with(|| reason.to_owned());
    }

    /// Of several refusals the one that leaves the least hope counts.
    fn refused(&mut self, submission: &mut Submission, refusal: Refusal, reason: &str) {
        submission.state = SubmissionState::Waiting;
        submission.error = Some(reason.to_owned());
        if self.refused.as_ref().is_none_or(|(worst, _)| refusal > *worst) {
            self.refused = Some((refusal, reason.to_owned()));
        }
    }
}

fn pause(failures: u16) -> Duration {
    let doublings = u32::from(failures.saturating_sub(1)).min(16);
    (FIRST_PAUSE * 2u32.pow(doublings)).min(LONGEST_PAUSE)
}
