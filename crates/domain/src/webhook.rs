//! Who is told of what happens to calls: receivers of one call, and those of a whole account.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{AccountId, EventKind, ReceiverId, WebhookId};

/// Which kinds of events somebody is told of; an empty list means all.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EventFilter(Vec<String>);

impl EventFilter {
    /// A filter for these [kinds](EventKind::WORDS); all when there are none.
    #[must_use]
    pub fn of(words: &[&'static str]) -> Self {
        Self(words.iter().map(|&word| word.to_owned()).collect())
    }

    /// Whether an event of this kind is wanted.
    #[must_use]
    pub fn wants(&self, kind: &EventKind) -> bool {
        self.0.is_empty() || self.0.iter().any(|word| word == kind.word())
    }

    /// The kinds, or none when all are wanted.
    #[must_use]
    pub fn words(&self) -> &[String] {
        &self.0
    }
}

/// The secret that notifications are signed with: `whsec_` and base64. It is never shown by `Debug`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SigningSecret(String);

impl SigningSecret {
    /// Takes a text as a secret; whether it can be one is decided where it comes in.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// The secret itself: to sign with, and to show once.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SigningSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("whsec_…")
    }
}

/// Who is told of one call, as its request said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallWebhook {
    /// Where notifications are sent; none where the interface that the call was made by says so with each of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Of what.
    pub events: EventFilter,
    /// What they are signed with; they are not signed without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<SigningSecret>,
    /// Names the server behind the URL, which all calls of the account that name it share; those without one share
    /// one that stands for any server.
    pub receiver: ReceiverId,
}

/// Who is told of all calls of an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Webhook {
    /// Names it.
    pub id: WebhookId,
    /// Whose calls.
    pub account: AccountId,
    /// Where notifications are sent.
    pub url: String,
    /// Of what.
    pub events: EventFilter,
    /// What they are signed with, the newest first.
    pub secrets: Vec<LiveSecret>,
    /// Why nothing is sent to it any more; none while it is on.
    pub disabled: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// The position in the event log up to which it was seen who is to be told of what.
    pub position: i64,
}

/// A secret for as long as it signs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LiveSecret {
    /// The secret.
    pub secret: SigningSecret,
    /// From when on it does not sign any more; none for the newest.
    pub until: Option<Timestamp>,
}

impl ReceiverId {
    /// The receiver that this hash of an account and a server names.
    #[must_use]
    pub fn of_hash(hash: [u8; 16]) -> Self {
        Self::from_uuid(uuid::Uuid::from_bytes(hash))
    }
}

impl Webhook {
    /// The receiver that stands for this webhook.
    #[must_use]
    pub fn receiver(&self) -> ReceiverId {
        ReceiverId::from_uuid(self.id.uuid())
    }

    /// The secrets that sign at this time, the newest first.
    pub fn live_secrets(&self, now: Timestamp) -> impl Iterator<Item = &SigningSecret> {
        let live = move |secret: &&LiveSecret| secret.until.is_none_or(|until| now < until);
        self.secrets.iter().filter(live).map(|live| &live.secret)
    }

    /// Signs with a new secret from now on, and with the one before until it has been changed on the other
    /// side, too. Older ones are dropped: there are never more than two.
    pub fn rotate(&mut self, secret: SigningSecret, old_until: Timestamp) {
        self.secrets.truncate(1);
        for old in &mut self.secrets {
            old.until = Some(old_until);
        }
        self.secrets.insert(0, LiveSecret { secret, until: None });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_secrets_live_while_they_are_changed() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let secret = |text: &str| SigningSecret::new(text.into());
        let mut webhook = Webhook {
            id: WebhookId::new(at(0), [0; 10]),
            account: AccountId::new(at(0), [0; 10]),
            url: "https://a.example/".into(),
            events: EventFilter::of(&["ended"]),
            secrets: vec![LiveSecret {
                secret: secret("one"),
                until: None,
            }],
            disabled: None,
            created_at: at(0),
            position: 0,
        };
        webhook.rotate(secret("two"), at(10));
        let live = |webhook: &Webhook, now| {
            webhook
                .live_secrets(at(now))
                .map(|secret| secret.expose().to_owned())
                .collect::<Vec<_>>()
        };
        assert_eq!(live(&webhook, 9), ["two", "one"]);
        assert_eq!(live(&webhook, 10), ["two"]);
        webhook.rotate(secret("three"), at(20));
        assert_eq!(live(&webhook, 5), ["three", "two"]);
        assert!(!format!("{webhook:?}").contains("two"));
    }

    #[test]
    fn an_empty_filter_wants_everything() {
        let kind = EventKind::HangUpRequested {
            by: "me".into(),
            why: None,
        };
        assert!(EventFilter::default().wants(&kind));
        assert!(EventFilter::of(&["hang_up_requested", "ended"]).wants(&kind));
        assert!(!EventFilter::of(&["ended"]).wants(&kind));
    }
}
