//! What this face keeps of its calls, beside their names.

use outdial_domain::{Call, CallId};
use outdial_engine::verbs::{FaceReference, KeptByFace};
use serde::{Deserialize, Serialize};

use super::ivr::Block;

/// What a call's status needs that is nowhere else.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Kept {
    /// The application, whose token signs notifications.
    pub(super) app_id: String,
    /// The second number, of a call between two.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) dest2: Option<String>,
    /// The room, of a participant in a conference.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) room: Option<String>,
    /// The text that came with the request.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(super) tag: String,
    /// The blocks of a session, the dial first; none where the call is none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) blocks: Vec<Block>,
}

impl Kept {
    /// With a name that says what it is, as the service gave them.
    pub(super) fn named(&self) -> KeptByFace {
        KeptByFace {
            reference: FaceReference::FromId(match self.room {
                Some(_) => of_participant,
                None => of_call,
            }),
            kept: self.print(),
        }
    }

    pub(super) fn print(&self) -> String {
        serde_json::to_string(self).expect("texts and numbers have a JSON form")
    }

    /// What was kept of a call.
    pub(super) fn of(call: &Call) -> Self {
        let kept = call.face.as_ref().map(|face| face.kept.as_str()).unwrap_or_default();
        serde_json::from_str(kept).unwrap_or_default()
    }
}

fn of_call(id: CallId) -> String {
    format!("AA-S-{}", id.uuid().simple())
}

fn of_participant(id: CallId) -> String {
    format!("AA-C-{}", id.uuid().simple())
}
