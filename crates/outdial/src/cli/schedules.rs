//! `outdial schedules`.

use clap::Subcommand;

use super::{Action, PlanOptions};

#[derive(Debug, Subcommand)]
#[expect(
    clippy::large_enum_variant,
    reason = "there is one of it, and it lives as long as the command"
)]
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
        /// What to call it
        #[arg(long)]
        name: Option<String>,
        /// Not at this time or later
        #[arg(long, value_name = "TIME")]
        until: Option<String>,
        #[command(flatten)]
        action: Action,
        #[command(flatten)]
        plan: Box<PlanOptions>,
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
