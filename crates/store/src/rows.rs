//! What the tables hold, alike in both databases: rows as they are read, and their way into the domain.
//!
//! Ids are UUIDs, times are microseconds since 1970, states and outcomes are the words of the domain,
//! and what is only read whole is JSON in a text.

pub(crate) mod account;
pub(crate) mod attempt;
pub(crate) mod audio;
pub(crate) mod call;
pub(crate) mod change;
pub(crate) mod column;
pub(crate) mod delivery;
pub(crate) mod event;
pub(crate) mod first_answer;
pub(crate) mod key;
pub(crate) mod lane;
pub(crate) mod leg;
pub(crate) mod mask;
pub(crate) mod message;
pub(crate) mod progress;
pub(crate) mod receiver;
pub(crate) mod recording;
pub(crate) mod schedule;
pub(crate) mod subject;
pub(crate) mod trace;
pub(crate) mod webhook;
