//! `GET /api/v1/webhooks/deliveries`: the log of deliveries, newest first.

use std::sync::Arc;

use axum::{
    Json,
    extract::{RawQuery, State},
};
use outdial_domain::Subject;
use outdial_engine::{
    ports::DeliveryFilter,
    verbs::{self, LONGEST_PAGE},
};
use outdial_flow::Fields;

use crate::native::{
    Api,
    actor::{Allowed, ToRead},
    code::Code,
    endpoint::Endpoint,
    query,
    refusal::Refusal,
    wire::{Delivery, DeliveryList},
};

pub(in crate::native) fn endpoint() -> Endpoint {
    Endpoint::new("webhooks", __path_list_deliveries, list_deliveries)
        .needs::<ToRead>()
        .refuses(&[Code::InvalidRequest, Code::MalformedQuery])
}

/// How many a page holds when the request does not say.
const USUAL_PAGE: usize = 50;
/// More than any id has.
const LONGEST_ID: usize = 100;

/// Lists every try to deliver a notification, newest first
#[utoipa::path(get, path = "/api/v1/webhooks/deliveries",
    params(
        ("call" = Option<String>, Query, description = "Only those of this call."),
        ("message" = Option<String>, Query, description = "Only those of this message."),
        ("webhook" = Option<String>, Query, description = "Only those to this webhook."),
        ("limit" = Option<usize>, Query, description = "How many at most, 1 to 1000; 50 when it is not given."),
        ("cursor" = Option<String>, Query, description = "The `next` of the page before, for those after it."),
    ),
    responses((status = 200, body = DeliveryList)))]
async fn list_deliveries(
    State(api): State<Arc<Api>>,
    Allowed { actor, .. }: Allowed<ToRead>,
    RawQuery(query): RawQuery,
) -> Result<Json<DeliveryList>, Refusal> {
    let filter = query::read(query.as_deref(), &["limit"])?.read(|fields| Some(read(fields)))?;
    let page = verbs::list_deliveries(&api.engine, &actor, filter).await?;
    let last = page
        .items
        .last()
        .filter(|_| page.more)
        .map(|delivery| delivery.id.to_string());
    Ok(Json(DeliveryList {
        deliveries: page.items.into_iter().map(Delivery::from).collect(),
        next: last,
    }))
}

fn read(fields: &mut Fields<'_, '_>) -> DeliveryFilter {
    let call = fields.optional_parse("call", LONGEST_ID);
    let message = fields.optional_parse("message", LONGEST_ID);
    DeliveryFilter {
        id: None,
        subject: call.map(Subject::Call).or(message.map(Subject::Message)),
        webhook: fields.optional_parse("webhook", LONGEST_ID),
        before: fields.optional_parse("cursor", LONGEST_ID),
        most: fields.optional_integer("limit", 1..=LONGEST_PAGE).unwrap_or(USUAL_PAGE),
    }
}
