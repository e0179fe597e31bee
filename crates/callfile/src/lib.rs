//! Asterisk call files: write them safely, put them where Asterisk takes them, and read back what
//! became of the calls.
//!
//! A call file is a small text in Asterisk's spool directory that makes it place a call: now, or at
//! the file's time of modification. This crate runs on the machine of the Asterisk, needs no
//! network and no configuration of it, and no async runtime.
//!
//! # Getting started
//!
//! ```no_run
//! use outdial_callfile::{CallFile, Channel, Spool, When};
//!
//! // Whom to ring, and what happens after the answer.
//! let file = CallFile::builder(Channel::local("100", "from-internal")?)
//!     .caller_id("Wake Up", "555")
//!     .wait_time(30)
//!     .application("Playback", "hello-world")
//!     .build()?;
//!
//! // Now, or at a time with its zone.
//! let spool = Spool::new("/var/spool/asterisk/outgoing");
//! let now = spool.spool(&file)?;
//! let seven: When = "2026-12-01T07:00:00+08:00".parse()?;
//! let later = spool.spool_at(&file, seven)?;
//! println!("{} is {}", later.name, later.due);
//!
//! // What became of it.
//! println!("{:?}", spool.wait(&now.name, None)?);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The folder `examples` has whole programs: a minimal call, a call in an hour, a call at one in
//! the morning of a date, a call file that belongs to another user, and wake-up calls for a hotel.
//!
//! # What is in it
//!
//! | for | there is |
//! |---|---|
//! | a call | [`CallFile`], plain data, with a [builder](CallFileBuilder) and serde; its parts [`Channel`], [`CallerId`], [`Variable`], [`Action`] |
//! | its text | [`CallFile::to_text`], which checks every value, and [`parse()`], which reads as leniently as Asterisk 22 and names every problem |
//! | the keys | [`Key`] lists them all |
//! | placing it | [`Spool`]: [`spool`](Spool::spool), [`spool_at`](Spool::spool_at), [`spool_as`](Spool::spool_as), and [`spool_many`](Spool::spool_many) for very many |
//! | the result | [`Spool::outcome`], [`Spool::find`], [`Spool::wait`], and [`Spool::watch`] for all |
//! | the other side | `Queue` and `Arrivals`, for a program that takes call files in Asterisk's place (Linux) |
//!
//! # What is promised
//!
//! - **A value stays a value.** No caller name, number or text can add a directive, cut a value, or
//!   leave the directory, whatever is in it: it is written so that Asterisk reads it back, or it is
//!   refused by name.
//! - **Whole or not at all.** Asterisk never sees a part of a file. On any error nothing is left
//!   behind and nobody is rung.
//! - **Readable by Asterisk, or refused.** Asterisk destroys a file that it cannot read. So files
//!   get the owner of the spool directory, or the one that you name, and where that cannot be, you
//!   are told before anything is lost.
//! - **Once.** A name that is in the queue or in the archive is not taken again.
//!
//! # Errors
//!
//! | error | when | remedy |
//! |---|---|---|
//! | [`InvalidCallFile`], [`InvalidChannel`] | a value cannot be written | mend the values that it names |
//! | [`InvalidTime`] | a time without zone, or one that the file system cannot hold | give it with its zone |
//! | [`InvalidName`] | a file name with `/`, `..` and the like | use a plain name |
//! | [`SpoolError::NoUser`], [`NoGroup`](SpoolError::NoGroup) | there is no such user or group | name the one that Asterisk runs as |
//! | [`SpoolError::NoOwnerPermission`] | the file may not be given to its owner | run as root or as Asterisk's user; or share a group, with mode 0660 |
//! | [`SpoolError::NoSpool`], [`NotADirectory`](SpoolError::NotADirectory) | there is no such spool directory | start Asterisk with `pbx_spool`, or name the right one |
//! | [`SpoolError::NoSpoolPermission`] | the directory may not be written | run as Asterisk's user, or let your group write |
//! | [`SpoolError::NoStaging`], [`StagingElsewhere`](SpoolError::StagingElsewhere) | the staging directory is missing, or on another file system | name another, or none |
//! | [`SpoolError::DiskFull`] | no space, or no quota | make room |
//! | [`SpoolError::AlreadyThere`] | the name is in the queue or the archive | it is the same call: read its outcome; otherwise use another name |
//! | [`SpoolError::PathTooLong`] | Asterisk would cut the path | use a shorter name |
//! | [`ReadError`], [`WatchError`] | a file or directory may not be read or watched | run as Asterisk's user, or share its group |
//!
//! [`SpoolError::remedy`] says the same at run time.
//!
//! # Times
//!
//! [`When`] is made from [`jiff`]'s times, which know zones, or from a text with a zone. Asterisk
//! counts whole seconds of its machine's clock. A time that is over means now. When the clock is set
//! back, files that are due wait until it has come round again, as all files in the queue do.
//!
//! # Coming from pycall
//!
//! | pycall 1 and 2 | here |
//! |---|---|
//! | `CallFile(trunk_type, trunk_name, number, …)` | [`Channel::trunk`] and [`CallFile::builder`] |
//! | `Call(channel, callerid, variables, …)` | [`CallFile`] |
//! | `Application(…)`, `Context(…)` | [`Action`] |
//! | `user`, `spool_dir`, `tempdir`, `filename` | [`Spool::user`], [`Spool::new`], [`Spool::staging`], [`Spool::spool_as`] |
//! | `run()`, `run(time)`, `spool()`, `spool(time)` | [`Spool::spool`], [`Spool::spool_at`] |
//! | `NoUserError`, `NoUserPermissionError`, `NoSpoolPermissionError`, `InvalidTimeError`, `ValidationError` | [`SpoolError`] |
//!
//! `AlwaysDelete` is yes here, and the finished file is kept, so that its result can be read.

mod action;
mod builder;
mod call_file;
mod caller_id;
mod channel;
mod history;
mod invalid;
mod key;
mod name;
mod outcome;
mod parse;
mod print;
#[cfg(target_os = "linux")]
mod queue;
mod spool;
mod variable;
#[cfg(target_os = "linux")]
mod watch;
mod when;

pub use crate::{
    action::Action,
    builder::CallFileBuilder,
    call_file::CallFile,
    caller_id::{CallerId, NoCallerId},
    channel::{Channel, InvalidChannel},
    history::{History, Note, Status},
    invalid::{FieldProblem, InvalidCallFile, Reason},
    key::Key,
    name::{FileName, InvalidName},
    outcome::{Outcome, ReadError, Whereabouts},
    parse::{Line, Meaning, Parsed, Problem, ProblemKind, parse},
    spool::{Due, Order, Sealed, Spool, SpoolError, Spooled},
    variable::Variable,
    when::{InvalidTime, When},
};
#[cfg(target_os = "linux")]
pub use crate::{
    queue::{Arrivals, Contents, Entry, Listed, NotTaken, Queue, QueueError, Seen, Taken},
    watch::{Ending, Finished, Watch, WatchError},
};
