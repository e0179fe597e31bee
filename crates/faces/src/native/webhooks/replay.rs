//! `POST /api/v1/webhooks/replay`: tells receivers once more.

use std::sync::Arc;

use axum::{Json, extract::State};
use outdial_domain::{CallId, DeliveryId, MessageId, Subject, WebhookId};
use outdial_engine::verbs::{self, Replay, ReplayError};
use outdial_flow::Fields;
use utoipa::ToSchema;

use crate::native::{
    Api,
    actor::{Allowed, ToCall},
    code::Code,
    document::Document,
    endpoint::Endpoint,
    moment::Moment,
    refusal::Refusal,
    wire::Replayed,
};

pub(in crate::native) fn endpoint() -> Endpoint {
    Endpoint::new("webhooks", __path_replay_deliveries, replay_deliveries)
        .needs::<ToCall>()
        .refuses(&[
            Code::InvalidRequest,
            Code::MalformedJson,
            Code::BrokenBody,
            Code::SlowBody,
            Code::BodyTooLarge,
            Code::UnsupportedMediaType,
            Code::NothingToReplay,
            Code::NoReceiver,
        ])
}

/// More than any id has.
const LONGEST_ID: usize = 100;

/// What to tell again: one delivery, one call or message, or what a webhook was to be told of within a range. A range
/// is given by positions (`after`, `through`) or by times (`from`, `until`).
#[derive(ToSchema)]
#[expect(dead_code, reason = "it describes what `Document` reads field by field")]
pub(in crate::native) struct ReplayRequest {
    /// The id of a delivery: its event is told again to the same receiver.
    delivery: Option<String>,
    /// The id of a call: its events are told again to the receiver that it names.
    call: Option<String>,
    /// The id of a message: its events are told again to the receiver that it names.
    message: Option<String>,
    /// The id of a webhook, with a range.
    webhook: Option<String>,
    /// The position before the first event.
    after: Option<i64>,
    /// The position of the last event; the newest one when it is not given.
    through: Option<i64>,
    /// From this time on.
    from: Option<Moment>,
    /// Before this time; now when it is not given.
    until: Option<Moment>,
}

/// Tells receivers once more
///
/// Notifications keep their ids, so a receiver that had one knows it. At most some 10000 events are told
/// again at once; `more_after` then says after which position to go on.
#[utoipa::path(post, path = "/api/v1/webhooks/replay", request_body = ReplayRequest,
    responses((status = 200, body = Replayed)))]
async fn replay_deliveries(
    State(api): State<Arc<Api>>,
    Allowed { actor, .. }: Allowed<ToCall>,
    document: Document,
) -> Result<Json<Replayed>, Refusal> {
    let now = api.engine.ids.now();
    let what = document.read(|fields| read(fields, now))?;
    let replayed = verbs::replay(&api.engine, &actor, what).await.map_err(refusal)?;
    Ok(Json(replayed.into()))
}

fn read(fields: &mut Fields<'_, '_>, now: jiff::Timestamp) -> Option<Replay> {
    const ONE: &str = "give exactly one of `delivery`, `call`, `message` and `webhook`";
    let given = ["delivery", "call", "message", "webhook"]
        .into_iter()
        .filter(|name| fields.has(name))
        .count();
    if given != 1 {
        fields.problem("delivery", if given == 0 { "missing" } else { "invalid" }, ONE);
    }
    let delivery = fields
        .optional_parse::<DeliveryId>("delivery", LONGEST_ID)
        .map(Replay::Delivery);
    let call = fields.optional_parse::<CallId>("call", LONGEST_ID);
    let message = fields.optional_parse::<MessageId>("message", LONGEST_ID);
    let all = call
        .map(Subject::Call)
        .or(message.map(Subject::Message))
        .map(Replay::All);
    let webhook = fields.optional_parse::<WebhookId>("webhook", LONGEST_ID);
    let after = fields.optional_integer("after", 0..=i64::MAX);
    let through = fields.optional_integer("through", 0..=i64::MAX);
    let from = fields
        .optional_parse::<Moment>("from", Moment::LONGEST)
        .map(|Moment(at)| at);
    let until = fields
        .optional_parse::<Moment>("until", Moment::LONGEST)
        .map(|Moment(at)| at);
    let ranged = webhook.and_then(|webhook| match (after, from) {
        (Some(after), None) => Some(Replay::Positions {
            webhook,
            after,
            through: through.unwrap_or(i64::MAX),
        }),
        (None, Some(from)) => Some(Replay::Times {
            webhook,
            from,
            until: until.unwrap_or(now),
        }),
        (None, None) | (Some(_), Some(_)) => {
            fields.problem("after", "invalid", "give either `after` or `from` with a webhook");
            None
        }
    });
    delivery.or(all).or(ranged)
}

fn refusal(error: ReplayError) -> Refusal {
    let detail = error.to_string();
    match error {
        ReplayError::NotFound => Refusal::new(Code::NothingToReplay, detail),
        ReplayError::NoReceiver => Refusal::new(Code::NoReceiver, detail),
        ReplayError::Store(error) => error.into(),
    }
}
