//! What is wrong with a request to send texts, and with each of its receivers.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use outdial_domain::{
    Address, CallWebhook, Hours, Message, MessageId, MessagePlan, Plan, Priority, message::OnUnknown, text::TextError,
};
use outdial_flow::Problem;

use super::{
    LONGEST_UNIQUE, LONGEST_VALIDITY, MOST_RECEIVERS, Receiver, SendMessages, SendMessagesError, SentTo,
    USUAL_VALIDITY, sender,
};
use crate::{
    Engine,
    routing::NoRoute,
    texting::route,
    verbs::{Actor, hours, preview_message, webhooks},
};

/// How far in the future a message may lie.
const FURTHEST: SignedDuration = SignedDuration::from_hours(24 * 366);

/// How late a request may come for its time and still be meant.
const LATEST: SignedDuration = SignedDuration::from_hours(1);

/// What all messages of a request have in common, once it was looked at.
pub(super) struct Checked {
    from: Option<String>,
    via: Option<String>,
    due: Timestamp,
    validity: Duration,
    hours: Option<Hours>,
    priority: Priority,
    smart: bool,
    on_unknown: OnUnknown,
    unknown_retries: u16,
    pub(super) unique_within: Option<Duration>,
    tag: Option<String>,
    webhook: Option<CallWebhook>,
}

impl Checked {
    /// Finds what is wrong with the request beside its receivers.
    pub(super) fn new(
        engine: &Engine,
        actor: &Actor,
        request: &SendMessages,
        now: Timestamp,
    ) -> Result<Self, SendMessagesError> {
        let mut problems = Vec::new();
        let mut wrong = |field: &str, code, message: String| problems.push(problem(field, code, message));
        if !(1..=MOST_RECEIVERS).contains(&request.receivers.len()) {
            wrong("to", "out_of_range", format!("give 1 to {MOST_RECEIVERS} receivers"));
        }
        if request.due.is_some_and(|due| now.duration_since(due) > LATEST) {
            wrong(
                "at",
                "out_of_range",
                "give a time to come, or none to send now".to_owned(),
            );
        }
        let due = request.due.unwrap_or(now).max(now);
        if due.duration_since(now) > FURTHEST {
            wrong("at", "out_of_range", "give a time within the next 366 days".to_owned());
        }
        let validity = request.validity.unwrap_or(USUAL_VALIDITY);
        for (field, length, longest) in [
            ("validity", Some(validity), LONGEST_VALIDITY),
            ("unique_within", request.unique_within, LONGEST_UNIQUE),
        ] {
            if length.is_some_and(|length| length.is_zero() || length > longest) {
                let message = format!("give more than 0 and at most {} s", longest.as_secs());
                wrong(field, "out_of_range", message);
            }
        }
        if request.tag.as_ref().is_some_and(|tag| tag.len() > Plan::LONGEST_TAG) {
            wrong("tag", "too_long", format!("give at most {} bytes", Plan::LONGEST_TAG));
        }
        let most = MessagePlan::MOST_UNKNOWN_RETRIES;
        if !(1..=most).contains(&request.unknown_retries) {
            wrong("unknown_retries", "out_of_range", format!("give 1 to {most}"));
        }
        let from = request.from.as_deref().map(str::trim).filter(|from| !from.is_empty());
        if let Some(message) = from.and_then(sender::flaw) {
            wrong("from", "invalid", message);
        }
        let webhook = request.webhook.clone().and_then(|given| {
            webhooks::of_call(&engine.settings.outgoing, actor.account, given)
                .map_err(|refused| wrong("webhook.url", "invalid", refused.to_string()))
                .ok()
        });
        problems.extend(request.hours.iter().flat_map(hours::flaws));
        if !problems.is_empty() {
            return Err(SendMessagesError::Invalid(problems));
        }
        let from = from.map(|from| sender::may_send_as(engine, actor, from)).transpose()?;
        Ok(Self {
            from,
            via: request.via.clone(),
            due,
            validity,
            hours: request.hours.clone(),
            priority: request.priority,
            smart: request.smart,
            on_unknown: request.on_unknown,
            unknown_retries: request.unknown_retries,
            unique_within: request.unique_within,
            tag: request.tag.clone(),
            webhook,
        })
    }

    /// The message to one receiver, or what is wrong with it.
    pub(super) fn message(&self, engine: &Engine, actor: &Actor, receiver: Receiver, now: Timestamp) -> SentTo {
        if !receiver.flaws.is_empty() {
            return SentTo::Refused(receiver.flaws);
        }
        let to = match Address::parse(&receiver.to) {
            Ok(to) => to,
            Err(error) => return SentTo::Refused(vec![problem("to", "invalid", error.to_string())]),
        };
        if to.number().is_none() {
            let message = "a text goes to a number, not to a SIP URI".to_owned();
            return SentTo::Refused(vec![problem("to", "invalid", message)]);
        }
        let reference = receiver.reference.as_ref();
        if reference.is_some_and(|reference| reference.len() > Plan::LONGEST_REFERENCE) {
            let message = format!("give at most {} bytes", Plan::LONGEST_REFERENCE);
            return SentTo::Refused(vec![problem("reference", "too_long", message)]);
        }
        let opening = match &self.hours {
            Some(given) => hours::opening(given, &to, self.due, None),
            None => Ok(self.due),
        };
        let due = match opening {
            Ok(due) => due,
            Err(problem) => return SentTo::Refused(vec![problem]),
        };
        let mut plan = MessagePlan {
            to,
            from: self.from.clone(),
            body: receiver.body,
            priority: self.priority,
            via: self.via.clone(),
            due,
            expires: due.saturating_add(self.validity).unwrap_or(Timestamp::MAX),
            hours: self.hours.clone(),
            on_unknown: self.on_unknown,
            unknown_retries: self.unknown_retries,
            answers_word: false,
            tag: self.tag.clone(),
            reference: receiver.reference,
            webhook: self.webhook.clone(),
        };
        let joined = match route::first_choice(&plan, &engine.settings, &engine.text_carriers) {
            Ok(joined) => joined,
            Err(error) => return SentTo::Refused(vec![no_route(&error)]),
        };
        match preview_message(&plan.body, self.smart, joined) {
            Ok(composed) => {
                plan.body = composed.text();
                let id = engine.ids.make(MessageId::new);
                SentTo::Taken(Box::new(Message::new(id, actor.account, plan, &composed, now)))
            }
            Err(error) => {
                let code = match error {
                    TextError::TooLong { .. } => "too_long",
                    TextError::Empty | TextError::Control { .. } => "invalid",
                };
                SentTo::Refused(vec![problem("body", code, error.to_string())])
            }
        }
    }
}

fn no_route(error: &NoRoute) -> Problem {
    let code = match error {
        NoRoute::Closed(_) | NoRoute::UnknownTrunk { .. } | NoRoute::CallerIdElsewhere { .. } => "invalid",
        NoRoute::NoTrunk(_) | NoRoute::NoSmsTrunk(_) => "no_route",
    };
    problem(error.blames("to", "from"), code, error.to_string())
}

fn problem(field: &str, code: &'static str, message: String) -> Problem {
    Problem {
        field: field.to_owned(),
        code,
        message,
    }
}
