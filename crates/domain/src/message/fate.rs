//! What became of a submission at the moment it was made.

/// What became of one submission. A trunk submits each part for itself, or a text as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PartFate {
    /// The network has it.
    Accepted {
        /// Its name there, in the form in which receipts name it.
        id: Option<String>,
    },
    /// The network refused it: it was certainly not sent.
    Refused {
        /// Whether another try makes sense.
        refusal: Refusal,
        /// Why, in words.
        reason: String,
    },
    /// It did not leave: it was certainly not sent.
    NotSent {
        /// Why, in words.
        reason: String,
    },
    /// It left, and nobody knows what became of it.
    Unknown {
        /// Why, in words.
        reason: String,
    },
    /// The network had it before, or may have had it, so it was not submitted again.
    Had,
}

/// Whether another try makes sense after a refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Refusal {
    /// As soon as the trunk goes on: it was given too much at one time.
    Slower,
    /// At another time, or over another trunk.
    Later,
    /// Over another trunk only.
    Elsewhere,
    /// Nowhere.
    Never,
}
