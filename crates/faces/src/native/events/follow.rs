//! `GET /api/v1/events`: what happens, as it happens.

use std::{convert::Infallible, sync::Arc, time::Duration};

use axum::{
    extract::{RawQuery, State},
    http::HeaderMap,
    response::sse::{self, KeepAlive, Sse},
};
use futures_util::{Stream, StreamExt, future::ready, stream};
use outdial_domain::{EventKind, Subject};
use outdial_engine::{
    Actor, Engine,
    ports::{StoreError, StoredEvent},
    verbs,
};
use serde_json::{Value, json};

use crate::native::{
    Api,
    actor::{Allowed, ToRead},
    code::Code,
    document::Document,
    endpoint::Endpoint,
    query,
    refusal::Refusal,
    wire::Event,
};

pub(in crate::native) fn endpoint() -> Endpoint {
    Endpoint::new("events", __path_follow_events, follow_events)
        .needs::<ToRead>()
        .refuses(&[
            Code::InvalidRequest,
            Code::MalformedQuery,
            Code::CallNotFound,
            Code::MessageNotFound,
        ])
}

/// The header by which a client says what it saw last (WHATWG HTML, section 9.2).
const LAST_EVENT_ID: &str = "last-event-id";
/// How often a comment shows that the connection lives.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// How long a client should wait before it connects again.
const RECONNECT: Duration = Duration::from_secs(1);

/// Follows what happens, as server-sent events
///
/// The `id` of each is its position, its `event` the kind, its `data` the event as JSON. Whoever was cut
/// off goes on behind the last position seen, by the header `Last-Event-ID` or by `after`, and misses
/// nothing; without either, only what happens from now on is sent. The stream ends when the server stops;
/// when the store fails, an event `problem` without an id comes before the end.
#[utoipa::path(get, path = "/api/v1/events",
    params(
        ("after" = Option<i64>, Query, description = "The position seen last; 0 for everything."),
        ("call" = Option<String>, Query, description = "Only the events of this call."),
        ("message" = Option<String>, Query, description = "Only the events of this message."),
        ("Last-Event-ID" = Option<i64>, Header, description = "The position seen last; it goes before `after`."),
    ),
    responses((status = 200, body = Event, content_type = "text/event-stream")))]
async fn follow_events(
    State(api): State<Arc<Api>>,
    Allowed { actor, .. }: Allowed<ToRead>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Result<Sse<impl Stream<Item = Result<sse::Event, Infallible>>>, Refusal> {
    let (after, subject) = read(query.as_deref(), &headers)?;
    // Positions that come to be while we look are told by the stream, which begins here.
    let newest = *api.engine.store.newest().borrow();
    let after = after.unwrap_or(newest);
    let events = match subject {
        None => verbs::follow_events(&api.engine, &actor, Some(after)).left_stream(),
        Some(subject) => of_one(&api.engine, &actor, subject, after, newest)
            .await?
            .right_stream(),
    };
    // The first message has no data, so it is no event; it tells where the stream begins.
    let first = sse::Event::default().id(after.to_string()).retry(RECONNECT);
    let messages = stream::once(ready(Ok(first))).chain(events.map(|event| Ok(message(event))));
    Ok(Sse::new(messages).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)))
}

/// The events of one call or message: those there are from its own list, so that a call of today is not
/// searched in the log of years, and those to come from the log's end.
async fn of_one(
    engine: &Engine,
    actor: &Actor,
    subject: Subject,
    after: i64,
    newest: i64,
) -> Result<impl Stream<Item = Result<StoredEvent, StoreError>> + Send + use<>, Refusal> {
    let mut known = match subject {
        Subject::Call(call) => verbs::list_events(engine, actor, call).await?,
        Subject::Message(message) => verbs::explain_message(engine, actor, message).await?.events,
    };
    let last = known.last().map_or(0, |event| event.position).max(newest).max(after);
    known.retain(|event| event.position > after);
    let coming = verbs::follow_events(engine, actor, Some(last))
        .filter(move |event| ready(event.as_ref().map_or(true, |stored| stored.event.subject == subject)));
    Ok(stream::iter(known.into_iter().map(Ok)).chain(coming))
}

/// The position seen last and the call or message wanted.
fn read(query: Option<&str>, headers: &HeaderMap) -> Result<(Option<i64>, Option<Subject>), Refusal> {
    let (after, subject) = query::read(query, &["after"])?.read(|fields| {
        let call = fields.optional_parse("call", 100).map(Subject::Call);
        let message = fields.optional_parse("message", 100).map(Subject::Message);
        Some((fields.optional_integer("after", 0..=i64::MAX), call.or(message)))
    })?;
    let Some(last) = headers.get(LAST_EVENT_ID).filter(|last| !last.is_empty()) else {
        return Ok((after, subject));
    };
    let text = last.to_str().unwrap_or_default();
    let number: Value = text.parse::<i64>().map_or_else(|_| text.into(), Value::from);
    let header = Document {
        value: json!({ "Last-Event-ID": number }),
        problems: Default::default(),
    };
    let last = header.read(|fields| fields.integer("Last-Event-ID", 0..=i64::MAX))?;
    Ok((Some(last), subject))
}

fn message(event: Result<StoredEvent, StoreError>) -> sse::Event {
    match event {
        Ok(stored) => {
            let kind = EventKind::word(&stored.event.kind);
            let position = stored.position.to_string();
            // JSON of a plain type has no line breaks, which is all that could go wrong.
            let data = serde_json::to_string(&Event::from(stored)).unwrap_or_default();
            sse::Event::default().id(position).event(kind).data(data)
        }
        Err(error) => {
            let problem = Refusal::from(error).into_problem();
            sse::Event::default()
                .event("problem")
                .data(serde_json::to_string(&problem).unwrap_or_default())
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::{
        body::{Body, BodyDataStream},
        http::StatusCode,
    };
    use outdial_testkit::fakes::Script;

    use super::*;
    use crate::native::testing::{BOB, Server};

    /// A stream of messages, as a client sees it.
    struct Client {
        stream: BodyDataStream,
        buffer: String,
    }

    impl Client {
        async fn open(server: &Server, query: &str, last: Option<&str>) -> Self {
            let mut request = server.request("GET", &format!("/api/v1/events{query}"));
            if let Some(last) = last {
                request = request.header(LAST_EVENT_ID, last);
            }
            let response = server.raw(request.body(Body::empty()).unwrap()).await;
            assert_eq!(response.status(), StatusCode::OK);
            assert_eq!(response.headers()["content-type"], "text/event-stream");
            Self {
                stream: response.into_body().into_data_stream(),
                buffer: String::new(),
            }
        }

        /// The next message as its fields; none when the stream has ended.
        async fn next(&mut self) -> Option<Vec<(String, String)>> {
            loop {
                if let Some((message, rest)) = self.buffer.split_once("\n\n") {
                    let line = |line: &str| {
                        line.split_once(':')
                            .map(|(name, value)| (name.into(), value.trim().into()))
                    };
                    let fields = message.lines().filter_map(line).collect();
                    self.buffer = rest.to_owned();
                    return Some(fields);
                }
                let chunk = self.stream.next().await?.unwrap();
                self.buffer.push_str(std::str::from_utf8(&chunk).unwrap());
            }
        }

        /// The kinds of so many events.
        async fn kinds(&mut self, count: usize) -> Vec<String> {
            let mut kinds = Vec::new();
            while kinds.len() < count {
                let message = self.next().await.unwrap();
                kinds.extend(
                    message
                        .into_iter()
                        .filter(|(name, _)| name == "event")
                        .map(|(_, kind)| kind),
                );
            }
            kinds
        }
    }

    fn field<'a>(message: &'a [(String, String)], name: &str) -> &'a str {
        message
            .iter()
            .find(|(field, _)| field == name)
            .map_or("", |(_, value)| value)
    }

    #[tokio::test(start_paused = true)]
    async fn what_happens_is_sent_from_now_on() {
        let server = Server::start().await;
        server.world.carrier.next(Script::busy());
        server.call(json!({"to": BOB, "say": "x"})).await;
        let mut client = Client::open(&server, "", None).await;
        let first = client.next().await.unwrap();
        let begin: i64 = field(&first, "id").parse().unwrap();
        assert_eq!((field(&first, "retry"), field(&first, "data")), ("1000", ""));

        server.world.carrier.next(Script::busy());
        let id = server.place(json!({"to": BOB, "say": "x"})).await;
        let created = client.next().await.unwrap();
        assert_eq!(
            (field(&created, "event"), field(&created, "id")),
            ("created", &*(begin + 1).to_string())
        );
        let data: Value = serde_json::from_str(field(&created, "data")).unwrap();
        assert_eq!(
            (&data["call"], &data["sequence"], &data["position"]),
            (&json!(id), &json!(1), &json!(begin + 1))
        );
        assert_eq!(client.kinds(4).await, ["routed", "journalled", "dialing", "leg_ended"]);
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_was_cut_off_goes_on_and_misses_nothing() {
        let server = Server::start().await;
        server.world.carrier.next(Script::busy());
        server.call(json!({"to": BOB, "say": "x"})).await;
        let all = ["created", "routed", "journalled", "dialing", "leg_ended", "ended"];
        assert_eq!(Client::open(&server, "?after=0", None).await.kinds(6).await, all);
        assert_eq!(Client::open(&server, "?after=2", None).await.kinds(4).await, all[2..]);
        assert_eq!(
            Client::open(&server, "?after=0", Some("4")).await.kinds(2).await,
            all[4..]
        );
        assert_eq!(Client::open(&server, "", Some("5")).await.kinds(1).await, all[5..]);
    }

    #[tokio::test(start_paused = true)]
    async fn one_call_is_followed_through_past_and_future() {
        let server = Server::start().await;
        server.world.carrier.next(Script::ByHand);
        let id = server.place(json!({"to": BOB, "say": "x"})).await;
        let mut leg = server.world.carrier.leg().await;
        leg.sent().await;
        let mut client = Client::open(&server, &format!("?call={id}&after=0"), None).await;
        assert_eq!(client.kinds(3).await, ["created", "routed", "journalled"]);
        server.place(json!({"to": BOB, "say": "x", "in": 60})).await;
        leg.ring().await;
        assert_eq!(client.kinds(2).await, ["dialing", "ringing"]);
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_of_another_account_is_sent() {
        let server = Server::start().await;
        let stranger = server.stranger().await;
        let id = server.place(json!({"to": BOB, "say": "x", "in": 60})).await;
        let answer = server.get_with(&format!("/api/v1/events?call={id}"), &stranger).await;
        answer.is(StatusCode::NOT_FOUND, "call_not_found");
    }

    #[tokio::test(start_paused = true)]
    async fn a_quiet_stream_shows_that_it_lives_and_ends_when_the_server_stops() {
        let server = Server::start().await;
        let mut client = Client::open(&server, "", None).await;
        client.next().await.unwrap();
        assert_eq!(client.next().await, Some(vec![(String::new(), String::new())]));
        let engine = server.engine.clone();
        tokio::spawn(async move { engine.stop(Duration::ZERO).await });
        assert_eq!(client.next().await, None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_failing_store_ends_the_stream_with_a_problem() {
        let server = Server::start().await;
        let mut client = Client::open(&server, "?after=0", None).await;
        client.next().await.unwrap();
        server.world.store.fill_disk();
        let message = client.next().await.unwrap();
        assert_eq!((field(&message, "event"), field(&message, "id")), ("problem", ""));
        assert!(field(&message, "data").contains("store_unavailable"));
        assert_eq!(client.next().await, None);
    }

    #[tokio::test(start_paused = true)]
    async fn bad_positions_and_calls_are_told() {
        let server = Server::start().await;
        let table = [
            ("?after=-1", "after", "out_of_range"),
            ("?after=x", "after", "type"),
            ("?after=99999999999999999999", "after", "out_of_range"),
            ("?call=x", "call", "invalid"),
            ("?calls=x", "calls", "unknown"),
        ];
        for (query, name, code) in table {
            let answer = server.get(&format!("/api/v1/events{query}")).await;
            assert_eq!(answer.errors(), [(name.into(), code.into())], "{query}");
        }
        let request = server
            .request("GET", "/api/v1/events")
            .header(LAST_EVENT_ID, "x")
            .body(Body::empty());
        let answer = server.send(request.unwrap()).await;
        assert_eq!(answer.errors(), [("Last-Event-ID".into(), "type".into())]);
    }
}
