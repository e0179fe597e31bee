//! `GET /api/v1/calls`: lists calls, newest first.

use std::{str::FromStr, sync::Arc};

use axum::{
    Json,
    extract::{RawQuery, State},
};
use outdial_domain::{Address, AddressError, CallId, CallState, Outcome, Plan};
use outdial_engine::{
    ports::CallFilter,
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
    wire::{Call, CallList, CallStateWord, OutcomeWord},
};

pub(in crate::native) fn endpoint() -> Endpoint {
    Endpoint::new("calls", __path_list_calls, list_calls)
        .needs::<ToRead>()
        .refuses(&[Code::InvalidRequest, Code::MalformedQuery])
}

/// How many calls a page holds when the request does not say.
const USUAL_PAGE: usize = 50;
/// The most bytes that the name of an interface may have.
const LONGEST_FACE: usize = 64;

/// Lists calls, newest first
#[utoipa::path(get, path = "/api/v1/calls",
    params(
        ("state" = inline(Option<CallStateWord>), Query, description = "Only calls in this state."),
        ("outcome" = inline(Option<OutcomeWord>), Query, description = "Only calls that ended so."),
        ("tag" = Option<String>, Query, description = "Only calls with this tag."),
        ("reference" = Option<String>, Query, description = "Only calls that their maker named so."),
        ("face" = Option<String>, Query, description = "Only calls that were made by this interface, as `voicent`, \
            of those with names of their own for calls."),
        ("face_reference" = Option<String>, Query, description = "Only calls that their interface calls so: a \
            `Sid`, a `txn_ref`, a `reqid`."),
        ("to" = Option<String>, Query, description = "Only calls to this address, in any of its forms."),
        ("limit" = Option<usize>, Query, description = "How many at most, 1 to 1000; 50 when it is not given."),
        ("cursor" = Option<String>, Query, description = "The `next` of the page before, for the calls after it."),
    ),
    responses((status = 200, body = CallList)))]
async fn list_calls(
    State(api): State<Arc<Api>>,
    Allowed { actor, .. }: Allowed<ToRead>,
    RawQuery(query): RawQuery,
) -> Result<Json<CallList>, Refusal> {
    let filter = query::read(query.as_deref(), &["limit"])?.read(|fields| Some(read(fields)))?;
    let page = verbs::list_calls(&api.engine, &actor, filter).await?;
    let now = api.engine.ids.now();
    let last = page.items.last().filter(|_| page.more).map(|call| call.id.to_string());
    let calls = page.items.into_iter().map(|call| Call::summary(call, now)).collect();
    Ok(Json(CallList { calls, next: last }))
}

fn read(fields: &mut Fields<'_, '_>) -> CallFilter {
    let states: Vec<&'static str> = CallState::ALL.iter().map(|state| state.as_str()).collect();
    let outcomes: Vec<&'static str> = Outcome::ALL.iter().map(|outcome| outcome.as_str()).collect();
    CallFilter {
        state: fields.optional_word("state", &states).and_then(CallState::from_word),
        outcome: fields.optional_word("outcome", &outcomes).and_then(Outcome::from_word),
        tag: fields.optional_line("tag", Plan::LONGEST_TAG).map(str::to_owned),
        reference: fields
            .optional_line("reference", Plan::LONGEST_REFERENCE)
            .map(str::to_owned),
        face: fields.optional_line("face", LONGEST_FACE).map(str::to_owned),
        face_reference: fields
            .optional_line("face_reference", Plan::LONGEST_REFERENCE)
            .map(str::to_owned),
        to: fields
            .optional_parse::<Dialled>("to", Address::LONGEST)
            .map(|Dialled(to)| to),
        before: fields
            .optional_parse::<Cursor>("cursor", 100)
            .map(|Cursor(before)| before),
        most: fields.optional_integer("limit", 1..=LONGEST_PAGE).unwrap_or(USUAL_PAGE),
    }
}

/// An address in its normalised form.
struct Dialled(String);

impl FromStr for Dialled {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        Address::parse(text).map(|address| Self(address.to_string()))
    }
}

/// The last call of the page before.
struct Cursor(CallId);

impl FromStr for Cursor {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self).map_err(|_| "give the `next` of the page before")
    }
}

#[cfg(test)]
mod tests {
    use axum::http::StatusCode;
    use outdial_testkit::fakes::Script;
    use serde_json::json;

    use crate::native::testing::{BOB, Server};

    #[tokio::test(start_paused = true)]
    async fn a_page_looks_like_this() {
        let server = Server::start().await;
        assert_eq!(
            server.get("/api/v1/calls").await.json,
            json!({"calls": [], "next": null})
        );
        server.world.carrier.next(Script::busy());
        server.call(json!({"to": BOB, "say": "x", "tag": "a"})).await;
        insta::assert_json_snapshot!(server.get("/api/v1/calls").await.golden());
    }

    #[tokio::test(start_paused = true)]
    async fn pages_follow_each_other_to_the_end() {
        let server = Server::start().await;
        let mut placed = Vec::new();
        for _ in 0..5 {
            placed.push(server.place(json!({"to": BOB, "say": "x", "in": "1h"})).await);
            tokio::time::advance(std::time::Duration::from_millis(1)).await;
        }
        placed.reverse();
        let (mut listed, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = server.get(&format!("/api/v1/calls?limit=2{cursor}")).await.json;
            let calls = page["calls"].as_array().unwrap();
            listed.extend(calls.iter().map(|call| call["id"].as_str().unwrap().to_owned()));
            let Some(next) = page["next"].as_str() else { break };
            cursor = format!("&cursor={next}");
        }
        assert_eq!(listed, placed);
    }

    #[tokio::test(start_paused = true)]
    async fn filters_hold_together() {
        let server = Server::start().await;
        server.world.carrier.next(Script::busy());
        let busy = server.call(json!({"to": BOB, "say": "x", "tag": "a b"})).await;
        let waiting = server
            .place(json!({"to": "sip:ann@127.0.0.1", "say": "x", "in": 60, "tag": "a b"}))
            .await;
        let table = [
            ("outcome=busy", vec![&busy]),
            ("outcome=completed", vec![]),
            ("state=scheduled", vec![&waiting]),
            ("tag=a+b", vec![&waiting, &busy]),
            ("tag=a%20b&state=ended", vec![&busy]),
            ("tag=a", vec![]),
            ("to=SIP:ann@127.0.0.1", vec![&waiting]),
            ("limit=1", vec![&waiting]),
        ];
        for (query, wanted) in table {
            let page = server.get(&format!("/api/v1/calls?{query}")).await.json;
            let calls = page["calls"].as_array().unwrap();
            let ids: Vec<&str> = calls.iter().map(|call| call["id"].as_str().unwrap()).collect();
            assert_eq!(ids, wanted, "{query}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn bad_filters_are_told_at_once() {
        let server = Server::start().await;
        let query = "state=endet&outcome=x&tag=&to=hello&limit=0&cursor=call_1&colour=red&colour=blue";
        insta::assert_json_snapshot!(server.get(&format!("/api/v1/calls?{query}")).await.golden());
        for (query, code) in [
            ("limit=1001", "out_of_range"),
            ("limit=many", "type"),
            ("limit=1.5", "out_of_range"),
        ] {
            let answer = server.get(&format!("/api/v1/calls?{query}")).await;
            assert_eq!(answer.errors(), [("limit".into(), code.into())], "{query}");
        }
        server
            .get("/api/v1/calls?tag=%ff")
            .await
            .is(StatusCode::BAD_REQUEST, "malformed_query");
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_of_another_account_is_seen() {
        let server = Server::start().await;
        server.place(json!({"to": BOB, "say": "x", "in": 60})).await;
        let stranger = server.stranger().await;
        let page = server.get_with("/api/v1/calls", &stranger).await.json;
        assert_eq!(page, json!({"calls": [], "next": null}));
    }
}
