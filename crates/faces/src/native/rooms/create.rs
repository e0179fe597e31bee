//! `POST /api/v1/rooms`: rings numbers into a room.

use std::sync::Arc;

use axum::extract::State;
use outdial_domain::{Address, AddressError, CallId, Limits, RoomName};
use outdial_engine::verbs::{self, Action, OpenRoom, Participant, PlaceCall};
use outdial_flow::{Conference, Fields, Given, document};
use serde_json::Value;
use utoipa::ToSchema;

use crate::native::{
    Api,
    actor::{Allowed, ToCall},
    calls::{names::Names, place},
    code::Code,
    document::Document,
    endpoint::Endpoint,
    idempotency::{Answer, Idempotency},
    moment::Length,
    plan::{self, RetryAsked},
    refusal::Refusal,
    wire::{Call, OpenedRoom, PriorityWord},
};

pub(in crate::native) fn endpoint() -> Endpoint {
    Endpoint::new("rooms", __path_open_room, open_room)
        .needs::<ToCall>()
        .refuses(&[
            Code::InvalidRequest,
            Code::MalformedJson,
            Code::BrokenBody,
            Code::SlowBody,
            Code::BodyTooLarge,
            Code::UnsupportedMediaType,
            Code::CallerIdNotAllowed,
            Code::DestinationClosed,
            Code::NoRoute,
            Code::Stopping,
        ])
        .makes_once()
}

/// Numbers to be rung into a room.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it describes what `Document` reads field by field")]
pub(in crate::native) struct OpenRoomRequest {
    /// The name of the room: letters, digits, `_`, `-` and `.`. One is made up when it is not given.
    #[schema(example = "stand-up", max_length = 64)]
    room: Option<String>,
    /// Whom to ring: numbers, or objects with `to`, and if wanted `muted` and `moderator`.
    #[schema(value_type = Vec<Object>, min_items = 1, max_items = 500)]
    participants: (),
    /// Whether all enter muted.
    muted: Option<bool>,
    /// Whether the room begins only when a moderator is in it.
    wait: Option<bool>,
    /// How long it waits for that, at most 24 hours; 15 minutes when not given. Whoever waits in vain is hung up.
    patience: Option<Length>,
    /// Whether the room ends when its last moderator leaves.
    end: Option<bool>,
    /// Whether all hear a tone when somebody enters or leaves; they do when not given.
    tones: Option<bool>,
    /// Whether the room is recorded. The recording belongs to the call that came first, and goes on in another with
    /// the next when that one leaves.
    record: Option<bool>,
    /// How many the room takes; 500 when not given.
    #[schema(minimum = 2, maximum = 500)]
    most: Option<u16>,
    /// `say` and `play` steps that are heard until the room begins.
    #[schema(value_type = Option<Vec<Object>>)]
    waiting: Option<()>,
    /// The caller id to show.
    #[schema(max_length = 255)]
    from: Option<String>,
    /// The name of the only trunk to use.
    #[schema(max_length = 100)]
    via: Option<String>,
    /// How long each phone rings.
    ring: Option<Length>,
    /// How long each call may last from its answer.
    max: Option<Length>,
    /// How urgent the calls are beside others that wait for the same limit.
    priority: Option<PriorityWord>,
    /// When a call is tried again.
    #[schema(inline)]
    retry: Option<RetryAsked>,
    /// Free text, echoed by every call.
    #[schema(max_length = 256)]
    tag: Option<String>,
}

/// Rings numbers into a room
///
/// Each participant is a call of its own. Others join later by `room` of a call. The same request with the
/// same `Idempotency-Key` rings nobody twice, also when the first one was interrupted.
#[utoipa::path(post, path = "/api/v1/rooms", request_body = OpenRoomRequest,
    responses((status = 201, body = OpenedRoom, headers(("Location" = String, description = "Where the room can be read.")))))]
async fn open_room(
    State(api): State<Arc<Api>>,
    Allowed { actor, .. }: Allowed<ToCall>,
    idempotency: Idempotency,
    document: Document,
) -> Result<Answer, Refusal> {
    let engine = &api.engine;
    let idempotency = idempotency.for_request(&[b"POST /api/v1/rooms", &document.canonical()]);
    let again = document.value.clone();
    let limits = engine.settings.limits;
    let create = async |once| {
        let request = document.read(|fields| read(fields, limits))?;
        let opened = verbs::open_room(engine, &actor, request, None, once).await;
        opened.map_err(|error| place::refusal(error, Names::default()))
    };
    let answer = idempotency.create(&api, &actor, answer, create).await?;
    if let Some(first) = answer.replayed_body().and_then(|body| first_call(&body)) {
        // An earlier request may have been interrupted between its calls.
        let document = Document {
            value: again,
            problems: Default::default(),
        };
        let request = document.read(|fields| read(fields, limits))?;
        verbs::open_room(engine, &actor, request, Some(first), None)
            .await
            .map_err(|error| place::refusal(error, Names::default()))?;
    }
    Ok(answer)
}

fn first_call(body: &Value) -> Option<CallId> {
    body["calls"][0]["id"].as_str()?.parse().ok()
}

fn answer(opened: &verbs::OpenedRoom) -> Answer {
    let calls = opened.calls.iter().cloned();
    let shown = OpenedRoom {
        room: opened.room.to_string(),
        calls: calls
            .map(|call| {
                let now = call.created_at;
                Call::new(call, now)
            })
            .collect(),
    };
    Answer::made(&shown).at(shown.location())
}

fn read(fields: &mut Fields<'_, '_>, limits: Limits) -> Option<OpenRoom> {
    let room = fields.optional_parse::<RoomName>("room", RoomName::LONGEST);
    let participants = fields
        .required("participants")
        .and_then(|given| given.list(usize::from(Conference::MOST)))
        .map(|list| list.iter().map(participant).collect::<Vec<_>>());
    // Whoever gives no name gets one made up; until then any will do.
    let mut conference = Conference::of(room.clone().or_else(|| "room".parse().ok())?);
    let flags = [
        ("muted", &mut conference.muted),
        ("wait", &mut conference.wait),
        ("end", &mut conference.end),
        ("tones", &mut conference.tones),
        ("record", &mut conference.record),
    ];
    for (name, flag) in flags {
        if let Some(given) = fields.optional_boolean(name) {
            *flag = given;
        }
    }
    if let Some(patience) = fields.optional_duration("patience", document::PATIENCE) {
        conference.patience = patience;
    }
    if let Some(most) = fields.optional_integer("most", 2..=Conference::MOST) {
        conference.most = most;
    }
    if let Some(prompts) = fields
        .optional("waiting")
        .and_then(|given| document::read_prompts(&given))
    {
        conference.waiting = prompts;
    }
    for name in [
        "to",
        "say",
        "play",
        "flow",
        "bridge",
        "reference",
        "webhook",
        "at",
        "in",
        "expires",
        "hours",
    ] {
        if fields.has(name) {
            fields.problem(name, "invalid", "a request for a room does not take this");
            fields.ignore(name);
        }
    }
    let asked = plan::read_common(fields, limits);
    let participants: Vec<Participant> = participants?.into_iter().collect::<Option<_>>()?;
    let first = participants.first().map(|participant| participant.to.clone());
    let nothing = Action::Flow(outdial_flow::Flow::default());
    let call = PlaceCall {
        from: asked.from,
        via: asked.via,
        priority: asked.priority.unwrap_or_default(),
        retry: asked.retry.unwrap_or_default(),
        ring: asked.ring,
        talk: asked.talk,
        tag: asked.tag,
        ..PlaceCall::new(first.or_else(nobody)?, nothing)
    };
    Some(OpenRoom {
        room,
        conference,
        participants,
        call,
    })
}

/// Stands where a request without participants is about to be refused.
fn nobody() -> Option<Address> {
    Address::parse("0").ok()
}

/// A number, or an object with more about it.
fn participant(given: &Given<'_, '_>) -> Option<Participant> {
    if given.value().is_string() {
        return given.parse::<Dialled>(Address::LONGEST).map(|Dialled(to)| Participant {
            to,
            muted: false,
            moderator: false,
        });
    }
    let mut fields = given.object()?;
    let to = fields.parse::<Dialled>("to", Address::LONGEST);
    let muted = fields.optional_boolean("muted");
    let moderator = fields.optional_boolean("moderator");
    fields.finish();
    Some(Participant {
        to: to?.0,
        muted: muted.unwrap_or(false),
        moderator: moderator.unwrap_or(false),
    })
}

struct Dialled(Address);

impl std::str::FromStr for Dialled {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        Address::parse(text).map(Self)
    }
}
