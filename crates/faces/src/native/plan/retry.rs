//! When a call is tried again, as requests give it and answers show it.

use std::{str::FromStr, time::Duration};

use outdial_domain::{self as domain, Address, Factor, Outcome, Retry, masking};
use outdial_flow::{Fields, Given, fields::duration};
use serde::Serialize;
use serde_json::Value;
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{ArrayBuilder, ObjectBuilder, OneOfBuilder, RefOr, Schema, Type},
};

use super::{Dialled, LONGEST_NAME};
use crate::native::{
    moment::Length,
    wire::{OutcomeWord, Seconds},
};

/// The longest text of a rule.
const LONGEST_TEXT: usize = 200;

/// When a call is tried again.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::native) struct RetryPlan {
    /// What to do after which outcome.
    #[schema(max_items = 20)]
    rules: Vec<RetryRule>,
    /// The most retries that all rules make together.
    #[schema(minimum = 1, maximum = 100)]
    total: Option<u16>,
}

/// What to do after some outcomes.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::native) struct RetryRule {
    /// After which outcomes.
    on: Vec<OutcomeWord>,
    /// How many retries these outcomes cause at most.
    #[schema(minimum = 1, maximum = 100)]
    times: u16,
    /// How long to wait before the first of them.
    delay: Seconds,
    /// By how much each wait is longer than the one before.
    #[schema(minimum = 1, maximum = 100)]
    factor: f32,
    /// The longest wait.
    longest: Seconds,
    /// Whom to ring instead, in turn: the first is next, and the number that was rung becomes the last.
    #[schema(max_items = 20)]
    to: Vec<String>,
    /// Which trunk to use instead, in turn.
    #[schema(max_items = 20)]
    via: Vec<String>,
}

/// `retry` as requests may write it.
pub(in crate::native) struct RetryAsked;

impl PartialSchema for RetryAsked {
    fn schema() -> RefOr<Schema> {
        let text = || {
            ObjectBuilder::new()
                .schema_type(Type::String)
                .max_length(Some(LONGEST_TEXT))
        };
        let rule = || OneOfBuilder::new().item(text()).item(RetryRuleAsked::schema());
        let rules = || ArrayBuilder::new().items(rule()).max_items(Some(Retry::MOST));
        let total = ObjectBuilder::new()
            .schema_type(Type::Integer)
            .minimum(Some(1))
            .maximum(Some(Retry::MOST_TIMES))
            .description(Some("The most retries that all rules make together."));
        let object = ObjectBuilder::new()
            .schema_type(Type::Object)
            .property("rules", rules())
            .required("rules")
            .property("total", total);
        OneOfBuilder::new()
            .item(text())
            .item(rules())
            .item(object)
            .description(Some(
                "When it is tried again: a list of rules, or the same in an object as `rules`, or one rule. A rule may \
                 be a text: `3/5m` tries three times, each five minutes after the attempt before; \
                 `busy,no_answer=3/5m` does so after these outcomes only.",
            ))
            .examples([serde_json::json!("3/5m")])
            .into()
    }
}

impl ToSchema for RetryAsked {}

/// What to do after some outcomes.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it describes what `Fields` reads field by field")]
struct RetryRuleAsked {
    /// After which outcomes: `busy`, `no_answer`, `rejected`, `invalid_number`, `congestion`, `failed`,
    /// `machine`, `unknown`. When not given: busy, no_answer, congestion and failed.
    on: Option<Vec<String>>,
    /// How many retries these outcomes cause at most. When not given: one for each number in `to` or
    /// trunk in `via`, and one without them.
    #[schema(minimum = 1, maximum = 100)]
    times: Option<u16>,
    /// How long to wait before the first of them.
    #[schema(inline)]
    delay: Length,
    /// By how much each wait is longer than the one before; 1 when not given.
    #[schema(minimum = 1, maximum = 100)]
    factor: Option<f32>,
    /// The longest wait.
    #[schema(inline)]
    longest: Option<Length>,
    /// Whom to ring instead, in turn: the first is next, and the number that was rung becomes the last.
    #[schema(max_items = 20)]
    to: Option<Vec<String>>,
    /// Which trunk to use instead, in turn.
    #[schema(max_items = 20)]
    via: Option<Vec<String>>,
}

impl From<Retry> for RetryPlan {
    fn from(retry: Retry) -> Self {
        Self {
            rules: retry.rules.into_iter().map(RetryRule::from).collect(),
            total: retry.total,
        }
    }
}

impl RetryPlan {
    /// The numbers that it may ring.
    pub(in crate::native) fn numbers(&self) -> impl Iterator<Item = &String> {
        self.rules.iter().flat_map(|rule| &rule.to)
    }

    /// The same without what identifies people.
    pub(in crate::native) fn masked(mut self) -> Self {
        for number in self.rules.iter_mut().flat_map(|rule| &mut rule.to) {
            *number = masking::address(number);
        }
        self
    }
}

impl From<domain::RetryRule> for RetryRule {
    fn from(rule: domain::RetryRule) -> Self {
        Self {
            on: rule.on.into_iter().map(OutcomeWord).collect(),
            times: rule.times,
            delay: rule.delay.into(),
            factor: f32::from(rule.factor.0) / 100.0,
            longest: rule.longest.into(),
            to: rule.to.iter().map(Address::to_string).collect(),
            via: rule.via,
        }
    }
}

/// Reads `retry` in any of its forms.
pub(super) fn read(given: &Given<'_, '_>) -> Option<Retry> {
    match given.value() {
        Value::String(_) => Some(Retry {
            rules: vec![text(given)?],
            ..Retry::default()
        }),
        Value::Array(_) => Some(Retry {
            rules: rules(&given.list(Retry::MOST)?)?,
            ..Retry::default()
        }),
        _ => {
            let mut fields = given.object()?;
            let total = fields.optional_integer("total", 1..=Retry::MOST_TIMES);
            let listed = fields.list("rules", Retry::MOST).and_then(|given| rules(&given));
            fields.finish();
            Some(Retry {
                rules: listed?,
                total,
                ..Retry::default()
            })
        }
    }
}

fn rules(given: &[Given<'_, '_>]) -> Option<Vec<domain::RetryRule>> {
    // All of them are read before the first bad one ends it, so that all problems are told.
    let read: Vec<Option<domain::RetryRule>> = given.iter().map(rule).collect();
    read.into_iter().collect()
}

fn rule(given: &Given<'_, '_>) -> Option<domain::RetryRule> {
    if given.value().is_string() {
        return text(given);
    }
    let mut fields = given.object()?;
    let on = on(&mut fields);
    let times = fields.optional_integer("times", 1..=Retry::MOST_TIMES);
    let delay = fields.duration("delay", Duration::ZERO..=Retry::LONGEST_DELAY);
    let factor = fields.optional("factor").and_then(|given| factor(&given));
    let longest = fields.optional_duration("longest", Duration::ZERO..=Retry::LONGEST_DELAY);
    let to: Vec<Address> = several(&mut fields, "to", |given| {
        given.parse::<Dialled>(Address::LONGEST).map(|Dialled(address)| address)
    });
    let via: Vec<String> = several(&mut fields, "via", |given| given.line(LONGEST_NAME).map(str::to_owned));
    fields.finish();
    let alternates = u16::try_from(to.len().max(via.len()).max(1)).unwrap_or(Retry::MOST_TIMES);
    let delay = delay?;
    let factor = factor.unwrap_or_default();
    let grows = factor > Factor::ONE;
    Some(domain::RetryRule {
        on: on?,
        times: times.unwrap_or(alternates),
        delay,
        factor,
        longest: longest.unwrap_or(if grows { Retry::LONGEST_DELAY } else { delay }),
        to,
        via,
    })
}

/// The elements of a list that may be given; those that cannot be read are reported and left out.
fn several<T>(fields: &mut Fields<'_, '_>, name: &'static str, read: impl Fn(&Given<'_, '_>) -> Option<T>) -> Vec<T> {
    let given = fields.optional_list(name, Retry::MOST).unwrap_or_default();
    given.iter().filter_map(read).collect()
}

/// One outcome, a list of them, or the usual ones.
fn on(fields: &mut Fields<'_, '_>) -> Option<Vec<Outcome>> {
    let Some(given) = fields.optional("on") else {
        return Some(Retry::USUAL.to_vec());
    };
    let words: Vec<&'static str> = Retry::OUTCOMES.iter().map(|outcome| outcome.as_str()).collect();
    let outcome = |given: &Given<'_, '_>| given.word(&words).and_then(Outcome::from_word);
    if given.value().is_string() {
        return Some(vec![outcome(&given)?]);
    }
    let read: Vec<Option<Outcome>> = given.list(words.len())?.iter().map(outcome).collect();
    read.into_iter().collect()
}

fn factor(given: &Given<'_, '_>) -> Option<Factor> {
    let Some(number) = given.value().as_f64() else {
        given.problem("type", "give a number from 1 to 100");
        return None;
    };
    if !(1.0..=100.0).contains(&number) {
        given.problem("out_of_range", "give a number from 1 to 100");
        return None;
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it is between 1 and 100"
    )]
    Some(Factor((number * 100.0).round() as u16))
}

fn text(given: &Given<'_, '_>) -> Option<domain::RetryRule> {
    given.parse::<Text>(LONGEST_TEXT).map(|Text(rule)| rule)
}

/// A rule as a text.
struct Text(domain::RetryRule);

impl FromStr for Text {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        const FORM: &str = "write how often and how far apart, as 3/5m, and the outcomes before it where not \
                            the usual ones are meant, as busy,no_answer=3/5m";
        let (on, rest) = match text.split_once('=') {
            Some((on, rest)) => (on.split(',').map(outcome).collect::<Result<_, _>>()?, rest),
            None => (Retry::USUAL.to_vec(), text),
        };
        let (times, delay) = rest.split_once('/').ok_or(FORM)?;
        let times = times.trim().parse().map_err(|_| FORM)?;
        let delay = duration::parse(delay).map_err(|error| error.to_string())?;
        Ok(Self(domain::RetryRule {
            on,
            times,
            delay,
            factor: Factor::ONE,
            longest: delay,
            to: Vec::new(),
            via: Vec::new(),
        }))
    }
}

fn outcome(word: &str) -> Result<Outcome, String> {
    let known = Outcome::from_word(word.trim()).filter(|outcome| Retry::OUTCOMES.contains(outcome));
    known.ok_or_else(|| {
        let words: Vec<&str> = Retry::OUTCOMES.iter().map(|outcome| outcome.as_str()).collect();
        format!(
            "`{}` is no outcome that is tried again: give one of {}",
            outdial_flow::fields::shortened(word),
            words.join(", ")
        )
    })
}

#[cfg(test)]
mod tests {
    use axum::http::StatusCode;
    use outdial_testkit::fakes::Script;
    use serde_json::json;

    use crate::native::testing::{BOB, Server};

    #[tokio::test(start_paused = true)]
    async fn each_form_is_taken_and_shown_in_full() {
        let server = Server::start().await;
        for form in [
            json!("3/5m"),
            json!(["busy, no_answer=3/5m", {"on": "unknown", "delay": 120}]),
            json!({"total": 4, "rules": [
                {"on": ["busy"], "times": 5, "delay": "1m", "factor": 1.5, "longest": "1h"},
                {"on": "no_answer", "delay": 0, "to": ["sip:carol@127.0.0.1", "sip:dave@127.0.0.1"]},
            ]}),
        ] {
            let answer = server
                .post(
                    "/api/v1/calls",
                    &json!({"to": BOB, "say": "x", "in": "1h", "retry": form}),
                )
                .await;
            assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text);
            insta::assert_json_snapshot!(answer.json["retry"]);
            let body = json!({"to": BOB, "say": "x", "in": "1h", "retry": answer.json["retry"]});
            let again = server.post("/api/v1/calls", &body).await;
            assert_eq!(again.json["retry"], answer.json["retry"], "what is shown reads back");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_wrong_is_told_by_field() {
        let server = Server::start().await;
        let table = [
            (json!(3), "retry", "type"),
            (json!("often"), "retry", "invalid"),
            (json!("3/5"), "retry", "invalid"),
            (json!("completed=3/5m"), "retry", "invalid"),
            (json!("0/5m"), "retry.rules.0.times", "out_of_range"),
            (json!("1/9000h"), "retry.rules.0.delay", "out_of_range"),
            (json!({"rule": []}), "retry.rule", "unknown"),
            (json!([{"on": "busy"}]), "retry.0.delay", "missing"),
            (json!([{"on": "bussy", "delay": 1}]), "retry.0.on", "invalid"),
            (json!([{"delay": 1, "factor": 0.5}]), "retry.0.factor", "out_of_range"),
            (json!([{"delay": 1, "factor": "2"}]), "retry.0.factor", "type"),
            (json!([{"delay": 1, "to": ["hello"]}]), "retry.0.to.0", "invalid"),
            (json!([{"delay": 1, "via": [7]}]), "retry.0.via.0", "type"),
            (json!(["busy=1/1s", "busy=1/2s"]), "retry.rules.1.on", "invalid"),
        ];
        for (retry, field, code) in table {
            let answer = server
                .post("/api/v1/calls", &json!({"to": BOB, "say": "x", "retry": retry}))
                .await;
            answer.is(StatusCode::UNPROCESSABLE_ENTITY, "invalid_request");
            let errors = answer.errors();
            assert!(
                errors.contains(&(field.to_owned(), code.to_owned())),
                "{retry}: {errors:?}"
            );
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_next_attempt_is_shown() {
        let server = Server::start().await;
        server.world.carrier.next(Script::busy());
        let id = server.place(json!({"to": BOB, "say": "x", "retry": "1/5m"})).await;
        let answer = server.get(&format!("/api/v1/calls/{id}?wait=1")).await;
        assert_eq!(answer.json["state"], "scheduled");
        assert_eq!(answer.json["next_attempt"]["number"], 2);
        assert_eq!(answer.json["next_attempt"]["at"], answer.json["due"]);
        let events = server.get(&format!("/api/v1/calls/{id}/events")).await;
        insta::assert_json_snapshot!(events.json["events"].as_array().unwrap().last().unwrap()["data"]);
    }
}
