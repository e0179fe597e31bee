//! Why a call ended.

use serde::{Deserialize, Serialize};

use crate::LegId;

/// Declares an enum whose variants each have one stable word, used by the API, the CLI and the store.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum $name {
            $($(#[$variant_doc])* #[serde(rename = $word)] $variant),+
        }

        impl $name {
            /// Every value, in the order of the documentation.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The stable word for this value.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }

            /// The value that a word stands for.
            #[must_use]
            pub fn from_word(word: &str) -> Option<Self> {
                match word { $($word => Some(Self::$variant),)+ _ => None }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }
    };
}
pub(crate) use words;

words! {
    /// Why a call, or an attempt at it, ended.
    Outcome {
        /// It was answered and its flow ran, or somebody hung up after the answer.
        Completed = "completed",
        /// The callee was busy (SIP 486 or 600).
        Busy = "busy",
        /// It rang and nobody answered in time.
        NoAnswer = "no_answer",
        /// The callee or their device refused it (SIP 603 and the like).
        Rejected = "rejected",
        /// The network says that there is no such number (SIP 404, 410, 484, 604).
        InvalidNumber = "invalid_number",
        /// The trunk or the network had no capacity (SIP 503, 500, 480 from a gateway).
        Congestion = "congestion",
        /// It failed for another reason, which the ending's text tells.
        Failed = "failed",
        /// A machine answered and the plan did not want one.
        Machine = "machine",
        /// It was ended by request before the answer.
        Canceled = "canceled",
        /// Its deadline passed before it could be dialled.
        Expired = "expired",
        /// We refused to dial it: no route, closed destination, caller id not allowed; or the room that it was to enter
        /// is locked.
        Refused = "refused",
        /// It may or may not have rung: we were interrupted between sending and hearing.
        Unknown = "unknown",
    }
}

words! {
    /// Who ended a call.
    EndedBy {
        /// The party we called.
        Callee = "callee",
        /// Whoever asked by the API, the CLI or another face.
        Request = "request",
        /// The call's own flow, with its last instruction or `hang_up`.
        Flow = "flow",
        /// A trunk or the network behind it.
        Network = "network",
        /// We did: a limit, a policy, a fault of ours.
        System = "system",
    }
}

/// How and why a call or an attempt ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ending {
    /// The verdict.
    pub outcome: Outcome,
    /// Who ended it.
    pub by: EndedBy,
    /// The final SIP status where the far side gave one.
    pub sip_code: Option<u16>,
    /// The Q.850 cause where the far side gave one (RFC 3326 `Reason` header).
    pub q850: Option<u8>,
    /// One sentence for people, with the remedy where there is one.
    pub reason: String,
    /// The leg that it came from, where a call has several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leg: Option<LegId>,
}

impl Ending {
    /// An ending that no SIP message caused.
    pub fn new(outcome: Outcome, by: EndedBy, reason: impl Into<String>) -> Self {
        Self {
            outcome,
            by,
            sip_code: None,
            q850: None,
            reason: reason.into(),
            leg: None,
        }
    }

    /// The same, said of a call of several legs because of this one.
    #[must_use]
    pub fn because_of(self, leg: LegId) -> Self {
        Self { leg: Some(leg), ..self }
    }

    /// The ending that a final SIP failure status means for an attempt.
    ///
    /// The mapping follows RFC 3398, section 8, and RFC 3261, section 21.
    pub fn from_sip(code: u16, q850: Option<u8>, phrase: &str) -> Self {
        let outcome = match (code, q850) {
            (_, Some(17)) | (486 | 600, _) => Outcome::Busy,
            (_, Some(18 | 19)) => Outcome::NoAnswer,
            (_, Some(1 | 22 | 28)) | (404 | 410 | 484 | 485 | 604, _) => Outcome::InvalidNumber,
            (_, Some(21)) | (403 | 433 | 603 | 607 | 608, _) => Outcome::Rejected,
            (_, Some(34 | 38 | 41 | 42 | 44)) | (500 | 502 | 503 | 504 | 580, _) => Outcome::Congestion,
            (408 | 480 | 487, _) => Outcome::NoAnswer,
            _ => Outcome::Failed,
        };
        let by = match outcome {
            Outcome::Busy | Outcome::Rejected | Outcome::NoAnswer => EndedBy::Callee,
            Outcome::Completed
            | Outcome::InvalidNumber
            | Outcome::Congestion
            | Outcome::Failed
            | Outcome::Machine
            | Outcome::Canceled
            | Outcome::Expired
            | Outcome::Refused
            | Outcome::Unknown => EndedBy::Network,
        };
        Self {
            outcome,
            by,
            sip_code: Some(code),
            q850,
            reason: format!("the far side answered {code} {phrase}").trim_end().to_owned(),
            leg: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_reads_back() {
        for outcome in Outcome::ALL {
            assert_eq!(Outcome::from_word(outcome.as_str()), Some(*outcome));
        }
    }

    #[test]
    fn sip_codes_map_to_outcomes() {
        let cases = [
            (486, None, Outcome::Busy),
            (600, None, Outcome::Busy),
            (603, None, Outcome::Rejected),
            (404, None, Outcome::InvalidNumber),
            (503, None, Outcome::Congestion),
            (480, None, Outcome::NoAnswer),
            (408, None, Outcome::NoAnswer),
            (503, Some(17), Outcome::Busy),
            (488, None, Outcome::Failed),
        ];
        for (code, q850, outcome) in cases {
            assert_eq!(Ending::from_sip(code, q850, "").outcome, outcome, "{code} {q850:?}");
        }
    }
}
