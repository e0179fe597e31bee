use std::{path::PathBuf, time::Duration};

use clap::{ArgAction, ArgGroup, Args, Subcommand, builder::BoolishValueParser};
use outdial_callfile::{Channel, FileName, Spool, Variable};
use outdial_flow::fields::duration;

use crate::cli::from_now;

#[derive(Debug, Subcommand)]
pub enum Callfile {
    /// Write a call file into Asterisk's spool directory
    Write(Box<Write>),
    /// Explain what Asterisk would do with a file, line by line
    Check(Check),
    /// Put call files that were written elsewhere into Asterisk's spool directory, safely
    Spool(SpoolFiles),
}

#[derive(Debug, Args)]
#[command(group = ArgGroup::new("action").required(true).multiple(false).args(["application", "extension"]))]
pub struct Write {
    /// Whom to ring: `Local/100@from-internal`, `PJSIP/6598765432@provider`, `DAHDI/g1/98765432`
    #[arg(long, value_parser = Channel::raw)]
    pub channel: Channel,
    /// Run this dialplan application after the answer
    #[arg(long, value_name = "NAME")]
    pub application: Option<String>,
    /// The application's argument
    #[arg(id = "argument", long = "data", value_name = "TEXT", requires = "application")]
    pub data: Option<String>,
    /// Go to this extension of the dialplan after the answer
    #[arg(long, requires = "context")]
    pub extension: Option<String>,
    /// The extension's context
    #[arg(long, requires = "extension")]
    pub context: Option<String>,
    /// The extension's priority
    #[arg(long, requires = "extension", default_value_t = 1)]
    pub priority: u32,
    /// Go to the extension at the first sound, before the answer
    #[arg(long, requires = "extension")]
    pub early_media: bool,
    /// What the called phone shows: `"Name" <number>`
    #[arg(long, value_name = "TEXT", conflicts_with_all = ["caller_name", "caller_number"])]
    pub caller_id: Option<String>,
    /// The name that the called phone shows
    #[arg(long, value_name = "NAME")]
    pub caller_name: Option<String>,
    /// The number that the called phone shows
    #[arg(long, value_name = "NUMBER")]
    pub caller_number: Option<String>,
    /// How long the phone rings, as `45s`
    #[arg(long, value_name = "DURATION", default_value = "45s", value_parser = seconds)]
    pub wait_time: u32,
    /// How often it is tried again
    #[arg(long, value_name = "COUNT", default_value_t = 0)]
    pub max_retries: i32,
    /// How long Asterisk waits between attempts, roughly
    #[arg(long, value_name = "DURATION", default_value = "300s", value_parser = seconds)]
    pub retry_time: u32,
    /// Account code for the call's record
    #[arg(long)]
    pub account: Option<String>,
    /// Codecs that may be used, separated by commas
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub codecs: Vec<String>,
    /// Set a variable of the channel; may be given many times
    #[arg(long, value_name = "NAME=VALUE", value_parser = variable)]
    pub set: Vec<Variable>,
    /// Remove the file after the call even if its time lies in the future
    #[arg(long, value_name = "YES_NO", default_value = "yes", action = ArgAction::Set, value_parser = BoolishValueParser::new())]
    pub always_delete: bool,
    /// Keep the finished file, from which the result is read
    #[arg(long, value_name = "YES_NO", default_value = "yes", action = ArgAction::Set, value_parser = BoolishValueParser::new())]
    pub archive: bool,
    #[command(flatten)]
    pub time: Time,
    #[command(flatten)]
    pub place: Place,
    /// The name of the file; refused when it is in the queue or the archive
    #[arg(long)]
    pub name: Option<FileName>,
    /// Print the file instead of spooling it; with `--json` as `callfile spool` takes it
    #[arg(long, conflicts_with = "wait")]
    pub print: bool,
    /// Wait for the end of the call, and exit with 0 only if it was answered; what the application or the extension
    /// did then, Asterisk does not tell
    #[arg(long)]
    pub wait: bool,
    /// Wait no longer than this
    #[arg(long, value_name = "DURATION", requires = "wait", value_parser = duration::parse)]
    pub limit: Option<Duration>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// When a call is due.
#[derive(Debug, Clone, Args)]
pub struct Time {
    /// When Asterisk shall place the call, with its zone: `2026-12-01T01:00:00+08:00`
    #[arg(long, value_name = "TIME", conflicts_with = "in_")]
    pub at: Option<String>,
    /// How long from now, as `1h`
    #[arg(long = "in", value_name = "DURATION", allow_hyphen_values = true, value_parser = from_now)]
    pub in_: Option<Duration>,
}

/// Where and how files are put.
#[derive(Debug, Args)]
pub struct Place {
    /// Asterisk's queue: `outgoing` in its spool directory
    #[arg(long, value_name = "DIR", default_value = Spool::DEFAULT_DIR)]
    pub spool: PathBuf,
    /// Write files here first; on the same file system. One is made when not given
    #[arg(long, value_name = "DIR")]
    pub staging: Option<PathBuf>,
    /// Give the file to this user, instead of the owner of the spool directory
    #[arg(long)]
    pub user: Option<String>,
    /// Give the file to this group
    #[arg(long)]
    pub group: Option<String>,
    /// Leave the file to whoever runs this
    #[arg(long, conflicts_with_all = ["user", "group"])]
    pub keep_owner: bool,
    /// The file's mode, in octal
    #[arg(long, default_value = "0640", value_parser = octal)]
    pub mode: u32,
    /// Do not wait until the file is on the disk
    #[arg(long)]
    pub no_sync: bool,
}

#[derive(Debug, Args)]
pub struct Check {
    /// The files; `-` is the standard input
    #[arg(required = true)]
    pub files: Vec<PathBuf>,
    /// Exit with 1 also when Asterisk would place the call, but not all is as it seems
    #[arg(long)]
    pub strict: bool,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct SpoolFiles {
    /// Call files, or JSON (`*.json`) with one call or a list of calls. They stay where they are
    #[arg(required = true)]
    pub files: Vec<PathBuf>,
    #[command(flatten)]
    pub time: Time,
    #[command(flatten)]
    pub place: Place,
    /// Refuse files in which not all is as it seems
    #[arg(long)]
    pub strict: bool,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// Whole seconds, with or without a unit.
fn seconds(text: &str) -> Result<u32, String> {
    if let Ok(seconds) = text.parse() {
        return Ok(seconds);
    }
    let length = duration::parse(text).map_err(|error| error.to_string())?;
    if length.subsec_nanos() > 0 {
        return Err("Asterisk counts whole seconds".to_owned());
    }
    u32::try_from(length.as_secs()).map_err(|_| "it is out of range".to_owned())
}

fn octal(text: &str) -> Result<u32, String> {
    match u32::from_str_radix(text, 8) {
        Ok(mode) if mode <= 0o777 && mode & 0o600 != 0o600 => {
            Err("let its owner read and write it, as by 0640: Asterisk destroys a file \
                                                         that it cannot read, and writes the result into it"
                .to_owned())
        }
        Ok(mode) if mode <= 0o777 => Ok(mode),
        _ => Err("write it in octal, as 0640".to_owned()),
    }
}

fn variable(text: &str) -> Result<Variable, String> {
    let (name, value) = text.split_once('=').ok_or("write it as NAME=VALUE")?;
    Ok(Variable::new(name, value))
}
