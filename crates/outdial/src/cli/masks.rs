//! `outdial masks`.

use std::time::Duration;

use clap::Subcommand;
use outdial_flow::fields::duration;

#[derive(Debug, Subcommand)]
pub enum Masks {
    /// Give two people a number of ours by which they reach each other
    #[command(alias = "create")]
    Add {
        /// One of the two
        one: String,
        /// The other one
        other: String,
        /// The number; one of the account's that is free for these two when it is not given
        #[arg(long)]
        number: Option<String>,
        /// What a caller must press to be connected: 3 to 10 digits
        #[arg(long, env = "OUTDIAL_MASK_PIN", hide_env_values = true, value_name = "DIGITS")]
        pin: Option<String>,
        /// How long it connects from now on, as `48h`
        #[arg(long, value_name = "DURATION", value_parser = duration::parse, conflicts_with = "expires")]
        lasts: Option<Duration>,
        /// At this time and later it connects nobody
        #[arg(long, value_name = "TIME")]
        expires: Option<String>,
        /// Free text, shown wherever it is shown
        #[arg(long)]
        tag: Option<String>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// List the pairs that still connect, newest first
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Show one pair
    Show {
        /// The mask
        id: String,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Remove a pair: its number connects the two no more, and calls that talk go on
    #[command(alias = "delete")]
    Remove {
        /// The mask
        id: String,
    },
}
