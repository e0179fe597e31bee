//! The command line: every command and its options.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use clap::{Args, Parser, Subcommand};
use outdial_flow::fields::duration;

/// Programmable telephony that you host yourself.
#[derive(Debug, Parser)]
#[command(name = "outdial", version, after_help = EXIT_CODES)]
pub struct Arguments {
    #[command(flatten)]
    pub common: Common,
    #[command(subcommand)]
    pub command: Command,
}

const EXIT_CODES: &str = "Exit codes: 0 done (a call that was waited for completed); 1 another result than wanted; \
    2 wrong arguments or configuration; 3 the server refused; 4 cannot start or cannot be reached.";

/// Options of every command.
#[derive(Debug, Clone, Args)]
pub struct Common {
    /// The configuration file
    #[arg(long, global = true, env = "OUTDIAL_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// The data directory
    #[arg(
        long,
        global = true,
        env = "OUTDIAL_DATA",
        value_name = "DIR",
        default_value = "outdial-data"
    )]
    pub data: PathBuf,
    /// The server to use, instead of the one that runs with the data directory
    #[arg(long, global = true, env = "OUTDIAL_URL", value_name = "URL")]
    pub url: Option<String>,
    /// The key for that server
    #[arg(
        long,
        global = true,
        env = "OUTDIAL_KEY",
        value_name = "SECRET",
        hide_env_values = true
    )]
    pub key: Option<String>,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Ring a built-in phone over real SIP, speak, hear a key pressed, show why each step happened
    Demo(Demo),
    /// Run the server
    Serve,
    /// Call somebody
    Call(Call),
    /// List, show, watch and end calls
    Calls {
        #[command(subcommand)]
        command: Calls,
    },
    /// Ring numbers into a room, where all hear each other
    Room(Room),
    /// List, show, lock and end rooms
    Rooms {
        #[command(subcommand)]
        command: Rooms,
    },
    /// Look at texts
    Messages {
        #[command(subcommand)]
        command: Messages,
    },
    /// List, show, download and delete recordings
    Recordings {
        #[command(subcommand)]
        command: Recordings,
    },
    /// Call again and again
    Schedules {
        #[command(subcommand)]
        command: Schedules,
    },
    /// Tell the whole story of a call
    Explain(Explain),
    /// Run scripted phones
    Handset(Handset),
    /// Place many calls at a rate and report
    Load(Load),
    /// List and add accounts
    Accounts {
        #[command(subcommand)]
        command: Accounts,
    },
    /// List, add and remove keys
    Keys {
        #[command(subcommand)]
        command: Keys,
    },
    /// Receive, check and repeat notifications of webhooks
    Webhook {
        #[command(subcommand)]
        command: Webhook,
    },
    /// Prove that speech, database, SIP, media and trunks work, and say what to mend
    Doctor(Doctor),
    /// Examine the state, back it up and bring it back
    Store {
        #[command(subcommand)]
        command: Store,
    },
    /// Write, check and spool Asterisk call files, without a server
    Callfile {
        /// Stands here so that `--data` of `callfile write` can be the application's: an option of
        /// this name is not handed down any further
        #[arg(id = "data", long = "data-directory", hide = true)]
        unused: Option<PathBuf>,
        #[command(subcommand)]
        command: crate::commands::callfile::Callfile,
    },
    /// Print the description of the API (OpenAPI 3.1, JSON)
    Openapi,
    /// Print the commented example configuration
    Config,
}

impl Arguments {
    /// Whether this runs until it is stopped, so that its log is worth reading.
    pub fn is_server(&self) -> bool {
        matches!(
            self.command,
            Command::Serve
                | Command::Handset(_)
                | Command::Webhook {
                    command: Webhook::Listen(_)
                }
        )
    }
}

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

/// When a call is dialled, how often, and how.
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
    /// Call at this time, as `2030-01-31T09:00:00+08:00`
    #[arg(long, value_name = "TIME", conflicts_with = "in_")]
    pub at: Option<String>,
    /// Call when so much time has passed, as `90m`
    #[arg(id = "in_", long = "in", value_name = "DURATION", value_parser = duration::parse)]
    pub within: Option<Duration>,
    /// Do not call at this time or later
    #[arg(long, value_name = "TIME")]
    pub expires: Option<String>,
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

#[derive(Debug, Args)]
pub struct Call {
    /// Whom to call: `+6598765432`, `100`, `sip:bob@127.0.0.1:5062`
    pub to: String,
    #[command(flatten)]
    pub action: Action,
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
        plan: Box<PlanOptions>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// End a call, or prevent it
    Hangup {
        /// The call
        id: String,
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
pub struct Room {
    /// The room: letters, digits, `_`, `-`, `.`
    pub name: String,
    /// Whom to ring
    #[arg(required = true, value_name = "NUMBER")]
    pub participants: Vec<String>,
    /// Make the first of them the moderator: the room begins and ends with it
    #[arg(long)]
    pub moderated: bool,
    /// The caller id to show
    #[arg(long, value_name = "NUMBER")]
    pub from: Option<String>,
    /// How long each phone rings, as `30s`
    #[arg(long, value_name = "DURATION", value_parser = duration::parse)]
    pub ring: Option<Duration>,
    /// How long each call may last, as `1h`
    #[arg(long, value_name = "DURATION", value_parser = duration::parse)]
    pub max: Option<Duration>,
    /// Free text, shown wherever the calls are shown
    #[arg(long)]
    pub tag: Option<String>,
    /// Use this trunk and no other
    #[arg(long, value_name = "TRUNK")]
    pub via: Option<String>,
    /// Wait until all their calls have ended, and exit with 0 only if all completed
    #[arg(long)]
    pub wait: bool,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Subcommand)]
pub enum Rooms {
    /// List the rooms that somebody is in
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Show who is in a room
    Show {
        /// The room
        name: String,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Let nobody else in, but for moderators
    Lock {
        /// The room
        name: String,
    },
    /// Let others in again
    Unlock {
        /// The room
        name: String,
    },
    /// Begin a room that waits for its moderator
    Begin {
        /// The room
        name: String,
    },
    /// Take a call out of a room
    Kick {
        /// The room
        name: String,
        /// The call
        call: String,
    },
    /// Take all out of a room
    End {
        /// The room
        name: String,
    },
}

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

#[derive(Debug, Args)]
pub struct Explain {
    /// The call
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

#[derive(Debug, Subcommand)]
pub enum Messages {
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

#[derive(Debug, Subcommand)]
pub enum Accounts {
    /// List accounts
    List,
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
pub enum Webhook {
    /// Run a receiver that prints what it is told, and checks the signatures
    Listen(Listen),
    /// Check the signature of a notification: exit code 0 if it fits, 1 if not
    Verify(Verify),
    /// Tell receivers again: one delivery, one call, or what a webhook was to be told of in a range
    Replay(Replay),
}

#[derive(Debug, Args)]
pub struct Listen {
    /// Where to listen
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8800")]
    pub bind: SocketAddr,
    /// What notifications are signed with; others are answered with 401
    #[arg(long, env = "OUTDIAL_WEBHOOK_SECRET", value_name = "SECRET", hide_env_values = true)]
    pub secret: Option<String>,
    /// The HTTP status to answer with, to see what happens
    #[arg(long, default_value_t = 204)]
    pub answer: u16,
    /// Print one JSON object per line
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct Verify {
    /// What it should be signed with
    #[arg(long, env = "OUTDIAL_WEBHOOK_SECRET", value_name = "SECRET", hide_env_values = true)]
    pub secret: String,
    /// The file with the headers of the notification, one a line
    #[arg(long, value_name = "FILE")]
    pub headers: PathBuf,
    /// The file with its body
    #[arg(long, value_name = "FILE")]
    pub body: PathBuf,
    /// Take it whenever it was sent, not only within five minutes
    #[arg(long)]
    pub any_age: bool,
}

#[derive(Debug, Args)]
#[group(id = "what", required = true, multiple = false, args = ["delivery", "call", "webhook"])]
pub struct Replay {
    /// The event of this delivery
    #[arg(long, value_name = "ID")]
    pub delivery: Option<String>,
    /// All events of this call, to the receiver that it names
    #[arg(long, value_name = "ID")]
    pub call: Option<String>,
    /// What this webhook was to be told of, in a range
    #[arg(long, value_name = "ID")]
    pub webhook: Option<String>,
    /// The position before the first event
    #[arg(long, requires = "webhook")]
    pub after: Option<i64>,
    /// The position of the last event
    #[arg(long, requires = "after")]
    pub through: Option<i64>,
    /// From this time on, as `2030-01-31T09:00:00Z`
    #[arg(long, requires = "webhook", conflicts_with = "after", value_name = "TIME")]
    pub from: Option<String>,
    /// Before this time
    #[arg(long, requires = "from", value_name = "TIME")]
    pub until: Option<String>,
}

#[derive(Debug, Subcommand)]
pub enum Store {
    /// Read everything and say what is wrong; a server may be running
    Check {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Write the state, uploads included, into one new file; a server may be running
    Backup {
        /// The file to make
        file: PathBuf,
    },
    /// Bring a backup back into a data directory that holds no state. What was due by now ends as
    /// `unknown`, because it may have been dialled after the backup was made
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
