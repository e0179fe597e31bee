//! What is promised, and what was found to be broken.

use std::fmt;

/// What is promised of every call, whatever dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Promise {
    Kept,
    OncePerKey,
    JournalFirst,
    RingsOnce,
    AsPlanned,
    LeftInPeace,
    StaysEnded,
    Ends,
    SaysUnknown,
    TellsTheTruth,
    Gapless,
    Told,
    StoreIsWhole,
}

impl fmt::Display for Promise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Kept => "nothing that was created is missing",
            Self::OncePerKey => "a request that is repeated makes nothing twice",
            Self::JournalFirst => "no leg rings that is not in the journal",
            Self::RingsOnce => "no leg rings twice",
            Self::AsPlanned => "no phone is rung more often than its plan allows",
            Self::LeftInPeace => "a phone of which nothing is known is left in peace for a while",
            Self::StaysEnded => "a call that somebody has ended is not dialled any more",
            Self::Ends => "every call ends",
            Self::SaysUnknown => "what cannot be known is said to be unknown, and nothing else is",
            Self::TellsTheTruth => "what is said of a leg is what its phone saw",
            Self::Gapless => "the events of a call have no gaps, and one end",
            Self::Told => "a receiver is told of every event, in order",
            Self::StoreIsWhole => "the store is whole",
        })
    }
}

/// A promise that was not kept.
#[derive(Debug, Clone)]
pub struct Broken {
    pub promise: Promise,
    /// By which call, and how.
    pub how: String,
}
