//! Who is told of events: makes, lists, changes and ends webhooks.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use outdial_domain::{AccountId, CallWebhook, EventFilter, LiveSecret, ReceiverId, SigningSecret, Webhook, WebhookId};
use sha2::{Digest, Sha256};

use super::{Actor, Once};
use crate::{
    Engine,
    outgoing::{Outgoing, UrlRefused},
    ports::{Delivery, DeliveryFilter, FirstAnswer, Page, StoreError},
};

/// The most webhooks that an account may have.
pub const MOST_WEBHOOKS: usize = 20;
/// How long the secret before signs beside a new one when the request does not say.
pub const OLD_SECRET_LIVES: Duration = Duration::from_secs(24 * 3600);
/// How long it may at most.
pub const LONGEST_OLD_SECRET: Duration = Duration::from_secs(30 * 24 * 3600);

/// Why something about a webhook was not done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WebhookError {
    /// Nothing may be sent to this URL.
    #[error(transparent)]
    Url(#[from] UrlRefused),
    /// The account has enough.
    #[error("an account may have {MOST_WEBHOOKS} webhooks: remove one first")]
    TooMany,
    /// The account has no such webhook.
    #[error("there is no webhook with this id in this account")]
    NotFound,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Who is to be told of one call.
#[derive(Debug, Clone)]
pub struct WebhookOfCall {
    /// Where notifications are sent. A face whose clients name a receiver later gives none: what it writes says where
    /// it goes ([`Notice::url`](crate::ports::Notice::url)).
    pub url: Option<String>,
    /// Of what.
    pub events: EventFilter,
    /// What they are signed with.
    pub secret: Option<SigningSecret>,
}

impl From<CallWebhook> for WebhookOfCall {
    fn from(webhook: CallWebhook) -> Self {
        Self {
            url: webhook.url,
            events: webhook.events,
            secret: webhook.secret,
        }
    }
}

/// Whether a text is a secret as Standard Webhooks wants it: `whsec_` and the base64 of 24 to 64 bytes.
#[must_use]
pub fn is_signing_secret(text: &str) -> bool {
    let bytes = text.strip_prefix("whsec_").and_then(|text| STANDARD.decode(text).ok());
    bytes.is_some_and(|bytes| (24..=64).contains(&bytes.len()))
}

/// The receiver of one call, with the name of the server behind it.
pub(super) fn of_call(
    outgoing: &Outgoing,
    account: AccountId,
    given: WebhookOfCall,
) -> Result<CallWebhook, UrlRefused> {
    let url = given.url.as_deref().map(|url| outgoing.check(url)).transpose()?;
    let mut hash = Sha256::new();
    hash.update(account.uuid());
    hash.update(url.map(|url| url.origin().ascii_serialization()).unwrap_or_default());
    let mut name = [0; 16];
    name.copy_from_slice(&hash.finalize()[..16]);
    Ok(CallWebhook {
        url: given.url,
        events: given.events,
        secret: given.secret,
        receiver: ReceiverId::of_hash(name),
    })
}

fn new_secret(engine: &Engine) -> SigningSecret {
    SigningSecret::new(format!("whsec_{}", STANDARD.encode(engine.ids.secret())))
}

/// Makes a webhook, which is told of what happens from now on. Its secret is shown this once.
///
/// # Errors
///
/// [`WebhookError`]; then there is none.
pub async fn create_webhook(
    engine: &Engine,
    actor: &Actor,
    url: String,
    events: EventFilter,
    once: Option<Once<Webhook>>,
) -> Result<Webhook, WebhookError> {
    engine.settings.outgoing.check(&url)?;
    if engine.store.webhooks(Some(actor.account)).await?.len() >= MOST_WEBHOOKS {
        return Err(WebhookError::TooMany);
    }
    let secret = new_secret(engine);
    let webhook = Webhook {
        id: engine.ids.make(WebhookId::new),
        account: actor.account,
        url,
        events,
        secrets: vec![LiveSecret { secret, until: None }],
        disabled: None,
        created_at: engine.ids.now(),
        position: *engine.store.newest().borrow(),
    };
    let answer = once.map(|answer| answer(&webhook));
    engine.store.add_webhook(webhook.clone(), answer).await?;
    engine.inner().telling.notify_one();
    Ok(webhook)
}

/// The webhooks of an account.
///
/// # Errors
///
/// [`StoreError`] when the store cannot be read.
pub async fn list_webhooks(engine: &Engine, actor: &Actor) -> Result<Vec<Webhook>, StoreError> {
    engine.store.webhooks(Some(actor.account)).await
}

/// One webhook.
///
/// # Errors
///
/// [`WebhookError::NotFound`] when the account has no such webhook.
pub async fn get_webhook(engine: &Engine, actor: &Actor, id: WebhookId) -> Result<Webhook, WebhookError> {
    let mut webhooks = list_webhooks(engine, actor).await?.into_iter();
    webhooks.find(|webhook| webhook.id == id).ok_or(WebhookError::NotFound)
}

/// Takes a webhook away with all that waits for it.
///
/// # Errors
///
/// [`WebhookError::NotFound`] when the account has no such webhook.
pub async fn remove_webhook(engine: &Engine, actor: &Actor, id: WebhookId) -> Result<(), WebhookError> {
    if engine.store.remove_webhook(actor.account, id).await? {
        engine.inner().telling.notify_one();
        Ok(())
    } else {
        Err(WebhookError::NotFound)
    }
}

/// Gives a webhook a new secret, which is shown this once. The one before signs, too, for as long as given.
///
/// # Errors
///
/// [`WebhookError::NotFound`] when the account has no such webhook.
pub async fn rotate_webhook_secret(
    engine: &Engine,
    actor: &Actor,
    id: WebhookId,
    old_lives: Duration,
    once: Option<Once<Webhook>>,
) -> Result<Webhook, WebhookError> {
    let mut webhook = get_webhook(engine, actor, id).await?;
    let until = engine.ids.now() + old_lives.min(LONGEST_OLD_SECRET);
    webhook.rotate(new_secret(engine), until);
    let answer = once.map(|answer| answer(&webhook));
    change(engine, webhook, answer).await
}

/// Turns a webhook on again. It is told of what happens from now on; what it missed can be replayed.
///
/// # Errors
///
/// [`WebhookError::NotFound`] when the account has no such webhook.
pub async fn enable_webhook(engine: &Engine, actor: &Actor, id: WebhookId) -> Result<Webhook, WebhookError> {
    let mut webhook = get_webhook(engine, actor, id).await?;
    if webhook.disabled.take().is_none() {
        return Ok(webhook);
    }
    webhook.position = *engine.store.newest().borrow();
    change(engine, webhook, None).await
}

async fn change(engine: &Engine, webhook: Webhook, answer: Option<FirstAnswer>) -> Result<Webhook, WebhookError> {
    match engine.store.change_webhook(webhook.clone(), answer).await {
        Ok(()) => {
            engine.inner().telling.notify_one();
            Ok(webhook)
        }
        Err(StoreError::Gone) => Err(WebhookError::NotFound),
        Err(error) => Err(error.into()),
    }
}

/// The log of deliveries, newest first.
///
/// # Errors
///
/// [`StoreError`] when the store cannot be read.
pub async fn list_deliveries(
    engine: &Engine,
    actor: &Actor,
    filter: DeliveryFilter,
) -> Result<Page<Delivery>, StoreError> {
    engine.store.deliveries(actor.account, filter).await
}
