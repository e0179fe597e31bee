//! Opens what remembers: the file in the data directory, or the database that the configuration names.

use std::sync::Arc;

use outdial_domain::{Account, Scope};
use outdial_engine::{
    ports::{Blobs, Ids, RecordingFiles, Store, StoreError},
    verbs,
};
use outdial_store::{FileBlobs, FileRecordings, PostgresStore, SqliteStore};
use secrecy::ExposeSecret;

use super::start_failure;
use crate::{
    config::{Config, DEFAULT_ACCOUNT},
    data_dir::DataDir,
    exit::Failure,
};

/// The state, and the uploads and recordings beside it.
pub(super) struct State {
    pub(super) store: Arc<dyn Store>,
    pub(super) blobs: Arc<dyn Blobs>,
    pub(super) recordings: Arc<dyn RecordingFiles>,
}

/// Opens all. With a database, uploads and recordings are in it too, because every node must find them; what
/// is being recorded is a file until it is complete.
pub(super) async fn open(config: &Config, data: &DataDir) -> Result<State, Failure> {
    let growing = data.join("recordings");
    if let Some(url) = config.store.url()? {
        let store = PostgresStore::open(url.expose_secret()).await.map_err(start_failure)?;
        let blobs = Arc::new(store.blobs());
        let recordings = Arc::new(store.recordings(&growing).map_err(start_failure)?);
        return Ok(State {
            store: Arc::new(store),
            blobs,
            recordings,
        });
    }
    let store = SqliteStore::open(&data.database()).await.map_err(start_failure)?;
    let blobs = FileBlobs::open(&data.join("blobs")).map_err(start_failure)?;
    Ok(State {
        store: Arc::new(store),
        blobs: Arc::new(blobs),
        recordings: Arc::new(FileRecordings::open(&growing).map_err(start_failure)?),
    })
}

/// Makes the default account at the first start, and a key for the command line at every start that
/// finds none. The key of an earlier start stays good.
pub(super) async fn ensure_account(store: &dyn Store, ids: &Ids, data: &DataDir) -> Result<String, Failure> {
    let account = default_account(store, ids).await.map_err(start_failure)?;
    if let Some(secret) = DataDir::key_of(data.path())
        && store
            .key_by_hash(verbs::hash_secret(&secret))
            .await
            .map_err(start_failure)?
            .is_some()
    {
        return Ok(secret);
    }
    let scopes = vec![Scope::Admin, Scope::AnyCallerId, Scope::HandOver];
    let new = verbs::create_key(store, ids, account.id, "command line", scopes, None, None)
        .await
        .map_err(start_failure)?;
    data.keep_key(&new.secret)?;
    Ok(new.secret)
}

async fn default_account(store: &dyn Store, ids: &Ids) -> Result<Account, StoreError> {
    if let Some(account) = verbs::find_account(store, DEFAULT_ACCOUNT).await? {
        return Ok(account);
    }
    match verbs::create_account(store, ids, DEFAULT_ACCOUNT, None).await {
        // Another node has made it in this moment.
        Err(error @ StoreError::Taken(_)) => verbs::find_account(store, DEFAULT_ACCOUNT).await?.ok_or(error),
        made => made,
    }
}
