//! What a call does, when, and how often: the same options wherever a plan is given.

use std::time::Duration;

use clap::Args;
use outdial_flow::fields::duration::{self, DurationError};

/// What a call does after the answer.
#[derive(Debug, Clone, Args)]
pub struct Action {
    /// Speak this text
    #[arg(long, value_name = "TEXT", group = "action")]
    pub say: Option<String>,
    /// Play this audio file (it is uploaded), or an audio id
    #[arg(long, value_name = "FILE", group = "action")]
    pub play: Option<String>,
    /// Run this flow: a JSON file, or the name of a flow in the configuration
    #[arg(long, value_name = "FLOW", group = "action")]
    pub flow: Option<String>,
    /// Ring this number then, and let the two talk; given several times, they are rung one after the other
    #[arg(long, value_name = "NUMBER", group = "action")]
    pub bridge: Vec<String>,
    /// Withhold the caller id from who is rung by --bridge
    #[arg(long, requires = "bridge")]
    pub private: bool,
    /// How long each of those rung by --bridge rings, as `20s`
    #[arg(long, requires = "bridge", value_name = "DURATION", value_parser = duration::parse)]
    pub bridge_ring: Option<Duration>,
    /// How long the two may talk, as `1h`
    #[arg(long, requires = "bridge", value_name = "DURATION", value_parser = duration::parse)]
    pub bridge_max: Option<Duration>,
    /// Enter this room
    #[arg(long, value_name = "NAME", group = "action")]
    pub room: Option<String>,
    /// Enter it muted
    #[arg(long, requires = "room")]
    pub muted: bool,
    #[command(flatten)]
    pub hand_over: HandOver,
}

const BY_ASTERISK: &str = "On a trunk to an Asterisk, with a key that has the scope hand_over";

/// Leaves the call to the Asterisk that carries it, in its own words.
#[derive(Debug, Clone, Args)]
pub struct HandOver {
    /// Run this application, as `Playback`
    #[arg(help_heading = BY_ASTERISK, long, value_name = "NAME", group = "action")]
    pub application: Option<String>,
    /// The application's argument
    #[arg(help_heading = BY_ASTERISK, long, value_name = "TEXT", requires = "application")]
    pub application_data: Option<String>,
    /// Go on in this context of the dialplan
    #[arg(help_heading = BY_ASTERISK, long, value_name = "CONTEXT", group = "action", requires = "extension")]
    pub context: Option<String>,
    /// The extension there
    #[arg(help_heading = BY_ASTERISK, long, value_name = "EXTENSION", requires = "context")]
    pub extension: Option<String>,
    /// The priority there; 1 when not given
    #[arg(help_heading = BY_ASTERISK, long, value_name = "NUMBER", requires = "context")]
    pub dialplan_priority: Option<u32>,
    /// Go there at the first sound, before the answer
    #[arg(help_heading = BY_ASTERISK, long, requires = "context")]
    pub early_media: bool,
    /// Set this variable of the channel; may be given several times
    #[arg(help_heading = BY_ASTERISK, long = "variable", value_name = "NAME=VALUE", value_parser = variable)]
    pub variables: Vec<(String, String)>,
}

fn variable(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("give NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

/// When one call is dialled. The calls of a schedule have times of their own.
#[derive(Debug, Args)]
pub struct Times {
    /// Call at this time, as `YYYY-MM-DDThh:mm:ss+08:00`; one that is past by at most an hour means now
    #[arg(long, value_name = "TIME", conflicts_with = "in_")]
    pub at: Option<String>,
    /// Call when so much time has passed, as `90m`
    #[arg(id = "in_", long = "in", value_name = "DURATION", allow_hyphen_values = true, value_parser = from_now)]
    pub within: Option<Duration>,
    /// Do not call at this time or later
    #[arg(long, value_name = "TIME")]
    pub expires: Option<String>,
}

/// Within which hours a call is dialled, how often, and how.
#[derive(Debug, Args)]
pub struct PlanOptions {
    /// The caller id to show
    #[arg(long, value_name = "NUMBER")]
    pub from: Option<String>,
    /// How long the phone rings, as `30s`
    #[arg(long, value_name = "DURATION", value_parser = duration::parse)]
    pub ring: Option<Duration>,
    /// How long the call may last, as `2m`
    #[arg(long, value_name = "DURATION", value_parser = duration::parse)]
    pub max: Option<Duration>,
    /// Try again so often, so far apart: `3/5m` after busy, no answer, congestion and failure;
    /// `busy=5/1m` after what is named; may be given several times
    #[arg(long, value_name = "[OUTCOMES=]N/DURATION")]
    pub retry: Vec<String>,
    /// Ring only within these hours, as `mon-fri 09:00-18:00; sat 10:00-12:00 in Asia/Singapore`; without
    /// `in` and a zone, by the clock of whom is rung
    #[arg(long, value_name = "HOURS")]
    pub hours: Option<String>,
    /// Free text, shown wherever the call is shown
    #[arg(long)]
    pub tag: Option<String>,
    /// How urgent it is beside others that wait: high, normal, low
    #[arg(long)]
    pub priority: Option<String>,
    /// Use this trunk and no other
    #[arg(long, value_name = "TRUNK")]
    pub via: Option<String>,
}

/// A length of time from now on.
pub(crate) fn from_now(text: &str) -> Result<Duration, String> {
    if text.trim_start().starts_with('-') {
        return Err("it is over already: give how long from now, as 5m, or leave --in out to call at once".to_owned());
    }
    duration::parse(text).map_err(|error| match error {
        DurationError::OutOfRange => "it is further away than time is counted: give less, as 5m or 48h".to_owned(),
        DurationError::Unit | DurationError::Form => error.to_string(),
    })
}
