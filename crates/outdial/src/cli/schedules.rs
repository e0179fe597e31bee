//! `outdial schedules`.

use std::time::Duration;

use clap::{Args, Subcommand};
use outdial_flow::fields::duration;

use super::{Action, PlanOptions};

/// What a change of a schedule can take away.
const CLEARABLE: [&str; 14] = [
    "name", "skip", "until", "lasts", "from", "via", "hours", "retry", "tag", "start", "grace", "ring", "max",
    "priority",
];

/// What a schedule is called, and between which times it occurs.
#[derive(Debug, Args)]
pub struct Bounds {
    /// What to call it
    #[arg(long)]
    pub name: Option<String>,
    /// Not before this time
    #[arg(long, value_name = "TIME")]
    pub start: Option<String>,
    /// Not at this time or later
    #[arg(long, value_name = "TIME")]
    pub until: Option<String>,
    /// How long after its occurrence a call may still be dialled, as `2h`
    #[arg(long, value_name = "DURATION", value_parser = duration::parse)]
    pub lasts: Option<Duration>,
    /// How late an occurrence may be made when no server ran at its time, as `5m`
    #[arg(long, value_name = "DURATION", value_parser = duration::parse)]
    pub grace: Option<Duration>,
}

#[derive(Debug, Subcommand)]
pub enum Schedules {
    /// Add a schedule
    Add {
        /// Whom to call
        to: String,
        /// When: minute, hour, day of the month, month, day of the week, as `30 9 * * mon-fri`
        #[arg(long, value_name = "EXPRESSION")]
        cron: String,
        /// By the clock of this zone, as `Asia/Singapore`
        #[arg(long)]
        zone: String,
        /// Not on these days, as `2030-12-25`; several by comma
        #[arg(long, value_name = "DAY", value_delimiter = ',')]
        skip: Vec<String>,
        #[command(flatten)]
        bounds: Bounds,
        #[command(flatten)]
        action: Action,
        #[command(flatten)]
        plan: Box<PlanOptions>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Change a schedule; the calls that it made stay
    Change {
        /// The schedule
        id: String,
        /// Only if it still has this version
        #[arg(long, value_name = "NUMBER")]
        version: Option<u32>,
        /// Whom to call
        #[arg(long)]
        to: Option<String>,
        /// When: minute, hour, day of the month, month, day of the week
        #[arg(long, value_name = "EXPRESSION")]
        cron: Option<String>,
        /// By the clock of this zone
        #[arg(long)]
        zone: Option<String>,
        /// Not on these days, and on no others; several by comma
        #[arg(long, value_name = "DAY", value_delimiter = ',')]
        skip: Vec<String>,
        #[command(flatten)]
        bounds: Bounds,
        #[command(flatten)]
        action: Action,
        #[command(flatten)]
        plan: Box<PlanOptions>,
        /// Take this away: name, skip, until, lasts, from, via, hours, retry, tag; or bring back what is
        /// usual: start, grace, ring, max, priority; several by comma
        #[arg(long, value_name = "FIELD", value_delimiter = ',', value_parser = CLEARABLE)]
        clear: Vec<String>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// List schedules, newest first
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Show one schedule
    Show {
        /// The schedule
        id: String,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Let a schedule rest
    Pause {
        /// The schedule
        id: String,
    },
    /// Let a schedule go on
    Resume {
        /// The schedule
        id: String,
    },
    /// Remove a schedule; the calls that it made stay
    Remove {
        /// The schedule
        id: String,
    },
}
