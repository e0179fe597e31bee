//! `outdial call`, `outdial calls` and `outdial explain`.

use std::{path::PathBuf, time::Duration};

use clap::{Args, Subcommand};
use outdial_flow::fields::duration;

use super::{Action, PlanOptions, Times};

/// What a change of a call can take away.
const CLEARABLE: [&str; 10] = [
    "from", "via", "at", "expires", "hours", "retry", "tag", "ring", "max", "priority",
];

#[derive(Debug, Args)]
pub struct Call {
    /// Whom to call: `+6598765432`, `100`, `sip:bob@127.0.0.1:5062`
    pub to: String,
    #[command(flatten)]
    pub action: Action,
    #[command(flatten)]
    pub times: Times,
    #[command(flatten)]
    pub plan: PlanOptions,
    /// Record the call from its answer to its end (`outdial recordings` has it)
    #[arg(long)]
    pub record: bool,
    /// Wait for the end, and exit with 0 only if the call completed
    #[arg(long)]
    pub wait: bool,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Subcommand)]
pub enum Calls {
    /// List calls, newest first
    List {
        /// Only calls in this state: scheduled, queued, active, ended
        #[arg(long)]
        state: Option<String>,
        /// Only calls that ended so: completed, busy, no_answer, …
        #[arg(long)]
        outcome: Option<String>,
        /// Only calls with this tag
        #[arg(long)]
        tag: Option<String>,
        /// Only calls to this address
        #[arg(long)]
        to: Option<String>,
        /// How many
        #[arg(long, default_value_t = 20)]
        limit: u16,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Show one call
    Show {
        /// The call
        id: String,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Change a call until it is dialled
    Change {
        /// The call
        id: String,
        /// Whom to call instead
        #[arg(long)]
        to: Option<String>,
        #[command(flatten)]
        action: Action,
        #[command(flatten)]
        times: Box<Times>,
        #[command(flatten)]
        plan: Box<PlanOptions>,
        /// Take this away: from, via, at, expires, hours, retry, tag; or bring back what is usual: ring, max,
        /// priority; several by comma
        #[arg(long, value_name = "FIELD", value_delimiter = ',', value_parser = CLEARABLE)]
        clear: Vec<String>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// End a call, or prevent it
    Hangup {
        /// The call
        id: String,
        /// Why, for its events and its ending
        #[arg(long, value_name = "TEXT")]
        why: Option<String>,
    },
    /// Have a call that talks do something else
    Control {
        /// The call
        id: String,
        #[command(flatten)]
        order: Order,
        /// Why, for its events
        #[arg(long, value_name = "TEXT")]
        why: Option<String>,
    },
    /// Show events as they happen, of one call or of all
    Watch {
        /// The call; all calls when none is given
        id: Option<String>,
        /// Print one JSON object per line
        #[arg(long)]
        json: bool,
    },
}

/// What a call that talks shall do: one of these.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub struct Order {
    /// Keep what it says from whoever it is with
    #[arg(long)]
    pub mute: bool,
    /// Let it through again
    #[arg(long)]
    pub unmute: bool,
    /// Put it on hold
    #[arg(long)]
    pub hold: bool,
    /// Take it back from hold
    #[arg(long)]
    pub resume: bool,
    /// Press these keys
    #[arg(long, value_name = "DIGITS")]
    pub send_digits: Option<String>,
    /// Let it hear this text now
    #[arg(long, value_name = "TEXT")]
    pub say: Option<String>,
    /// Let it hear this audio file now (it is uploaded), or an audio id
    #[arg(long, value_name = "FILE")]
    pub play: Option<String>,
    /// Stop what it hears
    #[arg(long)]
    pub stop_playing: bool,
    /// Run this flow instead: a JSON file
    #[arg(long, value_name = "FILE")]
    pub redirect: Option<String>,
    /// Connect it with this number instead
    #[arg(long, value_name = "NUMBER")]
    pub transfer: Option<String>,
    /// Let it last so much longer from now on, and no longer
    #[arg(long, value_name = "DURATION", value_parser = duration::parse)]
    pub limit: Option<Duration>,
}

#[derive(Debug, Args)]
pub struct Explain {
    /// The call or the message
    pub id: String,
    /// Show numbers and names whole (the key needs the scope `unmasked` or `admin`)
    #[arg(long)]
    pub unmasked: bool,
    /// Write its SIP messages to this file (pcapng, for Wireshark, tcpdump and sngrep) instead of telling
    /// the story; sound is not kept
    #[arg(long, value_name = "FILE", conflicts_with = "json")]
    pub pcap: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}
