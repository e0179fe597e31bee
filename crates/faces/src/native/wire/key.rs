//! A key.

use outdial_domain as domain;
use outdial_engine::verbs;
use serde::Serialize;
use utoipa::ToSchema;

use super::{ScopeWord, Time};

/// A key of an account, without its secret.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::native) struct Key {
    /// Names it.
    #[schema(example = "key_019a9c3e5b7d7c1e8f00112233445566")]
    id: String,
    /// The id of its account.
    account: String,
    /// What people call it.
    name: String,
    /// What it allows.
    scopes: Vec<ScopeWord>,
    created_at: Time,
    /// From when on it opens nothing; `null` when it does not expire.
    #[schema(required = true)]
    expires_at: Option<Time>,
}

/// A key just made, with its secret.
#[derive(Serialize, ToSchema)]
pub(in crate::native) struct NewKey {
    #[serde(flatten)]
    key: Key,
    /// The secret. It is shown now and never again.
    #[schema(example = "od_5f…", format = Password)]
    secret: String,
}

/// All keys of an account, by the time they were made.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::native) struct KeyList {
    pub(in crate::native) keys: Vec<Key>,
}

impl From<domain::Key> for Key {
    fn from(key: domain::Key) -> Self {
        Self {
            id: key.id.to_string(),
            account: key.account.to_string(),
            name: key.name,
            scopes: key.scopes.into_iter().map(ScopeWord).collect(),
            created_at: Time(key.created_at),
            expires_at: key.expires_at.map(Time),
        }
    }
}

impl From<verbs::NewKey> for NewKey {
    fn from(new: verbs::NewKey) -> Self {
        Self {
            key: new.key.into(),
            secret: new.secret,
        }
    }
}
