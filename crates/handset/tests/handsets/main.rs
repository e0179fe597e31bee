//! The phones as their users meet them: by script, by SIP and RTP, and by what they tell.

#![expect(clippy::unwrap_used, reason = "a test fails where something is not as it should be")]

mod answers;
mod caller;
mod changes;
mod keys;
mod listening;
mod load;
mod retransmissions;
mod ring_log;
mod script;
mod sipp;
mod speaking;
mod texts;
