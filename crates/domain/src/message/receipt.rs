//! What a network says became of a part of a message.

use serde::{Deserialize, Serialize};

use crate::outcome::words;

words! {
    /// Where the network says that a part is (SMPP 3.4, section 5.2.28).
    ReceiptState {
        /// It waits for its time.
        Scheduled = "scheduled",
        /// It is on its way.
        Enroute = "enroute",
        /// The network took it, perhaps to be read by a person there.
        Accepted = "accepted",
        /// The phone has it.
        Delivered = "delivered",
        /// Its time was over before the phone could be reached.
        Expired = "expired",
        /// Somebody took it out of the network's queue.
        Deleted = "deleted",
        /// The phone cannot be reached, or does not exist.
        Undeliverable = "undeliverable",
        /// The network refused to deliver it.
        Rejected = "rejected",
        /// The network cannot say.
        Unknown = "unknown",
    }
}

impl ReceiptState {
    /// Whether nothing follows any more.
    #[must_use]
    pub fn is_final(self) -> bool {
        match self {
            Self::Scheduled | Self::Enroute | Self::Accepted => false,
            Self::Delivered | Self::Expired | Self::Deleted | Self::Undeliverable | Self::Rejected | Self::Unknown => {
                true
            }
        }
    }
}

/// What a network says about a part that it took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// The network's name for the part, in the form that was kept of the answer to its submission.
    pub id: String,
    /// Where it is.
    pub state: ReceiptState,
    /// The network's code for what went wrong; `None` where nothing did.
    pub error: Option<String>,
}
