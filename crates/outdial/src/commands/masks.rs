//! `outdial masks`: pairs of people who reach each other by a number of ours.

use std::process::ExitCode;

use serde_json::{Value, json};

use super::{Connection, print_json, segment};
use crate::{
    cli::{Common, Masks},
    client::Client,
    exit::Failure,
    render,
    server::Role,
};

pub(super) async fn run(common: &Common, command: Masks) -> Result<ExitCode, Failure> {
    let role = match &command {
        Masks::List { .. } | Masks::Show { .. } => Role::Reading,
        Masks::Add { .. } | Masks::Remove { .. } => Role::Changing,
    };
    let connection = Connection::open(common, role).await?;
    let result = answer(&connection.client, command).await;
    connection.close().await;
    result.map(|()| ExitCode::SUCCESS)
}

async fn answer(client: &Client, command: Masks) -> Result<(), Failure> {
    let path = |id: &str| format!("/masks/{}", segment(id));
    let (mask, json) = match command {
        Masks::Add {
            one,
            other,
            number,
            pin,
            lasts,
            expires,
            tag,
            json,
        } => {
            let mut body = json!({ "parties": [one, other] });
            for (field, value) in [("number", number), ("pin", pin), ("expires", expires), ("tag", tag)] {
                if let Some(value) = value {
                    body[field] = json!(value);
                }
            }
            if let Some(lasts) = lasts {
                body["lasts"] = json!(lasts.as_secs_f64());
            }
            (client.post("/masks", &body).await?, json)
        }
        Masks::List { json } => {
            let page = client.get("/masks").await?;
            if json {
                print_json(&page);
            } else {
                let headings = ["MASK", "NUMBER", "PARTIES", "PIN", "EXPIRES", "TAG"];
                let fields = ["id", "number", "parties", "pin", "expires", "tag"];
                crate::output::say!("{}", render::table(&headings, &page["masks"], &fields));
            }
            return Ok(());
        }
        Masks::Show { id, json } => (client.get(&path(&id)).await?, json),
        Masks::Remove { id } => {
            client.delete(&path(&id)).await?;
            crate::output::say!("removed");
            return Ok(());
        }
    };
    show(&mask, json);
    Ok(())
}

fn show(mask: &Value, json: bool) {
    if json {
        print_json(mask);
    } else {
        crate::output::write_out!("{}", render::mask_page(mask));
    }
}
