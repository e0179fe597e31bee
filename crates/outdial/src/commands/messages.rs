//! `outdial sms` and `outdial messages`.

use std::{io::Read, path::Path, process::ExitCode};

use futures_util::StreamExt;
use outdial_domain::{Address, text::Concatenation};
use outdial_engine::verbs;
use serde_json::{Value, json};

use super::{Connection, print_json, segment};
use crate::{
    cli::{Common, Messages, Sms},
    client::Client,
    exit::Failure,
    render,
    server::Role,
};

/// How many numbers are put on the list of those who want no texts at a time.
const NUMBERS: usize = 5_000;

/// Sends a text.
pub(super) async fn send(common: &Common, sms: Sms) -> Result<ExitCode, Failure> {
    let connection = Connection::open(common, Role::Dialling).await?;
    // A text of our own process lives no longer than the process.
    let wait = sms.wait || connection.own.is_some();
    let result = sent(&connection.client, &sms, wait).await;
    connection.close().await;
    let message = result?;
    if sms.json {
        print_json(&message);
    } else {
        crate::output::write_out!("{}", render::message_page(&message));
    }
    let delivered = matches!(message["state"].as_str(), Some("delivered"));
    Ok(if wait && !delivered {
        ExitCode::from(1)
    } else {
        ExitCode::SUCCESS
    })
}

async fn sent(client: &Client, sms: &Sms, wait: bool) -> Result<Value, Failure> {
    let mut body = json!({ "to": sms.to, "body": sms.text });
    for (name, value) in [
        ("from", &sms.from),
        ("priority", &sms.priority),
        ("at", &sms.at),
        ("hours", &sms.hours),
        ("via", &sms.via),
        ("tag", &sms.tag),
    ] {
        if let Some(value) = value {
            body[name] = json!(value);
        }
    }
    for (name, value) in [("in", sms.within), ("validity", sms.validity)] {
        if let Some(value) = value {
            body[name] = json!(value.as_secs_f64());
        }
    }
    if sms.smart {
        body["smart"] = json!(true);
    }
    let answer = client.post("/messages", &body).await?;
    let id = answer["results"][0]["message"]["id"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    if wait {
        if !sms.json {
            crate::output::tell!("accepted {id}");
        }
        follow(client, &id, |event| {
            if !sms.json {
                crate::output::tell!("{}", render::event_line(event));
            }
        })
        .await?;
    }
    client.get(&format!("/messages/{}", segment(&id))).await
}

/// Shows every event of a message until nothing follows. SIGINT, SIGTERM and SIGHUP take it back, if it has not left.
pub(super) async fn follow(client: &Client, id: &str, mut show: impl FnMut(&Value)) -> Result<(), Failure> {
    let mut events = Box::pin(client.follow(Some(("message", id)), Some(0)).await?);
    let mut asked = false;
    loop {
        tokio::select! {
            event = events.next() => {
                let Some(event) = event else {
                    return Err(Failure::start("the server went away before it was known what became of the text"));
                };
                let event = event?;
                show(&event);
                if event["type"] == "message_ended" {
                    return Ok(());
                }
            }
            interrupted = super::serve::wait_for_stop(), if !asked => {
                interrupted?;
                asked = true;
                let answer = client.post(&format!("/messages/{}/cancel", segment(id)), &json!({})).await?;
                if answer["result"] == "too_late" {
                    return Ok(());
                }
            }
        }
    }
}

pub(super) async fn run(common: &Common, command: Messages) -> Result<ExitCode, Failure> {
    if let Messages::Preview {
        text,
        smart,
        concatenation,
        json,
    } = command
    {
        return preview(&text, smart, &concatenation, json);
    }
    let connection = Connection::open(common, Role::Reading).await?;
    let result = answer(&connection.client, command).await;
    connection.close().await;
    result
}

async fn answer(client: &Client, command: Messages) -> Result<ExitCode, Failure> {
    match command {
        Messages::List {
            state,
            direction,
            tag,
            to,
            limit,
            json,
        } => {
            let filters = [("state", state), ("direction", direction), ("tag", tag), ("to", to)];
            let filters = filters.into_iter().filter_map(|(name, value)| Some((name, value?)));
            let query = filters.fold(format!("limit={limit}"), |query, (name, value)| {
                format!("{query}&{name}={}", segment(&value))
            });
            let page = client.get(&format!("/messages?{query}")).await?;
            if json {
                print_json(&page);
            } else {
                crate::output::say!("{}", render::messages_table(&page));
            }
        }
        Messages::Show { id, json } => {
            let message = client.get(&format!("/messages/{}", segment(&id))).await?;
            if json {
                print_json(&message);
            } else {
                crate::output::write_out!("{}", render::message_page(&message));
            }
        }
        Messages::Cancel { id } => {
            let answer = client
                .post(&format!("/messages/{}/cancel", segment(&id)), &json!({}))
                .await?;
            crate::output::say!("{}", answer["result"].as_str().unwrap_or_default());
        }
        Messages::Watch { id, json } => watch(client, id.as_deref(), json).await?,
        Messages::DoNotDisturb {
            add,
            remove,
            import,
            json,
        } => return do_not_disturb(client, add, &remove, import.as_deref(), json).await,
        // It needs no server, and was answered without one.
        Messages::Preview { .. } => {}
    }
    Ok(ExitCode::SUCCESS)
}

/// Shows events until nothing follows for the watched message, or for ever.
async fn watch(client: &Client, id: Option<&str>, json: bool) -> Result<(), Failure> {
    let one = id.map(|id| ("message", id));
    let mut events = Box::pin(client.follow(one, id.map(|_| 0)).await?);
    while let Some(event) = events.next().await {
        let event: Value = event?;
        let Some(of) = event["message"].as_str() else { continue };
        match (json, id) {
            (true, _) => crate::output::say!("{event}"),
            (false, Some(_)) => crate::output::say!("{}", render::event_line(&event)),
            (false, None) => crate::output::say!("{of} {}", render::event_line(&event)),
        }
        if id.is_some() && event["type"] == "message_ended" {
            break;
        }
    }
    Ok(())
}

/// Changes the list of those who want no texts, or prints all of it.
async fn do_not_disturb(
    client: &Client,
    mut add: Vec<String>,
    remove: &[String],
    import: Option<&Path>,
    json: bool,
) -> Result<ExitCode, Failure> {
    if let Some(file) = import {
        add.extend(
            numbers_in(&read(file)?).map_err(|why| Failure::usage(format!("--import {}: {why}", file.display())))?,
        );
    }
    let changes = [("/do-not-disturb", add.as_slice()), ("/do-not-disturb/remove", remove)];
    if changes.iter().any(|(_, numbers)| !numbers.is_empty()) {
        let mut changed = 0;
        for (path, numbers) in changes {
            for numbers in numbers.chunks(NUMBERS) {
                let answer = client.post(path, &json!({ "numbers": numbers })).await?;
                changed += answer["changed"].as_u64().unwrap_or_default();
            }
        }
        crate::output::say!("{changed} changed");
        return Ok(ExitCode::SUCCESS);
    }
    let mut cursor = String::new();
    loop {
        let page = client.get(&format!("/do-not-disturb?limit=10000{cursor}")).await?;
        for entry in page["entries"].as_array().into_iter().flatten() {
            let shown = |name: &str| entry[name].as_str().unwrap_or_default().to_owned();
            match json {
                true => crate::output::say!("{entry}"),
                false => crate::output::say!("{}\t{}\t{}", shown("number"), shown("since"), shown("because")),
            }
        }
        match page["next"].as_str() {
            Some(next) => cursor = format!("&cursor={}", segment(next)),
            None => return Ok(ExitCode::SUCCESS),
        }
    }
}

/// The numbers of a list, one a line, as this program prints it or alone. All are read before any is sent.
fn numbers_in(text: &str) -> Result<Vec<String>, String> {
    let lines = text.trim_start_matches('\u{FEFF}').lines().map(str::trim).enumerate();
    let numbers = lines.filter(|(_, line)| !line.is_empty()).map(|(place, line)| {
        let entry = serde_json::from_str::<Value>(line).ok();
        let named = entry.as_ref().and_then(|entry| entry["number"].as_str());
        let number = named.unwrap_or_else(|| line.split('\t').next().unwrap_or_default().trim());
        match Address::parse(number) {
            Ok(address) if address.number().is_some() => Ok(number.to_owned()),
            Ok(_) | Err(_) => Err(format!(
                "line {}: give a number, as +6598765432; nothing was changed",
                place + 1
            )),
        }
    });
    numbers.collect()
}

fn read(file: &Path) -> Result<String, Failure> {
    let failed = |error| Failure::usage(format!("--import {}: {error}", file.display()));
    if file == Path::new("-") {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).map_err(failed)?;
        return Ok(text);
    }
    std::fs::read_to_string(file).map_err(failed)
}

fn preview(text: &str, smart: bool, concatenation: &str, json: bool) -> Result<ExitCode, Failure> {
    // The words come from the same list.
    let concatenation = Concatenation::from_word(concatenation).unwrap_or(Concatenation::Udh8);
    let composed =
        verbs::preview_message(text, smart, concatenation).map_err(|error| Failure::usage(error.to_string()))?;
    let room_left = composed.room_left(concatenation);
    if json {
        let parts: Vec<_> = composed
            .parts
            .iter()
            .map(|part| json!({"body": part.text, "units": part.units}))
            .collect();
        print_json(&json!({
            "encoding": composed.encoding.as_str(),
            "part_count": composed.parts.len(),
            "units": composed.units(),
            "room_left": room_left,
            "body": composed.text(),
            "parts": parts,
        }));
        return Ok(ExitCode::SUCCESS);
    }
    let count = composed.parts.len();
    let noun = if count == 1 { "part" } else { "parts" };
    crate::output::say!(
        "{}, {count} {noun}, {} units, room for {room_left} more",
        composed.encoding,
        composed.units()
    );
    for (number, part) in (1..).zip(&composed.parts) {
        crate::output::say!("{number}/{count} {:>3} {}", part.units, part.text.escape_debug());
    }
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_read_as_it_was_printed_and_wholly_or_not_at_all() {
        let list = "\u{FEFF}+6598765432\n\n+6512345678\t2026-11-20T00:00:00Z\tSTOP\n{\"number\":\"+14155550100\"}\r\n";
        assert_eq!(
            numbers_in(list).unwrap(),
            ["+6598765432", "+6512345678", "+14155550100"]
        );
        let error = numbers_in("+6598765432\n\nno number\n").unwrap_err();
        assert!(error.starts_with("line 3: "), "{error}");
    }
}
