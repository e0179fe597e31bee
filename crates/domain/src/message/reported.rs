//! What the network says of a message that it has.

use jiff::Timestamp;

use super::{Message, MessageEvent, MessageState, Receipt, ReceiptState, SubmissionState};

impl Message {
    /// Takes a receipt. One that is for none of its submissions, comes twice, or says less than is known, changes
    /// nothing: the first state that says what became of a submission holds. Also a message that ended because nobody
    /// knew ends anew when somebody does.
    pub fn report(&mut self, receipt: &Receipt, now: Timestamp) -> Vec<MessageEvent> {
        let Some(state) = said(receipt.state) else {
            return Vec::new();
        };
        let wanted = Some(receipt.id.as_str());
        let found = self.submissions.iter_mut().enumerate();
        let mut found = found.filter(|(_, submission)| submission.id.as_deref() == wanted);
        let Some((number, submission)) = found.next() else {
            return Vec::new();
        };
        let open = matches!(submission.state, SubmissionState::Submitted | SubmissionState::Unknown);
        if !open || submission.state == state {
            return Vec::new();
        }
        submission.state = state;
        submission.error.clone_from(&receipt.error);
        self.updated_at = now;
        let mut events = vec![MessageEvent::Reported {
            submission: number + 1,
            state,
            error: receipt.error.clone(),
        }];
        if matches!(self.state, MessageState::Submitted | MessageState::Unknown) {
            events.extend(self.conclude(now));
        }
        events
    }

    /// Ends it when what is known of its submissions says how: all are delivered, or one never will be.
    pub(super) fn conclude(&mut self, now: Timestamp) -> Option<MessageEvent> {
        let bad = self.submissions.iter().enumerate().filter_map(|(number, submission)| {
            let state = ended_by(submission.state)?;
            Some((number, state, submission.error.clone()))
        });
        // What is known of one part says more than that nobody knows of another.
        let bad = bad.min_by_key(|(_, state, _)| *state == MessageState::Unknown);
        if let Some((number, state, error)) = bad {
            if self.state == state {
                return None;
            }
            let code = error.map(|error| format!("the network gives the code {error}"));
            let reason = match (self.submissions.len(), code) {
                (1, code) => code,
                (_, code) => Some(format!(
                    "part {}{}",
                    number + 1,
                    code.map_or_else(String::new, |code| format!(": {code}"))
                )),
            };
            return Some(self.end(state, reason, now));
        }
        let delivered = |state| state == SubmissionState::Delivered;
        if !self.submissions.iter().all(|submission| delivered(submission.state)) {
            return None;
        }
        self.delivered_at = Some(now);
        Some(self.end(MessageState::Delivered, None, now))
    }
}

/// What a receipt makes of a submission; `None` for one that says nothing final.
fn said(state: ReceiptState) -> Option<SubmissionState> {
    match state {
        ReceiptState::Scheduled | ReceiptState::Enroute | ReceiptState::Accepted => None,
        ReceiptState::Delivered => Some(SubmissionState::Delivered),
        ReceiptState::Expired => Some(SubmissionState::Expired),
        ReceiptState::Deleted => Some(SubmissionState::Deleted),
        ReceiptState::Undeliverable => Some(SubmissionState::Undelivered),
        ReceiptState::Rejected => Some(SubmissionState::Rejected),
        ReceiptState::Unknown => Some(SubmissionState::Unknown),
    }
}

/// How a message ends of which one submission is in this state; `None` where it does not end by it alone.
fn ended_by(state: SubmissionState) -> Option<MessageState> {
    match state {
        SubmissionState::Waiting
        | SubmissionState::Sending
        | SubmissionState::Submitted
        | SubmissionState::Delivered => None,
        SubmissionState::Undelivered | SubmissionState::Deleted => Some(MessageState::Undelivered),
        SubmissionState::Expired => Some(MessageState::Expired),
        SubmissionState::Rejected => Some(MessageState::Rejected),
        SubmissionState::Unknown => Some(MessageState::Unknown),
    }
}
