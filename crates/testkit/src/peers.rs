//! Real programs on the other side of a test: SIPp, Asterisk, Kamailio, baresip, npm's smpp, PostgreSQL, and a
//! measure of speech quality; and small ones of our own that they need: names, certificates, an end of
//! TLS.
//!
//! Use them in integration tests, after [`require`] has said that the peer is there:
//!
//! ```no_run
//! # async fn example() -> anyhow::Result<()> {
//! use outdial_testkit::peers::{Peer, Sipp, require};
//!
//! if !require(Peer::Sipp) {
//!     return Ok(());
//! }
//! let far_side = Sipp::uas("01-answer.xml").start().await?;
//! let trunk = far_side.address();
//! // … place a call to `trunk` …
//! far_side.wait().await?.assert_success();
//! # Ok(())
//! # }
//! ```
//!
//! What is started here listens on 127.0.0.1 only, on ports that no other test has, and ends with
//! the value that stands for it. `script/setup` installs the peers; nothing here does.

mod asterisk;
mod baresip;
mod certificates;
mod dns;
mod kamailio;
mod npm_smpp;
mod paths;
mod pesq;
mod policy;
mod ports;
mod postgres;
mod sipp;
mod sockets;
mod stop;
mod tls_front;

pub use asterisk::Asterisk;
pub use baresip::{Baresip, BaresipBuilder};
pub use certificates::{Certificates, Shown};
pub use dns::{Dns, DnsTable};
pub use kamailio::Kamailio;
pub use npm_smpp::NpmSmsc;
pub use paths::{interop_dir, target_dir, workspace_root};
pub use pesq::Pesq;
pub use policy::{Peer, npm_packages, require, venv_python};
pub use ports::{PortLease, lease_ports};
pub use postgres::Postgres;
pub use sipp::{Sipp, SippBuilder, SippResult};
pub use tls_front::TlsFront;
