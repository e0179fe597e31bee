//! `outdial schedules`: plans that run again and again.

use std::process::ExitCode;

use serde_json::{Value, json};

use super::{
    Connection,
    call::{add_action, add_plan},
    calls::take_away,
    print_json, segment,
};
use crate::{
    cli::{Bounds, Common, Schedules},
    client::Client,
    exit::Failure,
    render,
    server::Role,
};

pub(super) async fn run(common: &Common, command: Schedules) -> Result<ExitCode, Failure> {
    let connection = Connection::open(common, Role::Reading).await?;
    let result = answer(&connection.client, command).await;
    connection.close().await;
    result
}

async fn answer(client: &Client, command: Schedules) -> Result<ExitCode, Failure> {
    let (answer, json) = match command {
        Schedules::Add {
            to,
            cron,
            zone,
            skip,
            bounds,
            action,
            plan,
            json,
        } => {
            let mut body = json!({ "to": to, "cron": cron, "zone": zone, "skip": skip });
            add_bounds(bounds, &mut body);
            add_action(client, &action, &mut body).await?;
            add_plan(&plan, &mut body);
            (client.post("/schedules", &body).await?, json)
        }
        Schedules::Change {
            id,
            version,
            to,
            cron,
            zone,
            skip,
            bounds,
            action,
            plan,
            clear,
            json,
        } => {
            let mut body = json!({});
            for (field, value) in [("to", to), ("cron", cron), ("zone", zone)] {
                if let Some(value) = value {
                    body[field] = json!(value);
                }
            }
            if let Some(version) = version {
                body["version"] = json!(version);
            }
            if !skip.is_empty() {
                body["skip"] = json!(skip);
            }
            add_bounds(bounds, &mut body);
            add_action(client, &action, &mut body).await?;
            add_plan(&plan, &mut body);
            take_away(&clear, &mut body)?;
            (client.patch(&path(&id), &body).await?, json)
        }
        Schedules::List { json } => {
            let page = client.get("/schedules").await?;
            if json {
                print_json(&page);
            } else {
                let headings = ["SCHEDULE", "NAME", "CRON", "ZONE", "TO", "PAUSED", "NEXT"];
                let fields = ["id", "name", "cron", "zone", "to", "paused", "next"];
                crate::output::say!("{}", render::table(&headings, &page["schedules"], &fields));
            }
            return Ok(ExitCode::SUCCESS);
        }
        Schedules::Show { id, json } => (client.get(&path(&id)).await?, json),
        Schedules::Pause { id } => (client.patch(&path(&id), &json!({ "paused": true })).await?, false),
        Schedules::Resume { id } => (client.patch(&path(&id), &json!({ "paused": false })).await?, false),
        Schedules::Remove { id } => {
            client.delete(&path(&id)).await?;
            return Ok(ExitCode::SUCCESS);
        }
    };
    show(&answer, json);
    Ok(ExitCode::SUCCESS)
}

fn add_bounds(bounds: Bounds, body: &mut Value) {
    for (field, value) in [("name", bounds.name), ("start", bounds.start), ("until", bounds.until)] {
        if let Some(value) = value {
            body[field] = json!(value);
        }
    }
    for (field, value) in [("lasts", bounds.lasts), ("grace", bounds.grace)] {
        if let Some(value) = value {
            body[field] = json!(value.as_secs_f64());
        }
    }
}

fn path(id: &str) -> String {
    format!("/schedules/{}", segment(id))
}

fn show(schedule: &Value, json: bool) {
    if json {
        print_json(schedule);
    } else {
        crate::output::write_out!("{}", render::schedule_page(schedule));
    }
}
