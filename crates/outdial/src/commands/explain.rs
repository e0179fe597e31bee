//! `outdial explain`: the whole story of a call.

use std::process::ExitCode;

use super::{Connection, print_json, segment};
use crate::{cli::Common, exit::Failure, render, server::Role};

pub(super) async fn run(common: &Common, id: &str, unmasked: bool, json: bool) -> Result<ExitCode, Failure> {
    let connection = Connection::open(common, Role::Reading).await?;
    let query = if unmasked { "?unmasked=true" } else { "" };
    let path = format!("/calls/{}/explain{query}", segment(id));
    let story = connection.client.get(&path).await;
    connection.close().await;
    let story = story?;
    if json {
        print_json(&story);
    } else {
        crate::output::write_out!("{}", render::story(&story));
    }
    Ok(ExitCode::SUCCESS)
}
