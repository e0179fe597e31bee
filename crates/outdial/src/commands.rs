//! The commands, one file each, and how they find a server.

mod accounts;
mod call;
pub mod callfile;
mod calls;
mod demo;
mod doctor;
mod explain;
mod handset;
mod keys;
mod load;
mod masks;
mod messages;
mod recordings;
mod rooms;
mod schedules;
mod serve;
mod store;
mod webhook;

use std::process::ExitCode;

use crate::{
    cli::{Arguments, Command, Common},
    client::Client,
    config::{self, Config},
    data_dir::DataDir,
    exit::Failure,
    server::{Role, Server},
};

/// Runs the command.
///
/// # Errors
///
/// [`Failure`] with the exit code and what to tell the user.
pub async fn run(arguments: Arguments) -> Result<ExitCode, Failure> {
    let common = arguments.common;
    match arguments.command {
        Command::Demo(demo) => demo::run(&common, demo).await,
        Command::Serve => serve::run(&common).await,
        Command::Call(call) => call::run(&common, call).await,
        Command::Calls { command } => calls::run(&common, command).await,
        Command::Room(room) => rooms::open(&common, room).await,
        Command::Rooms { command } => rooms::run(&common, command).await,
        Command::Masks { command } => masks::run(&common, command).await,
        Command::Sms(sms) => messages::send(&common, sms).await,
        Command::Messages { command } => messages::run(&common, command).await,
        Command::Recordings { command } => recordings::run(&common, command).await,
        Command::Schedules { command } => schedules::run(&common, command).await,
        Command::Explain(explain) => explain::run(&common, explain).await,
        Command::Handset(handset) => handset::run(handset).await,
        Command::Load(load) => load::run(&common, load).await,
        Command::Accounts { command } => accounts::run(&common, command).await,
        Command::Keys { command } => keys::run(&common, command).await,
        Command::Webhook { command } => webhook::run(&common, command).await,
        Command::Doctor(doctor) => Box::pin(doctor::run(&common, doctor)).await,
        Command::Store { command } => Box::pin(store::run(&common, command)).await,
        Command::Callfile { command, .. } => callfile::run(command).await,
        Command::Openapi => {
            crate::output::say!("{}", outdial_faces::native::openapi_json());
            Ok(ExitCode::SUCCESS)
        }
        Command::Config => {
            crate::output::write_out!("{}", config::EXAMPLE);
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// A server to talk to: one that runs already, or one that this process runs for itself.
struct Connection {
    client: Client,
    own: Option<Server>,
}

impl Connection {
    /// Uses the server that is named or runs with the data directory; without one, starts one in
    /// this process, with the same configuration and a port of its own.
    async fn open(common: &Common, role: Role) -> Result<Self, Failure> {
        if let Some(url) = &common.url {
            let key = common
                .key
                .clone()
                .or_else(|| DataDir::key_of(&common.data))
                .ok_or_else(|| {
                    Failure::usage(format!("a key is needed for {url}: give it with --key or OUTDIAL_KEY"))
                })?;
            return Ok(Self {
                client: Client::new(url, &key)?,
                own: None,
            });
        }
        if let Some(url) = DataDir::running(&common.data) {
            let key = common.key.clone().or_else(|| DataDir::key_of(&common.data));
            let key = key.ok_or_else(|| Failure::usage("the key of the running server cannot be read: give --key"))?;
            return Ok(Self {
                client: Client::new(&url, &key)?,
                own: None,
            });
        }
        let mut config = Config::load(common.config.as_deref())?;
        config.server.bind.set_port(0);
        let server = Server::start(&config, &common.data, role).await?;
        Ok(Self {
            client: Client::new(&server.url, &server.key)?,
            own: Some(server),
        })
    }

    /// Ends the server of this process, if there is one.
    async fn close(self) {
        if let Some(server) = self.own {
            server.stop().await;
        }
    }
}

/// Pretty JSON, for `--json`.
fn print_json(value: &serde_json::Value) {
    crate::output::say!("{value:#}");
}

/// A segment of a path, with everything that would change the path escaped.
fn segment(text: &str) -> String {
    text.bytes().fold(String::new(), |path, byte| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'-' => path + char::from(byte).encode_utf8(&mut [0; 4]),
        other => format!("{path}%{other:02X}"),
    })
}
