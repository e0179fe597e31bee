//! The command line: every command and its options, by subject.

mod administration;
mod calls;
mod masks;
mod messages;
mod plan;
mod recordings;
mod rooms;
mod schedules;
mod trying;
mod webhook;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

pub use administration::{Accounts, Keys, Store};
pub use calls::{Call, Calls, Explain, Order};
pub use masks::Masks;
pub use messages::{Messages, Sms};
pub(crate) use plan::from_now;
pub use plan::{Action, HandOver, PlanOptions, Times};
pub use recordings::Recordings;
pub use rooms::{Room, Rooms};
pub use schedules::{Bounds, Schedules};
pub use trying::{Demo, Doctor, Handset, Load};
pub use webhook::{Listen, Replay, Verify, Webhook};

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
    /// Let two people reach each other by a number of ours
    #[command(alias = "mask")]
    Masks {
        #[command(subcommand)]
        command: Masks,
    },
    /// Send a text
    Sms(Sms),
    /// List, show, watch and take back texts, and say who wants none
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
    /// Tell the whole story of a call or a text
    Explain(Explain),
    /// Run scripted phones
    Handset(Handset),
    /// Place many calls at a rate and report
    Load(Load),
    /// List and add accounts, and say how many calls they are allowed
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
