//! Accounts and their keys.

use jiff::Timestamp;
use outdial_domain::{Account, AccountId, Key, KeyId, Scope};
use sha2::{Digest, Sha256};

use super::Once;
use crate::{
    Engine,
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
