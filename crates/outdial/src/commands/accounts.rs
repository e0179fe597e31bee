//! `outdial accounts`: lists and adds accounts, and says how many calls they are allowed.

use std::process::ExitCode;

use serde_json::{Value, json};

use super::{Connection, calls::take_away, print_json, segment};
use crate::{
    cli::{Accounts, Common},
    client::Client,
    exit::Failure,
    render,
    server::Role,
};

pub(super) async fn run(common: &Common, command: Accounts) -> Result<ExitCode, Failure> {
    let role = match &command {
        Accounts::List | Accounts::Show { .. } => Role::Reading,
        Accounts::Add { .. } | Accounts::Limit { .. } => Role::Changing,
    };
    let connection = Connection::open(common, role).await?;
    let result = answer(&connection.client, command).await;
    connection.close().await;
    result.map(|()| ExitCode::SUCCESS)
}

async fn answer(client: &Client, command: Accounts) -> Result<(), Failure> {
    match command {
        Accounts::List => {
            let mut page = client.get("/accounts").await?;
            for account in page["accounts"].as_array_mut().into_iter().flatten() {
                account["allowed"] = json!(allowed(&account["limits"]));
            }
            let headings = ["NAME", "ID", "CREATED", "ALLOWED"];
            let fields = ["name", "id", "created_at", "allowed"];
            crate::output::say!("{}", render::table(&headings, &page["accounts"], &fields));
        }
        Accounts::Add { name } => {
            let account = client.post("/accounts", &json!({ "name": name })).await?;
            crate::output::say!("{}", account["id"].as_str().unwrap_or_default());
        }
        Accounts::Show { name, json } => show(&named(client, &name).await?, json),
        Accounts::Limit {
            name,
            calls_per_second,
            burst,
            max_calls,
            clear,
            json,
        } => {
            let mut change = json!({});
            if let Some(calls) = calls_per_second {
                change["calls_per_second"] = json!(calls);
            }
            for (field, value) in [("burst", burst), ("max_calls", max_calls)] {
                if let Some(value) = value {
                    change[field] = json!(value);
                }
            }
            let clear: Vec<String> = clear.iter().map(|limit| limit.replace('-', "_")).collect();
            take_away(&clear, &mut change)?;
            let account = named(client, &name).await?;
            let path = format!("/accounts/{}", segment(account["id"].as_str().unwrap_or_default()));
            show(&client.patch(&path, &change).await?, json);
        }
    }
    Ok(())
}

/// The account of this name.
async fn named(client: &Client, name: &str) -> Result<Value, Failure> {
    let page = client.get("/accounts").await?;
    let accounts = page["accounts"].as_array().into_iter().flatten();
    let found = accounts.into_iter().find(|account| account["name"] == name).cloned();
    found.ok_or_else(|| {
        Failure::usage(format!(
            "there is no account `{name}`: `outdial accounts list` lists all"
        ))
    })
}

fn show(account: &Value, json: bool) {
    if json {
        return print_json(account);
    }
    let text = |field: &str| account[field].as_str().unwrap_or_default().to_owned();
    crate::output::say!("{} ({}), made {}", text("name"), text("id"), text("created_at"));
    crate::output::say!("allowed {}", allowed(&account["limits"]));
    for (name, limit) in account["own_limits"].as_object().into_iter().flatten() {
        if !limit.is_null() {
            crate::output::say!("  {name} {limit}, by request");
        }
    }
}

/// What an account is allowed, for people.
fn allowed(limits: &Value) -> String {
    let mut words = Vec::new();
    if let Some(calls) = limits["calls_per_second"].as_f64() {
        let burst = limits["burst"].as_u64().unwrap_or(1);
        words.push(match burst {
            1 => format!("{calls} calls a second"),
            burst => format!("{calls} calls a second, {burst} after a pause"),
        });
    }
    words.extend(limits["max_calls"].as_u64().map(|calls| format!("{calls} at once")));
    match words.is_empty() {
        true => "any number".to_owned(),
        false => words.join(", "),
    }
}
