//! `POST /api/v1/messages`: sends a text to one receiver or to many.

use std::{sync::Arc, time::Duration};

use axum::extract::State;
use jiff::Timestamp;
use outdial_domain::{Address, MessagePlan, Plan, Priority, message::OnUnknown};
use outdial_engine::verbs::{
    self, LONGEST_UNIQUE, LONGEST_VALIDITY, MOST_RECEIVERS, Receiver, SendMessages, SendMessagesError, SentTo,
};
use outdial_flow::{Fields, Given, Problem};
use serde_json::Value;
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{ArrayBuilder, ObjectBuilder, OneOfBuilder, RefOr, Schema, Type, schema::AdditionalProperties},
};

use crate::native::{
    Api,
    actor::{Allowed, ToCall},
    calls::place::WebhookRequest,
    code::Code,
    document::Document,
    endpoint::Endpoint,
    idempotency::{Answer, Idempotency},
    moment::{Length, Moment},
    plan::{HoursAsked, LONGEST_NAME, read_hours},
    refusal::Refusal,
    webhooks,
    wire::{PriorityWord, SentList},
};

pub(in crate::native) fn endpoint() -> Endpoint {
    Endpoint::new("messages", __path_send_messages, send_messages)
        .needs::<ToCall>()
        .refuses(&[
            Code::InvalidRequest,
            Code::MalformedJson,
            Code::BrokenBody,
            Code::SlowBody,
            Code::BodyTooLarge,
            Code::UnsupportedMediaType,
            Code::SenderNotAllowed,
            Code::Stopping,
        ])
        .makes_once()
}

/// The most bytes of a text: what 255 parts of UCS-2 can take.
const LONGEST_BODY: usize = 64 * 1024;
/// The most bytes of a sender.
const LONGEST_SENDER: usize = 64;
/// The most values of one receiver.
const MOST_VALUES: usize = 100;
/// The longest name of a value, in bytes, and how many that are missing are named.
const LONGEST_VALUE_NAME: usize = 100;
const MOST_MISSING: usize = 10;
/// How far in the future a text may lie, at most.
const FURTHEST: Duration = Duration::from_secs(366 * 24 * 3600);

/// Texts to be sent.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it describes what `Document` reads field by field")]
pub(in crate::native) struct SendRequest {
    /// Who shall have it: a number, or a list of numbers and of objects with `to` and, if wanted, a `body` or
    /// `values` and a `reference` of their own.
    to: Receivers,
    /// What they are told. Where a receiver has values it is a template: what stands in it as `{name}` is replaced by
    /// each receiver's value of that name, and `{{` is a brace.
    #[schema(example = "Ünïcode 👍")]
    body: Option<String>,
    /// Who sends it: one of the account's numbers, unless the key has `any_caller_id`, or a name of at most 11
    /// characters; the trunk's own sender where it is not given.
    #[schema(max_length = 64)]
    from: Option<String>,
    /// How urgent it is beside others that wait for the same; `normal` when it is not given.
    priority: Option<PriorityWord>,
    /// For how long it may be delivered, from its time on; a day when it is not given.
    validity: Option<Length>,
    /// When it may be sent; at any time, when not given. Its validity begins when they open.
    #[schema(inline)]
    hours: Option<HoursAsked>,
    /// Not before this time; one that is past by at most an hour means now. Give `at` or `in`, not both.
    at: Option<Moment>,
    /// Not before so much time has passed.
    r#in: Option<Length>,
    /// The name of the only trunk to use.
    #[schema(max_length = 100)]
    via: Option<String>,
    /// Whether plain characters may stand for typographic ones, where the text then needs no UCS-2 and no more parts.
    smart: Option<bool>,
    /// What is done when nobody knows whether it was sent: `leave`, or `retry`, by which it may be read twice.
    on_unknown: Option<String>,
    /// How often it is sent again at most because of that, where `on_unknown` is `retry`; once when it is not given.
    #[schema(minimum = 1, maximum = 20)]
    unknown_retries: Option<u16>,
    /// Within this time the same text is not sent to the same receiver by the same sender again.
    unique_within: Option<Length>,
    /// Free text, echoed everywhere.
    #[schema(max_length = 256)]
    tag: Option<String>,
    /// Your own name for the message, where it is one. Where there is no `Idempotency-Key`, it serves as one.
    #[schema(max_length = 255)]
    reference: Option<String>,
    /// Who is told of what happens to it, besides the account's webhooks.
    webhook: Option<WebhookRequest>,
}

/// Who shall have it.
pub(in crate::native) struct Receivers;

impl PartialSchema for Receivers {
    fn schema() -> RefOr<Schema> {
        let number = || {
            ObjectBuilder::new()
                .schema_type(Type::String)
                .max_length(Some(Address::LONGEST))
        };
        let values = ObjectBuilder::new()
            .schema_type(Type::Object)
            .additional_properties(Some(AdditionalProperties::<Schema>::FreeForm(true)));
        let object = ObjectBuilder::new()
            .schema_type(Type::Object)
            .property("to", number())
            .property("body", ObjectBuilder::new().schema_type(Type::String))
            .property("values", values)
            .property("reference", ObjectBuilder::new().schema_type(Type::String))
            .required("to");
        let list = ArrayBuilder::new()
            .items(OneOfBuilder::new().item(number()).item(object))
            .min_items(Some(1))
            .max_items(Some(MOST_RECEIVERS));
        OneOfBuilder::new()
            .item(number())
            .item(list)
            .description(Some("A number, or a list of numbers and of objects with `to`."))
            .examples([serde_json::json!([{"to": "+6598765432", "values": {"name": "Ann"}}])])
            .into()
    }
}

impl ToSchema for Receivers {}

/// Sends a text to one receiver or to many
///
/// When it is answered, the messages are on disk. What is wrong with one receiver holds up no other: `results` says
/// of each, in their order, which message was made, which one had been sent before, or what is wrong. When none can
/// be taken, the request is refused with all the reasons.
#[utoipa::path(post, path = "/api/v1/messages", request_body = SendRequest,
    responses((status = 201, body = SentList)))]
async fn send_messages(
    State(api): State<Arc<Api>>,
    Allowed { actor, .. }: Allowed<ToCall>,
    idempotency: Idempotency,
    document: Document,
) -> Result<Answer, Refusal> {
    let engine = &api.engine;
    let idempotency = idempotency
        .or_field("reference", document.value.get("reference"))
        .for_request(&[b"POST /api/v1/messages", &document.canonical()]);
    let create = async |once| {
        let many = document.value.get("to").is_some_and(Value::is_array);
        let now = engine.ids.now();
        let request = document.read(|fields| read(fields, now))?;
        let sent = verbs::send_messages(engine, &actor, request, once)
            .await
            .map_err(refusal)?;
        if sent.iter().all(|one| matches!(one, SentTo::Refused(_))) {
            return Err(all_refused(sent, many));
        }
        Ok(sent)
    };
    let answer = |sent: &Vec<SentTo>| Answer::made(&SentList::new(sent));
    idempotency.create(&api, &actor, answer, create).await
}

fn read(fields: &mut Fields<'_, '_>, now: Timestamp) -> Option<SendMessages> {
    let priorities: Vec<&'static str> = Priority::ALL.iter().map(|priority| priority.as_str()).collect();
    let choices: Vec<&'static str> = OnUnknown::ALL.iter().map(|choice| choice.as_str()).collect();
    let shortest = Duration::from_secs(1);
    let at = fields
        .optional_parse::<Moment>("at", Moment::LONGEST)
        .map(|Moment(at)| at);
    let within = fields.optional_duration("in", Duration::ZERO..=FURTHEST);
    if fields.has("at") && fields.has("in") {
        fields.problem("in", "invalid", "give `at` or `in`, not both");
    }
    let body = Body::read(fields);
    let reference = fields.optional_line("reference", Plan::LONGEST_REFERENCE);
    let on_unknown = fields
        .optional_word("on_unknown", &choices)
        .and_then(OnUnknown::from_word)
        .unwrap_or_default();
    let unknown_retries = fields.optional_integer("unknown_retries", 1..=MessagePlan::MOST_UNKNOWN_RETRIES);
    if unknown_retries.is_some() && on_unknown != OnUnknown::Retry {
        let message = "it goes with `on_unknown` = `retry`, and only with it";
        fields.problem("unknown_retries", "invalid", message);
    }
    let receivers = fields
        .required("to")
        .and_then(|given| receivers(&given, body, reference));
    let request = SendMessages {
        from: fields.optional_line("from", LONGEST_SENDER).map(str::to_owned),
        via: fields.optional_line("via", LONGEST_NAME).map(str::to_owned),
        due: at.or(within.map(|within| now + within)),
        validity: fields.optional_duration("validity", shortest..=LONGEST_VALIDITY),
        hours: fields.optional("hours").and_then(|given| read_hours(&given)),
        priority: fields
            .optional_word("priority", &priorities)
            .and_then(Priority::from_word)
            .unwrap_or_default(),
        smart: fields.optional_boolean("smart").unwrap_or(false),
        on_unknown,
        unknown_retries: unknown_retries.unwrap_or_else(MessagePlan::once_more),
        unique_within: fields.optional_duration("unique_within", shortest..=LONGEST_UNIQUE),
        tag: fields.optional_line("tag", Plan::LONGEST_TAG).map(str::to_owned),
        webhook: fields.optional_object("webhook").and_then(webhooks::of_call),
        ..SendMessages::new(Vec::new())
    };
    Some(SendMessages {
        receivers: receivers?,
        ..request
    })
}

/// What one receiver is told, or all that have nothing of their own.
#[derive(Clone, Copy)]
enum Body<'b> {
    Given(&'b str),
    /// Nothing is given.
    None,
    /// What is given is wrong, and that was said.
    Wrong,
}

impl<'b> Body<'b> {
    fn read(fields: &mut Fields<'b, '_>) -> Self {
        match (fields.has("body"), fields.optional_text("body", LONGEST_BODY)) {
            (false, _) => Self::None,
            (true, Some(body)) => Self::Given(body),
            (true, None) => Self::Wrong,
        }
    }

    /// The body, or a complaint where there is none.
    fn or_else(self, complain: impl FnOnce()) -> Option<&'b str> {
        match self {
            Self::Given(body) => Some(body),
            Self::None => {
                complain();
                None
            }
            Self::Wrong => None,
        }
    }
}

/// The receivers. Of one that cannot be read as such nothing is known, so it spoils the request; a number that no
/// phone has, or a value that the body asks for in vain, spoils only itself.
fn receivers(given: &Given<'_, '_>, body: Body<'_>, reference: Option<&str>) -> Option<Vec<Receiver>> {
    if !given.value().is_array() {
        let body = body.or_else(|| given.problem("missing", "give a `body` along with it"))?;
        return Some(vec![Receiver {
            to: given.line(Address::LONGEST)?.to_owned(),
            body: body.to_owned(),
            reference: reference.map(str::to_owned),
            flaws: Vec::new(),
        }]);
    }
    if reference.is_some() {
        let message = "a `reference` names one message: give each receiver its own";
        given.problem("invalid", message);
    }
    let list = given.list(MOST_RECEIVERS)?;
    if list.is_empty() {
        given.problem("missing", "give one receiver at least");
    }
    // Where one receiver has values the body is a template, and nobody gets it with its braces.
    let template = list.iter().any(|one| one.value().get("values").is_some());
    let body = Common { body, template };
    let read: Vec<Option<Receiver>> = list.iter().map(|one| receiver(one, body)).collect();
    read.into_iter().collect()
}

/// What all receivers are told that have nothing of their own.
#[derive(Clone, Copy)]
struct Common<'b> {
    body: Body<'b>,
    template: bool,
}

fn receiver(given: &Given<'_, '_>, common: Common<'_>) -> Option<Receiver> {
    if let Value::String(to) = given.value() {
        let complain = || given.problem("missing", "give a `body` for all, or one for each receiver");
        let body = common.body.or_else(complain)?;
        let (body, flaws) = told(body, common.template.then(Vec::new));
        return Some(Receiver {
            to: to.clone(),
            body,
            reference: None,
            flaws,
        });
    }
    let mut fields = given.object()?;
    let to = fields.line("to", Address::LONGEST).map(str::to_owned);
    let own = Body::read(&mut fields);
    let reference = fields.optional_line("reference", Plan::LONGEST_REFERENCE);
    let values = fields.optional_entries("values", MOST_VALUES);
    let (said, template) = match own {
        Body::None => (common.body, common.template),
        Body::Given(_) | Body::Wrong => (own, false),
    };
    let said = said.or_else(|| fields.problem("body", "missing", "give a `body` here or for all"));
    let values = values.map(|values| {
        let shown = values.iter().filter_map(|(name, value)| Some((*name, shown(value)?)));
        shown.collect::<Vec<(&str, String)>>()
    });
    fields.finish();
    let (body, flaws) = told(said?, values.or_else(|| template.then(Vec::new)));
    Some(Receiver {
        to: to?,
        body,
        reference: reference.map(str::to_owned),
        flaws,
    })
}

/// What a receiver is told, and what is wrong with that: a body is a template only where there are values.
fn told(body: &str, values: Option<Vec<(&str, String)>>) -> (String, Vec<Problem>) {
    match values.map_or_else(|| Ok(body.to_owned()), |values| filled(body, &values)) {
        Ok(body) => (body, Vec::new()),
        Err(flaws) => (String::new(), flaws),
    }
}

/// A value as it stands in a text.
fn shown(given: &Given<'_, '_>) -> Option<String> {
    match given.value() {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => {
            given.problem("type", "give a text or a number");
            None
        }
    }
}

/// The template with its values in place, or all that it asks for in vain.
fn filled(template: &str, values: &[(&str, String)]) -> Result<String, Vec<Problem>> {
    let problem = |field: String, code, message| Problem { field, code, message };
    let mut text = String::with_capacity(template.len());
    let mut missing: Vec<&str> = Vec::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        text.push_str(before);
        if let Some(after) = after.strip_prefix('{') {
            text.push('{');
            rest = after;
            continue;
        }
        let Some((name, after)) = after
            .split_once('}')
            .filter(|(name, _)| name.len() <= LONGEST_VALUE_NAME)
        else {
            let message = "the body has a `{` without its `}`: write `{{` for a brace".to_owned();
            return Err(vec![problem("body".to_owned(), "invalid", message)]);
        };
        match values.iter().find(|(known, _)| *known == name) {
            Some((_, value)) => text.push_str(value),
            None if missing.contains(&name) || missing.len() >= MOST_MISSING => {}
            None => missing.push(name),
        }
        rest = after;
    }
    if !missing.is_empty() {
        let flaw = |name: &&str| {
            let message = format!("the body asks for `{name}`: give it, or write `{{{{` for a brace");
            problem(format!("values.{name}"), "missing", message)
        };
        return Err(missing.iter().map(flaw).collect());
    }
    text.push_str(rest);
    Ok(text)
}

fn all_refused(sent: Vec<SentTo>, many: bool) -> Refusal {
    let problems = sent.into_iter().enumerate().flat_map(|(place, one)| {
        let problems = match one {
            SentTo::Refused(problems) => problems,
            SentTo::Taken(_) | SentTo::Duplicate(_) => Vec::new(),
        };
        problems.into_iter().map(move |mut problem| {
            if many {
                problem.field = format!("to.{place}.{}", problem.field);
            }
            problem
        })
    });
    Refusal::fields(problems.collect())
}

fn refusal(error: SendMessagesError) -> Refusal {
    let detail = error.to_string();
    match error {
        SendMessagesError::Invalid(problems) => Refusal::fields(problems),
        SendMessagesError::ForeignSender(_) => Refusal::new(Code::SenderNotAllowed, detail).blame("from", "invalid"),
        SendMessagesError::Stopping => Refusal::stopping(),
        SendMessagesError::Store(error) => error.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_has_values_in_place() {
        let values = [("name", "Ann".to_owned()), ("n", "3".to_owned())];
        assert_eq!(filled("Hi {name}, {n} of {{3}", &values).unwrap(), "Hi Ann, 3 of {3}");
        assert_eq!(filled("no braces", &values).unwrap(), "no braces");
        let fields = |template| {
            let flaws = filled(template, &values).unwrap_err();
            flaws.into_iter().map(|flaw| flaw.field).collect::<Vec<_>>()
        };
        assert_eq!(fields("{a} {name} {b} {a}"), ["values.a", "values.b"]);
        assert_eq!(fields("open {name"), ["body"]);
    }
}
