//! Times, lengths of time, and words.

use std::{borrow::Cow, time::Duration};

use jiff::{SignedDuration, Timestamp, TimestampRound, Unit};
use outdial_domain::{
    AttemptState, CallState, Channels, Direction, EndedBy, MessageState, Outcome, Priority, RecordingEnd,
    RecordingState, Scope,
    message::SubmissionState,
    text::{Concatenation, Encoding},
};
use outdial_engine::HangUpAnswer;
use serde::{Serialize, Serializer};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{KnownFormat, ObjectBuilder, RefOr, Schema, SchemaFormat, Type},
};

/// A moment: RFC 3339 in UTC, to the microsecond.
#[derive(Debug, Clone, Copy)]
pub(in crate::native) struct Time(pub(in crate::native) Timestamp);

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let down = TimestampRound::new()
            .smallest(Unit::Microsecond)
            .mode(jiff::RoundMode::Floor);
        // Rounding fails only at the ends of time, where no call is.
        serializer.collect_str(&self.0.round(down).unwrap_or(self.0))
    }
}

impl PartialSchema for Time {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)))
            .description(Some("A moment: RFC 3339 in UTC, to the microsecond."))
            .examples(["2030-01-02T03:04:05.678901Z"])
            .into()
    }
}

impl ToSchema for Time {}

/// A length of time in seconds, to the millisecond.
#[derive(Debug, Clone, Copy)]
pub(in crate::native) struct Seconds(Duration);

impl From<Duration> for Seconds {
    fn from(length: Duration) -> Self {
        Self(length)
    }
}

impl From<SignedDuration> for Seconds {
    /// A clock that was set back makes no length negative.
    fn from(length: SignedDuration) -> Self {
        Self(length.try_into().unwrap_or_default())
    }
}

impl Serialize for Seconds {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(length) = self;
        match length.subsec_millis() {
            0 => serializer.serialize_u64(length.as_secs()),
            millis => {
                #[expect(clippy::cast_precision_loss, reason = "no call lasts for 2^53 seconds")]
                let whole = length.as_secs() as f64;
                serializer.serialize_f64(whole + f64::from(millis) / 1000.0)
            }
        }
    }
}

impl PartialSchema for Seconds {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::Number)
            .minimum(Some(0))
            .description(Some("A length of time in seconds, to the millisecond."))
            .examples([45])
            .into()
    }
}

impl ToSchema for Seconds {}

/// Makes a type for words that something else lists, so that the description lists them too.
macro_rules! words {
    ($($(#[$doc:meta])* $name:ident as $shown:literal of $type:ty = $all:expr;)+) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy)]
        pub(in crate::native) struct $name(pub(in crate::native) $type);

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.0.as_str())
            }
        }

        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                let words = $all.iter().map(|word| word.as_str());
                ObjectBuilder::new().schema_type(Type::String).enum_values(Some(words)).into()
            }
        }

        impl ToSchema for $name {
            fn name() -> Cow<'static, str> {
                $shown.into()
            }
        }
    )+};
}

words! {
    /// Where a call stands.
    CallStateWord as "CallState" of CallState = CallState::ALL;
    /// Who called whom.
    DirectionWord as "Direction" of Direction = Direction::ALL;
    /// How far an attempt or a leg has come.
    AttemptStateWord as "AttemptState" of AttemptState = AttemptState::ALL;
    /// How urgent a call is beside others that wait for the same limit.
    PriorityWord as "Priority" of Priority = Priority::ALL;
    /// Why a call ended.
    OutcomeWord as "Outcome" of Outcome = Outcome::ALL;
    /// Who ended a call.
    EndedByWord as "EndedBy" of EndedBy = EndedBy::ALL;
    /// Whose voice goes where in a recording.
    ChannelsWord as "Channels" of Channels = Channels::ALL;
    /// Where a recording stands.
    RecordingStateWord as "RecordingState" of RecordingState = RecordingState::ALL;
    /// Why a recording ended.
    RecordingEndWord as "RecordingEnd" of RecordingEnd = RecordingEnd::ALL;
    /// What a key allows.
    ScopeWord as "Scope" of Scope = Scope::ALL;
    /// Where a message stands.
    MessageStateWord as "MessageState" of MessageState = MessageState::ALL;
    /// Where a part of a message stands.
    SubmissionStateWord as "SubmissionState" of SubmissionState = SubmissionState::ALL;
    /// How the characters of a text are written.
    EncodingWord as "TextEncoding" of Encoding = Encoding::ALL;
    /// How the parts of a text are told to belong together.
    ConcatenationWord as "Concatenation" of Concatenation = Concatenation::ALL;
    /// What became of a request to end a call.
    HangUpWord as "HangUpResult" of HangUpAnswer =
        [HangUpAnswer::Prevented, HangUpAnswer::HungUp, HangUpAnswer::TooLate];
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn times_end_with_z_and_have_microseconds_at_most() {
        let shown = |text: &str| json!(Time(text.parse().unwrap()));
        assert_eq!(
            shown("2030-01-02T11:04:05.123456789+08:00"),
            json!("2030-01-02T03:04:05.123456Z")
        );
        assert_eq!(shown("2030-01-02T03:04:05Z"), json!("2030-01-02T03:04:05Z"));
    }

    #[test]
    fn seconds_are_whole_where_they_can_be() {
        assert_eq!(json!(Seconds::from(Duration::from_secs(45))), json!(45));
        assert_eq!(json!(Seconds::from(Duration::from_micros(1_500_999))), json!(1.5));
        assert_eq!(json!(Seconds::from(SignedDuration::from_secs(-1))), json!(0));
    }
}
