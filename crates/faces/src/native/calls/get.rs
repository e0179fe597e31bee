//! `GET /api/v1/calls/{id}`: one call as it stands, or as soon as it has ended.

use std::{sync::Arc, time::Duration};

use axum::{
    Json,
    extract::{RawQuery, State},
};
use outdial_domain::{CallId, CallState};
use outdial_engine::{
    Actor, Engine,
    ports::CallDetails,
    verbs::{self, CallError},
};
use tokio::time::{Instant, sleep, sleep_until};

use crate::native::{
    Api,
    actor::{Allowed, ToRead},
    code::Code,
    endpoint::Endpoint,
    id::Id,
    moment::Length,
    query,
    refusal::Refusal,
    wire::Call,
};

pub(in crate::native) fn endpoint() -> Endpoint {
    Endpoint::new("calls", __path_get_call, get_call)
        .needs::<ToRead>()
        .refuses(&[Code::CallNotFound, Code::InvalidRequest, Code::MalformedQuery])
}

/// The longest that one request waits: proxies between give up soon after.
const LONGEST_WAIT: Duration = Duration::from_secs(60);
/// How long to rest between two looks at a call, because every event of every call wakes us.
const REST: Duration = Duration::from_millis(20);

/// Reads a call
///
/// With `wait`, the answer comes as soon as the call has ended, and after that time in any case.
#[utoipa::path(get, path = "/api/v1/calls/{id}",
    params(
        ("id" = String, Path, description = "The id of the call."),
        ("wait" = inline(Option<Length>), Query,
            description = "How long to wait for the call's end, at most 60 seconds."),
    ),
    responses((status = 200, body = Call)))]
async fn get_call(
    State(api): State<Arc<Api>>,
    Allowed { actor, .. }: Allowed<ToRead>,
    Id(id): Id<CallId>,
    RawQuery(query): RawQuery,
) -> Result<Json<Call>, Refusal> {
    let wait = query::read(query.as_deref(), &["wait"])?
        .read(|fields| Some(fields.optional_duration("wait", Duration::ZERO..=LONGEST_WAIT)))?;
    let details = read_within(&api.engine, &actor, id, wait.unwrap_or_default()).await?;
    let queue = verbs::place_in_queue(&api.engine, &details).await?;
    Ok(Json(Call::whole(details, api.engine.ids.now()).waiting(queue)))
}

/// The call as soon as it has ended, or as it stands when the time is over or the engine stops.
async fn read_within(engine: &Engine, actor: &Actor, id: CallId, wait: Duration) -> Result<CallDetails, CallError> {
    let until = Instant::now() + wait;
    let mut newest = engine.store.newest();
    loop {
        newest.borrow_and_update();
        let details = verbs::get_call(engine, actor, id).await?;
        if details.call.state == CallState::Ended || until <= Instant::now() || engine.is_stopping() {
            return Ok(details);
        }
        tokio::select! {
            changed = newest.changed() => match changed {
                Ok(()) => sleep(REST).await,
                Err(_) => return Ok(details),
            },
            () = sleep_until(until) => {}
            () = engine.stopping() => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::http::StatusCode;
    use outdial_testkit::fakes::Script;
    use serde_json::json;

    use super::*;
    use crate::native::testing::{BOB, Server};

    #[tokio::test(start_paused = true)]
    async fn an_ended_call_has_everything() {
        let server = Server::start().await;
        server.world.carrier.next(Script::presses("1"));
        let flow =
            json!([{"gather": {"prompts": [{"say": "Press 1"}], "digits": 1, "name": "choice"}}, {"pause": 2.5}]);
        let id = server.call(json!({"to": BOB, "flow": flow, "tag": "t"})).await;
        insta::assert_json_snapshot!(server.get(&format!("/api/v1/calls/{id}")).await.golden());
    }

    #[tokio::test(start_paused = true)]
    async fn waiting_ends_with_the_call() {
        let server = Server::start().await;
        let id = server.place(json!({"to": BOB, "flow": [{"pause": 10}]})).await;
        let begun = Instant::now();
        let answer = server.get(&format!("/api/v1/calls/{id}?wait=60s")).await;
        assert_eq!(answer.json["state"], "ended");
        let waited = begun.elapsed();
        assert!(
            waited >= Duration::from_secs(10) && waited < Duration::from_secs(11),
            "{waited:?}"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn waiting_is_bounded() {
        let server = Server::start().await;
        let id = server.place(json!({"to": BOB, "say": "x", "in": "1h"})).await;
        let begun = Instant::now();
        let answer = server.get(&format!("/api/v1/calls/{id}?wait=30")).await;
        assert_eq!(answer.json["state"], "scheduled");
        assert_eq!(begun.elapsed().as_secs(), 30);
        for wait in ["61", "2m", "-1", "soon", ""] {
            let answer = server.get(&format!("/api/v1/calls/{id}?wait={wait}")).await;
            answer.is(StatusCode::UNPROCESSABLE_ENTITY, "invalid_request");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn waiting_ends_when_the_server_stops() {
        let server = Server::start().await;
        let id = server.place(json!({"to": BOB, "say": "x", "in": "1h"})).await;
        let engine = server.engine.clone();
        tokio::spawn(async move {
            sleep(Duration::from_secs(5)).await;
            engine.stop(Duration::ZERO).await;
        });
        let begun = Instant::now();
        assert_eq!(
            server.get(&format!("/api/v1/calls/{id}?wait=60")).await.status,
            StatusCode::OK
        );
        assert_eq!(begun.elapsed().as_secs(), 5);
    }

    #[tokio::test(start_paused = true)]
    async fn what_names_no_call_of_the_account_is_not_found() {
        let server = Server::start().await;
        let id = server.place(json!({"to": BOB, "say": "x", "in": "1h"})).await;
        let stranger = server.stranger().await;
        for path in ["", "/events", "/explain"] {
            let answer = server.get_with(&format!("/api/v1/calls/{id}{path}"), &stranger).await;
            answer.is(StatusCode::NOT_FOUND, "call_not_found");
            for bad in [
                "x",
                "call_x",
                "call_00000000000000000000000000000000",
                "leg_00",
                "%ff",
                "%00",
                "..%2f",
            ] {
                let answer = server.get(&format!("/api/v1/calls/{bad}{path}")).await;
                answer.is(StatusCode::NOT_FOUND, "call_not_found");
            }
        }
        insta::assert_json_snapshot!(server.get("/api/v1/calls/call_x").await.golden());
    }
}
