//! `outdial sms` and `outdial messages`.

use std::{path::PathBuf, time::Duration};

use clap::{Args, Subcommand};
use outdial_flow::fields::duration;

#[derive(Debug, Args)]
pub struct Sms {
    /// Who shall have it, as +6598765432
    pub to: String,
    /// What it says
    pub text: String,
    /// Who sends it: a number of the account, or a name
    #[arg(long, value_name = "SENDER")]
    pub from: Option<String>,
    /// How urgent it is: high, normal, low
    #[arg(long)]
    pub priority: Option<String>,
    /// Not before this time (RFC 3339); one that is past by at most an hour means now
    #[arg(long, value_name = "TIME", conflicts_with = "within")]
    pub at: Option<String>,
    /// Not before so much time has passed, as 90s, 10m, 2h
    #[arg(long = "in", value_name = "TIME", value_parser = duration::parse)]
    pub within: Option<Duration>,
    /// For how long it may be delivered, as 10m, 2h
    #[arg(long, value_name = "TIME", value_parser = duration::parse)]
    pub validity: Option<Duration>,
    /// Send only within these hours, as `mon-fri 09:00-18:00; sat 10:00-12:00 in Asia/Singapore`; without `in` and a
    /// zone, by the clock of whom it is for
    #[arg(long, value_name = "HOURS")]
    pub hours: Option<String>,
    /// The only trunk to use
    #[arg(long, value_name = "TRUNK")]
    pub via: Option<String>,
    /// Let plain characters stand for typographic ones where that saves parts
    #[arg(long)]
    pub smart: bool,
    /// Free text, echoed everywhere
    #[arg(long)]
    pub tag: Option<String>,
    /// Wait for what becomes of it, and exit with 0 only if it was delivered
    #[arg(long)]
    pub wait: bool,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Subcommand)]
pub enum Messages {
    /// List messages, newest first
    List {
        /// Only messages in this state: scheduled, queued, sending, submitted, delivered, …
        #[arg(long)]
        state: Option<String>,
        /// Only those that were sent, or that came in: outgoing, incoming
        #[arg(long)]
        direction: Option<String>,
        /// Only messages with this tag
        #[arg(long)]
        tag: Option<String>,
        /// Only messages to this number
        #[arg(long)]
        to: Option<String>,
        /// How many
        #[arg(long, default_value_t = 20)]
        limit: u16,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Show one message
    Show {
        /// The message
        id: String,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Take a message back that has not left
    Cancel {
        /// The message
        id: String,
    },
    /// Show what happens as it happens
    Watch {
        /// Only to this message, until nothing follows
        id: Option<String>,
        /// Print JSON, one event a line
        #[arg(long)]
        json: bool,
    },
    /// List who wants no texts, put numbers on that list, or take them off it
    DoNotDisturb {
        /// Put this number on the list; may be given several times
        #[arg(long, value_name = "NUMBER")]
        add: Vec<String>,
        /// Take this number off the list; may be given several times
        #[arg(long, value_name = "NUMBER")]
        remove: Vec<String>,
        /// Put the numbers of this file on the list, one a line; - for the standard input
        #[arg(long, value_name = "FILE")]
        import: Option<PathBuf>,
        /// Print JSON, one entry a line
        #[arg(long)]
        json: bool,
    },
    /// Say how a text would be sent: its encoding and its parts. Needs no server
    Preview {
        /// The text
        text: String,
        /// Let plain characters stand for typographic ones where that saves parts
        #[arg(long)]
        smart: bool,
        /// How the trunk tells that parts belong together
        #[arg(long, value_name = "WAY", default_value = "udh8", value_parser = ["udh8", "udh16", "sar", "message_payload"])]
        concatenation: String,
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
}
