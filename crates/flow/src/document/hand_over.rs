//! Reads and writes `hand_over`.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::{
    HandOver, Target,
    fields::{Fields, Given},
};

pub(super) fn read(given: &Given<'_, '_>) -> Option<HandOver> {
    let mut fields = given.object()?;
    let target = target(&mut fields);
    let variables = match fields.optional("variables") {
        Some(given) => variables(&given),
        None => Some(BTreeMap::new()),
    };
    fields.finish();
    Some(HandOver {
        target: target?,
        variables: variables?,
    })
}

const OF_DIALPLAN: [&str; 4] = ["context", "extension", "priority", "early_media"];

fn target(fields: &mut Fields<'_, '_>) -> Option<Target> {
    const ONE: &str = "give either `application`, or `context` and `extension`";
    let all = ["application", "data"].into_iter().chain(OF_DIALPLAN);
    all.for_each(|name| fields.ignore(name));
    let runs = fields.has("application") || fields.has("data");
    let goes_on = OF_DIALPLAN.into_iter().find(|name| fields.has(name));
    match (runs, goes_on) {
        (true, None) => application(fields),
        (false, Some(_)) => dialplan(fields),
        (true, Some(other)) => {
            fields.problem(other, "invalid", ONE);
            None
        }
        (false, None) => {
            if fields.is_object() {
                fields.problem("application", "missing", ONE);
            }
            None
        }
    }
}

fn application(fields: &mut Fields<'_, '_>) -> Option<Target> {
    let name = fields.line("application", HandOver::LONGEST_NAME);
    let data = match fields.optional("data") {
        Some(given) => given.line(HandOver::LONGEST_VALUE).map(Some),
        None => Some(None),
    };
    Some(Target::Application {
        name: name?.to_owned(),
        data: data?.map(str::to_owned),
    })
}

fn dialplan(fields: &mut Fields<'_, '_>) -> Option<Target> {
    let context = fields.line("context", HandOver::LONGEST_NAME);
    let extension = fields.line("extension", HandOver::LONGEST_NAME);
    let priority = match fields.optional("priority") {
        Some(given) => given.integer(1..=HandOver::LAST_PRIORITY),
        None => Some(1),
    };
    let early_media = match fields.optional("early_media") {
        Some(given) => given.boolean(),
        None => Some(false),
    };
    Some(Target::Dialplan {
        context: context?.to_owned(),
        extension: extension?.to_owned(),
        priority: priority?,
        early_media: early_media?,
    })
}

fn variables(given: &Given<'_, '_>) -> Option<BTreeMap<String, String>> {
    let read = |(name, value): (&str, Given<'_, '_>)| {
        let known = !name.is_empty() && name.len() <= HandOver::LONGEST_NAME && !name.contains(char::is_control);
        if !known {
            let message = format!(
                "give the variable a name of 1 to {} bytes without control characters",
                HandOver::LONGEST_NAME
            );
            value.problem("invalid", message);
            return None;
        }
        // A variable may well be empty.
        let text = match value.value().as_str() {
            Some("") => "",
            _ => value.line(HandOver::LONGEST_VALUE)?,
        };
        Some((name.to_owned(), text.to_owned()))
    };
    let entries = given.entries(HandOver::MOST_VARIABLES)?;
    // All are read before the first that could not be read ends it.
    let entries: Vec<_> = entries.into_iter().map(read).collect();
    entries.into_iter().collect()
}

pub(super) fn write(hand_over: &HandOver) -> Value {
    let mut written = Map::new();
    match &hand_over.target {
        Target::Application { name, data } => {
            written.insert("application".to_owned(), json!(name));
            if let Some(data) = data {
                written.insert("data".to_owned(), json!(data));
            }
        }
        Target::Dialplan {
            context,
            extension,
            priority,
            early_media,
        } => {
            written.insert("context".to_owned(), json!(context));
            written.insert("extension".to_owned(), json!(extension));
            written.insert("priority".to_owned(), json!(priority));
            written.insert("early_media".to_owned(), json!(early_media));
        }
    }
    if !hand_over.variables.is_empty() {
        written.insert("variables".to_owned(), json!(hand_over.variables));
    }
    Value::Object(written)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Flow, Instruction, document};

    fn read(value: &Value) -> Result<HandOver, Vec<String>> {
        let flow: Flow = document::read(&json!([{ "hand_over": value }]), "flow")
            .map_err(|problems| problems.iter().map(ToString::to_string).collect::<Vec<_>>())?;
        match flow.steps.into_iter().next() {
            Some(Instruction::HandOver(hand_over)) => Ok(hand_over),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn both_targets_are_read() {
        let application = json!({ "application": "Playback", "data": "a&b;c", "variables": { "A": "", "B": "x=y" } });
        let read_back = read(&application).unwrap();
        assert_eq!(read_back.variables.len(), 2);
        assert_eq!(write(&read_back), application);
        let dialplan = read(&json!({ "context": "ivr", "extension": "#31#", "priority": null })).unwrap();
        let target = Target::Dialplan {
            context: "ivr".to_owned(),
            extension: "#31#".to_owned(),
            priority: 1,
            early_media: false,
        };
        assert_eq!(dialplan.target, target);
    }

    #[test]
    fn what_is_wrong_is_named() {
        let long = "x".repeat(HandOver::LONGEST_VALUE + 1);
        for (value, field) in [
            (json!("Playback"), "flow.0.hand_over:"),
            (json!({}), "flow.0.hand_over.application:"),
            (json!({ "data": "x" }), "flow.0.hand_over.application:"),
            (json!({ "application": "" }), "flow.0.hand_over.application:"),
            (json!({ "application": "A\nData: b" }), "flow.0.hand_over.application:"),
            (
                json!({ "application": "A", "data": "b\r\nSet: c=d" }),
                "flow.0.hand_over.data:",
            ),
            (json!({ "application": "A", "data": long }), "flow.0.hand_over.data:"),
            (
                json!({ "application": "A", "context": "b" }),
                "flow.0.hand_over.context:",
            ),
            (json!({ "context": "b" }), "flow.0.hand_over.extension:"),
            (
                json!({ "context": "b", "extension": "s", "priority": 0 }),
                "flow.0.hand_over.priority:",
            ),
            (
                json!({ "application": "A", "colour": "red" }),
                "flow.0.hand_over.colour:",
            ),
            (
                json!({ "application": "A", "variables": { "B": "c\nd" } }),
                "flow.0.hand_over.variables.B:",
            ),
            (
                json!({ "application": "A", "variables": { "B": 1 } }),
                "flow.0.hand_over.variables.B:",
            ),
            (
                json!({ "application": "A", "variables": { "": "b" } }),
                "flow.0.hand_over.variables.",
            ),
        ] {
            let problems = read(&value).unwrap_err();
            assert!(
                problems.iter().any(|problem| problem.starts_with(field)),
                "{value}: {problems:?}"
            );
        }
    }
}
