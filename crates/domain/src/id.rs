//! Typed, time-sortable ids: a prefix that names the kind and a UUID version 7 (RFC 9562, section 5.7).
//!
//! The text form is `call_018f…` with the 32 hexadecimal digits of the UUID, so that ids sort by
//! the time they were made and a person sees at once what an id belongs to.

use std::{fmt, str::FromStr};

use jiff::Timestamp;
use uuid::Uuid;

/// Why a text is not an id of the wanted kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// The text does not begin with the prefix of this kind of id.
    #[error("`{given}` is not an id of this kind: it must begin with `{prefix}_`")]
    Prefix {
        /// What was given.
        given: String,
        /// What it must begin with.
        prefix: &'static str,
    },
    /// The rest of the text is not 32 hexadecimal digits.
    #[error("`{given}` is not an id: after the prefix come 32 hexadecimal digits")]
    Digits {
        /// What was given.
        given: String,
    },
}

fn parse(given: &str, prefix: &'static str) -> Result<Uuid, IdError> {
    let digits = given
        .strip_prefix(prefix)
        .and_then(|rest| rest.strip_prefix('_'))
        .ok_or_else(|| IdError::Prefix {
            given: shortened(given),
            prefix,
        })?;
    match digits.len() {
        32 => Uuid::try_parse(digits).map_err(|_| IdError::Digits {
            given: shortened(given),
        }),
        _ => Err(IdError::Digits {
            given: shortened(given),
        }),
    }
}

/// Error texts repeat what was given, and what was given may be a megabyte.
fn shortened(given: &str) -> String {
    given.chars().take(60).collect()
}

macro_rules! typed_id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Uuid);

        impl $name {
            /// What the text form begins with, without the underscore.
            pub const PREFIX: &'static str = $prefix;

            /// Makes an id from the time it is made at and ten random bytes.
            #[must_use]
            pub fn new(now: Timestamp, random: [u8; 10]) -> Self {
                let millis = u64::try_from(now.as_millisecond()).unwrap_or(0);
                Self(uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid())
            }

            /// The UUID without its prefix, for stores that keep ids as bytes.
            #[must_use]
            pub fn uuid(&self) -> Uuid {
                self.0
            }

            /// Another id of the same time, which ends so: the same of the same.
            #[must_use]
            pub fn sibling(&self, tail: [u8; 7]) -> Self {
                let mut bytes = *self.0.as_bytes();
                bytes[9..].copy_from_slice(&tail);
                Self(Uuid::from_bytes(bytes))
            }

            /// The id of this kind with the given UUID.
            #[must_use]
            pub fn from_uuid(uuid: Uuid) -> Self {
                Self(uuid)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}_{}", $prefix, self.0.simple())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(given: &str) -> Result<Self, IdError> {
                parse(given, $prefix).map(Self)
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

typed_id!(
    /// Names an account.
    AccountId, "acct"
);
typed_id!(
    /// Names a key of an account. It is not the secret.
    KeyId, "key"
);
typed_id!(
    /// Names a call.
    CallId, "call"
);
typed_id!(
    /// Names one try at a call.
    AttemptId, "att"
);
typed_id!(
    /// Names one party's connection within an attempt; carriers derive their own names from it.
    LegId, "leg"
);
typed_id!(
    /// Names a room.
    RoomId, "room"
);
typed_id!(
    /// Names a masked pair.
    MaskId, "mask"
);
typed_id!(
    /// Names a message.
    MessageId, "msg"
);
typed_id!(
    /// Names a schedule.
    ScheduleId, "sched"
);
typed_id!(
    /// Names an event.
    EventId, "evt"
);
typed_id!(
    /// Names what one node asks of another.
    CommandId, "cmd"
);
typed_id!(
    /// Names an uploaded audio file.
    AudioId, "aud"
);
typed_id!(
    /// Names a recording.
    RecordingId, "rec"
);
typed_id!(
    /// Names a webhook of an account.
    WebhookId, "hook"
);
typed_id!(
    /// Names one try to deliver a notification.
    DeliveryId, "dlv"
);
typed_id!(
    /// Names who is told: a webhook of an account, or the server behind a URL that calls name.
    ReceiverId, "rcv"
);

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millisecond(millis).unwrap()
    }

    #[test]
    fn the_text_form_reads_back() {
        let id = CallId::new(at(1_790_000_000_000), [7; 10]);
        assert!(id.to_string().starts_with("call_"));
        assert_eq!(id.to_string().parse::<CallId>(), Ok(id));
    }

    #[test]
    fn ids_sort_by_the_time_they_were_made() {
        let early = CallId::new(at(1_000), [255; 10]);
        let late = CallId::new(at(1_001), [0; 10]);
        assert!(early < late);
        assert!(early.to_string() < late.to_string());
    }

    #[test]
    fn another_kind_of_id_is_refused_by_its_prefix() {
        let leg = LegId::new(at(1_000), [1; 10]).to_string();
        assert!(matches!(
            leg.parse::<CallId>(),
            Err(IdError::Prefix { prefix: "call", .. })
        ));
        assert!(matches!("call_xyz".parse::<CallId>(), Err(IdError::Digits { .. })));
    }
}
