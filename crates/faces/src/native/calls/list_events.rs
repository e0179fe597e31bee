//! `GET /api/v1/calls/{id}/events`: what happened to a call.

use std::sync::Arc;

use axum::{Json, extract::State};
use outdial_domain::CallId;
use outdial_engine::verbs;

use crate::native::{
    Api,
    actor::{Allowed, ToRead},
    code::Code,
    endpoint::Endpoint,
    id::Id,
    refusal::Refusal,
    wire::{Event, EventList},
};

pub(in crate::native) fn endpoint() -> Endpoint {
    Endpoint::new("calls", __path_list_events, list_events)
        .needs::<ToRead>()
        .refuses(&[Code::CallNotFound])
}

/// Lists what happened to a call, in order
#[utoipa::path(get, path = "/api/v1/calls/{id}/events",
    params(("id" = String, Path, description = "The id of the call.")),
    responses((status = 200, body = EventList)))]
async fn list_events(
    State(api): State<Arc<Api>>,
    Allowed { actor, .. }: Allowed<ToRead>,
    Id(id): Id<CallId>,
) -> Result<Json<EventList>, Refusal> {
    let events = verbs::list_events(&api.engine, &actor, id).await?;
    Ok(Json(EventList {
        events: events.into_iter().map(Event::from).collect(),
    }))
}

#[cfg(test)]
mod tests {
    use outdial_testkit::fakes::Script;
    use serde_json::json;

    use crate::native::testing::{BOB, Server};

    #[tokio::test(start_paused = true)]
    async fn every_kind_of_event_has_its_data() {
        let server = Server::start().await;
        server.world.carrier.next(Script::presses("1"));
        let flow = json!([{"gather": {"prompts": [{"say": "Press 1"}], "digits": 1}}]);
        let id = server.call(json!({"to": BOB, "flow": flow})).await;
        insta::assert_json_snapshot!(server.get(&format!("/api/v1/calls/{id}/events")).await.golden());
    }
}
