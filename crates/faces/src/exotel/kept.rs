//! What this face keeps of its calls, beside their names.

use outdial_domain::{Call, CallId};
use outdial_engine::verbs::{FaceReference, KeptByFace};
use serde::{Deserialize, Serialize};

/// What a call's answers and callbacks need that is nowhere else: numbers as they were given, and what is told.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Kept {
    /// The number that is rung first.
    pub(super) from: String,
    /// The number that is rung second; that of the account where a flow follows instead.
    pub(super) to: String,
    /// The number of the account.
    pub(super) caller_id: String,
    /// Whether a second number is rung.
    pub(super) two: bool,
    /// The text that came with the request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) custom_field: Option<String>,
    /// Whether events were asked for, which makes callbacks longer.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) events: bool,
    /// Whether callbacks are JSON.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) json: bool,
    /// Whether it is recorded.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) record: bool,
}

impl Kept {
    pub(super) fn named(&self) -> KeptByFace {
        KeptByFace {
            reference: FaceReference::FromId(sid),
            kept: serde_json::to_string(self).expect("texts and truths have a JSON form"),
        }
    }

    /// What was kept of a call.
    pub(super) fn of(call: &Call) -> Self {
        let kept = call.face.as_ref().map(|face| face.kept.as_str()).unwrap_or_default();
        serde_json::from_str(kept).unwrap_or_default()
    }
}

/// The name of a call: 32 hexadecimal digits, as the service's.
fn sid(id: CallId) -> String {
    id.uuid().simple().to_string()
}
