//! What a request says of a plan: the same fields wherever a plan is given.

mod hours;
mod retry;

use std::{str::FromStr, time::Duration};

use jiff::Timestamp;
use outdial_domain::{Address, AddressError, AudioId, Limits, Plan, Priority};
use outdial_engine::verbs::{Action, WebhookOfCall};
use outdial_flow::{
    Fields, Given, Instruction, Say,
    document::{read_conference, read_dial, read_given, read_record},
};
use serde_json::Value;

use super::{moment::Moment, webhooks};
pub(super) use hours::{Day, Hours, HoursAsked, read as read_hours};
pub(super) use retry::{RetryAsked, RetryPlan};

/// The longest name of a trunk or a flow.
pub(super) const LONGEST_NAME: usize = 100;
/// A call may lie one leap year ahead; the engine says so more exactly.
const FURTHEST: Duration = Duration::from_secs(366 * 24 * 3600);
/// More than any id has, so that a path or a URL gets the message that fits it.
const LONGEST_AUDIO: usize = 2_000;

/// Each field, where it was given and could be read.
pub(super) struct Asked {
    pub(super) to: Option<Address>,
    pub(super) from: Option<Address>,
    pub(super) action: Option<Action>,
    pub(super) via: Option<String>,
    /// The time of `at`, or that of `in` from now.
    pub(super) due: Option<Timestamp>,
    pub(super) priority: Option<Priority>,
    pub(super) expires: Option<Timestamp>,
    pub(super) hours: Option<outdial_domain::Hours>,
    pub(super) retry: Option<outdial_domain::Retry>,
    pub(super) ring: Option<Duration>,
    pub(super) talk: Option<Duration>,
    pub(super) tag: Option<String>,
    pub(super) reference: Option<String>,
    pub(super) webhook: Option<WebhookOfCall>,
}

/// Reads the fields that the calls of one request may have in common; the others are as if not given.
pub(super) fn read_common(fields: &mut Fields<'_, '_>, limits: Limits) -> Asked {
    let shortest = Duration::from_millis(1);
    let priorities: Vec<&'static str> = Priority::ALL.iter().map(|priority| priority.as_str()).collect();
    Asked {
        to: None,
        from: fields
            .optional_parse("from", Address::LONGEST)
            .map(|dialled: Dialled| dialled.0),
        action: None,
        via: fields.optional_line("via", LONGEST_NAME).map(str::to_owned),
        due: None,
        priority: fields
            .optional_word("priority", &priorities)
            .and_then(Priority::from_word),
        expires: None,
        hours: None,
        retry: fields.optional("retry").and_then(|given| retry::read(&given)),
        ring: fields.optional_duration("ring", shortest..=limits.longest_ring),
        talk: fields.optional_duration("max", shortest..=limits.longest_talk),
        tag: fields.optional_line("tag", Plan::LONGEST_TAG).map(str::to_owned),
        reference: None,
        webhook: None,
    }
}

/// Reads all fields. Which of them must be given is the caller's to say.
pub(super) fn read(fields: &mut Fields<'_, '_>, limits: Limits, now: Timestamp) -> Asked {
    let at = fields
        .optional_parse::<Moment>("at", Moment::LONGEST)
        .map(|Moment(at)| at);
    let within = fields.optional_duration("in", Duration::ZERO..=FURTHEST);
    if fields.has("at") && fields.has("in") {
        fields.problem("in", "invalid", "give `at` or `in`, not both");
    }
    let to = fields.optional_parse("to", Address::LONGEST);
    let common = read_common(fields, limits);
    Asked {
        to: to.map(|dialled: Dialled| dialled.0),
        action: action(fields),
        due: at.or(within.map(|within| now + within)),
        expires: fields
            .optional_parse::<Moment>("expires", Moment::LONGEST)
            .map(|Moment(at)| at),
        hours: fields.optional("hours").and_then(|given| hours::read(&given)),
        reference: fields
            .optional_line("reference", Plan::LONGEST_REFERENCE)
            .map(str::to_owned),
        webhook: fields.optional_object("webhook").and_then(webhooks::of_call),
        ..common
    }
}

/// What to do after the answer, where something is given.
fn action(fields: &mut Fields<'_, '_>) -> Option<Action> {
    let given: Vec<&str> = ACTIONS.into_iter().filter(|name| fields.has(name)).collect();
    for other in given.iter().skip(1) {
        fields.problem(other, "invalid", ONE_ACTION);
    }
    let say = fields
        .optional_text("say", Say::LONGEST)
        .map(|text| Action::Flow(outdial_flow::Flow::say(text)));
    let play = fields
        .optional_parse::<AudioId>("play", LONGEST_AUDIO)
        .map(outdial_flow::Flow::play)
        .map(Action::Flow);
    let flow = fields.optional("flow").and_then(|given| flow(&given));
    let one = |step| Action::Flow(outdial_flow::Flow { steps: vec![step] });
    let bridge = fields
        .optional("bridge")
        .and_then(|given| read_dial(&given))
        .map(|dial| one(Instruction::Dial(Box::new(dial))));
    let room = fields
        .optional("room")
        .and_then(|given| read_conference(&given))
        .map(|conference| one(Instruction::Conference(conference)));
    recorded(fields, say.or(play).or(flow).or(bridge).or(room))
}

/// The same with a recording of the whole call, where `record` wants one.
fn recorded(fields: &mut Fields<'_, '_>, action: Option<Action>) -> Option<Action> {
    let Some(record) = fields
        .optional("record")
        .filter(|given| given.value() != &Value::Bool(false))
    else {
        return action;
    };
    let record = read_record(&record).map(Instruction::Record);
    if !ACTIONS.iter().any(|name| fields.has(name)) {
        let message =
            "it goes with what the call does: give one of `say`, `play`, `flow`, `bridge` and `room` along with it";
        fields.problem("record", "invalid", message);
    }
    match action? {
        Action::Flow(mut flow) => {
            flow.steps.insert(0, record?);
            Some(Action::Flow(flow))
        }
        stored @ Action::Stored(_) => {
            let message = "a flow of the configuration is run as it is: put a `record` step into it";
            fields.problem("record", "invalid", message);
            Some(stored)
        }
    }
}

/// The fields that say what to do after the answer.
const ACTIONS: [&str; 5] = ["say", "play", "flow", "bridge", "room"];

/// What a request without an action is told.
pub(super) const ONE_ACTION: &str = "give exactly one of `say`, `play`, `flow`, `bridge` and `room`";

/// Reports that the fields of a new plan which must be there are not.
pub(super) fn require(fields: &Fields<'_, '_>) {
    if fields.is_object() && !fields.has("to") {
        fields.problem("to", "missing", "`to` is missing");
    }
    if fields.is_object() && !ACTIONS.iter().any(|name| fields.has(name)) {
        fields.problem("say", "missing", ONE_ACTION);
    }
}

fn flow(given: &Given<'_, '_>) -> Option<Action> {
    match given.value() {
        Value::String(_) => given.line(LONGEST_NAME).map(|name| Action::Stored(name.to_owned())),
        _ => read_given(given).map(Action::Flow),
    }
}

/// An address in a field.
struct Dialled(Address);

impl FromStr for Dialled {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        Address::parse(text).map(Self)
    }
}
