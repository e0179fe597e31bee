//! What this face keeps of its calls, beside their names.

use jiff::Timestamp;
use outdial_callfile::{CallFile, parse};
use outdial_domain::Call;
use serde::{Deserialize, Serialize};

/// What stands in a file and nowhere else, and what is needed to write into it again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Kept {
    /// What the file held: its codecs, variables and names are told by nothing else.
    pub(super) text: String,
    /// How many bytes that were.
    pub(super) size: u64,
    /// When it was due.
    pub(super) due: Timestamp,
    /// How many attempts its notes told of by then.
    pub(super) used: u32,
    /// Whether another process had begun one more and did not end it.
    pub(super) aborted: bool,
}

impl Kept {
    pub(super) fn print(&self) -> String {
        serde_json::to_string(self).expect("texts and numbers have a JSON form")
    }

    /// What was kept of a call of this face; none where that cannot be read.
    pub(super) fn of(call: &Call) -> Option<Self> {
        serde_json::from_str(&call.face.as_ref()?.kept).ok()
    }

    /// The call as the file had it.
    pub(super) fn file(&self) -> Option<CallFile> {
        parse(self.text.as_bytes()).file
    }
}
