//! `outdial webhook`.

use std::{net::SocketAddr, path::PathBuf};

use clap::{ArgGroup, Args, Subcommand};

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
#[group(skip)]
#[command(group(ArgGroup::new("what").required(true).args(["delivery", "call", "webhook"])))]
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
    #[arg(long, requires = "webhook", conflicts_with_all = ["delivery", "call"])]
    pub after: Option<i64>,
    /// The position of the last event
    #[arg(long, requires = "after")]
    pub through: Option<i64>,
    /// From this time on, as `YYYY-MM-DDThh:mm:ssZ`
    #[arg(long, requires = "webhook", conflicts_with_all = ["after", "delivery", "call"], value_name = "TIME")]
    pub from: Option<String>,
    /// Before this time
    #[arg(long, requires = "from", value_name = "TIME")]
    pub until: Option<String>,
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        replay: Replay,
    }

    #[test]
    fn a_range_is_given_with_its_webhook() {
        let read = |line: &str| Line::try_parse_from(std::iter::once("replay").chain(line.split_whitespace()));
        for good in [
            "--delivery dlv_1",
            "--call call_1",
            "--webhook hook_1 --from 2026-12-01T00:00:00Z --until 2026-12-02T00:00:00Z",
            "--webhook hook_1 --after 0 --through 5",
        ] {
            assert!(read(good).is_ok(), "{good}: {:?}", read(good));
        }
        for bad in [
            "",
            "--from 2026-12-01T00:00:00Z",
            "--call call_1 --webhook hook_1",
            "--call call_1 --after 1",
            "--webhook hook_1 --after 1 --from 2026-12-01T00:00:00Z",
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
