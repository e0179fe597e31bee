//! `POST /api/v1/schedules`: makes a schedule.

use std::sync::Arc;

use axum::extract::State;
use jiff::Timestamp;
use outdial_domain::Limits;
use outdial_engine::{
    ports::StoredSchedule,
    verbs::{self, Occurring, PlaceCall},
};
use outdial_flow::Fields;
use utoipa::ToSchema;

use super::{occurring, refusal};
use crate::native::{
    Api,
    actor::{Allowed, ToCall},
    calls::{
        names::Names,
        place::{Flow, RecordAsked},
    },
    code::Code,
    document::Document,
    endpoint::Endpoint,
    idempotency::{Answer, Idempotency},
    moment::{Length, Moment},
    plan::{self, HoursAsked, RetryAsked},
    refusal::Refusal,
    wire::{PriorityWord, Schedule},
};

pub(in crate::native) fn endpoint() -> Endpoint {
    Endpoint::new("schedules", __path_create_schedule, create_schedule)
        .needs::<ToCall>()
        .refuses(&[
            Code::InvalidRequest,
            Code::MalformedJson,
            Code::BrokenBody,
            Code::SlowBody,
            Code::BodyTooLarge,
            Code::UnsupportedMediaType,
            Code::CallerIdNotAllowed,
            Code::HandOverNotAllowed,
            Code::DestinationClosed,
            Code::NoRoute,
        ])
        .makes_once()
}

/// A schedule to be made: a call, and when it occurs. A change gives only what changes.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it describes what `Document` reads field by field")]
pub(in crate::native) struct ScheduleRequest {
    /// Only if the schedule still has this `version`; for changes.
    version: Option<u32>,
    /// What to call it.
    #[schema(max_length = 100)]
    name: Option<String>,
    /// When it occurs: minute, hour, day of the month, month, day of the week. Needed for a new one.
    #[schema(example = "30 9 * * mon-fri")]
    cron: Option<String>,
    /// By the clock of this zone. Needed for a new one.
    #[schema(example = "Asia/Singapore")]
    zone: Option<String>,
    /// On these days not.
    #[schema(max_items = 400)]
    skip: Option<Vec<String>>,
    /// Not before this time.
    start: Option<Moment>,
    /// Not at this time or later.
    until: Option<Moment>,
    /// How long after its occurrence a call may still be dialled; for ever when not given.
    lasts: Option<Length>,
    /// How late an occurrence may be made when the server was down at its time, at most 24h; 5m when not
    /// given. Of several only the latest is made.
    grace: Option<Length>,
    /// Whether it rests.
    paused: Option<bool>,
    /// Whom to reach. Needed for a new one.
    #[schema(max_length = 255)]
    to: Option<String>,
    /// The caller id to show.
    #[schema(max_length = 255)]
    from: Option<String>,
    /// A text to speak after the answer.
    #[schema(max_length = 10000)]
    say: Option<String>,
    /// The id of an uploaded audio file to play after the answer.
    play: Option<String>,
    /// What to do after the answer.
    flow: Option<Flow>,
    /// Whether the call is recorded from its answer to its end.
    record: Option<RecordAsked>,
    /// The name of the only trunk to use.
    #[schema(max_length = 100)]
    via: Option<String>,
    /// How long the phone rings.
    ring: Option<Length>,
    /// How long a call may last from its answer.
    max: Option<Length>,
    /// How urgent a call is beside others that wait for the same limit.
    priority: Option<PriorityWord>,
    /// When the phone may be rung.
    #[schema(inline)]
    hours: Option<HoursAsked>,
    /// When a call is tried again.
    #[schema(inline)]
    retry: Option<RetryAsked>,
    /// Free text, echoed everywhere.
    #[schema(max_length = 256)]
    tag: Option<String>,
}

/// Makes a schedule
///
/// Each occurrence becomes a call of its own, once, whose `reference` names the schedule and the time.
#[utoipa::path(post, path = "/api/v1/schedules", request_body = ScheduleRequest,
    responses((status = 201, body = Schedule,
        headers(("Location" = String, description = "Where the schedule can be read.")))))]
async fn create_schedule(
    State(api): State<Arc<Api>>,
    Allowed { actor, .. }: Allowed<ToCall>,
    idempotency: Idempotency,
    document: Document,
) -> Result<Answer, Refusal> {
    let engine = &api.engine;
    let idempotency = idempotency.for_request(&[b"POST /api/v1/schedules", &document.canonical()]);
    let create = async |once| {
        let now = engine.ids.now();
        let names = Names::of(&document.value);
        let (request, occurring) = document.read(|fields| read(fields, engine.settings.limits, now))?;
        verbs::create_schedule(engine, &actor, request, occurring, once)
            .await
            .map_err(|error| refusal(error, names))
    };
    idempotency.create(&api, &actor, answer, create).await
}

fn answer(made: &StoredSchedule) -> Answer {
    let shown = Schedule::from(made.clone());
    Answer::made(&shown).at(shown.location())
}

fn read(fields: &mut Fields<'_, '_>, limits: Limits, now: Timestamp) -> Option<(PlaceCall, Occurring)> {
    let asked = plan::read(fields, limits, now);
    plan::require(fields);
    for name in ["cron", "zone"] {
        if fields.is_object() && !fields.has(name) {
            fields.problem(name, "missing", format!("`{name}` is missing"));
        }
    }
    let occurring = occurring::read(fields);
    let request = PlaceCall {
        from: asked.from,
        via: asked.via,
        priority: asked.priority.unwrap_or_default(),
        hours: asked.hours,
        retry: asked.retry.unwrap_or_default(),
        ring: asked.ring,
        talk: asked.talk,
        tag: asked.tag,
        ..PlaceCall::new(asked.to?, asked.action?)
    };
    Some((request, occurring))
}
