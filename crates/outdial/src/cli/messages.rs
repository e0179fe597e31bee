//! `outdial messages`.

use clap::Subcommand;

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
