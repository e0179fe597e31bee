//! `/api/v1/do-not-disturb`: who wants no texts of the account.

use std::sync::Arc;

use axum::{
    Json,
    extract::{RawQuery, State},
};
use outdial_domain::{Address, Plan};
use outdial_engine::verbs::{self, DoNotDisturbError, LONGEST_LIST, MOST_NUMBERS};
use outdial_flow::Fields;
use utoipa::ToSchema;

use super::{
    Api,
    actor::{Allowed, ToCall, ToRead},
    code::Code,
    document::Document,
    endpoint::Endpoint,
    query,
    refusal::Refusal,
    wire::{ChangedList, LeftAlone, LeftAloneList},
};

/// How many entries a page holds when the request does not say.
const USUAL_PAGE: usize = 1_000;

const CHANGES: &[Code] = &[
    Code::InvalidRequest,
    Code::MalformedJson,
    Code::BrokenBody,
    Code::SlowBody,
    Code::BodyTooLarge,
    Code::UnsupportedMediaType,
];

pub(super) fn list() -> Endpoint {
    Endpoint::new("do-not-disturb", __path_list_left_alone, list_left_alone)
        .needs::<ToRead>()
        .refuses(&[Code::InvalidRequest, Code::MalformedQuery])
}

pub(super) fn add() -> Endpoint {
    Endpoint::new("do-not-disturb", __path_leave_alone, leave_alone)
        .needs::<ToCall>()
        .refuses(CHANGES)
}

pub(super) fn remove() -> Endpoint {
    Endpoint::new("do-not-disturb", __path_allow_again, allow_again)
        .needs::<ToCall>()
        .refuses(CHANGES)
}

/// Numbers for the list.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it describes what `Document` reads field by field")]
pub(super) struct NumbersRequest {
    /// The numbers, 10000 at most.
    #[schema(example = json!(["+6598765432"]))]
    numbers: Vec<String>,
    /// How it came to be known, for those that are put on the list.
    because: Option<String>,
}

/// Lists who wants no texts
///
/// By number. Whoever answers a text by a word as STOP is put on it, and by one as START taken off it.
#[utoipa::path(get, path = "/api/v1/do-not-disturb",
    params(
        ("limit" = Option<usize>, Query, description = "How many at most, 1 to 10000; 1000 when it is not given."),
        ("cursor" = Option<String>, Query, description = "The `next` of the page before, for those after it."),
    ),
    responses((status = 200, body = LeftAloneList)))]
async fn list_left_alone(
    State(api): State<Arc<Api>>,
    Allowed { actor, .. }: Allowed<ToRead>,
    RawQuery(query): RawQuery,
) -> Result<Json<LeftAloneList>, Refusal> {
    let (after, most) = query::read(query.as_deref(), &["limit"])?.read(|fields| {
        Some((
            fields.optional_line("cursor", Address::LONGEST).map(str::to_owned),
            fields.optional_integer("limit", 1..=LONGEST_LIST).unwrap_or(USUAL_PAGE),
        ))
    })?;
    let mut entries = verbs::list_left_alone(&api.engine, &actor, after, most + 1).await?;
    let more = entries.len() > most;
    entries.truncate(most);
    Ok(Json(LeftAloneList {
        next: entries.last().filter(|_| more).map(|entry| entry.number.clone()),
        entries: entries.into_iter().map(LeftAlone::from).collect(),
    }))
}

/// Puts numbers on the list
///
/// Those that are on it already stay as they are. Where one cannot be read, none is put on it.
#[utoipa::path(post, path = "/api/v1/do-not-disturb", request_body = NumbersRequest,
    responses((status = 200, body = ChangedList)))]
async fn leave_alone(
    State(api): State<Arc<Api>>,
    Allowed { actor, .. }: Allowed<ToCall>,
    document: Document,
) -> Result<Json<ChangedList>, Refusal> {
    let (numbers, because) = document.read(read)?;
    let changed = verbs::leave_alone(&api.engine, &actor, &numbers, because.as_deref()).await;
    Ok(Json(ChangedList {
        changed: changed.map_err(refusal)?,
    }))
}

/// Takes numbers off the list
#[utoipa::path(post, path = "/api/v1/do-not-disturb/remove", request_body = NumbersRequest,
    responses((status = 200, body = ChangedList)))]
async fn allow_again(
    State(api): State<Arc<Api>>,
    Allowed { actor, .. }: Allowed<ToCall>,
    document: Document,
) -> Result<Json<ChangedList>, Refusal> {
    let (numbers, _) = document.read(read)?;
    let changed = verbs::allow_again(&api.engine, &actor, &numbers).await;
    Ok(Json(ChangedList {
        changed: changed.map_err(refusal)?,
    }))
}

fn read(fields: &mut Fields<'_, '_>) -> Option<(Vec<String>, Option<String>)> {
    let because = fields.optional_line("because", Plan::LONGEST_TAG).map(str::to_owned);
    let list = fields.list("numbers", MOST_NUMBERS)?;
    let numbers: Vec<Option<&str>> = list.iter().map(|number| number.line(Address::LONGEST)).collect();
    let numbers: Option<Vec<&str>> = numbers.into_iter().collect();
    Some((numbers?.into_iter().map(str::to_owned).collect(), because))
}

fn refusal(error: DoNotDisturbError) -> Refusal {
    match error {
        DoNotDisturbError::Invalid(problems) => Refusal::fields(problems),
        DoNotDisturbError::Store(error) => error.into(),
    }
}
