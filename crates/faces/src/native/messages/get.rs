//! `GET /api/v1/messages/{id}` and `GET /api/v1/messages/{id}/explain`: one message, and its whole story.

use std::sync::Arc;

use axum::{
    Json,
    extract::{RawQuery, State},
};
use outdial_domain::MessageId;
use outdial_engine::verbs;

use crate::native::{
    Api,
    actor::{Allowed, ToRead},
    calls::explain::disclosure,
    code::Code,
    endpoint::Endpoint,
    id::Id,
    refusal::Refusal,
    wire::{Message, MessageStory},
};

pub(in crate::native) fn endpoint() -> Endpoint {
    Endpoint::new("messages", __path_get_message, get_message)
        .needs::<ToRead>()
        .refuses(&[Code::MessageNotFound])
}

pub(in crate::native) fn explanation() -> Endpoint {
    Endpoint::new("messages", __path_explain_message, explain_message)
        .needs::<ToRead>()
        .refuses(&[Code::MessageNotFound, Code::InvalidRequest, Code::MalformedQuery])
}

/// Shows a message
#[utoipa::path(get, path = "/api/v1/messages/{id}",
    params(("id" = String, Path, description = "The id of the message.")),
    responses((status = 200, body = Message)))]
async fn get_message(
    State(api): State<Arc<Api>>,
    Allowed { actor, .. }: Allowed<ToRead>,
    Id(id): Id<MessageId>,
) -> Result<Json<Message>, Refusal> {
    let message = verbs::get_message(&api.engine, &actor, id).await?;
    Ok(Json(message.into()))
}

/// Tells the whole story of a message
///
/// Everything that happened to it. Numbers and what it says are masked, unless the operator decided otherwise or
/// `unmasked` is asked for with a key that has the scope of that name.
#[utoipa::path(get, path = "/api/v1/messages/{id}/explain",
    params(
        ("id" = String, Path, description = "The id of the message."),
        ("unmasked" = inline(Option<bool>), Query,
            description = "Whether to show numbers and texts whole. That needs a key with the scope `unmasked`."),
    ),
    responses((status = 200, body = MessageStory)))]
async fn explain_message(
    State(api): State<Arc<Api>>,
    Allowed { actor, .. }: Allowed<ToRead>,
    Id(id): Id<MessageId>,
    RawQuery(query): RawQuery,
) -> Result<Json<MessageStory>, Refusal> {
    let disclosure = disclosure(&api, &actor, query.as_deref())?;
    let story = verbs::explain_message(&api.engine, &actor, id).await?;
    Ok(Json(MessageStory::new(story, disclosure)))
}
