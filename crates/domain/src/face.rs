//! What an interface keeps of the calls that were made by it.

/// What the interface that a call was made by keeps of it, so that its clients find it again.
///
/// Only interfaces with names of their own for calls keep one; ours goes by the id alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FaceRecord {
    /// The name of the interface, as `voicent`.
    pub face: String,
    /// What its clients call the call by: no other call of the account that was made by it is called so.
    pub reference: String,
    /// What else it needs to answer for the call, in a form of its own. Nobody else looks into it.
    pub kept: String,
}
