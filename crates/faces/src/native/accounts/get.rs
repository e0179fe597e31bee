//! `GET /api/v1/accounts/{id}`: one account, and how many calls it is allowed.

use std::sync::Arc;

use axum::{Json, extract::State};
use outdial_domain::AccountId;
use outdial_engine::verbs;

use super::{refusal, shown};
use crate::native::{
    Api,
    actor::{Allowed, ToAdminister},
    code::Code,
    endpoint::Endpoint,
    id::Id,
    refusal::Refusal,
    wire::Account,
};

pub(in crate::native) fn endpoint() -> Endpoint {
    Endpoint::new("administration", __path_get_account, get_account)
        .needs::<ToAdminister>()
        .refuses(&[Code::AccountNotFound])
}

/// Reads an account, and how many calls it is allowed
#[utoipa::path(get, path = "/api/v1/accounts/{id}",
    params(("id" = String, Path, description = "The id of the account.")),
    responses((status = 200, body = Account)))]
async fn get_account(
    State(api): State<Arc<Api>>,
    _: Allowed<ToAdminister>,
    Id(id): Id<AccountId>,
) -> Result<Json<Account>, Refusal> {
    let account = verbs::get_account(&api.engine, id).await.map_err(refusal)?;
    Ok(Json(shown(&api.engine, account)))
}
