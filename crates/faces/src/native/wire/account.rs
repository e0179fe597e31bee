//! An account.

use outdial_domain as domain;
use serde::Serialize;
use utoipa::ToSchema;

use super::Time;

/// A tenant.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::native) struct Account {
    /// Names it.
    #[schema(example = "acct_019a9c3e5b7d7c1e8f00112233445566")]
    id: String,
    /// What people and the configuration call it.
    #[schema(example = "acme")]
    name: String,
    created_at: Time,
}

/// All accounts, by name.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::native) struct AccountList {
    pub(in crate::native) accounts: Vec<Account>,
}

impl From<domain::Account> for Account {
    fn from(account: domain::Account) -> Self {
        Self {
            id: account.id.to_string(),
            name: account.name,
            created_at: Time(account.created_at),
        }
    }
}
