//! What is kept of a request that made something, so that the same request sent again is answered and
//! not done again.

use std::fmt;

use jiff::Timestamp;
use outdial_domain::AccountId;

/// The answer that a request got, saved in the transaction that saved what the request made.
///
/// Of the request itself only hashes are kept. The answer is the face's own; the engine and the store
/// do not look into it.
#[derive(Clone, PartialEq, Eq)]
pub struct FirstAnswer {
    /// Whose request it was. Keys of different accounts have nothing to do with each other.
    pub account: AccountId,
    /// The hash of the idempotency key.
    pub key: [u8; 32],
    /// The hash of what was asked for.
    pub request: [u8; 32],
    /// What was answered, as the face wrote it.
    pub answer: Vec<u8>,
    /// When.
    pub made_at: Timestamp,
    /// From when on the key may be used for something else.
    pub kept_until: Timestamp,
}

/// Answers may hold what only their reader should see.
impl fmt::Debug for FirstAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FirstAnswer")
            .field("account", &self.account)
            .field("made_at", &self.made_at)
            .field("kept_until", &self.kept_until)
            .finish_non_exhaustive()
    }
}
