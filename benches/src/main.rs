//! How fast Outdial is and what it costs, next to peers in the same run, as one table.
//!
//! `script/bench` builds and starts it. Everything runs on loopback with programs of its own, and
//! nothing is left behind.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "it prints the table, and how far it is"
)]

mod bare_send;
mod client;
mod machine;
mod programs;
mod receiver;
mod rows;
mod sink;
mod table;

use std::{process::ExitCode, time::Instant};

use anyhow::{Context, Result};
use clap::Parser;
use tokio::signal::unix::{SignalKind, signal};

use crate::{
    rows::{Group, Sizes},
    table::Table,
};

#[derive(Debug, Parser)]
#[command(
    about = "How fast Outdial is and what it costs, next to peers in the same run",
    version
)]
struct Arguments {
    /// Measure only these; all but `backlog` when none is given
    groups: Vec<Group>,
    /// With how many calls pending `backlog` measures at most
    #[arg(long, value_name = "CALLS", default_value_t = 10_000_000)]
    most_pending: u64,
    /// Behind how many waiting texts `texts` sends urgent ones
    #[arg(long, value_name = "TEXTS", default_value_t = 20_000)]
    waiting_texts: usize,
    /// Print one JSON object instead of the table
    #[arg(long)]
    json: bool,
}

impl Arguments {
    fn sizes(&self) -> Sizes {
        Sizes {
            most_pending: self.most_pending,
            waiting_texts: self.waiting_texts,
        }
    }
}

fn main() -> Result<ExitCode> {
    let arguments = Arguments::parse();
    rustls::crypto::ring::default_provider()
        .install_default()
        .ok()
        .context("this is the first thing that is done, so no other TLS provider is installed")?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("start a runtime")?;
    // When it is dropped, all that it started ends.
    runtime.block_on(async {
        tokio::select! {
            code = Box::pin(run(&arguments)) => code,
            () = interrupted() => anyhow::bail!("interrupted"),
        }
    })
}

/// Waits until somebody wants this to end.
async fn interrupted() {
    let terminated = async {
        match signal(SignalKind::terminate()) {
            Ok(mut terminate) => terminate.recv().await,
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = terminated => {}
        _ = tokio::signal::ctrl_c() => {}
    }
}

async fn run(arguments: &Arguments) -> Result<ExitCode> {
    let groups = if arguments.groups.is_empty() {
        &Group::USUAL[..]
    } else {
        &arguments.groups
    };
    let started = Instant::now();
    let mut table = Table::default();
    let mut failed = false;
    table.note(context()?);
    for group in groups {
        eprintln!("bench: [{:3} s] {}", started.elapsed().as_secs(), group.name());
        let load = machine::load();
        let longest = group.longest();
        let measuring = Box::pin(group.measure(&mut table, arguments.sizes()));
        let measured = tokio::time::timeout(longest, measuring).await;
        if let Err(error) = measured.unwrap_or_else(|_| Err(anyhow::anyhow!("not done after {longest:?}"))) {
            failed = true;
            table.note(format!("{}: FAILED: {error:#}", group.name()));
        }
        let after = machine::load();
        table.note(format!(
            "{}: load of the machine {load} before, {after} after",
            group.name()
        ));
    }
    if arguments.json {
        println!("{}", table.json());
    } else {
        print!("{}", table.text());
    }
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// The machine, in words: figures of two runs compare only where it is the same.
fn context() -> Result<String> {
    let cores = std::thread::available_parallelism().context("count the processors")?;
    let syncs = machine::syncs_per_second(programs::folder()?.path())?;
    Ok(format!(
        "{cores} processors; the disk does {} fdatasyncs of 4 kB a second, one after the other",
        table::number(syncs)
    ))
}
