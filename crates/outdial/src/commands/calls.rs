//! `outdial calls`: lists, shows, watches and ends calls.

use std::process::ExitCode;

use futures_util::StreamExt;
use serde_json::{Value, json};

use super::{
    Connection,
    call::{add_action, add_plan, add_times, audio, read_flow},
    print_json, segment,
};
use crate::{
    cli::{Calls, Common, Order},
    client::Client,
    exit::Failure,
    render,
    server::Role,
};

pub(super) async fn run(common: &Common, command: Calls) -> Result<ExitCode, Failure> {
    let connection = Connection::open(common, Role::Reading).await?;
    let result = answer(&connection.client, command).await;
    connection.close().await;
    result
}

async fn answer(client: &Client, command: Calls) -> Result<ExitCode, Failure> {
    match command {
        Calls::List {
            state,
            outcome,
            tag,
            to,
            limit,
            json,
        } => {
            let filters = [("state", state), ("outcome", outcome), ("tag", tag), ("to", to)];
            let filters = filters.into_iter().filter_map(|(name, value)| Some((name, value?)));
            let query = filters.fold(format!("limit={limit}"), |query, (name, value)| {
                format!("{query}&{name}={}", segment(&value))
            });
            let page = client.get(&format!("/calls?{query}")).await?;
            if json {
                print_json(&page);
            } else {
                crate::output::say!("{}", render::calls_table(&page));
            }
        }
        Calls::Show { id, json } => {
            let call = client.get(&format!("/calls/{}", segment(&id))).await?;
            if json {
                print_json(&call);
            } else {
                let mut page = render::call_page(&call);
                if call["state"] == "active" {
                    page += &render::standing(&client.get(&format!("/calls/{}/events", segment(&id))).await?);
                }
                crate::output::write_out!("{page}");
            }
        }
        Calls::Change {
            id,
            to,
            action,
            times,
            plan,
            clear,
            json,
        } => {
            let mut body = json!({});
            if let Some(to) = to {
                body["to"] = json!(to);
            }
            add_action(client, &action, &mut body).await?;
            add_times(&times, &mut body);
            add_plan(&plan, &mut body);
            take_away(&clear, &mut body)?;
            let call = client.patch(&format!("/calls/{}", segment(&id)), &body).await?;
            if json {
                print_json(&call);
            } else {
                crate::output::write_out!("{}", render::call_page(&call));
            }
        }
        Calls::Hangup { id, why } => {
            let body = why.map_or_else(|| json!({}), |why| json!({ "why": why }));
            let answer = client.post(&format!("/calls/{}/hangup", segment(&id)), &body).await?;
            crate::output::say!("{}", answer["result"].as_str().unwrap_or_default());
        }
        Calls::Control { id, order, why } => {
            let mut body = ordered(client, order).await?;
            if let Some(why) = why {
                body["why"] = json!(why);
            }
            let answer = client.post(&format!("/calls/{}/control", segment(&id)), &body).await?;
            crate::output::say!("{}", answer["result"].as_str().unwrap_or_default());
        }
        Calls::Watch { id, json } => watch(client, id.as_deref(), json).await?,
    }
    Ok(ExitCode::SUCCESS)
}

/// The request that one of the options is.
async fn ordered(client: &Client, order: Order) -> Result<Value, Failure> {
    Ok(match order {
        Order { mute: true, .. } => json!({"mute": true}),
        Order { unmute: true, .. } => json!({"mute": false}),
        Order { hold: true, .. } => json!({"hold": true}),
        Order { resume: true, .. } => json!({"hold": false}),
        Order { stop_playing: true, .. } => json!({"stop_playing": true}),
        Order {
            send_digits: Some(digits),
            ..
        } => json!({ "send_digits": digits }),
        Order { say: Some(text), .. } => json!({"play": [{"say": text}]}),
        Order { play: Some(file), .. } => json!({"play": [{"play": audio(client, &file).await?}]}),
        Order { transfer: Some(to), .. } => json!({ "transfer": to }),
        Order {
            limit: Some(length), ..
        } => json!({"limit": length.as_secs_f64()}),
        Order {
            redirect: Some(file), ..
        } => {
            let document = read_flow(&file)?;
            let document =
                document.ok_or_else(|| Failure::usage(format!("--redirect {file}: there is no such file")))?;
            json!({ "redirect": document })
        }
        // The command line takes no call without one of them.
        _ => json!({}),
    })
}

/// Puts into a change what is to be taken away.
pub(super) fn take_away(fields: &[String], change: &mut Value) -> Result<(), Failure> {
    for field in fields {
        let given = change.get(field).is_some() || (field == "at" && change.get("in").is_some());
        if given {
            return Err(Failure::usage(format!(
                "give a new `{field}` or take it away, not both"
            )));
        }
        change[field] = Value::Null;
    }
    Ok(())
}

/// Shows events until the watched call has ended, or for ever.
async fn watch(client: &Client, id: Option<&str>, json: bool) -> Result<(), Failure> {
    if let Some(id) = id {
        client.get(&format!("/calls/{}", segment(id))).await?;
    }
    let mut events = Box::pin(client.follow(id.map(|id| ("call", id)), id.map(|_| 0)).await?);
    while let Some(event) = events.next().await {
        let event: Value = event?;
        match (json, id) {
            (true, _) => crate::output::say!("{event}"),
            (false, Some(_)) => crate::output::say!("{}", render::event_line(&event)),
            (false, None) => crate::output::say!(
                "{} {}",
                event["call"].as_str().unwrap_or_default(),
                render::event_line(&event)
            ),
        }
        if id.is_some() && event["type"] == "ended" {
            break;
        }
    }
    Ok(())
}
