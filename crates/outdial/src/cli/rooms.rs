//! `outdial room` and `outdial rooms`.

use std::time::Duration;

use clap::{Args, Subcommand};
use outdial_flow::fields::duration;

#[derive(Debug, Args)]
pub struct Room {
    /// The room: letters, digits, `_`, `-`, `.`
    pub name: String,
    /// Whom to ring
    #[arg(required = true, value_name = "NUMBER")]
    pub participants: Vec<String>,
    /// Make the first of them the moderator: the room begins and ends with it
    #[arg(long)]
    pub moderated: bool,
    /// Record the room
    #[arg(long)]
    pub record: bool,
    /// The caller id to show
    #[arg(long, value_name = "NUMBER")]
    pub from: Option<String>,
    /// How long each phone rings, as `30s`
    #[arg(long, value_name = "DURATION", value_parser = duration::parse)]
    pub ring: Option<Duration>,
    /// How long each call may last, as `1h`
    #[arg(long, value_name = "DURATION", value_parser = duration::parse)]
    pub max: Option<Duration>,
    /// Free text, shown wherever the calls are shown
    #[arg(long)]
    pub tag: Option<String>,
    /// Use this trunk and no other
    #[arg(long, value_name = "TRUNK")]
    pub via: Option<String>,
    /// Wait until all their calls have ended, and exit with 0 only if all completed
    #[arg(long)]
    pub wait: bool,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Subcommand)]
pub enum Rooms {
    /// List the rooms that somebody is in
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Show who is in a room
    Show {
        /// The room
        name: String,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Let nobody else in, but for moderators
    Lock {
        /// The room
        name: String,
    },
    /// Let others in again
    Unlock {
        /// The room
        name: String,
    },
    /// Begin a room that waits for its moderator
    Begin {
        /// The room
        name: String,
    },
    /// Take a call out of a room
    Kick {
        /// The room
        name: String,
        /// The call
        call: String,
    },
    /// Take all out of a room
    End {
        /// The room
        name: String,
    },
}
