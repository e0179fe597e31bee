//! `outdial explain`: the whole story of a call or a text, or the SIP messages of a call as a file.

use std::{io::Write, path::Path, process::ExitCode};

use super::{Connection, print_json, segment};
use crate::{
    cli::{Common, Explain},
    exit::Failure,
    render,
    server::Role,
};

pub(super) async fn run(common: &Common, explain: Explain) -> Result<ExitCode, Failure> {
    let Explain {
        id,
        unmasked,
        pcap,
        json,
    } = explain;
    let query = if unmasked { "?unmasked=true" } else { "" };
    let call = segment(&id);
    let of_message = id.starts_with("msg_");
    if of_message && pcap.is_some() {
        return Err(Failure::usage("a text has no SIP messages: leave --pcap out"));
    }
    let connection = Connection::open(common, Role::Reading).await?;
    let client = &connection.client;
    if let Some(file) = pcap {
        let captured = client.download(&format!("/calls/{call}/pcap{query}")).await;
        connection.close().await;
        keep(&file, &captured?)?;
        crate::output::say!("the SIP messages of {id} are in {}", file.display());
        return Ok(ExitCode::SUCCESS);
    }
    let kind = if of_message { "messages" } else { "calls" };
    let story = client.get(&format!("/{kind}/{call}/explain{query}")).await;
    connection.close().await;
    let story = story?;
    if json {
        print_json(&story);
    } else {
        let story = if of_message {
            render::message_story(&story)
        } else {
            render::story(&story)
        };
        crate::output::write_out!("{story}");
    }
    Ok(ExitCode::SUCCESS)
}

/// Writes what is private, so that nobody else on this machine can read it.
fn keep(file: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
        .open(file)
        .and_then(|mut file| file.write_all(bytes))
        .map_err(|error| Failure::start(format!("{} cannot be written: {error}", file.display())))
}
