//! `outdial recordings`.

use std::path::PathBuf;

use clap::Subcommand;

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
