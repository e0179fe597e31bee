//! The `outdial` program.
#![expect(
    unreachable_pub,
    reason = "a program exports nothing; `pub` marks what its modules share"
)]

mod cli;
mod client;
mod commands;
mod config;
mod data_dir;
mod exit;
mod output;
mod render;
mod server;

use std::process::ExitCode;

use clap::Parser;

use crate::{cli::Arguments, exit::Failure};

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    init_logging(&arguments);
    rustls::crypto::ring::default_provider()
        .install_default()
        .expect("the first thing that the program does, so no other provider is installed");
    // Every live call has two sockets. What the system does not allow shows when they run out.
    let _ = rlimit::increase_nofile_limit(u64::MAX);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let result = match runtime {
        Ok(runtime) => {
            let result = runtime.block_on(Box::pin(commands::run(arguments)));
            // A blocking read of a terminal or a resolver must not keep the program from ending.
            runtime.shutdown_background();
            result
        }
        Err(error) => Err(Failure::start(format!("the program cannot start its threads: {error}"))),
    };
    match result {
        Ok(code) => code,
        Err(failure) => {
            output::tell!("outdial: {failure}");
            failure.code()
        }
    }
}

/// `OUTDIAL_LOG` chooses what is logged, in the syntax of `tracing-subscriber`. Logs go to standard
/// error, so that standard output stays what a script may read.
fn init_logging(arguments: &Arguments) {
    let default = if arguments.is_server() { "info" } else { "error" };
    let wanted = std::env::var("OUTDIAL_LOG").unwrap_or_else(|_| default.to_owned());
    let filter = tracing_subscriber::EnvFilter::try_new(&wanted).unwrap_or_else(|error| {
        output::tell!("outdial: OUTDIAL_LOG is not understood ({error}); using `{default}`");
        tracing_subscriber::EnvFilter::new(default)
    });
    // The SIP library logs whole messages, credentials included.
    let quiet = "rsipstack=error".parse().expect("a directive that is written right");
    let filter = filter.add_directive(quiet);
    let ansi = std::io::IsTerminal::is_terminal(&std::io::stderr());
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(ansi)
        .init();
}
