//! Asking for a call.

use super::CallAnswer;
use crate::invalid::Check;
use crate::record::{Record, record};
use crate::request::{Carries, Request, segment};

/// Asks for a call.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct GetCall {
    /// The call.
    pub sid: String,
    /// The options.
    pub options: GetCallOptions,
}

record! {
    /// How to ask for a call.
    GetCallOptions {
        optional {
            /// Whether to show both sides.
            details: bool ["details"],
            /// For how many minutes the recording's address shall be valid without credentials: 5 to 60.
            recording_url_validity: u32 ["RecordingUrlValidity"],
        }
    }
}

impl GetCall {
    /// Asks for this call.
    #[must_use]
    pub fn new(sid: impl Into<String>) -> Self {
        Self {
            sid: sid.into(),
            options: GetCallOptions::new(),
        }
    }

    /// With both sides.
    #[must_use]
    pub fn details(mut self) -> Self {
        self.options.details = Some(true);
        self
    }

    /// With an address of the recording that needs no credentials for so many minutes.
    #[must_use]
    pub fn recording_url_validity(mut self, minutes: u32) -> Self {
        self.options.recording_url_validity = Some(minutes);
        self
    }
}

impl Request for GetCall {
    type Answer = CallAnswer;
    fn path(&self) -> String {
        format!("Calls/{}", segment(&self.sid))
    }
    fn carries(&self) -> Carries {
        Carries::Query(self.options.to_fields())
    }
    fn look_over(&self, check: &mut Check) {
        check.that("Sid", !self.sid.is_empty(), "must not be empty");
        let fine = self
            .options
            .recording_url_validity
            .is_none_or(|minutes| (5..=60).contains(&minutes));
        check.that("RecordingUrlValidity", fine, "must be 5 to 60 minutes");
    }
}
