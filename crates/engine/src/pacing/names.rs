//! The names of accounts, by which the configuration speaks of them.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use outdial_domain::AccountId;

use crate::Engine;

/// The names that were looked up so far. An account keeps its name.
#[derive(Debug, Default)]
pub(crate) struct AccountNames(Mutex<HashMap<AccountId, Arc<str>>>);

impl AccountNames {
    /// The name of an account; empty where the configuration names none, and while the store cannot be read.
    pub(crate) async fn of(&self, engine: &Engine, account: AccountId) -> Arc<str> {
        let settings = &engine.settings;
        if settings.recordings.accounts.is_empty() {
            return Arc::default();
        }
        if let Some(name) = self.known(account) {
            return name;
        }
        match engine.store.accounts().await {
            Ok(accounts) => self
                .0
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .extend(accounts.into_iter().map(|account| (account.id, account.name.into()))),
            Err(error) => tracing::warn!(%error, "cannot read the names of the accounts"),
        }
        self.known(account).unwrap_or_default()
    }

    fn known(&self, account: AccountId) -> Option<Arc<str>> {
        let names = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        names.get(&account).cloned()
    }
}
