//! What is measured, a file for each group of rows.

mod callfiles;
mod creates;
mod idle;
mod playing;
mod whole_path;

use anyhow::Result;

use crate::table::Table;

/// A group of rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Group {
    /// The start, and the memory of a server that has nothing to do.
    Idle,
    /// From a request over HTTP to the BYE.
    WholePath,
    /// Calls that play a file.
    Playing,
    /// Calls accepted and on disk.
    Creates,
    /// Call files put into a spool directory.
    Callfiles,
}

impl Group {
    pub(crate) const ALL: [Self; 5] = [
        Self::Idle,
        Self::WholePath,
        Self::Playing,
        Self::Creates,
        Self::Callfiles,
    ];

    /// Adds its rows.
    pub(crate) async fn measure(self, table: &mut Table) -> Result<()> {
        match self {
            Self::Idle => idle::measure(table).await,
            Self::WholePath => whole_path::measure(table).await,
            Self::Playing => playing::measure(table).await,
            Self::Creates => creates::measure(table).await,
            Self::Callfiles => callfiles::measure(table),
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::WholePath => "whole-path",
            Self::Playing => "playing",
            Self::Creates => "creates",
            Self::Callfiles => "callfiles",
        }
    }
}

/// Short measurements are taken so often, and the middle one is shown.
const TIMES: usize = 3;
