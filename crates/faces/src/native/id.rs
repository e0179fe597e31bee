//! The id in a path.

use std::{fmt::Display, str::FromStr, sync::Arc};

use axum::{
    extract::{FromRequestParts, Path},
    http::request::Parts,
};
use outdial_domain::{AccountId, CallId, KeyId, MaskId, MessageId, RecordingId, ScheduleId, WebhookId};

use super::{Api, code::Code, refusal::Refusal};

/// The id in a path. What is no id names nothing, so it is refused as one that is not known.
pub(super) struct Id<T>(pub(super) T);

/// What an id names.
pub(super) trait Named: FromStr<Err: Display> {
    /// The code when there is none of this id.
    const UNKNOWN: Code;
}

impl Named for AccountId {
    const UNKNOWN: Code = Code::AccountNotFound;
}

impl Named for CallId {
    const UNKNOWN: Code = Code::CallNotFound;
}

impl Named for KeyId {
    const UNKNOWN: Code = Code::KeyNotFound;
}

impl Named for MaskId {
    const UNKNOWN: Code = Code::MaskNotFound;
}

impl Named for MessageId {
    const UNKNOWN: Code = Code::MessageNotFound;
}

impl Named for RecordingId {
    const UNKNOWN: Code = Code::RecordingNotFound;
}

impl Named for ScheduleId {
    const UNKNOWN: Code = Code::ScheduleNotFound;
}

impl Named for WebhookId {
    const UNKNOWN: Code = Code::WebhookNotFound;
}

impl<T: Named> FromRequestParts<Arc<Api>> for Id<T> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<Api>) -> Result<Self, Refusal> {
        let no_text = || Refusal::new(T::UNKNOWN, "the id in the path is no text");
        let Path(text) = Path::<String>::from_request_parts(parts, &())
            .await
            .map_err(|_| no_text())?;
        text.parse()
            .map(Self)
            .map_err(|error: T::Err| Refusal::new(T::UNKNOWN, error.to_string()))
    }
}
