//! How far a text is, in words and in codes.

use crate::document::Node;
use crate::value::{Value, words};

words! {
    /// How far a text is.
    open SmsStatus {
        /// It waits.
        Queued = "queued",
        /// It is being handed to the operator.
        Sending = "sending",
        /// The operator has it.
        Submitted = "submitted",
        /// It has arrived.
        Sent = "sent",
        /// It did not arrive.
        Failed = "failed",
        /// The receiver does not want such texts.
        FailedDnd = "failed-dnd",
    }
}

impl SmsStatus {
    /// Whether it will not change any more.
    #[must_use]
    pub fn is_final(&self) -> bool {
        match self {
            Self::Sent | Self::Failed | Self::FailedDnd => true,
            Self::Queued | Self::Sending | Self::Submitted => false,
            // One page of the service spells it with an underscore; the newest one has more words.
            Self::Other(word) => matches!(word.as_str(), "failed_dnd" | "delivered" | "undelivered" | "expired"),
        }
    }

    /// Whether the receiver's registration against such texts was the reason.
    #[must_use]
    pub fn is_dnd(&self) -> bool {
        matches!(self, Self::FailedDnd) || self.as_str() == "failed_dnd"
    }
}

/// A code that says closely how far a text is.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct DetailedStatus(pub u32);

impl DetailedStatus {
    /// It waits for the operator.
    pub const PENDING_TO_OPERATOR: Self = Self(21010);
    /// It is being handed to the operator.
    pub const SENDING_TO_OPERATOR: Self = Self(21015);
    /// The operator has it.
    pub const PENDING_ON_OPERATOR: Self = Self(21020);
    /// It has arrived.
    pub const DELIVERED_TO_HANDSET: Self = Self(20005);
    /// The operator says that it is delivered.
    pub const DELIVERED_TO_OPERATOR: Self = Self(20006);
    /// The receiver does not want such texts.
    pub const FAILED_REJECTED_DND: Self = Self(23005);
    /// There is no such number.
    pub const FAILED_INVALID_DESTINATION_NUMBER: Self = Self(23010);
    /// The subscriber is not to be reached.
    pub const FAILED_SUBSCRIBER_UNAVAILABLE: Self = Self(23035);
    /// It grew too old.
    pub const FAILED_EXPIRED: Self = Self(23050);
    /// It was rejected.
    pub const FAILED_REJECTED: Self = Self(23060);
    /// A fault of the service.
    pub const FAILED_SYSTEM_ERROR: Self = Self(24010);
    /// Nobody knows why.
    pub const FAILED_UNKNOWN: Self = Self(24990);

    /// Code, name, and the word of every code whose name is known.
    pub const NAMES: &'static [(u32, &'static str, SmsStatus)] = &[
        (21010, "PENDING_TO_OPERATOR", SmsStatus::Queued),
        (21015, "SENDING_TO_OPERATOR", SmsStatus::Sending),
        (21020, "PENDING_ON_OPERATOR", SmsStatus::Submitted),
        (20005, "DELIVERED_TO_HANDSET", SmsStatus::Sent),
        (20006, "DELIVERED_TO_OPERATOR", SmsStatus::Sent),
        (23005, "FAILED_REJECTED_DND", SmsStatus::FailedDnd),
        (23010, "FAILED_INVALID_DESTINATION_NUMBER", SmsStatus::Failed),
        (23015, "FAILED_SPAM_DETECTED", SmsStatus::Failed),
        (23020, "FAILED_REJECTED_BLACKLIST", SmsStatus::Failed),
        (23030, "FAILED_ROUTE_UNAVAILABLE", SmsStatus::Failed),
        (23035, "FAILED_SUBSCRIBER_UNAVAILABLE", SmsStatus::Failed),
        (23040, "FAILED_SUBSCRIBER_UNKNOWN", SmsStatus::Failed),
        (23050, "FAILED_EXPIRED", SmsStatus::Failed),
        (23060, "FAILED_REJECTED", SmsStatus::Failed),
        (23070, "FAILED_INVALID_MESSAGE", SmsStatus::Failed),
        (23072, "FAILED_INVALID_SENDER", SmsStatus::Failed),
        (24010, "FAILED_SYSTEM_ERROR", SmsStatus::Failed),
        (24105, "FAILED_HANDSET_ERROR", SmsStatus::Failed),
        (24110, "FAILED_OPERATOR_ERROR", SmsStatus::Failed),
        (24120, "FAILED_SUBSCRIBER_ERROR", SmsStatus::Failed),
        (24990, "FAILED_UNKNOWN", SmsStatus::Failed),
    ];

    /// Its name, if it is known.
    #[must_use]
    pub fn name(self) -> Option<&'static str> {
        let known = Self::NAMES.iter().find(|(code, ..)| *code == self.0);
        known.map(|(_, name, _)| *name)
    }

    /// The word that belongs to it. `None` for codes that are not known.
    #[must_use]
    pub fn status(self) -> Option<SmsStatus> {
        let known = Self::NAMES.iter().find(|(code, ..)| *code == self.0);
        match (known, self.0) {
            (Some((_, _, status)), _) => Some(status.clone()),
            // Faults of the registration that Indian law asks for.
            (None, 23080..=23084 | 23181..=23186 | 23281) => Some(SmsStatus::Failed),
            (None, _) => None,
        }
    }
}

impl Value for DetailedStatus {
    const EXPECTED: &'static str = "a code";
    fn read(text: &str) -> Option<Self> {
        u32::read(text).map(Self)
    }
    fn print(&self) -> String {
        self.0.to_string()
    }
    fn node(&self) -> Node {
        Node::Number(self.0.into())
    }
}
