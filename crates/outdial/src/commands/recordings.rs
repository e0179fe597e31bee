//! `outdial recordings`: lists, shows, brings and deletes recordings.

use std::{path::PathBuf, process::ExitCode};

use super::{Connection, print_json, segment};
use crate::{
    cli::{Common, Recordings},
    client::Client,
    exit::Failure,
    render,
    server::Role,
};

/// Bytes that are asked for at once, so that an hour of sound is never in memory.
const PIECE: u64 = 4 * 1024 * 1024;

pub(super) async fn run(common: &Common, command: Recordings) -> Result<ExitCode, Failure> {
    let role = match command {
        Recordings::Delete { .. } => Role::Changing,
        _ => Role::Reading,
    };
    let connection = Connection::open(common, role).await?;
    let result = answer(&connection.client, command).await;
    connection.close().await;
    result
}

async fn answer(client: &Client, command: Recordings) -> Result<ExitCode, Failure> {
    match command {
        Recordings::List { call, limit, json } => {
            let call = call.map(|call| format!("&call={}", segment(&call))).unwrap_or_default();
            let page = client.get(&format!("/recordings?limit={limit}{call}")).await?;
            if json {
                print_json(&page);
            } else {
                let headings = ["RECORDING", "NAME", "STATE", "SECONDS", "BEGUN", "CALL"];
                let fields = ["id", "name", "state", "seconds", "begun_at", "call"];
                crate::output::say!("{}", render::table(&headings, &page["recordings"], &fields));
            }
        }
        Recordings::Show { id, json } => {
            let recording = client.get(&path(&id)).await?;
            if json {
                print_json(&recording);
            } else {
                crate::output::write_out!("{}", render::recording_page(&recording));
            }
        }
        Recordings::Download { id, out } => {
            let out = out.unwrap_or_else(|| PathBuf::from(format!("{}.wav", segment(&id))));
            let bytes = download(client, &id, &out).await?;
            crate::output::tell!("{} ({bytes} bytes)", out.display());
        }
        Recordings::Delete { id } => {
            client.delete(&path(&id)).await?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Brings the sound into a file that is not there yet, piece by piece.
async fn download(client: &Client, id: &str, out: &std::path::Path) -> Result<u64, Failure> {
    use std::io::Write as _;
    let recording = client.get(&path(id)).await?;
    let Some(whole) = recording["bytes"].as_u64() else {
        return Err(Failure::refused(
            "this recording is under way: wait until it is complete, or stop it",
        ));
    };
    let failed = |error: std::io::Error| Failure::usage(format!("{}: {error}", out.display()));
    let mut file = std::fs::File::create_new(out).map_err(failed)?;
    let mut place = 0;
    while place < whole {
        let last = (place + PIECE).min(whole) - 1;
        let piece = client
            .download_part(&format!("{}/audio", path(id)), place, last)
            .await?;
        file.write_all(&piece).map_err(failed)?;
        place = last + 1;
    }
    Ok(whole)
}

fn path(id: &str) -> String {
    format!("/recordings/{}", segment(id))
}
