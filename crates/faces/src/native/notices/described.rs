//! The notification in the OpenAPI document, as its section `webhooks` describes it.

use utoipa::{
    Path,
    openapi::{Paths, RefOr},
};

use crate::native::wire::Notification;

/// A notification as it was written, and as a test writes it again.
pub(super) const EXAMPLE: &str = include_str!("../../../docs/notification.json");

/// What receivers are sent
///
/// One POST for each event that a webhook, or the `webhook` of a call or a message, wants to hear of: at least once, in the
/// order of `data.event.sequence` for each of them, and again for three days until it is answered with a status from
/// 200 to 299. It is signed by Standard Webhooks (standardwebhooks.com) with every live secret.
#[utoipa::path(post, path = "call.event", operation_id = "notification",
    request_body(content = Notification, content_type = "application/json"),
    params(
        ("webhook-id" = String, Header, description = "The id of the event; the same however often it is sent."),
        ("webhook-timestamp" = i64, Header, description = "When this try was made, in seconds since 1970."),
        ("webhook-signature" = Option<String>, Header,
            description = "`v1,` and the base64 of the HMAC-SHA256 of id, time and body joined by dots; one for each live \
            secret, with a space between them. A call that names a receiver without a secret has none."),
    ),
    responses(
        (status = "2XX", description = "It was taken."),
        (status = 410, description = "Nothing more is wanted: the webhook of an account is turned off."),
        (status = "default", description = "It is sent again later, not before the time of `Retry-After`."),
    ))]
#[expect(dead_code, reason = "its description is what counts")]
fn notification() {}

/// The section `webhooks`.
pub(in crate::native) fn webhooks() -> Paths {
    let mut operation = __path_notification::operation();
    operation.tags = Some(vec!["webhooks".to_owned()]);
    if let Some(RefOr::T(body)) = &mut operation.request_body
        && let Some(RefOr::T(content)) = body.content.get_mut("application/json")
    {
        content.example = Some(serde_json::from_str(EXAMPLE).expect("a test has written it"));
    }
    let mut paths = Paths::new();
    paths.add_path_operation("call.event", __path_notification::methods(), operation);
    paths
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use jiff::Timestamp;
    use outdial_domain::Event;
    use outdial_engine::ports::{CallDetails, Happened, NoticeWriter, Snapshot, StoredEvent};
    use outdial_flow::Flow;
    use outdial_testkit::store_suite::lives::{Caller, at};
    use serde_json::{Map, Value};

    use crate::native::{NativeNotices, openapi_json};

    /// Set to anything to write the documentation instead of comparing it.
    const WRITE: &str = "OUTDIAL_WRITE_DOCS";

    /// The notification of the end of a call that went well.
    fn written() -> Value {
        let mut life = Caller::of(1).call(1, at(0));
        let changes = life.whole("local");
        let position = changes.iter().map(|change| change.events.len()).sum::<usize>();
        let last = changes.last().unwrap();
        let event: Event = last.events.last().unwrap().clone();
        let details = CallDetails {
            call: last.call.clone(),
            flow: Flow::say("Hello"),
            attempts: last.attempt.clone().into_iter().collect(),
            legs: last.legs.clone(),
        };
        let now: Timestamp = at(60_000);
        let stored = StoredEvent {
            position: i64::try_from(position).unwrap(),
            event,
        };
        let happened = Happened {
            snapshot: &Snapshot::Call(details),
            stored: &stored,
            history: &[],
            now,
        };
        let notice = NativeNotices::default().write(&happened).unwrap();
        serde_json::from_str(&notice.body).unwrap()
    }

    #[test]
    fn the_example_is_what_is_sent() {
        let written = format!("{:#}\n", written());
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/notification.json");
        if std::env::var_os(WRITE).is_some() {
            std::fs::write(&file, &written).unwrap();
        }
        let kept = std::fs::read_to_string(&file).unwrap_or_default();
        assert!(
            kept == written,
            "{} is old: run this test with {WRITE}=1",
            file.display()
        );
    }

    #[test]
    fn what_is_sent_is_what_the_document_describes() {
        let document: Value = serde_json::from_str(&openapi_json()).unwrap();
        let content = &document["webhooks"]["call.event"]["post"]["requestBody"]["content"]["application/json"];
        assert_eq!(content["example"], written());
        assert_eq!(
            faults(&document, &content["schema"], &written(), "body"),
            Vec::<String>::new()
        );
        // The check can fail.
        let mut other = written();
        other["data"]["call"]["state"] = Value::from(7);
        other["data"].as_object_mut().unwrap().remove("event");
        other["colour"] = Value::from("red");
        let found = faults(&document, &content["schema"], &other, "body");
        for place in ["body.data.call.state", "body.data.event", "body.colour"] {
            assert!(found.iter().any(|fault| fault.starts_with(place)), "{place}: {found:?}");
        }
    }

    /// Where a value is not what its schema says: its type, its words, what must be there and what may.
    fn faults(document: &Value, schema: &Value, value: &Value, place: &str) -> Vec<String> {
        if let Some(name) = schema["$ref"].as_str() {
            let name = name.trim_start_matches('#');
            return faults(document, document.pointer(name).unwrap(), value, place);
        }
        for several in ["oneOf", "anyOf"] {
            if let Some(options) = schema[several].as_array() {
                let fits = |option: &Value| faults(document, option, value, place).is_empty();
                let none = !options.iter().any(fits);
                return none
                    .then(|| format!("{place} fits none of its forms"))
                    .into_iter()
                    .collect();
            }
        }
        let mut found = Vec::new();
        let types: Vec<&str> = match &schema["type"] {
            Value::String(one) => vec![one],
            Value::Array(several) => several.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        };
        let kind = match value {
            Value::Null => "null",
            Value::Bool(_) => "boolean",
            Value::Number(number) if number.is_i64() || number.is_u64() => "integer",
            Value::Number(_) => "number",
            Value::String(_) => "string",
            Value::Array(_) => "array",
            Value::Object(_) => "object",
        };
        let is_number = kind == "integer" && types.contains(&"number");
        if !types.is_empty() && !types.contains(&kind) && !is_number {
            found.push(format!("{place} is of type {kind}, not {types:?}"));
        }
        if let Some(words) = schema["enum"].as_array().filter(|words| !words.contains(value)) {
            found.push(format!("{place} is none of {words:?}"));
        }
        for element in value.as_array().into_iter().flatten() {
            found.extend(faults(document, &schema["items"], element, &format!("{place}[]")));
        }
        if let Value::Object(fields) = value {
            let none = Map::new();
            let known = schema["properties"].as_object().unwrap_or(&none);
            for name in schema["required"]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(Value::as_str)
            {
                if !fields.contains_key(name) {
                    found.push(format!("{place}.{name} is missing"));
                }
            }
            for (name, value) in fields {
                match known.get(name) {
                    Some(schema) => found.extend(faults(document, schema, value, &format!("{place}.{name}"))),
                    None if known.is_empty() => {}
                    None => found.push(format!("{place}.{name} is not described")),
                }
            }
        }
        found
    }
}
