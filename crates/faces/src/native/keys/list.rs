//! `GET /api/v1/keys`: lists the keys of an account.

use std::sync::Arc;

use axum::{
    Json,
    extract::{RawQuery, State},
};
use outdial_engine::verbs;

use crate::native::{
    Api, accounts,
    actor::{Allowed, ToAdminister},
    code::Code,
    endpoint::Endpoint,
    query,
    refusal::Refusal,
    wire::{Key, KeyList},
};

pub(in crate::native) fn endpoint() -> Endpoint {
    Endpoint::new("administration", __path_list_keys, list_keys)
        .needs::<ToAdminister>()
        .refuses(&[Code::InvalidRequest, Code::MalformedQuery])
}

/// Lists the keys of an account, without their secrets
#[utoipa::path(get, path = "/api/v1/keys",
    params(("account" = Option<String>, Query, description = "The name of the account; that of the key used when none is given.")),
    responses((status = 200, body = KeyList)))]
async fn list_keys(
    State(api): State<Arc<Api>>,
    Allowed { actor, .. }: Allowed<ToAdminister>,
    RawQuery(query): RawQuery,
) -> Result<Json<KeyList>, Refusal> {
    let account = read_account(query.as_deref())?;
    let account = accounts::named(&api.engine, &actor, account.as_deref()).await?;
    let keys = verbs::list_keys(&api.engine, account).await?;
    Ok(Json(KeyList {
        keys: keys.into_iter().map(Key::from).collect(),
    }))
}

/// The account that a query names.
pub(super) fn read_account(query: Option<&str>) -> Result<Option<String>, Refusal> {
    query::read(query, &[])?.read(|fields| {
        Some(
            fields
                .optional_line("account", accounts::LONGEST_NAME)
                .map(str::to_owned),
        )
    })
}
