//! The interfaces that others call Outdial by.
//!
//! Each face is a module of its own that turns its requests into verbs of the engine and the answers
//! back. It does not know which carrier carries a call, and its wire types are seen by nobody else.
//! [`native`] is our own REST interface; [`exotel`], [`hoiio`] and [`voicent`] speak as
//! services of these names did, and [`spool`] takes call files as an Asterisk does.

#[cfg(test)]
mod any_request;
mod body;
pub mod exotel;
mod failed_logins;
pub mod hoiio;
mod minute;
pub mod native;
#[cfg(test)]
mod not_available;
mod recording_links;
mod secret;
mod shelf;
pub mod spool;
mod tag;
mod tenant;
#[cfg(test)]
mod testing;
mod unsent;
pub mod voicent;

pub use recording_links::RecordingLinks;
pub use tenant::Tenant;
