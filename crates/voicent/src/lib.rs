//! Voicent's gateway: calls that say a text, play a file or start an application, asked for by forms.
//!
//! Everything that it speaks, as plain types that read **and** print, so that a client and a server can be
//! made of them; and the client.
//!
//! # Getting started
//!
//! ```no_run
//! # async fn run() -> Result<(), outdial_voicent::Error> {
//! use outdial_voicent::{CallRequest, Client};
//!
//! let client = Client::builder().host("localhost", 8155).build()?;
//! let mut call = client.call(&CallRequest::text("123-4567", "Hello, how are you doing")).await?;
//! println!("{}", call.wait().await?.outcome); // Call Made
//! call.remove().await?;
//! # Ok(())
//! # }
//! ```
//!
//! The folder `examples` has whole programs. With the feature `blocking` there is the same client
//! without async; without default features there are the types alone. Nothing needs closing.
//!
//! # What is in it
//!
//! | for | there is |
//! |---|---|
//! | calls and texts | [`CallRequest`], [`Content`], [`Accepted`] |
//! | what became of them | [`Status`], [`Attempt`], [`Outcome`], [`Removed`] |
//! | calling a list until somebody confirms | [`Vcast`], [`Table`], [`Notice`] |
//! | campaigns | [`CampaignRequest`], [`CampaignAnswer`] |
//! | serving | [`Form`], [`is_vcast`], [`base_name`], [`no_such_record`] |
//! | asking | `Client`, [`Error`] |
//!
//! The gateway knows no credentials: whoever reaches it may call. Some requests name files and programs of its
//! host; the types here only carry those names, and nothing in this crate opens or runs them.

#[cfg(feature = "blocking")]
pub mod blocking;
mod campaign;
#[cfg(feature = "client")]
pub mod client;
mod error;
mod fields;
mod form;
mod invalid;
mod notice;
mod req_id;
mod request;
mod status;
mod table;
mod vcast;

pub use campaign::{ASSETS, Broadcast, CampaignAnswer, CampaignRequest, Import, PATH as CAMPAIGN_PATH, base_name};
#[cfg(feature = "client")]
pub use client::Client;
pub use error::Error;
pub use form::{Form, LONGEST_BODY};
pub use invalid::{Fault, Invalid, Problem};
pub use notice::Notice;
pub use req_id::{Accepted, Removed, ReqId, no_such_record};
pub use request::{CALL_PATH, CallRequest, Content};
pub use status::{Attempt, Outcome, PLAIN_ANSWER, Status, Word};
pub use table::{COLUMNS, Table};
pub use vcast::{Vcast, is_vcast};
