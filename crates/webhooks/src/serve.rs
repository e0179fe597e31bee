//! Tells one receiver all that it is to be told: several calls at once, each in order.

use std::{collections::HashSet, sync::Arc, time::Duration};

use jiff::Timestamp;
use outdial_domain::ReceiverId;
use outdial_engine::ports::{Feed, FeedKey, StoreError};
use tokio::{task::JoinSet, time::Instant};

use crate::{
    Shared,
    backoff::pause_of_receiver,
    dispatcher::LEASE,
    tell::{Told, tell},
};

/// How often a lease is made longer, however long a receiver takes.
const BEAT: Duration = Duration::from_secs(10);

/// Tells a receiver until there is nothing left to tell, or it fails too often; then gives it back.
pub(crate) async fn serve(shared: &Arc<Shared>, run: String, receiver: ReceiverId, failed: u32) {
    let mut serving = Serving {
        shared,
        run,
        receiver,
        failed,
        rest: None,
        wish: None,
        ours: true,
    };
    if let Err(error) = serving.run().await {
        tracing::error!(%error, "a receiver cannot be told at the moment");
    }
    serving.give_back().await;
}

struct Serving<'s> {
    shared: &'s Arc<Shared>,
    /// The run under which the receiver was taken.
    run: String,
    receiver: ReceiverId,
    /// How often in a row it has failed.
    failed: u32,
    /// Until when it is left alone, because it fails.
    rest: Option<Timestamp>,
    /// Until when it wants to be left alone.
    wish: Option<Timestamp>,
    ours: bool,
}

impl Serving<'_> {
    async fn run(&mut self) -> Result<(), StoreError> {
        // Tasks of their own: a future that nobody polls while this one waits for the store would keep its
        // place in the line for the store, and with it everybody behind.
        let mut under_way = JoinSet::new();
        let mut keys: HashSet<FeedKey> = HashSet::new();
        let mut beat = tokio::time::interval_at(Instant::now() + BEAT, BEAT);
        loop {
            if self.goes_on() {
                let free = self.room().saturating_sub(keys.len());
                for feed in self.more(free, &keys).await? {
                    keys.insert(feed.key);
                    let shared = Arc::clone(self.shared);
                    under_way.spawn(async move { tell(&shared, feed).await });
                }
            }
            tokio::select! {
                next = under_way.join_next() => match next {
                    Some(Ok((key, told))) => {
                        keys.remove(&key);
                        self.note(told);
                    }
                    Some(Err(error)) => {
                        tracing::error!(%error, "the telling of a receiver broke off; it is begun again");
                        return Ok(());
                    }
                    None => return Ok(()),
                },
                _ = beat.tick() => self.keep().await?,
            }
        }
    }

    fn goes_on(&self) -> bool {
        let ours = self.ours && self.shared.engine.holds_lease();
        ours && self.rest.is_none() && self.wish.is_none() && !self.shared.stopping.is_cancelled()
    }

    /// A receiver that fails is tried with one notification at a time.
    fn room(&self) -> usize {
        if self.failed == 0 {
            self.shared.config.per_receiver.max(1)
        } else {
            1
        }
    }

    async fn more(&self, free: usize, under_way: &HashSet<FeedKey>) -> Result<Vec<Feed>, StoreError> {
        if free == 0 {
            return Ok(Vec::new());
        }
        let engine = &self.shared.engine;
        let most = free + under_way.len();
        let mut feeds = engine.store.feeds(self.receiver, engine.ids.now(), most).await?;
        feeds.retain(|feed| !under_way.contains(&feed.key));
        feeds.truncate(free);
        Ok(feeds)
    }

    fn note(&mut self, told: Told) {
        match told {
            Told::Fine => {
                self.failed = 0;
                self.rest = None;
            }
            Told::Nothing => {}
            Told::Failed { not_before } => {
                let engine = &self.shared.engine;
                self.failed = self.failed.saturating_add(1);
                let pause = pause_of_receiver(self.failed, engine.ids.secret()[0]);
                self.rest = pause.map(|pause| engine.ids.now() + pause);
                self.wish = self.wish.max(not_before);
            }
        }
    }

    async fn keep(&mut self) -> Result<(), StoreError> {
        let engine = &self.shared.engine;
        let until = engine.ids.now() + LEASE;
        let kept = engine.store.keep_receiver(self.receiver, &self.run, until);
        self.ours = self.ours && kept.await?;
        Ok(())
    }

    async fn give_back(&self) {
        let engine = &self.shared.engine;
        let given = engine
            .store
            .give_receiver_back(self.receiver, &self.run, self.failed, self.rest.max(self.wish));
        if let Err(error) = given.await {
            tracing::warn!(%error, "a receiver waits for the end of its lease");
        }
    }
}
