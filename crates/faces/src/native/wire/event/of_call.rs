//! What happened to calls.

use std::time::Duration;

use outdial_domain::EventKind;

use super::EventData;
use crate::native::wire::{ChannelsWord, OutcomeWord, Quality, RecordingEndWord, Time};

impl From<EventKind> for EventData {
    fn from(kind: EventKind) -> Self {
        match kind {
            EventKind::Created { to, from, due, face } => Self::Created {
                to,
                from,
                due: Time(due),
                face,
            },
            EventKind::Queued { because } => Self::Queued { because },
            EventKind::Routed {
                trunk,
                target,
                passed_over,
            } => Self::Routed {
                trunk,
                target,
                passed_over,
            },
            EventKind::Journalled {
                attempt,
                number,
                leg,
                node,
            } => Self::Journalled {
                attempt: attempt.to_string(),
                number,
                leg: leg.to_string(),
                node,
            },
            EventKind::Dialing { leg } => Self::Dialing { leg: leg.to_string() },
            EventKind::Ringing {
                leg,
                sip_code,
                early_media,
            } => Self::Ringing {
                leg: leg.to_string(),
                sip_code,
                early_media,
            },
            EventKind::Answered { leg, codec } => Self::Answered {
                leg: leg.to_string(),
                codec,
            },
            EventKind::Session {
                leg,
                srtp,
                refresh_seconds,
                refreshed_by_us,
            } => Self::Session {
                leg: leg.to_string(),
                srtp,
                refresh_seconds,
                refreshed_by: refresh_seconds.map(|_| if refreshed_by_us { "us" } else { "far_side" }),
            },
            EventKind::FarHold { leg, held } => Self::FarHold {
                leg: leg.to_string(),
                held,
            },
            EventKind::NotRung { to, because } => Self::NotRung { to, because },
            EventKind::Connected { leg, with } => Self::Connected {
                leg: leg.to_string(),
                with: with.to_string(),
            },
            EventKind::RoomJoined { leg, room, members } => Self::RoomJoined {
                leg: leg.to_string(),
                room,
                members,
            },
            EventKind::RoomLeft { leg, room, because } => Self::RoomLeft {
                leg: leg.to_string(),
                room,
                because,
            },
            EventKind::Controlled { by, what, why, result } => Self::Controlled { by, what, why, result },
            EventKind::InstructionStarted { step, what } => Self::InstructionStarted { step, what },
            EventKind::InstructionDone { step, result } => Self::InstructionDone { step, result },
            EventKind::Digit { leg, digit, way } => Self::Digit {
                leg: leg.to_string(),
                digit: digit.map(|digit| digit.to_string()),
                way,
            },
            EventKind::Gathered { step, name, digits } => Self::Gathered { step, name, digits },
            EventKind::Code { leg, step, code } => Self::Code {
                leg: leg.to_string(),
                step,
                code,
            },
            EventKind::HangUpRequested { by, why } => Self::HangUpRequested { by, why },
            EventKind::RecordingStarted {
                recording,
                leg,
                name,
                channels,
                by,
            } => Self::RecordingStarted {
                recording: recording.to_string(),
                leg: leg.to_string(),
                name,
                channels: ChannelsWord(channels),
                by,
            },
            EventKind::RecordingPaused { recording, by } => Self::RecordingPaused {
                recording: recording.to_string(),
                by,
            },
            EventKind::RecordingResumed { recording, by } => Self::RecordingResumed {
                recording: recording.to_string(),
                by,
            },
            EventKind::RecordingFinished {
                recording,
                name,
                end,
                millis,
                bytes,
            } => Self::RecordingFinished {
                recording: recording.to_string(),
                name,
                end: RecordingEndWord(end),
                seconds: Duration::from_millis(millis).into(),
                bytes,
            },
            EventKind::RecordingUnreachable { recording, name, node } => Self::RecordingUnreachable {
                recording: recording.to_string(),
                name,
                node,
            },
            EventKind::LegEnded { leg, ending, quality } => Self::LegEnded {
                leg: leg.to_string(),
                ending: ending.into(),
                quality: quality.map(Quality::from),
            },
            EventKind::Postponed { until, because } => Self::Postponed {
                until: Time(until),
                because,
            },
            EventKind::Changed { by, fields, due } => Self::Changed {
                by,
                fields,
                due: Time(due),
            },
            EventKind::RetryScheduled {
                attempt,
                at,
                because,
                to,
                via,
            } => Self::RetryScheduled {
                attempt,
                at: Time(at),
                because: OutcomeWord(because),
                to,
                via,
            },
            EventKind::Ended { ending } => Self::Ended { ending: ending.into() },
            EventKind::Message { event } => event.into(),
        }
    }
}
