//! Keys. Only the hash of a secret is kept.

use outdial_domain::{AccountId, Key, KeyId, Scope};
use outdial_engine::ports::StoreError;
use uuid::Uuid;

use super::column::Place;

#[derive(Debug)]
pub(crate) struct KeyRow {
    pub(crate) account_id: Uuid,
    pub(crate) id: Uuid,
    pub(crate) name: String,
    pub(crate) scopes: String,
    pub(crate) created_at: i64,
    pub(crate) expires_at: Option<i64>,
}

impl TryFrom<KeyRow> for Key {
    type Error = StoreError;

    fn try_from(row: KeyRow) -> Result<Self, StoreError> {
        let id = KeyId::from_uuid(row.id);
        let place = Place { table: "key", id: &id };
        Ok(Self {
            id,
            account: AccountId::from_uuid(row.account_id),
            scopes: place.json::<Vec<Scope>>("scopes", &row.scopes)?,
            created_at: place.time("created_at", row.created_at)?,
            expires_at: place.maybe_time("expires_at", row.expires_at)?,
            name: row.name,
        })
    }
}
