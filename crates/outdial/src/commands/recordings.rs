//! `outdial recordings`: lists, shows, starts, stops, brings and deletes recordings.

use std::{path::PathBuf, process::ExitCode};

use serde_json::{Value, json};

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
                let headings = ["RECORDING", "NAME", "STATE", "END", "SECONDS", "BEGUN", "CALL"];
                let fields = ["id", "name", "state", "end", "seconds", "begun_at", "call"];
                crate::output::say!("{}", render::table(&headings, &page["recordings"], &fields));
            }
        }
        Recordings::Show { id, json } => {
            let recording = client.get(&path(&id)).await?;
            show(&recording, json);
        }
        Recordings::Start {
            call,
            room,
            name,
            channels,
            most,
            json,
        } => {
            let mut wanted = json!({});
            let call = match (call, room) {
                (Some(call), _) => call,
                (None, Some(room)) => {
                    wanted["channels"] = json!("room");
                    wanted["name"] = json!(room);
                    eldest_in(client, &room).await?
                }
                // The command line takes no other.
                (None, None) => return Err(Failure::usage("give a call, or --room")),
            };
            for (field, value) in [("name", name), ("channels", channels)] {
                if let Some(value) = value {
                    wanted[field] = json!(value);
                }
            }
            if let Some(most) = most {
                wanted["most"] = json!(most.as_secs_f64());
            }
            let recording = client
                .post(&format!("/calls/{}/recordings", segment(&call)), &wanted)
                .await?;
            show(&recording, json);
        }
        Recordings::Stop { id } => change(client, &id, "stop").await?,
        Recordings::Pause { id } => change(client, &id, "pause").await?,
        Recordings::Resume { id } => change(client, &id, "resume").await?,
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

fn show(recording: &Value, json: bool) {
    if json {
        print_json(recording);
    } else {
        crate::output::write_out!("{}", render::recording_page(recording));
    }
}

/// Pauses, resumes or stops a recording.
async fn change(client: &Client, id: &str, action: &str) -> Result<(), Failure> {
    let recording = client.post(&format!("{}/{action}", path(id)), &json!({})).await?;
    show(&recording, false);
    Ok(())
}

/// The call that has been in a room for longest.
async fn eldest_in(client: &Client, room: &str) -> Result<String, Failure> {
    let room = client.get(&format!("/rooms/{}", segment(room))).await?;
    let eldest = room["members"][0]["call"].as_str().map(str::to_owned);
    eldest.ok_or_else(|| Failure::refused("nobody is in this room"))
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
