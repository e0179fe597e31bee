//! Exotel's API for calls and texts, version 1.
//!
//! Everything that it speaks, as plain types that read **and** print, in JSON and in XML, so that a
//! client and a server can be made of them; and the client, with a throttle for all of its requests.
//!
//! # Getting started
//!
//! ```no_run
//! # async fn run() -> Result<(), outdial_exotel::Error> {
//! use outdial_exotel::{Client, Region, call::Connect, sms::SendSms};
//!
//! let client = Client::builder("rajnikanth", "asd7dfg87dfg8dsugf8s9df7s89f7s89df7df")
//!     .region(Region::Mumbai)
//!     .build()?;
//!
//! // What cannot be left out stands in the constructor, the rest in methods.
//! let call = Connect::numbers("0987654321", "09988776655", "8088919888").time_out(10).time_limit(300);
//! let mut call = client.connect(&call).await?;
//! println!("{:?}", call.wait().await?.status);
//!
//! let sms = client.send_sms(&SendSms::new("8088919888", ["0987654321"], "Hello!")).await?;
//! println!("{:?}", sms[0].state());
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
//! | requests and their answers | [`call`], [`sms`], [`account`] |
//! | creating one from elsewhere | `from_map` and `from_json`, which refuse what they do not know |
//! | callbacks, and what flows ask a web server | [`callback`], [`applet`] |
//! | refusals | [`RestException`] |
//! | serving | [`Route`], [`Fields::from_request`], [`Answer::print`] |
//! | asking | `Client`, [`Error`], `limit` for the throttle |
//!
//! Times are [`jiff::Zoned`] in Indian Standard Time, money is [`rust_decimal::Decimal`].

pub mod account;
pub mod applet;
#[cfg(feature = "blocking")]
pub mod blocking;
pub mod call;
pub mod callback;
#[cfg(feature = "client")]
pub mod client;
mod document;
mod error;
mod exception;
mod fields;
mod invalid;
#[cfg(feature = "client")]
pub mod limit;
mod record;
mod request;
mod route;
pub mod sms;
mod value;

#[cfg(feature = "client")]
pub use client::{Client, Region};
pub use document::{Format, LONGEST_BODY, Node};
pub use error::Error;
pub use exception::{Code, RestException};
pub use fields::Fields;
pub use invalid::{Check, Fault, Invalid, Problem};
pub use record::Record;
pub use request::{Answer, Carries, Request};
pub use route::{Resource, Route};
pub use value::{Value, time, zone};
