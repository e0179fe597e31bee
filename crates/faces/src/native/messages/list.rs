//! `GET /api/v1/messages`: lists messages, newest first.

use std::sync::Arc;

use axum::{
    Json,
    extract::{RawQuery, State},
};
use outdial_domain::{Address, Direction, MessageState, Plan};
use outdial_engine::{
    ports::MessageFilter,
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
    wire::{DirectionWord, Message, MessageList, MessageStateWord},
};

pub(in crate::native) fn endpoint() -> Endpoint {
    Endpoint::new("messages", __path_list_messages, list_messages)
        .needs::<ToRead>()
        .refuses(&[Code::InvalidRequest, Code::MalformedQuery])
}

/// How many messages a page holds when the request does not say.
const USUAL_PAGE: usize = 50;

/// Lists messages, newest first
#[utoipa::path(get, path = "/api/v1/messages",
    params(
        ("state" = inline(Option<MessageStateWord>), Query, description = "Only messages in this state."),
        ("direction" = inline(Option<DirectionWord>), Query, description = "Only those that we send, or that came in."),
        ("tag" = Option<String>, Query, description = "Only messages with this tag."),
        ("reference" = Option<String>, Query, description = "Only messages that their sender named so."),
        ("to" = Option<String>, Query, description = "Only messages to this number, in any of its forms."),
        ("limit" = Option<usize>, Query, description = "How many at most, 1 to 1000; 50 when it is not given."),
        ("cursor" = Option<String>, Query, description = "The `next` of the page before, for the messages after it."),
    ),
    responses((status = 200, body = MessageList)))]
async fn list_messages(
    State(api): State<Arc<Api>>,
    Allowed { actor, .. }: Allowed<ToRead>,
    RawQuery(query): RawQuery,
) -> Result<Json<MessageList>, Refusal> {
    let filter = query::read(query.as_deref(), &["limit"])?.read(|fields| Some(read(fields)))?;
    let page = verbs::list_messages(&api.engine, &actor, filter).await?;
    let last = page.items.last().filter(|_| page.more);
    Ok(Json(MessageList {
        next: last.map(|message| message.id.to_string()),
        messages: page.items.into_iter().map(Message::from).collect(),
    }))
}

fn read(fields: &mut Fields<'_, '_>) -> MessageFilter {
    let states: Vec<&'static str> = MessageState::ALL.iter().map(|state| state.as_str()).collect();
    let directions: Vec<&'static str> = Direction::ALL.iter().map(|direction| direction.as_str()).collect();
    let to = fields.optional_line("to", Address::LONGEST).map(Address::parse);
    MessageFilter {
        state: fields.optional_word("state", &states).and_then(MessageState::from_word),
        direction: fields
            .optional_word("direction", &directions)
            .and_then(Direction::from_word),
        tag: fields.optional_line("tag", Plan::LONGEST_TAG).map(str::to_owned),
        reference: fields
            .optional_line("reference", Plan::LONGEST_REFERENCE)
            .map(str::to_owned),
        to: to.and_then(|to| {
            to.map_err(|error| fields.problem("to", "invalid", error.to_string()))
                .ok()
        }),
        before: fields.optional_parse("cursor", 100),
        most: fields.optional_integer("limit", 1..=LONGEST_PAGE).unwrap_or(USUAL_PAGE),
    }
}
