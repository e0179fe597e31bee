//! A store in memory, as strict as the real ones.

mod feeds;
mod limits;
mod messages;
mod nodes;
mod recordings;
mod rows;
mod telling;

use std::{
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use futures_util::future::{BoxFuture, FutureExt, ready};
use jiff::Timestamp;
use outdial_domain::{
    Account, AccountId, Allowance, AudioId, Call, CallId, Key, KeyId, Mask, MaskId, ScheduleId, Subject,
};
use outdial_engine::ports::{
    AudioFile, Backlog, CallDetails, CallFilter, Change, Claimed, Count, Counted, FirstAnswer, Lane, Nodes, Page,
    Placing, SharedLimits, Store, StoreError, StoredEvent, StoredSchedule, Trace, Wanted, Work,
};
use tokio::{sync::watch, time::Instant};

use limits::Limits;
use rows::Rows;

/// Remembers as long as it lives. It keeps all rules of the port; only the disk is missing.
#[derive(Debug)]
pub struct MemoryStore {
    rows: Mutex<Rows>,
    failure: Mutex<Option<StoreError>>,
    newest: watch::Sender<i64>,
    limits: Mutex<Limits>,
    begun: Instant,
    commanded: watch::Sender<u64>,
    shares_work: AtomicBool,
    notices: watch::Sender<u64>,
    /// How long it takes to say that a change was saved, in microseconds.
    answers_after: AtomicU64,
    /// How many of the next answers to changes get lost.
    answers_lost: AtomicU64,
    /// The same of changes of messages.
    message_answers_lost: AtomicU64,
    accounts: watch::Sender<u64>,
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self {
            rows: Mutex::default(),
            failure: Mutex::default(),
            newest: watch::Sender::new(0),
            limits: Mutex::default(),
            begun: Instant::now(),
            commanded: watch::Sender::new(0),
            shares_work: AtomicBool::new(false),
            notices: watch::Sender::new(0),
            answers_after: AtomicU64::new(0),
            answers_lost: AtomicU64::new(0),
            message_answers_lost: AtomicU64::new(0),
            accounts: watch::Sender::new(0),
        }
    }
}

impl MemoryStore {
    /// From now on several nodes may share it, and it keeps the limits for all of them. Before, it is one
    /// process's alone.
    pub fn share(&self) {
        self.shares_work.store(true, Ordering::Relaxed);
    }

    fn is_shared(&self) -> bool {
        self.shares_work.load(Ordering::Relaxed)
    }

    /// From now on every operation fails like this; `None` mends it.
    pub fn fail(&self, with: Option<StoreError>) {
        *self.failure.lock().unwrap_or_else(PoisonError::into_inner) = with;
    }

    /// From now on every operation fails as on a full disk.
    pub fn fill_disk(&self) {
        self.fail(Some(StoreError::Unavailable {
            reason: "the disk is full".to_owned(),
            remedy: "Make room on it".to_owned(),
        }));
    }

    /// From now on whoever saves a change learns so much later that it was saved. It is saved at once.
    pub fn answer_after(&self, delay: Duration) {
        let micros = u64::try_from(delay.as_micros()).unwrap_or(u64::MAX);
        self.answers_after.store(micros, Ordering::Relaxed);
    }

    /// So many of the next changes are saved, and said not to be: as when a database goes away while it
    /// commits, and does not come back soon.
    pub fn lose_answers(&self, changes: u64) {
        self.answers_lost.store(changes, Ordering::Relaxed);
    }

    /// The same of changes of messages.
    pub fn lose_message_answers(&self, batches: u64) {
        self.message_answers_lost.store(batches, Ordering::Relaxed);
    }

    /// How long it takes to say that a change was saved.
    fn delay(&self) -> Duration {
        Duration::from_micros(self.answers_after.load(Ordering::Relaxed))
    }

    fn loses_answer(&self) -> bool {
        is_one_of(&self.answers_lost)
    }

    fn loses_message_answer(&self) -> bool {
        is_one_of(&self.message_answers_lost)
    }

    /// The answers that are kept.
    #[must_use]
    pub fn answers(&self) -> Vec<FirstAnswer> {
        self.rows().answers.values().cloned().collect()
    }

    fn rows(&self) -> MutexGuard<'_, Rows> {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does something with the rows, at once: the order of the calls is the order of the changes.
    fn with<T: Send + 'static>(
        &self,
        act: impl FnOnce(&mut Rows) -> Result<T, StoreError>,
    ) -> BoxFuture<'static, Result<T, StoreError>> {
        let failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let done = failure.map_or_else(|| act(&mut self.rows()), Err);
        ready(done).boxed()
    }
}

/// What is known already, said so much later.
fn late<T: Send + 'static>(known: BoxFuture<'static, T>, delay: Duration) -> BoxFuture<'static, T> {
    if delay.is_zero() {
        return known;
    }
    async move {
        tokio::time::sleep(delay).await;
        known.await
    }
    .boxed()
}

/// Whether this is one of so many, which are then one fewer.
fn is_one_of(left: &AtomicU64) -> bool {
    let fewer = |left: u64| left.checked_sub(1);
    left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fewer).is_ok()
}

impl SharedLimits for MemoryStore {
    fn count(&self, count: Count) -> BoxFuture<'_, Result<Counted, StoreError>> {
        let now = self.begun.elapsed();
        // Under the same failure as all others.
        self.with(|rows| {
            if !rows.nodes.knows(&count.run) {
                return Err(StoreError::Fenced(count.run));
            }
            let mut limits = self.limits.lock().unwrap_or_else(PoisonError::into_inner);
            limits.forget(|run| !rows.nodes.knows(run));
            Ok(limits.count(count, now))
        })
    }
}

impl Store for MemoryStore {
    fn shared_limits(&self) -> Option<&dyn SharedLimits> {
        self.is_shared().then_some(self as &dyn SharedLimits)
    }

    fn commit(&self, change: Change) -> BoxFuture<'static, Result<(), StoreError>> {
        let delay = self.delay();
        let saved = self.with(|rows| {
            if self.is_shared()
                && let Some(refusal) = rows.nodes.refusal(&change)
            {
                return Err(refusal);
            }
            let noticed = change.call.plan.webhook.is_some();
            let position = rows.commit(change)?;
            self.newest.send_replace(position);
            if noticed {
                self.notices.send_modify(|notices| *notices += 1);
            }
            if self.loses_answer() {
                return Err(StoreError::Unavailable {
                    reason: "the answer of the store got lost".to_owned(),
                    remedy: "Try again".to_owned(),
                });
            }
            Ok(())
        });
        late(saved, delay)
    }

    fn claim_due(&self, by: Timestamp, run: &str, wanted: Wanted) -> BoxFuture<'_, Result<Claimed, StoreError>> {
        // Only when it is polled, so that a claim that nobody waits for takes nothing.
        let run = run.to_owned();
        async move { self.with(|rows| Ok(rows.claim_due(by, &run, &wanted))).await }.boxed()
    }

    fn next_due(&self, work: Work, except: &[Lane]) -> BoxFuture<'_, Result<Option<Timestamp>, StoreError>> {
        self.with(|rows| Ok(rows.next_due(work, except)))
    }

    fn backlog(&self, placing: Placing) -> BoxFuture<'_, Result<Backlog, StoreError>> {
        self.with(|rows| Ok(rows.backlog(&placing)))
    }

    fn recover(&self) -> BoxFuture<'_, Result<Vec<CallDetails>, StoreError>> {
        let shared = self.is_shared();
        self.with(|rows| {
            let nodes = std::mem::take(&mut rows.nodes);
            let unfinished = rows.recover(|run| !shared || !nodes.knows(run));
            rows.nodes = nodes;
            Ok(unfinished)
        })
    }

    fn overdue(&self, now: Timestamp) -> BoxFuture<'_, Result<Vec<CallDetails>, StoreError>> {
        self.with(|rows| Ok(rows.overdue(now)))
    }

    fn nodes(&self) -> Option<&dyn Nodes> {
        self.is_shared().then_some(self as &dyn Nodes)
    }

    fn call(&self, account: AccountId, id: CallId) -> BoxFuture<'_, Result<Option<CallDetails>, StoreError>> {
        self.with(|rows| Ok(rows.call(account, id).map(|row| row.details.clone())))
    }

    fn calls(&self, account: AccountId, filter: CallFilter) -> BoxFuture<'_, Result<Page<Call>, StoreError>> {
        self.with(|rows| Ok(rows.list(account, &filter)))
    }

    fn keep_by_face(&self, account: AccountId, call: CallId, kept: String) -> BoxFuture<'_, Result<bool, StoreError>> {
        self.with(|rows| Ok(rows.keep_by_face(account, call, kept)))
    }

    fn forget_face(&self, account: AccountId, call: CallId) -> BoxFuture<'_, Result<bool, StoreError>> {
        self.with(|rows| Ok(rows.forget_face(account, call)))
    }

    fn events_of(&self, account: AccountId, subject: Subject) -> BoxFuture<'_, Result<Vec<StoredEvent>, StoreError>> {
        self.with(|rows| Ok(rows.events_of(account, subject)))
    }

    fn events_after(
        &self,
        account: AccountId,
        position: i64,
        most: usize,
    ) -> BoxFuture<'_, Result<Vec<StoredEvent>, StoreError>> {
        self.with(|rows| Ok(rows.events_after(account, position, most)))
    }

    fn newest(&self) -> watch::Receiver<i64> {
        self.newest.subscribe()
    }

    fn traces(&self, account: AccountId, call: CallId) -> BoxFuture<'_, Result<Vec<Trace>, StoreError>> {
        self.with(|rows| {
            Ok(rows
                .call(account, call)
                .map(|row| row.traces.clone())
                .unwrap_or_default())
        })
    }

    fn add_account(&self, account: Account, answer: Option<FirstAnswer>) -> BoxFuture<'_, Result<(), StoreError>> {
        self.with(|rows| rows.with_answer(answer, |rows| rows.add_account(account)))
    }

    fn accounts(&self) -> BoxFuture<'_, Result<Vec<Account>, StoreError>> {
        self.with(|rows| Ok(rows.accounts.values().cloned().collect()))
    }

    fn allow_account(&self, account: AccountId, allowance: Allowance) -> BoxFuture<'_, Result<bool, StoreError>> {
        let written = self.with(|rows| {
            let found = rows.accounts.values_mut().find(|known| known.id == account);
            Ok(found.map(|known| known.allowance = allowance).is_some())
        });
        self.accounts.send_modify(|changes| *changes += 1);
        written
    }

    fn accounts_changed(&self) -> watch::Receiver<u64> {
        self.accounts.subscribe()
    }

    fn add_key(
        &self,
        key: Key,
        secret_hash: [u8; 32],
        answer: Option<FirstAnswer>,
    ) -> BoxFuture<'_, Result<(), StoreError>> {
        self.with(|rows| rows.with_answer(answer, |rows| rows.add_key(key, secret_hash)))
    }

    fn key_by_hash(&self, secret_hash: [u8; 32]) -> BoxFuture<'_, Result<Option<Key>, StoreError>> {
        self.with(|rows| {
            let found = rows.keys.values().find(|(_, hash)| *hash == secret_hash);
            Ok(found.map(|(key, _)| key.clone()))
        })
    }

    fn keys(&self, account: AccountId) -> BoxFuture<'_, Result<Vec<Key>, StoreError>> {
        self.with(|rows| {
            let mut keys: Vec<Key> = rows.keys.values().map(|(key, _)| key.clone()).collect();
            keys.retain(|key| key.account == account);
            keys.sort_by_key(|key| (key.created_at, key.id));
            Ok(keys)
        })
    }

    fn remove_key(&self, account: AccountId, key: KeyId) -> BoxFuture<'_, Result<bool, StoreError>> {
        self.with(|rows| {
            let is_there = rows.keys.get(&key).is_some_and(|(key, _)| key.account == account);
            Ok(is_there && rows.keys.remove(&key).is_some())
        })
    }

    fn add_audio(&self, audio: AudioFile, answer: Option<FirstAnswer>) -> BoxFuture<'_, Result<(), StoreError>> {
        self.with(|rows| {
            rows.with_answer(answer, |rows| {
                rows.audio.insert(audio.id, audio);
                Ok(())
            })
        })
    }

    fn audio(&self, account: AccountId, id: AudioId) -> BoxFuture<'_, Result<Option<AudioFile>, StoreError>> {
        self.with(|rows| Ok(rows.audio.get(&id).filter(|audio| audio.account == account).cloned()))
    }

    fn first_answer(
        &self,
        account: AccountId,
        key: [u8; 32],
        now: Timestamp,
    ) -> BoxFuture<'_, Result<Option<FirstAnswer>, StoreError>> {
        self.with(|rows| {
            Ok(rows
                .answers
                .get(&(account, key))
                .filter(|kept| kept.kept_until > now)
                .cloned())
        })
    }

    fn forget_answers(&self, now: Timestamp, most: usize) -> BoxFuture<'_, Result<usize, StoreError>> {
        self.with(|rows| {
            let old = rows.answers.extract_if(.., |_, kept| kept.kept_until <= now);
            Ok(old.take(most).count())
        })
    }

    fn add_schedule(
        &self,
        schedule: StoredSchedule,
        answer: Option<FirstAnswer>,
    ) -> BoxFuture<'_, Result<(), StoreError>> {
        self.with(|rows| {
            rows.with_answer(answer, |rows| {
                rows.schedules.insert(schedule.schedule.id, schedule);
                Ok(())
            })
        })
    }

    fn change_schedule(&self, schedule: StoredSchedule) -> BoxFuture<'_, Result<bool, StoreError>> {
        self.with(|rows| {
            let kept = rows.schedules.get_mut(&schedule.schedule.id);
            let before = kept.filter(|kept| kept.schedule.version + 1 == schedule.schedule.version);
            Ok(before.map(|kept| *kept = schedule).is_some())
        })
    }

    fn remove_schedule(&self, account: AccountId, id: ScheduleId) -> BoxFuture<'_, Result<bool, StoreError>> {
        self.with(|rows| {
            let of_account = rows
                .schedules
                .get(&id)
                .is_some_and(|kept| kept.schedule.account == account);
            Ok(of_account && rows.schedules.remove(&id).is_some())
        })
    }

    fn schedule(
        &self,
        account: AccountId,
        id: ScheduleId,
    ) -> BoxFuture<'_, Result<Option<StoredSchedule>, StoreError>> {
        self.with(|rows| {
            let kept = rows.schedules.get(&id).filter(|kept| kept.schedule.account == account);
            Ok(kept.cloned())
        })
    }

    fn schedules(&self, account: AccountId) -> BoxFuture<'_, Result<Vec<StoredSchedule>, StoreError>> {
        self.with(|rows| {
            let newest_first = rows.schedules.values().rev();
            Ok(newest_first
                .filter(|kept| kept.schedule.account == account)
                .cloned()
                .collect())
        })
    }

    fn due_schedules(&self, now: Timestamp, most: usize) -> BoxFuture<'_, Result<Vec<StoredSchedule>, StoreError>> {
        self.with(|rows| {
            let waiting = |kept: &&StoredSchedule| kept.schedule.wake().is_some_and(|wake| wake <= now);
            let mut due: Vec<StoredSchedule> = rows.schedules.values().filter(waiting).cloned().collect();
            due.sort_by_key(|kept| kept.schedule.wake());
            due.truncate(most);
            Ok(due)
        })
    }

    fn next_schedule(&self) -> BoxFuture<'_, Result<Option<Timestamp>, StoreError>> {
        self.with(|rows| Ok(rows.schedules.values().filter_map(|kept| kept.schedule.wake()).min()))
    }

    fn add_mask(&self, mask: Mask, answer: Option<FirstAnswer>) -> BoxFuture<'_, Result<(), StoreError>> {
        self.with(|rows| {
            rows.with_answer(answer, |rows| {
                let of_account = rows.masks.values().filter(|kept| kept.account == mask.account);
                let mut live = of_account.filter(|kept| kept.holds(mask.created_at));
                if live.any(|kept| mask.is_mistaken_for(kept)) {
                    return Err(StoreError::Taken(mask.number.to_string()));
                }
                rows.masks.insert(mask.id, mask);
                Ok(())
            })
        })
    }

    fn remove_mask(&self, account: AccountId, id: MaskId) -> BoxFuture<'_, Result<bool, StoreError>> {
        self.with(|rows| {
            let of_account = rows.masks.get(&id).is_some_and(|kept| kept.account == account);
            Ok(of_account && rows.masks.remove(&id).is_some())
        })
    }

    fn masks(&self, account: AccountId) -> BoxFuture<'_, Result<Vec<Mask>, StoreError>> {
        self.with(|rows| {
            let newest_first = rows.masks.values().rev();
            Ok(newest_first.filter(|kept| kept.account == account).cloned().collect())
        })
    }

    fn masks_of(&self, account: AccountId, number: &str) -> BoxFuture<'_, Result<Vec<Mask>, StoreError>> {
        self.with(|rows| {
            let newest_first = rows.masks.values().rev();
            let of_number = |kept: &&Mask| kept.account == account && kept.number.to_string() == number;
            Ok(newest_first.filter(of_number).cloned().collect())
        })
    }

    fn forget_masks(&self, before: Timestamp, most: usize) -> BoxFuture<'_, Result<usize, StoreError>> {
        self.with(|rows| {
            let over = |mask: &Mask| mask.expires.is_some_and(|end| end <= before);
            let old = rows.masks.extract_if(.., |_, kept| over(kept));
            Ok(old.take(most).count())
        })
    }

    fn check(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        self.with(|_| Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::MemoryStore;

    async fn empty() -> Option<(MemoryStore, ())> {
        let store = MemoryStore::default();
        store.share();
        Some((store, ()))
    }

    crate::store_suite!(empty);
}
