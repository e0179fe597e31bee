//! What is measured, a file for each group of rows.

mod backlog;
mod callfiles;
mod creates;
mod faces;
mod idle;
mod load;
mod parts;
mod playing;
mod protected;
mod registrations;
mod rooms;
mod spool;
mod texts;
mod transports;
mod webhooks;
mod whole_path;

use std::time::Duration;

use anyhow::Result;

use crate::table::Table;

/// How large the measurements are whose size can be chosen.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sizes {
    /// How many calls are pending at most.
    pub(crate) most_pending: u64,
    /// How many texts wait while urgent ones are sent.
    pub(crate) waiting_texts: usize,
}

/// A group of rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Group {
    /// The start, and the memory of a server that has nothing to do.
    Idle,
    /// From a request over HTTP to the BYE.
    WholePath,
    /// Calls that play a file.
    Playing,
    /// Whole calls over UDP, TCP and TLS.
    Transports,
    /// Calls that play a file by SRTP.
    Protected,
    /// Two who talk, conferences, and a crowd.
    Rooms,
    /// The parts of the media, each by itself.
    Parts,
    /// Registrations held at a registrar.
    Registrations,
    /// Calls accepted and on disk.
    Creates,
    /// Calls created and asked for by each face.
    Faces,
    /// Call files put into a spool directory.
    Callfiles,
    /// Call files taken out of a spool directory and dialled.
    Spool,
    /// Texts by bulk and by one, sent to a simulated SMSC, and urgent ones behind a broadcast.
    Texts,
    /// Notifications delivered to a receiver.
    Webhooks,
    /// Creates and dials with up to ten million calls pending. It takes long, and 10 GB of disk.
    Backlog,
}

impl Group {
    /// Those that are measured when none is named.
    pub(crate) const USUAL: [Self; 14] = [
        Self::Idle,
        Self::WholePath,
        Self::Playing,
        Self::Transports,
        Self::Protected,
        Self::Rooms,
        Self::Parts,
        Self::Registrations,
        Self::Creates,
        Self::Faces,
        Self::Callfiles,
        Self::Spool,
        Self::Texts,
        Self::Webhooks,
    ];

    /// A measurement that takes longer than this is given up.
    pub(crate) fn longest(self) -> Duration {
        match self {
            Self::Backlog => Duration::from_secs(5_400),
            Self::Texts => Duration::from_secs(1_800),
            _ => Duration::from_secs(180),
        }
    }

    /// Adds its rows.
    pub(crate) async fn measure(self, table: &mut Table, sizes: Sizes) -> Result<()> {
        match self {
            Self::Idle => idle::measure(table).await,
            Self::WholePath => whole_path::measure(table).await,
            Self::Playing => playing::measure(table).await,
            Self::Transports => transports::measure(table).await,
            Self::Protected => protected::measure(table).await,
            Self::Rooms => rooms::measure(table).await,
            Self::Parts => parts::measure(table),
            Self::Registrations => registrations::measure(table).await,
            Self::Creates => creates::measure(table).await,
            Self::Faces => faces::measure(table).await,
            Self::Callfiles => callfiles::measure(table),
            Self::Spool => spool::measure(table).await,
            Self::Texts => texts::measure(table, sizes.waiting_texts).await,
            Self::Webhooks => webhooks::measure(table).await,
            Self::Backlog => backlog::measure(table, sizes.most_pending).await,
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::WholePath => "whole-path",
            Self::Playing => "playing",
            Self::Transports => "transports",
            Self::Protected => "protected",
            Self::Rooms => "rooms",
            Self::Parts => "parts",
            Self::Registrations => "registrations",
            Self::Creates => "creates",
            Self::Faces => "faces",
            Self::Callfiles => "callfiles",
            Self::Spool => "spool",
            Self::Texts => "texts",
            Self::Webhooks => "webhooks",
            Self::Backlog => "backlog",
        }
    }
}

/// Short measurements are taken so often, and the middle one is shown.
const TIMES: usize = 3;
