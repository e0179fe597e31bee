//! Events without what identifies people.

use outdial_domain::masking;

use super::EventData;

impl EventData {
    pub(super) fn mask(&mut self, known: &[&str]) {
        let address = |text: &mut String| *text = masking::address(text);
        let sentence = |text: &mut String| *text = masking::sentence(text, known);
        match self {
            Self::Created { to, from, .. } => {
                address(to);
                from.iter_mut().for_each(address);
            }
            Self::Routed {
                target, passed_over, ..
            } => {
                address(target);
                passed_over.iter_mut().for_each(sentence);
            }
            Self::RetryScheduled { to, .. } => address(to),
            Self::MessageCreated { to, from, .. } => {
                address(to);
                from.iter_mut().for_each(address);
            }
            Self::MessageReceived { from, to, .. } => {
                address(from);
                address(to);
            }
            Self::MessageSending { passed_over, .. } => passed_over.iter_mut().for_each(sentence),
            Self::MessageEnded { reason, .. } => reason.iter_mut().for_each(sentence),
            Self::NotRung { to, because } => {
                address(to);
                sentence(because);
            }
            Self::HangUpRequested { by, why } => {
                sentence(by);
                why.iter_mut().for_each(sentence);
            }
            Self::Controlled { by, what, why, result } => {
                [by, what, result].into_iter().for_each(sentence);
                why.iter_mut().for_each(sentence);
            }
            Self::InstructionStarted { what: words, .. }
            | Self::InstructionDone { result: words, .. }
            | Self::RoomLeft { because: words, .. }
            | Self::Postponed { because: words, .. }
            | Self::Changed { by: words, .. }
            | Self::Queued { because: words }
            | Self::MessageQueued { because: words }
            | Self::MessageRetryScheduled { because: words, .. }
            | Self::RecordingStarted { by: words, .. }
            | Self::RecordingPaused { by: words, .. }
            | Self::RecordingResumed { by: words, .. } => sentence(words),
            Self::LegEnded { ending, .. } | Self::Ended { ending } => sentence(ending.reason_mut()),
            Self::Journalled { .. }
            | Self::Dialing { .. }
            | Self::Ringing { .. }
            | Self::Answered { .. }
            | Self::Session { .. }
            | Self::FarHold { .. }
            | Self::Connected { .. }
            | Self::RoomJoined { .. }
            | Self::Digit { .. }
            | Self::Gathered { .. }
            | Self::Code { .. }
            | Self::RecordingFinished { .. }
            | Self::RecordingUnreachable { .. }
            | Self::MessageSubmitted { .. }
            | Self::MessageReported { .. } => {}
        }
    }
}
