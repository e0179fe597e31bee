//! What tries things out: the demo, scripted phones, load and the doctor.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use clap::Args;
use outdial_flow::fields::duration;

use super::Action;

#[derive(Debug, Args)]
pub struct Demo {
    /// What the phone shall hear
    #[arg(
        long,
        default_value = "Hello from Outdial. Your parcel arrives today. Press one to confirm."
    )]
    pub say: String,
    /// Where to leave `heard.wav`, `timeline.txt` and `timeline.json`
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
    /// For trying the demo's own check: compare what was heard with another text
    #[arg(long, hide = true)]
    pub expect: Option<String>,
    /// For trying the demo's own check: the phone hears nothing
    #[arg(long, hide = true)]
    pub deaf: bool,
}

#[derive(Debug, Args)]
pub struct Handset {
    /// Where the phones listen (UDP)
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:5062")]
    pub listen: SocketAddr,
    /// Where the simulated SMSC takes texts over SMPP (TCP); nowhere if not given
    #[arg(long, value_name = "ADDRESS")]
    pub smpp: Option<SocketAddr>,
    /// What they do (TOML); without one, every number answers and listens
    #[arg(long, value_name = "FILE")]
    pub script: Option<PathBuf>,
    /// Where what they hear is kept
    #[arg(long, value_name = "DIR", default_value = "heard")]
    pub heard: PathBuf,
}

#[derive(Debug, Args)]
pub struct Load {
    /// Whom to call: `sip:100@127.0.0.1:5062`, or a number
    pub to: String,
    #[command(flatten)]
    pub action: Action,
    /// How many calls
    #[arg(long, default_value_t = 100)]
    pub calls: u32,
    /// How many calls are started each second
    #[arg(long, default_value_t = 10.0)]
    pub rate: f64,
    /// How many calls may be under way at once
    #[arg(long, default_value_t = 500)]
    pub concurrent: usize,
    /// How long each call rings at most
    #[arg(long, value_name = "DURATION", value_parser = duration::parse)]
    pub ring: Option<Duration>,
    /// How long each call is held before it is ended by us
    #[arg(long, value_name = "DURATION", value_parser = duration::parse)]
    pub hold: Option<Duration>,
    /// Use this trunk and no other
    #[arg(long, value_name = "TRUNK")]
    pub via: Option<String>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct Doctor {
    /// Look at this trunk only, and closely
    pub trunk: Option<String>,
    /// Really call this number by the trunk, best one that echoes; without it, the trunk's `test_number`
    #[arg(long, value_name = "NUMBER", requires = "trunk")]
    pub call: Option<String>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}
