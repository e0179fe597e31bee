//! How many calls the accounts are allowed at this moment.
//!
//! Some of it the configuration says, by the names of the accounts, and some was said by request and is in the
//! store. What is known of that is read anew when the store says that it changed, so a change holds on all
//! nodes at once: for calls to come, for those that wait, and with those that are live already counted.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use outdial_domain::AccountId;
use tokio::sync::watch;

use super::limits::{Key, Kind, Limit};
use crate::{Engine, ports::StoreError};

/// How often it is looked whether anything has changed that nobody heard of.
const LOOK: Duration = Duration::from_secs(5);

/// How many calls the accounts are allowed, as far as it was asked for.
#[derive(Debug)]
pub(crate) struct AccountLimits {
    known: Mutex<HashMap<AccountId, Limit>>,
    changes: watch::Sender<u64>,
}

impl Default for AccountLimits {
    fn default() -> Self {
        Self {
            known: Mutex::default(),
            changes: watch::Sender::new(0),
        }
    }
}

impl AccountLimits {
    /// What an account is allowed; while the store cannot be read, what the configuration says of all.
    pub(crate) async fn of(&self, engine: &Engine, account: AccountId) -> Limit {
        let known = self.known().get(&account).copied();
        if let Some(limit) = known {
            return limit;
        }
        match read(engine).await {
            // What is known already stays: only who follows the changes may find that it differs.
            Ok(limits) => {
                let mut known = self.known();
                for (account, limit) in limits {
                    known.entry(account).or_insert(limit);
                }
            }
            Err(error) => tracing::warn!(%error, "cannot read what the accounts are allowed"),
        }
        let read = self.known().get(&account).copied();
        read.unwrap_or(engine.settings.pacing.account)
    }

    /// Changes whenever an account is allowed something else. What it holds means nothing.
    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    fn known(&self) -> MutexGuard<'_, HashMap<AccountId, Limit>> {
        // A map of limits is whole after every single operation on it.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes what was read, and gives what differs from what was known.
    fn replace(&self, limits: HashMap<AccountId, Limit>) -> Vec<(AccountId, Limit)> {
        let mut known = self.known();
        let before = std::mem::replace(&mut *known, limits);
        let differs = |account: &AccountId, limit: &Limit| before.get(account).is_some_and(|before| before != limit);
        let changed = known.iter().filter(|(account, limit)| differs(account, limit));
        changed.map(|(account, limit)| (*account, *limit)).collect()
    }
}

/// Reads what all accounts are allowed.
async fn read(engine: &Engine) -> Result<HashMap<AccountId, Limit>, StoreError> {
    let accounts = engine.store.accounts().await?;
    let rules = &engine.settings.pacing;
    Ok(accounts
        .iter()
        .map(|account| (account.id, rules.of_account(account)))
        .collect())
}

/// Keeps what is known true until the engine stops.
pub(crate) async fn follow(engine: Engine) {
    let inner = engine.inner();
    let mut accounts = engine.store.accounts_changed();
    let is_shared = engine.store.nodes().is_some();
    loop {
        tokio::select! {
            () = inner.stopping.cancelled() => return,
            changed = accounts.changed() => if changed.is_err() { return },
            // Who has the store alone hears of all that changes it.
            () = tokio::time::sleep(LOOK), if is_shared => {}
        }
        match read(&engine).await {
            Ok(limits) => {
                let changed = inner.allowed.replace(limits);
                if changed.is_empty() {
                    continue;
                }
                for (account, limit) in changed {
                    let key = Key::new(Kind::Account, account.to_string());
                    inner.admission.limit_changed(&key, limit);
                }
                inner.allowed.changes.send_modify(|changes| *changes += 1);
            }
            Err(error) => tracing::warn!(%error, "cannot read what the accounts are allowed"),
        }
    }
}
