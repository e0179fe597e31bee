//! The names of fields: what the engine says of a plan, in the words of the request that it came by.

use serde_json::Value;

/// By which names a request gave what the engine knows by one.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::native) struct Names {
    /// Its time was given from now on.
    within: bool,
    /// A recording of the whole call stands before the steps that were given.
    recorded: bool,
    flow: FlowGiven,
}

/// How the steps of a call were given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FlowGiven {
    /// As a list in a field of this name, or as an object with one.
    Steps(&'static str),
    /// As the number, the numbers, or the object of a `dial`.
    Number,
    Numbers,
    Dial,
}

impl Default for FlowGiven {
    fn default() -> Self {
        Self::Steps("flow")
    }
}

impl Names {
    /// The names in a request for a call, or for a change of one.
    pub(in crate::native) fn of(request: &Value) -> Self {
        let flow = match &request["bridge"] {
            Value::String(_) => FlowGiven::Number,
            Value::Array(_) => FlowGiven::Numbers,
            Value::Object(_) => FlowGiven::Dial,
            Value::Null | Value::Bool(_) | Value::Number(_) => {
                let in_object = request["flow"].is_object();
                FlowGiven::Steps(if in_object { "flow.steps" } else { "flow" })
            }
        };
        Self {
            within: !request["in"].is_null(),
            recorded: !matches!(&request["record"], Value::Null | Value::Bool(false)),
            flow,
        }
    }

    /// Those in a request to do something else with a call.
    pub(in crate::native) fn of_control(request: &Value) -> Self {
        let in_object = request["redirect"].is_object();
        Self {
            flow: FlowGiven::Steps(if in_object { "redirect.steps" } else { "redirect" }),
            ..Self::default()
        }
    }

    /// The field that was given where the engine says this one.
    pub(in crate::native) fn given(self, field: &str) -> String {
        if field == "at" && self.within {
            return "in".to_owned();
        }
        let step = field.strip_prefix("flow.").and_then(|rest| rest.split_once('.'));
        let Some((index, rest)) = step.and_then(|(index, rest)| Some((index.parse::<usize>().ok()?, rest))) else {
            return field.to_owned();
        };
        let index = index.saturating_sub(usize::from(self.recorded));
        let of_dial = rest.strip_prefix("dial.");
        let number = of_dial.and_then(|rest| rest.strip_prefix("to.")).unwrap_or("0");
        match (self.flow, of_dial) {
            (FlowGiven::Number, Some(_)) => "bridge".to_owned(),
            (FlowGiven::Numbers, Some(_)) => format!("bridge.{number}"),
            (FlowGiven::Dial, Some(rest)) => format!("bridge.{rest}"),
            (FlowGiven::Steps(name), _) => format!("{name}.{index}.{rest}"),
            (_, None) => field.to_owned(),
        }
    }
}
