//! Whether a request to call somebody can be accepted, and the plan that it becomes.

use std::{collections::HashSet, time::Duration};

use jiff::{SignedDuration, Timestamp};
use outdial_domain::{Address, Limits, NumberUse, Outcome, Plan, Retry, Scope};
use outdial_flow::{CallerId, Dial, Flow, Problem, Prompt, fields::duration::shown};

use super::{Action, PlaceCall, PlaceCallError};
use crate::{
    Engine,
    ports::StoreError,
    routing,
    verbs::{Actor, hours, webhooks},
};

/// How far in the future a call may lie.
const FURTHEST: SignedDuration = SignedDuration::from_hours(24 * 366);

/// How late a request may come for its time and still be meant: clocks differ, and requests may wait.
const LATEST: SignedDuration = SignedDuration::from_hours(1);

/// Turns the request into a plan that can be routed, with its alternates, and a flow; or lists everything
/// that is wrong with it.
pub(in crate::verbs) async fn check(
    engine: &Engine,
    actor: &Actor,
    request: PlaceCall,
    now: Timestamp,
) -> Result<(Plan, Flow), PlaceCallError> {
    let limits = engine.settings.limits;
    let mut problems = Vec::new();
    let ring = request.ring.unwrap_or(limits.ring);
    problems.extend(length("ring", ring, limits.longest_ring));
    let talk = request.talk.unwrap_or(limits.talk);
    problems.extend(length("max", talk, limits.longest_talk));
    problems.extend(request.due.and_then(|due| past(due, now)));
    let due = request.due.unwrap_or(now).max(now);
    problems.extend(times(due, request.expires, now));
    problems.extend(retry(&request.retry));
    for (field, text, longest) in [
        ("tag", &request.tag, Plan::LONGEST_TAG),
        ("reference", &request.reference, Plan::LONGEST_REFERENCE),
    ] {
        if text.as_ref().is_some_and(|text| text.len() > longest) {
            problems.push(problem(field, "too_long", format!("give at most {longest} bytes")));
        }
    }
    let webhook = request.webhook.and_then(|given| {
        webhooks::of_call(&engine.settings.outgoing, actor.account, given)
            .map_err(|refused| problems.push(problem("webhook.url", "invalid", refused.to_string())))
            .ok()
    });
    may_hand_over(actor, &request.action)?;
    let asked = matches!(request.action, Action::Flow(_));
    let flow = flow(engine, request.action).unwrap_or_else(|missing| {
        problems.push(missing);
        Flow::default()
    });
    problems.extend(missing_audio(engine, actor, &flow).await?);
    let mut plan = Plan {
        to: request.to,
        from: request.from,
        via: request.via,
        due,
        priority: request.priority,
        expires: request.expires,
        hours: request.hours,
        retry: request.retry,
        ring,
        talk,
        tag: request.tag,
        reference: request.reference,
        webhook,
    };
    problems.extend(never_open(&plan));
    problems.extend(called_by_itself(&plan));
    problems.extend(dials(&flow, &plan, limits));
    if !problems.is_empty() {
        return Err(PlaceCallError::Invalid(problems));
    }
    // The hours were reckoned a moment ago, and do open.
    plan.due = plan.opening(plan.due).ok().flatten().unwrap_or(plan.due);
    may_show(engine, actor, plan.from.as_ref(), "from")?;
    if asked {
        may_be_shown_to_others(engine, actor, &flow)?;
    }
    if request.led {
        // Another way may be free by then, and take the call as a whole.
        plan.via = routing::route_leg(&plan, &engine.settings, &engine.carriers)?.trunk;
    }
    let mut wrong = Vec::new();
    for (alternate, plan) in ways(&plan) {
        match (
            routing::route(&plan, &flow, &engine.settings, &engine.carriers),
            alternate,
        ) {
            // A carrier that takes the call as a whole dials the other parties, too.
            (Ok(route), _) if route.whole => {}
            (Ok(_), _) => others_have_ways(engine, &plan, &flow)?,
            (Err(no_route), None) => return Err(no_route.into()),
            (Err(no_route), Some(field)) => wrong.push(problem(&field, "no_route", no_route.to_string())),
        }
    }
    if !wrong.is_empty() {
        return Err(PlaceCallError::Invalid(wrong));
    }
    Ok((plan, flow))
}

/// Whether a call under way may do this instead.
pub(in crate::verbs) async fn check_flow(
    engine: &Engine,
    actor: &Actor,
    plan: &Plan,
    flow: &Flow,
) -> Result<(), PlaceCallError> {
    let mut problems = missing_audio(engine, actor, flow).await?;
    problems.extend(dials(flow, plan, engine.settings.limits));
    if !problems.is_empty() {
        return Err(PlaceCallError::Invalid(problems));
    }
    may_be_shown_to_others(engine, actor, flow)?;
    others_have_ways(engine, plan, flow)
}

/// Whoever is called sees somebody else's number.
fn called_by_itself(plan: &Plan) -> Option<Problem> {
    let from = plan.from.as_ref()?;
    from.is_same_party(&plan.to)
        .then(|| problem("from", "invalid", format!("{} would be called by itself", plan.to)))
}

/// What is wrong with what the flow dials: nobody is connected with himself, and no limit is passed.
fn dials(flow: &Flow, plan: &Plan, limits: Limits) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (place, dial) in flow.placed_dials() {
        for (index, to) in dial.to.iter().enumerate() {
            let field = field_of(&place, dial, index);
            let is = |other: &Address| other.is_same_party(to);
            if is(&plan.to) {
                let message = format!("{to} would be connected with itself");
                problems.push(problem(&field, "invalid", message));
            }
            let shown = match &dial.from {
                None => plan.from.as_ref(),
                Some(CallerId::Number(number)) => Some(number),
                Some(CallerId::Private | CallerId::OtherParty) => None,
            };
            if shown.is_some_and(is) {
                // Where it shows what the call shows, it is not the dial that says so.
                let field = if dial.from.is_some() {
                    format!("flow.{place}.from")
                } else {
                    field
                };
                problems.push(problem(&field, "invalid", format!("{to} would be called by itself")));
            }
        }
        if let Some(ring) = dial.ring {
            problems.extend(length(&format!("flow.{place}.ring"), ring, limits.longest_ring));
        }
        if let Some(max) = dial.max {
            problems.extend(length(&format!("flow.{place}.max"), max, limits.longest_talk));
        }
        let talk = dial.max.unwrap_or(plan.talk);
        if dial.warn_before.is_some_and(|before| before >= talk) {
            let message = format!(
                "nobody would hear it: give less than the {} s that the two may talk",
                talk.as_secs_f32()
            );
            problems.push(problem(&format!("flow.{place}.warn_before"), "out_of_range", message));
        }
    }
    problems
}

/// Whether whom the flow dials may see what it shows them.
fn may_be_shown_to_others(engine: &Engine, actor: &Actor, flow: &Flow) -> Result<(), PlaceCallError> {
    for (place, dial) in flow.placed_dials() {
        let field = format!("flow.{place}.from");
        match &dial.from {
            None | Some(CallerId::Private) => {}
            Some(CallerId::Number(number)) => may_show(engine, actor, Some(number), &field)?,
            Some(CallerId::OtherParty) if actor.scopes.contains(&Scope::AnyCallerId) => {}
            Some(CallerId::OtherParty) => {
                let number = "of the other party".to_owned();
                return Err(PlaceCallError::ForeignCallerId { number, field });
            }
        }
    }
    Ok(())
}

/// Whether there is a way to everybody whom the flow dials.
fn others_have_ways(engine: &Engine, plan: &Plan, flow: &Flow) -> Result<(), PlaceCallError> {
    for (place, dial) in flow.placed_dials() {
        let from_field = match &dial.from {
            Some(CallerId::Number(_)) => format!("flow.{place}.from"),
            None | Some(CallerId::Private | CallerId::OtherParty) => "from".to_owned(),
        };
        let from = match &dial.from {
            Some(CallerId::Number(number)) => Some(number.clone()),
            None | Some(CallerId::Private | CallerId::OtherParty) => plan.from.clone(),
        };
        for (index, to) in dial.to.iter().enumerate() {
            let plan = Plan {
                to: to.clone(),
                from: from.clone(),
                ..plan.clone()
            };
            let field = field_of(&place, dial, index);
            routing::route_leg(&plan, &engine.settings, &engine.carriers)
                .map_err(|reason| PlaceCallError::no_route_to(&field, &from_field, reason))?;
        }
    }
    Ok(())
}

/// The field that names one of those whom a dial rings.
fn field_of(place: &str, dial: &Dial, index: usize) -> String {
    match dial.to.len() {
        1 => format!("flow.{place}.to"),
        _ => format!("flow.{place}.to.{index}"),
    }
}

fn problem(field: &str, code: &'static str, message: impl Into<String>) -> Problem {
    Problem {
        field: field.to_owned(),
        code,
        message: message.into(),
    }
}

fn length(field: &str, wanted: Duration, longest: Duration) -> Option<Problem> {
    let bad = wanted.is_zero() || wanted > longest;
    bad.then(|| {
        let message = format!("give more than 0 and at most {} s", longest.as_secs());
        problem(field, "out_of_range", message)
    })
}

fn past(due: Timestamp, now: Timestamp) -> Option<Problem> {
    let bad = now.duration_since(due) > LATEST;
    bad.then(|| {
        let message = format!("{due} is past: give a time to come, or none to call now");
        problem("at", "out_of_range", message)
    })
}

fn times(due: Timestamp, expires: Option<Timestamp>, now: Timestamp) -> Vec<Problem> {
    let mut problems = Vec::new();
    let too_far = |time: Timestamp| time.duration_since(now) > FURTHEST;
    if too_far(due) {
        problems.push(problem("at", "out_of_range", "give a time within the next 366 days"));
    }
    match expires {
        Some(expires) if expires <= due => {
            let message = format!("give a time after {due}, when the call is due");
            problems.push(problem("expires", "out_of_range", message));
        }
        Some(expires) if too_far(expires) => {
            problems.push(problem(
                "expires",
                "out_of_range",
                "give a time within the next 366 days",
            ));
        }
        Some(_) | None => {}
    }
    problems
}

/// Whether the phone may ever be rung, whichever of the plan's numbers it is.
fn never_open(plan: &Plan) -> Vec<Problem> {
    let Some(given) = &plan.hours else { return Vec::new() };
    let problems = hours::flaws(given);
    if !problems.is_empty() {
        return problems;
    }
    let numbers = std::iter::once(&plan.to).chain(plan.retry.rules.iter().flat_map(|rule| &rule.to));
    numbers
        .filter_map(|to| hours::opening(given, to, plan.due, plan.expires).err())
        .collect()
}

fn retry(retry: &Retry) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut named = HashSet::new();
    let times = 1..=Retry::MOST_TIMES;
    if retry.total.is_some_and(|total| !times.contains(&total)) {
        let message = format!("give 1 to {}", Retry::MOST_TIMES);
        problems.push(problem("retry.total", "out_of_range", message));
    }
    if retry.rules.len() > Retry::MOST {
        let message = format!("give at most {} rules", Retry::MOST);
        problems.push(problem("retry.rules", "too_long", message));
    }
    for (index, rule) in retry.rules.iter().enumerate() {
        let mut wrong = |name: &str, code, message: String| {
            problems.push(problem(&format!("retry.rules.{index}.{name}"), code, message));
        };
        for outcome in &rule.on {
            if let Some(reason) = no_retry_after(*outcome) {
                wrong(
                    "on",
                    "invalid",
                    format!("a call is not tried again after `{outcome}`: {reason}"),
                );
            } else if !named.insert(*outcome) {
                wrong("on", "invalid", format!("`{outcome}` stands in more than one place"));
            }
        }
        if rule.on.is_empty() {
            wrong("on", "missing", "name one outcome at least".to_owned());
        }
        if !times.contains(&rule.times) {
            wrong("times", "out_of_range", format!("give 1 to {}", Retry::MOST_TIMES));
        }
        for (name, wait) in [("delay", rule.delay), ("longest", rule.longest)] {
            if wait > Retry::LONGEST_DELAY {
                wrong(
                    name,
                    "out_of_range",
                    format!("give at most {}", shown(Retry::LONGEST_DELAY)),
                );
            }
        }
        if rule.longest < rule.delay {
            wrong(
                "longest",
                "out_of_range",
                format!("give `delay` at least: {}", shown(rule.delay)),
            );
        }
        if rule.factor < outdial_domain::Factor::ONE || rule.factor > outdial_domain::Factor::GREATEST {
            wrong("factor", "out_of_range", "give 1 to 100".to_owned());
        }
        for (name, length) in [("to", rule.to.len()), ("via", rule.via.len())] {
            if length > Retry::MOST {
                wrong(name, "too_long", format!("give at most {}", Retry::MOST));
            }
        }
    }
    problems
}

fn no_retry_after(outcome: Outcome) -> Option<&'static str> {
    match outcome {
        Outcome::Busy
        | Outcome::NoAnswer
        | Outcome::Rejected
        | Outcome::InvalidNumber
        | Outcome::Congestion
        | Outcome::Failed
        | Outcome::Machine
        | Outcome::Unknown => None,
        Outcome::Completed => Some("it was done"),
        Outcome::Canceled => Some("somebody ended it"),
        Outcome::Expired => Some("its time is over"),
        Outcome::Refused => Some("it would be refused again"),
    }
}

fn flow(engine: &Engine, action: Action) -> Result<Flow, Problem> {
    let name = match action {
        Action::Flow(flow) => return Ok(flow),
        Action::Stored(name) => name,
    };
    let flows = &engine.settings.flows;
    flows.get(&name).cloned().ok_or_else(|| {
        let known: Vec<&str> = flows.keys().map(String::as_str).collect();
        let message = format!("there is no flow `{name}`; configured are: {}", known.join(", "));
        problem("flow", "invalid", message)
    })
}

async fn missing_audio(engine: &Engine, actor: &Actor, flow: &Flow) -> Result<Vec<Problem>, StoreError> {
    let wanted: HashSet<_> = flow
        .prompts()
        .into_iter()
        .filter_map(|prompt| match prompt {
            Prompt::Play(audio) => Some(audio.audio),
            Prompt::Say(_) | Prompt::Beep => None,
        })
        .collect();
    let mut problems = Vec::new();
    for id in wanted {
        if engine.store.audio(actor.account, id).await?.is_none() {
            let message = format!("there is no audio {id} in this account: upload it first");
            problems.push(problem("play", "invalid", message));
        }
    }
    Ok(problems)
}

/// What the operator wrote into the configuration may be named by everybody.
fn may_hand_over(actor: &Actor, action: &Action) -> Result<(), PlaceCallError> {
    match action {
        Action::Flow(flow) if flow.hands_over() && !Scope::HandOver.is_allowed_by(&actor.scopes) => {
            Err(PlaceCallError::HandOverNotAllowed)
        }
        Action::Flow(_) | Action::Stored(_) => Ok(()),
    }
}

fn may_show(engine: &Engine, actor: &Actor, from: Option<&Address>, field: &str) -> Result<(), PlaceCallError> {
    let Some(from) = from else { return Ok(()) };
    let is_ours = engine.settings.numbers.iter().any(|number| {
        number.account == actor.account_name
            && number.address.destination() == from.destination()
            && number.uses.contains(&NumberUse::CallerId)
    });
    if is_ours || actor.scopes.contains(&Scope::AnyCallerId) {
        return Ok(());
    }
    Err(PlaceCallError::ForeignCallerId {
        number: from.to_string(),
        field: field.to_owned(),
    })
}

/// The plan as it begins, and with each number and each trunk that a retry may put in its place, which is the field of
/// that name.
fn ways(plan: &Plan) -> Vec<(Option<String>, Plan)> {
    let mut ways = vec![(None, plan.clone())];
    for (index, rule) in plan.retry.rules.iter().enumerate() {
        let field = |name: &str, place: usize| Some(format!("retry.rules.{index}.{name}.{place}"));
        ways.extend(rule.to.iter().enumerate().map(|(place, to)| {
            let to = to.clone();
            (field("to", place), Plan { to, ..plan.clone() })
        }));
        ways.extend(rule.via.iter().enumerate().map(|(place, via)| {
            let via = Some(via.clone());
            (field("via", place), Plan { via, ..plan.clone() })
        }));
    }
    ways
}
