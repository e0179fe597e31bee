//! What a call does after the answer.
//!
//! A [`Flow`] is a list of [`Instruction`]s. An [`Interpreter`] runs it without I/O: it is told what
//! happened and what time it is, and asked for the next [`Command`] and the next deadline.
//! [`document`] reads flows from JSON values and lists every problem it finds.
#![warn(clippy::wildcard_enum_match_arm)]

pub mod conference;
pub mod dial;
pub mod document;
pub mod fields;
pub mod hand_over;
pub mod instruction;
pub mod interpreter;
mod places;
pub mod record;

pub use conference::Conference;
pub use dial::{CallerId, Dial, OnFailure, Party, WhileRinging};
pub use fields::{Fields, Given, Problem, Problems};
pub use hand_over::{HandOver, Target};
pub use instruction::{AudioRef, Flow, Gather, Instruction, Prompt, Say};
pub use interpreter::{Command, DialEnd, Input, Interpreter, Note};
pub use record::{Consent, Record, RecordingAction, Until};
