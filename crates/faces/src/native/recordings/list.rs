//! `GET /api/v1/recordings`: lists recordings, newest first.

use std::{str::FromStr, sync::Arc};

use axum::{
    Json,
    extract::{RawQuery, State},
};
use outdial_domain::{CallId, RecordingId};
use outdial_engine::{
    ports::RecordingFilter,
    verbs::{self, LONGEST_RECORDING_PAGE},
};
use outdial_flow::Fields;

use super::shown;
use crate::native::{
    Api,
    actor::{Allowed, ToRead},
    code::Code,
    endpoint::Endpoint,
    query,
    refusal::Refusal,
    wire::RecordingList,
};

pub(in crate::native) fn endpoint() -> Endpoint {
    Endpoint::new("recordings", __path_list_recordings, list_recordings)
        .needs::<ToRead>()
        .refuses(&[Code::InvalidRequest, Code::MalformedQuery])
}

/// How many recordings a page holds when the request does not say.
const USUAL_PAGE: usize = 50;

/// Lists recordings, newest first
#[utoipa::path(get, path = "/api/v1/recordings",
    params(
        ("call" = Option<String>, Query, description = "Only recordings of this call."),
        ("limit" = Option<usize>, Query, description = "How many at most, 1 to 1000; 50 when it is not given."),
        ("cursor" = Option<String>, Query, description = "The `next` of the page before, for those after it."),
    ),
    responses((status = 200, body = RecordingList)))]
async fn list_recordings(
    State(api): State<Arc<Api>>,
    Allowed { actor, .. }: Allowed<ToRead>,
    RawQuery(query): RawQuery,
) -> Result<Json<RecordingList>, Refusal> {
    let filter = query::read(query.as_deref(), &["limit"])?.read(|fields| Some(read(fields)))?;
    let page = verbs::list_recordings(&api.engine, &actor, filter).await?;
    let next = page.items.last().filter(|_| page.more).map(|last| last.id.to_string());
    let mut recordings = Vec::with_capacity(page.items.len());
    for recording in page.items {
        recordings.push(shown(&api.engine, recording).await?);
    }
    Ok(Json(RecordingList { recordings, next }))
}

fn read(fields: &mut Fields<'_, '_>) -> RecordingFilter {
    RecordingFilter {
        call: fields.optional_parse::<CallId>("call", 100),
        before: fields
            .optional_parse::<Cursor>("cursor", 100)
            .map(|Cursor(before)| before),
        most: fields
            .optional_integer("limit", 1..=LONGEST_RECORDING_PAGE)
            .unwrap_or(USUAL_PAGE),
    }
}

/// The last recording of the page before.
struct Cursor(RecordingId);

impl FromStr for Cursor {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self).map_err(|_| "give the `next` of the page before")
    }
}
