//! `outdial room` and `outdial rooms`: rings numbers into rooms, and says who is in them.

use std::process::ExitCode;

use serde_json::{Value, json};

use super::{Connection, call::Ended, print_json, segment};
use crate::{
    cli::{Common, Room, Rooms},
    client::Client,
    exit::Failure,
    render,
    server::Role,
};

/// Rings numbers into a room.
pub(super) async fn open(common: &Common, room: Room) -> Result<ExitCode, Failure> {
    let connection = Connection::open(common, Role::Dialling).await?;
    // The calls of our own process live no longer than the process.
    let wait = room.wait || connection.own.is_some();
    let result = ring(&connection.client, &room, wait).await;
    connection.close().await;
    let (opened, calls) = result?;
    if room.json {
        print_json(&opened);
    } else {
        for call in &calls {
            crate::output::say!("{}", render::call_line(call));
        }
    }
    let completed = calls.iter().all(|call| call["ending"]["outcome"] == "completed");
    Ok(if wait && !completed {
        ExitCode::from(1)
    } else {
        ExitCode::SUCCESS
    })
}

/// Rings, and waits for the ends where that is wanted. Gives the answer, and the calls as they are then.
async fn ring(client: &Client, room: &Room, wait: bool) -> Result<(Value, Vec<Value>), Failure> {
    let first = |index: usize| room.moderated && index == 0;
    let participants = room.participants.iter().enumerate();
    let participants: Vec<Value> = participants
        .map(|(index, to)| json!({"to": to, "moderator": first(index)}))
        .collect();
    let mut body = json!({
        "room": room.name,
        "participants": participants,
        "wait": room.moderated,
        "end": room.moderated,
        "record": room.record,
    });
    for (name, value) in [("from", &room.from), ("tag", &room.tag), ("via", &room.via)] {
        if let Some(value) = value {
            body[name] = json!(value);
        }
    }
    for (name, value) in [("ring", room.ring), ("max", room.max)] {
        if let Some(value) = value {
            body[name] = json!(value.as_secs_f64());
        }
    }
    let mut opened = client.post("/rooms", &body).await?;
    let mut calls: Vec<Value> = opened["calls"].as_array().cloned().unwrap_or_default();
    if wait {
        for call in &mut calls {
            let id = call["id"].as_str().unwrap_or_default().to_owned();
            let mut ended = Ended::follow(client, &id).await?;
            ended
                .wait(|event| {
                    if !room.json {
                        crate::output::tell!("{id} {}", render::event_line(event));
                    }
                })
                .await?;
            *call = client.get(&format!("/calls/{}", segment(&id))).await?;
        }
        opened["calls"] = json!(calls);
    }
    Ok((opened, calls))
}

pub(super) async fn run(common: &Common, command: Rooms) -> Result<ExitCode, Failure> {
    let connection = Connection::open(common, Role::Reading).await?;
    let result = answer(&connection.client, command).await;
    connection.close().await;
    result.map(|()| ExitCode::SUCCESS)
}

async fn answer(client: &Client, command: Rooms) -> Result<(), Failure> {
    let path = |name: &str| format!("/rooms/{}", segment(name));
    let change = async |name: &str, change: Value| client.patch(&path(name), &change).await;
    let room = match command {
        Rooms::List { json } => {
            let page = client.get("/rooms").await?;
            if json {
                print_json(&page);
            } else {
                crate::output::say!("{}", render::rooms_table(&page));
            }
            return Ok(());
        }
        Rooms::Show { name, json } => {
            let room = client.get(&path(&name)).await?;
            if json {
                print_json(&room);
                return Ok(());
            }
            room
        }
        Rooms::Lock { name } => change(&name, json!({"locked": true})).await?,
        Rooms::Unlock { name } => change(&name, json!({"locked": false})).await?,
        Rooms::Begin { name } => change(&name, json!({"begun": true})).await?,
        Rooms::Kick { name, call } => {
            let path = format!("{}/members/{}", path(&name), segment(&call));
            client.delete(&path).await?
        }
        Rooms::End { name } => client.delete(&path(&name)).await?,
    };
    crate::output::write_out!("{}", render::room_page(&room));
    Ok(())
}
