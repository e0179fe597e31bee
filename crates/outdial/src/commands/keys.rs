//! `outdial keys`: lists, adds and removes keys.

use std::process::ExitCode;

use serde_json::json;

use super::{Connection, segment};
use crate::{
    cli::{Common, Keys},
    client::Client,
    exit::Failure,
    render,
    server::Role,
};

pub(super) async fn run(common: &Common, command: Keys) -> Result<ExitCode, Failure> {
    let role = match &command {
        Keys::List { .. } => Role::Reading,
        Keys::Add { .. } | Keys::Remove { .. } => Role::Changing,
    };
    let connection = Connection::open(common, role).await?;
    let result = answer(&connection.client, command).await;
    connection.close().await;
    result.map(|()| ExitCode::SUCCESS)
}

async fn answer(client: &Client, command: Keys) -> Result<(), Failure> {
    match command {
        Keys::List { account } => {
            let page = client.get(&format!("/keys?account={}", segment(&account))).await?;
            let columns = ["name", "id", "scopes", "created_at", "expires_at"];
            crate::output::say!(
                "{}",
                render::table(&["NAME", "ID", "SCOPES", "CREATED", "EXPIRES"], &page["keys"], &columns)
            );
        }
        Keys::Add {
            name,
            account,
            scope,
            expires_in,
        } => {
            let mut body = json!({ "name": name, "account": account, "scopes": scope });
            if let Some(length) = expires_in {
                body["expires_in"] = json!(length.as_secs_f64());
            }
            let key = client.post("/keys", &body).await?;
            crate::output::say!("{}", key["secret"].as_str().unwrap_or_default());
            crate::output::tell!(
                "this is the only time that the secret of {} is shown",
                key["id"].as_str().unwrap_or("the key")
            );
        }
        Keys::Remove { id, account } => {
            client
                .delete(&format!("/keys/{}?account={}", segment(&id), segment(&account)))
                .await?;
            crate::output::say!("removed");
        }
    }
    Ok(())
}
