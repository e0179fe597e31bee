//! Hoiio's open API: voice, conferences, SMS, IVR, account, numbers and fax.
//!
//! The service is gone; its programs are not. This crate has what it spoke as plain types that read
//! **and** print, so that a client and a server can be made of them, and the client.
//!
//! # Getting started
//!
//! ```no_run
//! # async fn run() -> Result<(), outdial_hoiio::Error> {
//! use outdial_hoiio::{Client, voice};
//!
//! // A server that speaks like the service.
//! let client = Client::builder("MYAPP", "MYTOKEN").base_url("http://127.0.0.1:7575/open/").build()?;
//!
//! // What cannot be left out stands in the constructor, the rest in methods.
//! let request = voice::Call::new("+6522222222").dest1("+6511111111").caller_id("private").tag("myapp");
//! let mut call = client.call(&request).await?;
//! let ended = call.wait().await?;
//! println!("{}: {:?}", call.txn_ref(), ended.call_status_dest1);
//!
//! // Any request gives its own answer.
//! let rate = client.send(&voice::GetRate::new("+6522222222").dest1("+6511111111")).await?;
//! println!("{} {} a minute", rate.currency, rate.rate);
//! # Ok(())
//! # }
//! ```
//!
//! The folder `examples` has whole programs. With the feature `blocking` there is the same client
//! without async; without default features there are the types alone.
//!
//! # What is in it
//!
//! | for | there is |
//! |---|---|
//! | requests and their answers | [`voice`], [`sms`], [`ivr`], [`user`], [`number`], [`fax`]; [`Command`] is any of them |
//! | creating one from elsewhere | [`Record::from_map`], [`Record::from_json`], which refuse what they do not know |
//! | notifications | [`notify`], with their signature |
//! | status words | [`Status`] |
//! | serving | [`Fields`], [`Credentials::from_fields`], [`Command::read`], [`print_answer`], [`print_refusal`] |
//! | asking | `Client`, [`Error`] |
//!
//! Times are [`jiff::Zoned`] in the zone of the service, money is [`rust_decimal::Decimal`]. Durations of
//! calls are in minutes where they were minutes.

mod answer;
#[cfg(feature = "blocking")]
pub mod blocking;
#[cfg(feature = "client")]
pub mod client;
mod credentials;
mod error;
pub mod fax;
mod fields;
mod invalid;
pub mod ivr;
pub mod notify;
pub mod number;
mod record;
mod request;
pub mod sms;
mod status;
pub mod user;
mod value;
pub mod voice;

pub use answer::{Done, Page, Placed, UnreadableAnswer, print_answer, print_refusal, read_answer};
#[cfg(feature = "client")]
pub use client::Client;
pub use credentials::Credentials;
pub use error::Error;
pub use fields::{Fields, LONGEST_BODY};
pub use invalid::{Check, Fault, Invalid, Problem};
pub use record::Record;
pub use request::{Command, Paged, Request};
pub use status::Status;
pub use value::{Value, time, zone};
