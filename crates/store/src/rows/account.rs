//! Accounts.

use outdial_domain::{Account, AccountId};
use outdial_engine::ports::StoreError;
use uuid::Uuid;

use super::column::Place;

#[derive(Debug)]
pub(crate) struct AccountRow {
    pub(crate) id: Uuid,
    pub(crate) name: String,
    pub(crate) created_at: i64,
}

impl TryFrom<AccountRow> for Account {
    type Error = StoreError;

    fn try_from(row: AccountRow) -> Result<Self, StoreError> {
        let id = AccountId::from_uuid(row.id);
        let place = Place {
            table: "account",
            id: &id,
        };
        Ok(Self {
            id,
            created_at: place.time("created_at", row.created_at)?,
            name: row.name,
        })
    }
}
