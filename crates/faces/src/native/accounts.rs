//! `/api/v1/accounts`

pub(super) mod create;
pub(super) mod list;

use outdial_domain::AccountId;
use outdial_engine::{Actor, Engine, verbs};

use super::refusal::Refusal;

/// The longest name of an account or a key.
pub(super) const LONGEST_NAME: usize = 100;

/// The account that a request names, or the actor's own.
pub(super) async fn named(engine: &Engine, actor: &Actor, name: Option<&str>) -> Result<AccountId, Refusal> {
    let Some(name) = name else { return Ok(actor.account) };
    let account = verbs::find_account(engine.store.as_ref(), name).await?.ok_or_else(|| {
        let name = outdial_flow::fields::shortened(name);
        let message = format!("there is no account `{name}`: `GET /api/v1/accounts` lists all");
        Refusal::fields(vec![outdial_flow::Problem {
            field: "account".to_owned(),
            code: "invalid",
            message,
        }])
    })?;
    Ok(account.id)
}
