//! Accounts and their keys.

use jiff::Timestamp;
use outdial_domain::{Account, AccountId, Allowance, Key, KeyId, Scope};
use outdial_flow::Problem;
use sha2::{Digest, Sha256};

use super::{Edit, Once};
use crate::{
    Engine,
    pacing::limits::Limit,
    ports::{Ids, Store, StoreError},
};

/// A key just made, with its secret, which nobody can read again.
#[derive(Clone)]
pub struct NewKey {
    /// The key.
    pub key: Key,
    /// Its secret: `od_` and 64 hexadecimal digits.
    pub secret: String,
}

/// Makes an account.
///
/// # Errors
///
/// [`StoreError::Taken`] when the name is in use, [`StoreError::Repeated`] when the request was answered
/// before.
pub async fn create_account(
    store: &dyn Store,
    ids: &Ids,
    name: &str,
    once: Option<Once<Account>>,
) -> Result<Account, StoreError> {
    let account = Account {
        id: ids.make(AccountId::new),
        name: name.to_owned(),
        created_at: ids.now(),
        allowance: Allowance::default(),
    };
    let answer = once.map(|answer| answer(&account));
    store.add_account(account.clone(), answer).await?;
    Ok(account)
}

/// All accounts, by name.
///
/// # Errors
///
/// [`StoreError`] when the store cannot be read.
pub async fn list_accounts(engine: &Engine) -> Result<Vec<Account>, StoreError> {
    engine.store.accounts().await
}

/// What to change of how many calls an account is allowed. What is cleared is as the configuration says.
#[derive(Debug, Clone, Copy, Default)]
pub struct AllowAccount {
    /// How many may begin in a second; 0 for any number.
    pub calls_per_second: Edit<f64>,
    /// How many may begin at once after a pause.
    pub burst: Edit<u32>,
    /// How many may be live at once; 0 for any number.
    pub max_calls: Edit<u32>,
}

/// Why an account was not found or changed. Nothing was saved.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AccountError {
    /// There is no such account.
    #[error("there is no account with this id")]
    NotFound,
    /// What it would be allowed makes no sense.
    #[error("some of it cannot be accepted")]
    Invalid(Vec<Problem>),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The account of this id.
///
/// # Errors
///
/// [`AccountError`] when there is none.
pub async fn get_account(engine: &Engine, id: AccountId) -> Result<Account, AccountError> {
    let accounts = engine.store.accounts().await?;
    accounts
        .into_iter()
        .find(|account| account.id == id)
        .ok_or(AccountError::NotFound)
}

/// Changes how many calls an account is allowed. It holds on all nodes at once: for calls that wait, too, and
/// with those that are live already counted.
///
/// # Errors
///
/// [`AccountError`] says why not.
pub async fn allow_account(engine: &Engine, id: AccountId, change: AllowAccount) -> Result<Account, AccountError> {
    let mut account = get_account(engine, id).await?;
    let said = &mut account.allowance;
    said.calls_per_second = change.calls_per_second.of(said.calls_per_second);
    said.burst = change.burst.of(said.burst);
    said.max_calls = change.max_calls.of(said.max_calls);
    let problems = problems(*said);
    if !problems.is_empty() {
        return Err(AccountError::Invalid(problems));
    }
    if !engine.store.allow_account(id, account.allowance).await? {
        return Err(AccountError::NotFound);
    }
    Ok(account)
}

fn problems(said: Allowance) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut wrong = |field: &str, code, message: String| {
        problems.push(Problem {
            field: field.to_owned(),
            code,
            message,
        });
    };
    let most = Allowance::MOST_PER_SECOND;
    // Negated, so that what is no number is wrong, too.
    if said
        .calls_per_second
        .is_some_and(|calls| !(0.0..=most).contains(&calls))
    {
        let message = format!("give 0 for any number, or a number up to {most}, as 10 or 0.5");
        wrong("calls_per_second", "out_of_range", message);
    }
    if said.burst == Some(0) {
        wrong("burst", "out_of_range", "give at least 1".to_owned());
    }
    if said.burst.is_some() && said.calls_per_second.is_none() {
        wrong("burst", "invalid", "give `calls_per_second` with it".to_owned());
    }
    problems
}

/// What an account is allowed by request and configuration together.
#[must_use]
pub fn allowed_to(engine: &Engine, account: &Account) -> Limit {
    engine.settings.pacing.of_account(account)
}

/// The account of this name.
///
/// # Errors
///
/// [`StoreError`] when the store cannot be read.
pub async fn find_account(store: &dyn Store, name: &str) -> Result<Option<Account>, StoreError> {
    Ok(store.accounts().await?.into_iter().find(|account| account.name == name))
}

/// Makes a key and tells its secret, once.
///
/// # Errors
///
/// [`StoreError`]; then there is no key. It is [`StoreError::Repeated`] when the request was answered before.
pub async fn create_key(
    store: &dyn Store,
    ids: &Ids,
    account: AccountId,
    name: &str,
    scopes: Vec<Scope>,
    expires_at: Option<Timestamp>,
    once: Option<Once<NewKey>>,
) -> Result<NewKey, StoreError> {
    let secret = ids
        .secret()
        .iter()
        .fold("od_".to_owned(), |text, byte| format!("{text}{byte:02x}"));
    let key = Key {
        id: ids.make(KeyId::new),
        account,
        name: name.to_owned(),
        scopes,
        created_at: ids.now(),
        expires_at,
    };
    let hash = hash_secret(&secret);
    let new = NewKey { key, secret };
    let answer = once.map(|answer| answer(&new));
    store.add_key(new.key.clone(), hash, answer).await?;
    Ok(new)
}

/// All keys of an account.
///
/// # Errors
///
/// [`StoreError`] when the store cannot be read.
pub async fn list_keys(engine: &Engine, account: AccountId) -> Result<Vec<Key>, StoreError> {
    engine.store.keys(account).await
}

/// Takes a key away. Says whether there was one.
///
/// # Errors
///
/// [`StoreError`]; then it is still there.
pub async fn remove_key(engine: &Engine, account: AccountId, key: KeyId) -> Result<bool, StoreError> {
    let removed = engine.store.remove_key(account, key).await;
    engine.inner().keys.forget();
    removed
}

/// What the store keeps of a secret. Secrets are 256 random bits, so a plain hash is as good as a slow one.
#[must_use]
pub fn hash_secret(secret: &str) -> [u8; 32] {
    Sha256::digest(secret.as_bytes()).into()
}
