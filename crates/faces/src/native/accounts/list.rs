//! `GET /api/v1/accounts`: lists the accounts.

use std::sync::Arc;

use axum::{Json, extract::State};
use outdial_engine::verbs;

use super::shown;
use crate::native::{
    Api,
    actor::{Allowed, ToAdminister},
    endpoint::Endpoint,
    refusal::Refusal,
    wire::AccountList,
};

pub(in crate::native) fn endpoint() -> Endpoint {
    Endpoint::new("administration", __path_list_accounts, list_accounts).needs::<ToAdminister>()
}

/// Lists the accounts
#[utoipa::path(get, path = "/api/v1/accounts", responses((status = 200, body = AccountList)))]
async fn list_accounts(State(api): State<Arc<Api>>, _: Allowed<ToAdminister>) -> Result<Json<AccountList>, Refusal> {
    let accounts = verbs::list_accounts(&api.engine).await?;
    Ok(Json(AccountList {
        accounts: accounts
            .into_iter()
            .map(|account| shown(&api.engine, account))
            .collect(),
    }))
}
