//! When a phone may be rung, as requests give it and answers show it.

use std::str::FromStr;

use jiff::civil::Date;
use outdial_domain::{self as domain, HoursZone, Window, hours::WindowError};
use outdial_flow::Given;
use serde::Serialize;
use serde_json::Value;
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{ArrayBuilder, ObjectBuilder, OneOfBuilder, RefOr, Schema, Type},
};

/// The word for the zone of the number that is rung.
const CALLEE: &str = "callee";
/// The longest text of one window, of a zone's name, and of a day.
const LONGEST_WORD: usize = 100;
/// The longest text of all hours.
const LONGEST_TEXT: usize = 1_000;

/// When a phone may be rung.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::native) struct Hours {
    /// The windows, as `mon-fri 09:00-18:00`.
    windows: Vec<String>,
    /// Whose clock counts: `callee` for that of the number that is rung, or the name of a zone.
    #[schema(example = "callee")]
    zone: String,
    /// Days on which it does not open, as `2030-12-25`.
    skip: Vec<String>,
}

impl From<domain::Hours> for Hours {
    fn from(hours: domain::Hours) -> Self {
        Self {
            windows: hours.windows.iter().map(Window::to_string).collect(),
            zone: match hours.zone {
                HoursZone::Callee => CALLEE.to_owned(),
                HoursZone::Named(name) => name,
            },
            skip: hours.skip.iter().map(Date::to_string).collect(),
        }
    }
}

/// `hours` as requests may write it.
pub(in crate::native) struct HoursAsked;

impl PartialSchema for HoursAsked {
    fn schema() -> RefOr<Schema> {
        let word = || {
            ObjectBuilder::new()
                .schema_type(Type::String)
                .max_length(Some(LONGEST_WORD))
        };
        let list = || ArrayBuilder::new().items(word()).max_items(Some(domain::Hours::MOST));
        let object = ObjectBuilder::new()
            .schema_type(Type::Object)
            .property("windows", list())
            .required("windows")
            .property("zone", word())
            .property("skip", list());
        let text = ObjectBuilder::new()
            .schema_type(Type::String)
            .max_length(Some(LONGEST_TEXT));
        OneOfBuilder::new()
            .item(text)
            .item(object)
            .description(Some(
                "When the phone may be rung: windows, the zone whose clock counts (`callee`, which is meant when none \
                 is given, or a name), and days to skip; or windows and zone as a text. A call that is due outside \
                 waits for the next opening.",
            ))
            .examples([
                serde_json::json!("mon-fri 09:00-18:00; sat 10:00-12:00 in Asia/Singapore"),
                serde_json::json!({"windows": ["daily 09:00-20:00"], "zone": CALLEE, "skip": ["2030-12-25"]}),
            ])
            .into()
    }
}

impl ToSchema for HoursAsked {}

/// Reads `hours` in any of its forms.
pub(in crate::native) fn read(given: &Given<'_, '_>) -> Option<domain::Hours> {
    if let Value::String(_) = given.value() {
        return given.parse::<Text>(LONGEST_TEXT).map(|Text(hours)| hours);
    }
    let mut fields = given.object()?;
    let most = domain::Hours::MOST;
    let windows = fields.list("windows", most);
    let zone = fields.optional_line("zone", LONGEST_WORD);
    let skip = fields.optional_list("skip", most).unwrap_or_default();
    fields.finish();
    // All of them are read before the first bad one ends it, so that all problems are told.
    let windows: Vec<Option<Window>> = windows?.iter().map(|given| given.parse(LONGEST_WORD)).collect();
    let skip: Vec<Option<Day>> = skip.iter().map(|given| given.parse(LONGEST_WORD)).collect();
    Some(domain::Hours {
        windows: windows.into_iter().collect::<Option<_>>()?,
        zone: zone.map_or(HoursZone::Callee, zone_of),
        skip: skip
            .into_iter()
            .map(|day| day.map(|Day(date)| date))
            .collect::<Option<_>>()?,
    })
}

fn zone_of(name: &str) -> HoursZone {
    match name {
        CALLEE => HoursZone::Callee,
        name => HoursZone::Named(name.to_owned()),
    }
}

/// A day of the calendar.
pub(in crate::native) struct Day(pub(in crate::native) Date);

impl FromStr for Day {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = "give a day of the calendar, as 2030-12-25";
        if text.len() != 10 {
            return Err(error);
        }
        text.parse().map(Self).map_err(|_| error)
    }
}

/// Hours as a text.
struct Text(domain::Hours);

impl FromStr for Text {
    type Err = WindowError;

    fn from_str(text: &str) -> Result<Self, WindowError> {
        let (windows, zone) = text.rsplit_once(" in ").unwrap_or((text, CALLEE));
        Ok(Self(domain::Hours {
            windows: windows.split(';').map(str::parse).collect::<Result<_, _>>()?,
            zone: zone_of(zone.trim()),
            skip: Vec::new(),
        }))
    }
}

#[cfg(test)]
mod tests {
    use axum::http::StatusCode;
    use serde_json::json;

    use crate::native::testing::{BOB, Server};

    #[tokio::test(start_paused = true)]
    async fn each_form_is_taken_and_shown_in_full() {
        let server = Server::start().await;
        for form in [
            json!("mon-fri 09:00-18:00; sat 10:00-12:00 in Asia/Singapore"),
            json!({"windows": ["daily 09:00-20:00"], "zone": "Europe/Berlin", "skip": ["2030-01-02", "2030-01-03"]}),
        ] {
            let body = json!({"to": BOB, "say": "x", "in": "1h", "hours": form});
            let answer = server.post("/api/v1/calls", &body).await;
            assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text);
            insta::assert_json_snapshot!(json!([answer.json["hours"], answer.json["due"]]));
            let body = json!({"to": BOB, "say": "x", "in": "1h", "hours": answer.json["hours"]});
            let again = server.post("/api/v1/calls", &body).await;
            assert_eq!(again.json["hours"], answer.json["hours"], "what is shown reads back");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_wrong_is_told_by_field() {
        let server = Server::start().await;
        let table = [
            (json!(9), "hours", "type"),
            (json!("always"), "hours", "invalid"),
            (json!("mon 18:00-09:00 in UTC"), "hours", "invalid"),
            (json!("mon 09:00-18:00"), "hours.zone", "invalid"),
            (json!("mon 09:00-18:00 in Mars"), "hours.zone", "invalid"),
            (json!({"zone": "UTC"}), "hours.windows", "missing"),
            (json!({"windows": [], "zone": "UTC"}), "hours.windows", "missing"),
            (json!({"windows": ["moon 09:00-10:00"]}), "hours.windows.0", "invalid"),
            (
                json!({"windows": ["mon 09:00-10:00"], "skip": ["25.12.2030"]}),
                "hours.skip.0",
                "invalid",
            ),
            (
                json!({"windows": ["mon 09:00-10:00"], "zones": "UTC"}),
                "hours.zones",
                "unknown",
            ),
        ];
        for (hours, field, code) in table {
            let body = json!({"to": BOB, "say": "x", "hours": hours});
            let answer = server.post("/api/v1/calls", &body).await;
            answer.is(StatusCode::UNPROCESSABLE_ENTITY, "invalid_request");
            let errors = answer.errors();
            assert!(
                errors.contains(&(field.to_owned(), code.to_owned())),
                "{hours}: {errors:?}"
            );
        }
    }
}
