//! The end of a call: the far side is told, and so are those who wait.

use std::time::Duration;

use rsipstack::sip::StatusCode;
use tokio::time::timeout;

use super::Call;
use crate::clock;
use crate::event::EndedBy;
use crate::heard::HeardCall;
use crate::line::LineReport;

/// How long the reply to a BYE is waited for before the call counts as over; the BYE itself is repeated for longer.
const BYE_PATIENCE: Duration = Duration::from_secs(2);

impl Call {
    /// Tells the far side that it is over, where it was the phone that ended it.
    pub(super) async fn leave(&mut self, end: EndedBy) {
        let code = match end {
            EndedBy::FarSide | EndedBy::Canceled | EndedBy::NoAck | EndedBy::Silent => return,
            EndedBy::Refused(300..400) => return,
            EndedBy::Refused(code) => code,
            EndedBy::Phone | EndedBy::Shutdown => 480,
            EndedBy::Failure => 500,
        };
        if self.answered_at.is_none() {
            let refused = self.dialog.reject(Some(StatusCode::from(code)), None);
            return self.note(refused);
        }
        let dialog = self.dialog.clone();
        let bye = tokio::spawn(async move { Box::pin(dialog.bye()).await });
        if let Ok(Ok(sent)) = timeout(BYE_PATIENCE, bye).await {
            self.note(sent);
        }
    }

    pub(super) fn finish(mut self, ended_by: EndedBy, report: LineReport) {
        self.problems.extend(report.problem);
        self.exchange.dialogs.remove_dialog(&self.dialog.id());
        self.reporter.journal().finish(HeardCall {
            number: self.reporter.number().to_owned(),
            ring: self.reporter.ring(),
            call_id: self.reporter.call_id().to_owned(),
            from: self.reporter.from().to_owned(),
            invite: self.dialog.initial_request().to_string(),
            wav: report.wav,
            digits: self.reporter.digits(),
            invited_at: self.invited_at,
            answered_at: self.answered_at,
            ended_at: clock::now(),
            ended_by,
            packets: report.packets,
            problems: self.problems,
        });
    }

    fn note(&mut self, result: rsipstack::Result<()>) {
        if let Err(error) = result {
            self.problems
                .push(format!("the far side could not be told of the end: {error}"));
        }
    }
}
