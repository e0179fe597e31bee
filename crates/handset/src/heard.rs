use std::path::PathBuf;

use jiff::Timestamp;

use crate::event::EndedBy;

/// What a phone knows of a call that is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeardCall {
    /// The number that was rung.
    pub number: String,
    /// Which ring of this number it was, the first being 1.
    pub ring: u64,
    /// The Call-ID.
    pub call_id: String,
    /// The user part of the caller's address.
    pub from: String,
    /// The INVITE as it came, for looking at its headers.
    pub invite: String,
    /// What was heard, where it was recorded: 16 bits, mono, 8 kHz, from the first packet on.
    pub wav: Option<PathBuf>,
    /// The keys that the far side pressed, in order, whichever way they came.
    pub digits: String,
    /// When the INVITE came.
    pub invited_at: Timestamp,
    /// When the phone answered.
    pub answered_at: Option<Timestamp>,
    /// When the call was over.
    pub ended_at: Timestamp,
    /// Who ended it.
    pub ended_by: EndedBy,
    /// The RTP packets of the call.
    pub packets: PacketCounts,
    /// What went wrong with the script, for example a prompt that never came.
    pub problems: Vec<String>,
}

impl HeardCall {
    /// The value of a header of the INVITE, by its name in any case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.invite
            .lines()
            .skip(1)
            .take_while(|line| !line.is_empty())
            .filter_map(|line| line.split_once(':'))
            .find(|(key, _)| key.trim().eq_ignore_ascii_case(name))
            .map(|(_, value)| value.trim())
    }
}

/// RTP packets, counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PacketCounts {
    /// Sent, those that the bad network then dropped included.
    pub sent: u64,
    /// Heard: what reached the phone through the bad network.
    pub received: u64,
    /// Never heard, by their sequence numbers.
    pub lost: u64,
    /// Dropped on purpose, both directions.
    pub dropped: u64,
    /// Not understood: no RTP, or of a payload type that was not agreed on.
    pub refused: u64,
}
