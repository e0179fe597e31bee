//! `/api/v1/accounts`

pub(super) mod change;
pub(super) mod create;
pub(super) mod get;
pub(super) mod list;

use outdial_domain::{self as domain, AccountId};
use outdial_engine::{
    Actor, Engine,
    verbs::{self, AccountError},
};

use super::{code::Code, refusal::Refusal, wire::Account};

/// The longest name of an account or a key.
pub(super) const LONGEST_NAME: usize = 100;

/// An account with what it is allowed.
fn shown(engine: &Engine, account: domain::Account) -> Account {
    let allowed = verbs::allowed_to(engine, &account);
    Account::allowed(account, allowed)
}

fn refusal(error: AccountError) -> Refusal {
    match error {
        AccountError::NotFound => Refusal::new(Code::AccountNotFound, error.to_string()),
        AccountError::Invalid(problems) => Refusal::fields(problems),
        AccountError::Store(error) => error.into(),
    }
}

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
