//! Accounts.

use outdial_domain::{Account, AccountId, Allowance};
use outdial_engine::ports::StoreError;
use uuid::Uuid;

use super::column::{Place, json};

#[derive(Debug)]
pub(crate) struct AccountRow {
    pub(crate) id: Uuid,
    pub(crate) name: String,
    pub(crate) created_at: i64,
    /// JSON; nothing when all is as the configuration says.
    pub(crate) allowance: Option<String>,
}

/// What was said by request, as it is stored.
pub(crate) fn said(allowance: &Allowance) -> Option<String> {
    (!allowance.is_usual()).then(|| json(allowance))
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
            allowance: place
                .maybe_json("allowance", row.allowance.as_deref())?
                .unwrap_or_default(),
            name: row.name,
        })
    }
}
