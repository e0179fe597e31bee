//! Tells a receiver what it has not been told of one call or message, event by event.

use std::time::Duration;

use jiff::Timestamp;
use outdial_domain::{EventFilter, EventKind, MessageEvent, SigningSecret, Webhook};
use outdial_engine::{
    ports::{
        Delivery, DeliveryResult, Feed, FeedKey, Happened, NoticeWriter, Patience, Settled, Snapshot, StoreError,
        StoredEvent,
    },
    verbs,
};
use tokio::time::Instant;

use crate::{
    Shared,
    backoff::{LONGEST_WISH, pause},
    post::{PostError, Posted, Posting},
    sign::{ID, SIGNATURE, TIMESTAMP, signature},
};

/// The status by which a receiver says that it wants nothing more (RFC 9110, section 15.5.11).
const GONE: u16 = 410;

/// What became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Told {
    /// All was taken.
    Fine,
    /// There was nothing to tell, or nobody.
    Nothing,
    /// Something was not taken.
    Failed {
        /// When the receiver wants to be tried again, where it said so.
        not_before: Option<Timestamp>,
    },
}

/// Tells a receiver what waits in a feed, until something fails.
pub(crate) async fn tell(shared: &Shared, feed: Feed) -> (FeedKey, Told) {
    let key = feed.key;
    let told = match Telling::prepare(shared, feed).await {
        Ok(Some(telling)) => telling.run().await,
        Ok(None) => Told::Nothing,
        Err(error) => {
            tracing::error!(%error, subject = %key.subject, "a notification cannot be written");
            // It is tried again when the receiver is served again.
            Told::Failed { not_before: None }
        }
    };
    (key, told)
}

/// Who is told.
struct Target {
    /// None where what is told says where it goes.
    url: Option<String>,
    events: EventFilter,
    webhook: Option<Webhook>,
    secret: Option<SigningSecret>,
}

impl Target {
    fn signature(&self, id: &str, now: Timestamp, body: &str) -> Option<String> {
        let signed = match &self.webhook {
            Some(webhook) => signature(webhook.live_secrets(now), id, now, body),
            None => signature(&self.secret, id, now, body),
        };
        (!signed.is_empty()).then_some(signed)
    }
}

struct Telling<'s> {
    shared: &'s Shared,
    feed: Feed,
    target: Target,
    writer: &'s dyn NoticeWriter,
    snapshot: Snapshot,
    /// All its events.
    history: Vec<StoredEvent>,
}

impl<'s> Telling<'s> {
    /// Reads all that is needed, or settles a feed that nobody is to be told of any more.
    async fn prepare(shared: &'s Shared, feed: Feed) -> Result<Option<Self>, StoreError> {
        let store = &shared.engine.store;
        let snapshot = verbs::snapshot(&shared.engine, feed.account, feed.key.subject).await?;
        let events = store.events_of(feed.account, feed.key.subject).await?;
        let Some((snapshot, target)) = find(shared, &feed, snapshot).await? else {
            settle(shared, &feed, feed.newest, 0, None, None).await;
            return Ok(None);
        };
        // A webhook of the account was made by our own interface, whoever makes the calls.
        let writer = match feed.key.webhook {
            Some(_) => shared.writers.usual.as_ref(),
            None => shared.writers.of(&events),
        };
        Ok(Some(Self {
            shared,
            feed,
            target,
            writer,
            snapshot,
            history: events,
        }))
    }

    async fn run(mut self) -> Told {
        let history = std::mem::take(&mut self.history);
        // What came since the feed was read moves the feed on, too: it is told then.
        let (told, newest) = (self.feed.told, self.feed.newest);
        let new = history
            .iter()
            .filter(|stored| (told + 1..=newest).contains(&stored.event.sequence));
        let waiting: Vec<_> = new
            .filter(|stored| self.target.events.wants(&stored.event.kind))
            .collect();
        for stored in &waiting {
            // Others may tell it by now, who would be told of older events by us in between.
            if !self.shared.engine.holds_lease() {
                return Told::Nothing;
            }
            if let Err(stop) = self.tell_one(stored, &history).await {
                return stop;
            }
        }
        self.settle(self.feed.newest, None, None).await;
        if waiting.is_empty() { Told::Nothing } else { Told::Fine }
    }

    /// Tells of one event. An error is what ends the telling, for now or for good.
    async fn tell_one(&mut self, stored: &StoredEvent, history: &[StoredEvent]) -> Result<(), Told> {
        let engine = &self.shared.engine;
        let (at, began) = (engine.ids.now(), Instant::now());
        let Some(posting) = self.posting(stored, history, at) else {
            return Ok(());
        };
        let url = posting.url.clone();
        let result = self.shared.post.post(posting).await;
        let millis = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        let sequence = stored.event.sequence;
        let mut delivery = self.delivery(stored, &url, at, millis, &result);
        metrics::counter!("outdial_webhook_deliveries_total", "result" => delivery.result.as_str()).increment(1);
        match delivery.result {
            DeliveryResult::Delivered => {
                self.feed.told = sequence;
                self.feed.tries = 0;
                // The next event comes at once: what is next is due again only after this task.
                self.settle_later(sequence, delivery).await;
                Ok(())
            }
            DeliveryResult::Gone => {
                self.gone(delivery).await;
                Err(Told::Fine)
            }
            DeliveryResult::Retried | DeliveryResult::GivenUp => {
                self.feed.tries += 1;
                let now = engine.ids.now();
                let wish = result.as_ref().ok().and_then(|posted| wish(posted, now));
                let age = Duration::try_from(now.duration_since(stored.event.at)).unwrap_or_default();
                let pause = match self.writer.patience() {
                    Patience::Usual if age >= self.shared.config.give_up_after => None,
                    Patience::Usual => Some(pause(self.feed.tries, engine.ids.secret()[0])),
                    Patience::Pauses(pauses) => {
                        let before = usize::try_from(self.feed.tries - 1).unwrap_or(usize::MAX);
                        pauses.get(before).copied()
                    }
                };
                let Some(pause) = pause else {
                    delivery.result = DeliveryResult::GivenUp;
                    tracing::warn!(subject = %self.feed.key.subject, sequence, "a notification is given up");
                    self.feed.told = sequence;
                    self.feed.tries = 0;
                    self.settle(sequence, Some(now), Some(delivery)).await;
                    return Err(Told::Failed { not_before: wish });
                };
                let due = wish.map_or(now + pause, |wish| wish.max(now + pause));
                let before = sequence - 1;
                self.settle(before, Some(due), Some(delivery)).await;
                Err(Told::Failed { not_before: wish })
            }
        }
    }

    /// What is sent of an event, if something is, and somebody wants to be told.
    fn posting(&self, stored: &StoredEvent, history: &[StoredEvent], now: Timestamp) -> Option<Posting> {
        let notice = self.writer.write(&Happened {
            snapshot: &self.snapshot,
            stored,
            history,
            now,
        })?;
        let url = notice.url.or_else(|| self.target.url.clone())?;
        let id = stored.event.id.to_string();
        let mut headers = vec![
            ("content-type", notice.content_type),
            (TIMESTAMP, now.as_second().to_string()),
        ];
        let signed = self.target.signature(&id, now, &notice.body);
        headers.extend(signed.map(|signed| (SIGNATURE, signed)));
        headers.push((ID, id));
        headers.extend(notice.headers);
        Some(Posting {
            url,
            headers,
            body: notice.body,
        })
    }

    fn delivery(
        &self,
        stored: &StoredEvent,
        url: &str,
        at: Timestamp,
        millis: u64,
        result: &Result<Posted, PostError>,
    ) -> Delivery {
        let (status, error, response) = match result {
            Ok(posted) => (Some(posted.status), complaint(posted.status), posted.beginning.clone()),
            Err(error) => (None, Some(error.to_string()), String::new()),
        };
        let result = match status {
            Some(200..=299) => DeliveryResult::Delivered,
            Some(GONE) => DeliveryResult::Gone,
            _ => DeliveryResult::Retried,
        };
        Delivery {
            id: self.shared.engine.ids.make(outdial_domain::DeliveryId::new),
            account: self.feed.account,
            subject: self.feed.key.subject,
            webhook: self.feed.key.webhook,
            event: stored.event.id,
            sequence: stored.event.sequence,
            kind: stored.event.kind.word().to_owned(),
            url: shown(url).to_owned(),
            attempt: self.feed.tries + 1,
            at,
            millis,
            status,
            error,
            response,
            result,
        }
    }

    /// The receiver wants nothing more: of the account, or of this call or message.
    async fn gone(&mut self, delivery: Delivery) {
        self.settle(self.feed.newest, None, Some(delivery)).await;
        if let Some(webhook) = self.target.webhook.take() {
            tracing::warn!(webhook = %webhook.id, "a receiver is gone: its webhook is off");
            let off = Webhook {
                disabled: Some("the receiver answered 410 Gone".to_owned()),
                ..webhook
            };
            if let Err(error) = self.shared.engine.store.change_webhook(off, None).await {
                tracing::error!(%error, "a webhook cannot be turned off");
            }
        }
    }

    async fn settle(&self, told: u32, due: Option<Timestamp>, delivery: Option<Delivery>) {
        settle(self.shared, &self.feed, told, self.feed.tries, due, delivery).await;
    }

    /// Writes an entry of the log and how far we are, without waiting for the disk.
    async fn settle_later(&self, told: u32, delivery: Delivery) {
        let settled = Settled {
            key: self.feed.key,
            told,
            tries: 0,
            due: Some(delivery.at),
            delivery: Some(delivery),
        };
        drop(self.shared.settler.settle(settled).await);
    }
}

async fn settle(
    shared: &Shared,
    feed: &Feed,
    told: u32,
    tries: u32,
    due: Option<Timestamp>,
    delivery: Option<Delivery>,
) {
    let settled = Settled {
        key: feed.key,
        told,
        tries,
        due,
        delivery,
    };
    // Until it is on disk the feed counts as under way, or it would be told again at once.
    let _ = shared.settler.settle(settled).await.await;
}

/// Who is to be told, with what it is told of; nobody when the webhook was removed or is off.
async fn find(
    shared: &Shared,
    feed: &Feed,
    snapshot: Option<Snapshot>,
) -> Result<Option<(Snapshot, Target)>, StoreError> {
    let Some(snapshot) = snapshot else { return Ok(None) };
    let target = match feed.key.webhook {
        Some(id) => {
            let webhooks = shared.engine.store.webhooks(Some(feed.account)).await?;
            let webhook = webhooks
                .into_iter()
                .find(|webhook| webhook.id == id && webhook.disabled.is_none());
            webhook.map(|webhook| Target {
                url: Some(webhook.url.clone()),
                events: webhook.events.clone(),
                webhook: Some(webhook),
                secret: None,
            })
        }
        None => snapshot.webhook().cloned().map(|webhook| Target {
            url: webhook.url,
            events: webhook.events,
            webhook: None,
            secret: webhook.secret,
        }),
    };
    Ok(target.map(|target| (snapshot, target)))
}

impl crate::Writers {
    /// Who writes the notifications of a call or a message with these events.
    fn of(&self, events: &[StoredEvent]) -> &dyn NoticeWriter {
        let face = events.first().and_then(|stored| match &stored.event.kind {
            EventKind::Created { face, .. }
            | EventKind::Message {
                event: MessageEvent::Created { face, .. },
            } => self.by_face.get(face),
            _ => None,
        });
        face.unwrap_or(&self.usual).as_ref()
    }
}

/// Why a status is not what it should be.
fn complaint(status: u16) -> Option<String> {
    match status {
        200..=299 => None,
        300..=399 => Some(format!("status {status}: redirects are not followed")),
        other => Some(format!("status {other}")),
    }
}

/// When a receiver wants to be tried again (RFC 9110, section 10.2.3), within reason.
fn wish(posted: &Posted, now: Timestamp) -> Option<Timestamp> {
    let text = posted.retry_after.as_deref()?.trim();
    let at = match text.parse::<u64>() {
        Ok(seconds) => now + Duration::from_secs(seconds).min(LONGEST_WISH),
        Err(_) => jiff::fmt::rfc2822::parse(text).ok()?.timestamp(),
    };
    (at > now).then_some(at.min(now + LONGEST_WISH))
}

/// A URL for the log: what follows a question mark may be somebody's secret.
fn shown(url: &str) -> &str {
    url.split('?').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wishes_are_heard_within_reason() {
        let now = Timestamp::from_second(784_111_777).unwrap();
        let wish = |text: &str| {
            let posted = Posted {
                retry_after: Some(text.into()),
                ..Posted::default()
            };
            wish(&posted, now).map(|at| at.as_second() - now.as_second())
        };
        assert_eq!(wish("120"), Some(120));
        assert_eq!(wish("Sun, 06 Nov 1994 08:51:37 GMT"), Some(120));
        assert_eq!(wish("Sun, 06 Nov 1994 08:40:37 GMT"), None);
        assert_eq!(wish("99999999999"), Some(24 * 3600));
        assert_eq!(wish("soon"), None);
        assert_eq!(wish("-5"), None);
    }
}
