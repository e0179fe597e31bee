//! `POST /api/v1/calls/{id}/recordings`: records a call from now on.

use std::{sync::Arc, time::Duration};

use axum::extract::State;
use outdial_domain::{CallId, Channels, Recording};
use outdial_engine::verbs::{self, RecordCall};
use outdial_flow::Fields;
use utoipa::ToSchema;

use super::refusal;
use crate::native::{
    Api,
    actor::{Allowed, ToCall},
    code::Code,
    document::Document,
    endpoint::Endpoint,
    id::Id,
    idempotency::Answer,
    moment::Length,
    refusal::Refusal,
    wire::{self, ChannelsWord},
};

/// The shortest that is worth asking for.
const SHORTEST: Duration = Duration::from_secs(1);

pub(in crate::native) fn endpoint() -> Endpoint {
    Endpoint::new("recordings", __path_start_recording, start_recording)
        .needs::<ToCall>()
        .refuses(&[
            Code::CallNotFound,
            Code::CannotRecord,
            Code::NodeSilent,
            Code::InvalidRequest,
            Code::MalformedJson,
            Code::BrokenBody,
            Code::SlowBody,
            Code::BodyTooLarge,
            Code::UnsupportedMediaType,
        ])
}

/// What to record. Everything may be left out.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it describes what `Document` reads field by field")]
pub(in crate::native) struct RecordRequest {
    /// What the recording is called; `recording` when not given.
    #[schema(max_length = 100)]
    name: Option<String>,
    /// Whose voice goes where; `mono` when not given.
    #[schema(inline)]
    channels: Option<ChannelsWord>,
    /// The longest that it may become, at most 12h; 4h when not given.
    most: Option<Length>,
}

/// Records a call from now on
///
/// It ends with the call, or when it is stopped.
#[utoipa::path(post, path = "/api/v1/calls/{id}/recordings", request_body = RecordRequest,
    params(("id" = String, Path, description = "The id of the call.")),
    responses((status = 201, body = wire::Recording,
        headers(("Location" = String, description = "Where the recording can be read.")))))]
async fn start_recording(
    State(api): State<Arc<Api>>,
    Allowed { actor, .. }: Allowed<ToCall>,
    Id(id): Id<CallId>,
    document: Document,
) -> Result<Answer, Refusal> {
    let wanted = document.read(|fields| Some(read(fields)))?;
    let recording = verbs::record_call(&api.engine, &actor, id, wanted)
        .await
        .map_err(refusal)?;
    let location = format!("/api/v1/recordings/{}", recording.id);
    Ok(Answer::made(&wire::Recording::from(recording)).at(location))
}

fn read(fields: &mut Fields<'_, '_>) -> RecordCall {
    let usual = RecordCall::default();
    let words: Vec<&'static str> = Channels::ALL.iter().map(|channels| channels.as_str()).collect();
    let name = fields.optional_line("name", Recording::LONGEST_NAME).map(str::to_owned);
    RecordCall {
        name: name.unwrap_or(usual.name),
        channels: fields
            .optional_word("channels", &words)
            .and_then(Channels::from_word)
            .unwrap_or(usual.channels),
        most: fields
            .optional_duration("most", SHORTEST..=Recording::LONGEST)
            .unwrap_or(usual.most),
    }
}
