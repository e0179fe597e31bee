//! Recordings in memory.

use futures_util::future::BoxFuture;
use jiff::Timestamp;
use outdial_domain::{AccountId, Recording, RecordingId};
use outdial_engine::ports::{Page, RecordingFilter, RecordingStore, StoreError};

use super::MemoryStore;

impl RecordingStore for MemoryStore {
    fn save_recording(&self, recording: Recording) -> BoxFuture<'_, Result<(), StoreError>> {
        self.with(|rows| {
            if rows.call(recording.account, recording.call).is_none() {
                return Err(StoreError::Unavailable {
                    reason: format!("there is no call {} to have a recording", recording.call),
                    remedy: "Save the call first".to_owned(),
                });
            }
            rows.recordings.insert(recording.id, recording);
            Ok(())
        })
    }

    fn recording(&self, account: AccountId, id: RecordingId) -> BoxFuture<'_, Result<Option<Recording>, StoreError>> {
        self.with(|rows| {
            let kept = rows.recordings.get(&id).filter(|kept| kept.account == account);
            Ok(kept.cloned())
        })
    }

    fn recordings(
        &self,
        account: AccountId,
        filter: RecordingFilter,
    ) -> BoxFuture<'_, Result<Page<Recording>, StoreError>> {
        self.with(|rows| {
            let wanted = |kept: &&Recording| {
                kept.account == account
                    && filter.call.is_none_or(|call| kept.call == call)
                    && filter.before.is_none_or(|before| kept.id < before)
            };
            let mut items: Vec<Recording> = rows.recordings.values().rev().filter(wanted).cloned().collect();
            let more = items.len() > filter.most;
            items.truncate(filter.most);
            Ok(Page { items, more })
        })
    }

    fn remove_recording(&self, account: AccountId, id: RecordingId) -> BoxFuture<'_, Result<bool, StoreError>> {
        self.with(|rows| {
            let of_account = rows.recordings.get(&id).is_some_and(|kept| kept.account == account);
            Ok(of_account && rows.recordings.remove(&id).is_some())
        })
    }

    fn open_recordings(&self, node: &str) -> BoxFuture<'_, Result<Vec<Recording>, StoreError>> {
        self.with(|rows| {
            let open = rows.recordings.values().filter(|kept| !kept.is_finished());
            Ok(open.filter(|kept| kept.node == node).cloned().collect())
        })
    }

    fn old_recordings(&self, now: Timestamp, most: usize) -> BoxFuture<'_, Result<Vec<Recording>, StoreError>> {
        self.with(|rows| {
            let is_old = |kept: &&Recording| kept.delete_at.is_some_and(|end| end <= now);
            let mut old: Vec<Recording> = rows.recordings.values().filter(is_old).cloned().collect();
            old.sort_by_key(|kept| kept.delete_at);
            old.truncate(most);
            Ok(old)
        })
    }

    fn server_secret(&self, name: &str, fresh: [u8; 32]) -> BoxFuture<'_, Result<[u8; 32], StoreError>> {
        self.with(|rows| Ok(*rows.secrets.entry(name.to_owned()).or_insert(fresh)))
    }
}
