//! The OpenAPI document: every path, schema and problem.

use std::collections::BTreeMap;

use utoipa::{
    OpenApi,
    openapi::{
        Content, InfoBuilder, License, Ref, RefOr, ResponseBuilder,
        path::Operation,
        security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme},
    },
};

use super::{
    accounts, audio, calls, code::Code, endpoint, keys, masks, messages, notices, operations, recordings, refusal,
    rooms, schedules, webhooks, wire,
};

const PROBLEM_TYPE: &str = "application/problem+json";
const KEY: &str = "key";

/// What every endpoint may answer.
const ALWAYS: &[Code] = &[Code::Internal];
/// What every endpoint that needs a key may answer besides.
const WITH_KEY: &[Code] = &[
    Code::Unauthenticated,
    Code::InvalidKey,
    Code::ExpiredKey,
    Code::TooManyFailures,
    Code::InsufficientScope,
    Code::StoreUnavailable,
];

#[derive(OpenApi)]
#[openapi(
    components(schemas(
        refusal::Problem,
        refusal::FieldError,
        wire::Account,
        wire::AccountLimits,
        wire::AccountList,
        wire::Audio,
        wire::Attempt,
        wire::Call,
        wire::CallList,
        wire::Controlled,
        wire::Ending,
        wire::Event,
        wire::EventData,
        wire::EventList,
        wire::Gathered,
        wire::HangUp,
        wire::Key,
        wire::KeyList,
        wire::Leg,
        wire::Mask,
        wire::MaskList,
        wire::Member,
        super::do_not_disturb::NumbersRequest,
        super::messages::send::SendRequest,
        super::messages::send::Receivers,
        wire::CanceledMessage,
        wire::ChangedList,
        wire::LeftAlone,
        wire::LeftAloneList,
        wire::MessageList,
        wire::MessageStory,
        wire::SentList,
        wire::SentMessage,
        wire::SentResult,
        wire::MessagePart,
        wire::MessagePreview,
        wire::NewKey,
        wire::OpenedRoom,
        wire::Room,
        wire::RoomList,
        wire::OwnLimits,
        wire::Progress,
        wire::Quality,
        wire::Recording,
        wire::RecordingList,
        wire::ChannelsWord,
        wire::RecordingStateWord,
        wire::RecordingEndWord,
        wire::Schedule,
        wire::ScheduleList,
        wire::Story,
        wire::Trace,
        wire::WireMessage,
        wire::CallWebhook,
        wire::Delivery,
        wire::DeliveryList,
        wire::EventWord,
        wire::NewWebhook,
        wire::Notification,
        wire::NotificationData,
        wire::Replayed,
        wire::Webhook,
        wire::WebhookList,
        webhooks::create::CreateWebhookRequest,
        webhooks::replay::ReplayRequest,
        webhooks::rotate::RotateSecretRequest,
        calls::place::WebhookRequest,
        calls::place::PlaceRequest,
        calls::change::ChangeRequest,
        calls::control::ControlRequest,
        calls::hang_up::HangUpRequest,
        rooms::create::OpenRoomRequest,
        masks::create::CreateMaskRequest,
        rooms::change::ChangeRoomRequest,
        messages::preview::PreviewRequest,
        schedules::create::ScheduleRequest,
        calls::place::Flow,
        calls::place::Bridge,
        calls::place::RoomAsked,
        calls::place::RecordAsked,
        calls::steps::ConferenceStep,
        calls::steps::DialStep,
        calls::steps::GatherStep,
        calls::steps::Numbers,
        calls::steps::RecordConsent,
        calls::steps::RecordStep,
        calls::steps::RecordUntil,
        calls::steps::Step,
        calls::steps::WordOrSteps,
        recordings::start::RecordRequest,
        accounts::change::ChangeAccountRequest,
        accounts::create::CreateAccountRequest,
        keys::create::CreateKeyRequest,
        audio::upload::UploadForm,
        operations::healthz::Health,
    )),
    tags(
        (name = "calls", description = "Place, read, explain and end calls."),
        (name = "rooms", description = "Conferences: who is in them, and what may be done with them."),
        (name = "masks", description = "Pairs of people who reach each other by a number of ours."),
        (name = "messages", description = "Texts."),
        (name = "recordings", description = "The sound of calls, kept."),
        (name = "schedules", description = "Plans that run again and again."),
        (name = "events", description = "What happens, as it happens."),
        (name = "webhooks", description = "Who is told of events, and what became of it."),
        (name = "audio", description = "Sound to be played."),
        (name = "administration", description = "Accounts and their keys."),
        (name = "operation", description = "For whoever runs the server; no key is needed."),
    )
)]
struct Schemas;

/// The whole document.
pub(super) fn document() -> utoipa::openapi::OpenApi {
    let mut document = Schemas::openapi();
    document.info = InfoBuilder::new()
        .title("Outdial")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(
            "Place phone calls and learn what became of them. Every refusal is a problem document (RFC 9457) with a \
             stable `code`; times are RFC 3339 in UTC; lists use cursors.",
        ))
        .license(Some(License::new("MIT")))
        .build();
    for endpoint in endpoint::all() {
        let mut operation = endpoint.operation;
        let mut codes = [ALWAYS, &endpoint.refusals].concat();
        if endpoint.scope.is_some() {
            codes.extend_from_slice(WITH_KEY);
            operation.security = Some(vec![SecurityRequirement::new(KEY, Vec::<String>::new())]);
        }
        if let Some(scope) = endpoint.scope {
            let description = operation.description.get_or_insert_default();
            *description = format!("{description}\n\nNeeds a key with the scope `{scope}`.")
                .trim_start()
                .to_owned();
        }
        describe_success(&mut operation);
        add_problems(&mut operation, codes);
        document
            .paths
            .add_path_operation(&endpoint.path, vec![endpoint.method], operation);
    }
    document.webhooks = Some(notices::webhooks());
    let components = document.components.get_or_insert_default();
    let mut scheme = Http::new(HttpAuthScheme::Bearer);
    scheme.description = Some("A key, as `outdial keys add` prints it: `od_…`.".to_owned());
    components.add_security_scheme(KEY, SecurityScheme::Http(scheme));
    document
}

/// Every answer needs a description; where the schema says all there is to say, a word is enough.
fn describe_success(operation: &mut Operation) {
    for (status, response) in &mut operation.responses.responses {
        if let RefOr::T(response) = response
            && response.description.is_empty()
        {
            response.description = if status == "201" { "It was made." } else { "Done." }.to_owned();
        }
    }
}

/// One answer for each status, whose description lists its codes.
fn add_problems(operation: &mut Operation, codes: Vec<Code>) {
    let mut by_status: BTreeMap<u16, Vec<Code>> = BTreeMap::new();
    for code in codes {
        let listed = by_status.entry(code.status().as_u16()).or_default();
        if !listed.contains(&code) {
            listed.push(code);
        }
    }
    for (status, codes) in by_status {
        let lines: Vec<String> = codes
            .iter()
            .map(|code| format!("- `{}`: {}", code.as_str(), code.meaning()))
            .collect();
        let content = Content::new(Some(Ref::from_schema_name("Problem")));
        let response = ResponseBuilder::new()
            .description(lines.join("\n"))
            .content(PROBLEM_TYPE, content);
        operation
            .responses
            .responses
            .insert(status.to_string(), response.build().into());
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use axum::{
        body::Body,
        http::{Request, StatusCode},
    };
    use serde_json::Value;

    use crate::native::{endpoint, openapi_json, testing::Server};

    fn described() -> BTreeMap<String, BTreeSet<String>> {
        let document: Value = serde_json::from_str(&openapi_json()).unwrap();
        let paths = document["paths"].as_object().unwrap();
        let methods = |item: &Value| {
            item.as_object()
                .unwrap()
                .keys()
                .map(|method| method.to_uppercase())
                .collect()
        };
        paths.iter().map(|(path, item)| (path.clone(), methods(item))).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn the_router_knows_exactly_what_the_document_describes() {
        let server = Server::start().await;
        for (path, methods) in described() {
            let request = Request::builder()
                .method("BREW")
                .uri(path.replace("{id}", "x"))
                .body(Body::empty());
            let answer = server.send(request.unwrap()).await;
            answer.is(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed");
            let mut allowed: BTreeSet<String> = answer.header("allow").split(',').map(str::to_owned).collect();
            allowed.remove("HEAD");
            assert_eq!(allowed, methods, "{path}");
        }
        let routed: BTreeSet<String> = endpoint::all().into_iter().map(|endpoint| endpoint.path).collect();
        assert_eq!(routed, described().into_keys().collect());
    }

    #[tokio::test(start_paused = true)]
    async fn each_endpoint_needs_the_scope_it_is_described_with() {
        let mighty = Server::start().await;
        let powerless = Server::with_scopes(&[]).await;
        for endpoint in endpoint::all() {
            let method = serde_json::to_value(&endpoint.method)
                .unwrap()
                .as_str()
                .unwrap()
                .to_uppercase();
            let path = endpoint.path.replace("{id}", "x");
            let bare = Request::builder()
                .method(method.as_str())
                .uri(&path)
                .body(Body::empty())
                .unwrap();
            let answer = mighty.send(bare).await;
            if endpoint.scope.is_none() {
                // What a link opens is looked for before the link is looked at.
                let fine = if path.ends_with("/shared") {
                    StatusCode::NOT_FOUND
                } else {
                    StatusCode::OK
                };
                assert_eq!(answer.status, fine, "{path}");
                continue;
            }
            answer.is(StatusCode::UNAUTHORIZED, "unauthenticated");
            let request = powerless.request(&method, &path).body(Body::empty()).unwrap();
            powerless
                .send(request)
                .await
                .is(StatusCode::FORBIDDEN, "insufficient_scope");
        }
    }

    #[test]
    fn every_reference_leads_somewhere_and_every_schema_is_used() {
        fn references(value: &Value, found: &mut BTreeSet<String>) {
            match value {
                Value::Object(object) => {
                    found.extend(object.get("$ref").and_then(Value::as_str).map(str::to_owned));
                    object.values().for_each(|value| references(value, found));
                }
                Value::Array(list) => list.iter().for_each(|value| references(value, found)),
                Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
            }
        }
        let document: Value = serde_json::from_str(&openapi_json()).unwrap();
        let mut found = BTreeSet::new();
        references(&document, &mut found);
        let schemas = document["components"]["schemas"].as_object().unwrap();
        let listed = schemas
            .keys()
            .map(|name| format!("#/components/schemas/{name}"))
            .collect::<BTreeSet<_>>();
        assert_eq!(found, listed);
    }

    #[test]
    fn every_operation_is_described() {
        let document: Value = serde_json::from_str(&openapi_json()).unwrap();
        let mut names = BTreeSet::new();
        for (path, item) in document["paths"].as_object().unwrap() {
            for (method, operation) in item.as_object().unwrap() {
                assert!(
                    operation["summary"].as_str().is_some_and(|text| !text.is_empty()),
                    "{method} {path}"
                );
                assert!(
                    operation["tags"].as_array().is_some_and(|tags| tags.len() == 1),
                    "{method} {path}"
                );
                assert!(names.insert(operation["operationId"].to_string()), "{method} {path}");
                assert!(operation["responses"]["500"].is_object(), "{method} {path}");
                for response in operation["responses"].as_object().unwrap().values() {
                    assert!(response["description"].is_string(), "{method} {path} {response}");
                }
                for parameter in operation["parameters"].as_array().into_iter().flatten() {
                    assert!(parameter["description"].is_string(), "{method} {path} {parameter}");
                }
            }
        }
    }

    #[test]
    fn the_document_is_the_one_that_was_looked_at() {
        insta::assert_snapshot!(openapi_json());
    }
}
