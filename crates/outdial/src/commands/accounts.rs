//! `outdial accounts`: lists and adds accounts.

use std::process::ExitCode;

use serde_json::json;

use super::Connection;
use crate::{
    cli::{Accounts, Common},
    exit::Failure,
    render,
    server::Role,
};

pub(super) async fn run(common: &Common, command: Accounts) -> Result<ExitCode, Failure> {
    let role = match &command {
        Accounts::List => Role::Reading,
        Accounts::Add { .. } => Role::Changing,
    };
    let connection = Connection::open(common, role).await?;
    let result = match command {
        Accounts::List => connection.client.get("/accounts").await.map(|page| {
            crate::output::say!(
                "{}",
                render::table(
                    &["NAME", "ID", "CREATED"],
                    &page["accounts"],
                    &["name", "id", "created_at"]
                )
            );
        }),
        Accounts::Add { name } => connection
            .client
            .post("/accounts", &json!({ "name": name }))
            .await
            .map(|account| {
                crate::output::say!("{}", account["id"].as_str().unwrap_or_default());
            }),
    };
    connection.close().await;
    result.map(|()| ExitCode::SUCCESS)
}
