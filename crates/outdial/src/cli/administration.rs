//! `outdial accounts`, `outdial keys` and `outdial store`.

use std::{path::PathBuf, time::Duration};

use clap::Subcommand;
use outdial_flow::fields::duration;

/// What can be limited.
const LIMITS: [&str; 3] = ["calls-per-second", "burst", "max-calls"];

#[derive(Debug, Subcommand)]
pub enum Accounts {
    /// List accounts, and how many calls they are allowed
    List,
    /// Show one account, and how many calls it is allowed
    Show {
        /// Its name
        name: String,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Change how many calls an account is allowed, at once and on all nodes
    Limit {
        /// Its name
        name: String,
        /// How many may begin in a second; 0 for any number
        #[arg(long, value_name = "NUMBER")]
        calls_per_second: Option<f64>,
        /// How many may begin at once after a pause
        #[arg(long, value_name = "NUMBER")]
        burst: Option<u32>,
        /// How many may be live at once; 0 for any number
        #[arg(long, value_name = "NUMBER")]
        max_calls: Option<u32>,
        /// Let this be as the configuration says: calls-per-second, burst, max-calls; several by comma
        #[arg(long, value_name = "LIMIT", value_delimiter = ',', value_parser = LIMITS)]
        clear: Vec<String>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Add an account
    Add {
        /// Its name
        name: String,
    },
}

#[derive(Debug, Subcommand)]
pub enum Keys {
    /// List the keys of an account
    List {
        /// The account
        #[arg(long, default_value = crate::config::DEFAULT_ACCOUNT)]
        account: String,
    },
    /// Add a key and print its secret, once
    Add {
        /// What to call it
        name: String,
        /// The account
        #[arg(long, default_value = crate::config::DEFAULT_ACCOUNT)]
        account: String,
        /// What it allows: read, calls, any_caller_id, hand_over, unmasked, admin; several by comma
        #[arg(long, value_delimiter = ',', default_value = "calls")]
        scope: Vec<String>,
        /// How long it is good, as `720h`; for ever when not given
        #[arg(long, value_name = "DURATION", value_parser = duration::parse)]
        expires_in: Option<Duration>,
    },
    /// Remove a key
    Remove {
        /// The key's id
        id: String,
        /// The account
        #[arg(long, default_value = crate::config::DEFAULT_ACCOUNT)]
        account: String,
    },
}

#[derive(Debug, Subcommand)]
pub enum Store {
    /// Read everything and say what is wrong; a server may be running
    Check {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Write the state, uploads included, into one new file; a server may be running. Recordings are files of their
    /// own: copy the directory `recordings` of the data directory, too
    Backup {
        /// The file to make
        file: PathBuf,
    },
    /// Bring a backup back into a data directory that holds no state. What was due by now ends as
    /// `unknown`, because it may have been dialled after the backup was made. Copy the directory `recordings` back, too
    Restore {
        /// The backup
        file: PathBuf,
        /// Nothing was dialled after the backup was made: what is due is to be dialled
        #[arg(long)]
        nothing_since: bool,
    },
    /// End as `unknown` what may have been dialled after a backup was made that is now restored: for
    /// PostgreSQL, after pg_restore and before the first server starts
    AfterRestore,
}
