//! `outdial recordings`.

use std::{path::PathBuf, time::Duration};

use clap::Subcommand;
use outdial_flow::fields::duration;

#[derive(Debug, Subcommand)]
pub enum Recordings {
    /// List recordings, newest first
    List {
        /// Only those of this call
        #[arg(long)]
        call: Option<String>,
        /// How many
        #[arg(long, default_value_t = 20)]
        limit: u16,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Show one recording, with a link that opens its sound for a while
    Show {
        /// The recording
        id: String,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Record a call that talks from now on, or the room that it is in
    Start {
        /// The call
        #[arg(required_unless_present = "room")]
        call: Option<String>,
        /// Record this room instead; the recording belongs to the call that has been in it for longest
        #[arg(long, value_name = "NAME", conflicts_with_all = ["call", "channels"])]
        room: Option<String>,
        /// What the recording is called
        #[arg(long)]
        name: Option<String>,
        /// Whose voice goes where: mono, separate, party, other
        #[arg(long)]
        channels: Option<String>,
        /// The longest that it may become, as `1h`
        #[arg(long, value_name = "DURATION", value_parser = duration::parse)]
        most: Option<Duration>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Stop a recording: it is complete a moment later
    Stop {
        /// The recording
        id: String,
    },
    /// Pause a recording: what is said meanwhile is left out
    Pause {
        /// The recording
        id: String,
    },
    /// Go on with a recording that was paused
    Resume {
        /// The recording
        id: String,
    },
    /// Bring the sound of a recording into a file (WAV)
    Download {
        /// The recording
        id: String,
        /// The file, which must not be there; `ID.wav` when not given
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Delete a recording with its sound
    Delete {
        /// The recording
        id: String,
    },
}
