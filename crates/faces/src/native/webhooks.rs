//! `/api/v1/webhooks`

pub(super) mod create;
pub(super) mod deliveries;
pub(super) mod enable;
pub(super) mod list;
pub(super) mod remove;
pub(super) mod replay;
pub(super) mod rotate;

use outdial_domain::{EventFilter, EventKind, SigningSecret};
use outdial_engine::verbs::{self, WebhookError, WebhookOfCall};
use outdial_flow::Fields;

use super::{code::Code, refusal::Refusal};

/// More than any URL that is taken has, so that a long one gets the message that fits it.
pub(super) const LONGEST_URL: usize = 10_000;
/// More than any secret has.
const LONGEST_SECRET: usize = 200;

/// The kinds of events that somebody wants to be told of; all when none are given.
pub(super) fn events(fields: &mut Fields<'_, '_>) -> EventFilter {
    let given = fields.optional_list("events", EventKind::WORDS.len());
    let words = given.iter().flatten().filter_map(|given| given.word(EventKind::WORDS));
    EventFilter::of(&words.collect::<Vec<_>>())
}

/// Who is to be told of one call.
pub(super) fn of_call(mut fields: Fields<'_, '_>) -> Option<WebhookOfCall> {
    let url = fields.line("url", LONGEST_URL).map(str::to_owned);
    let events = events(&mut fields);
    let secret = fields.optional_line("secret", LONGEST_SECRET);
    if secret.is_some_and(|secret| !verbs::is_signing_secret(secret)) {
        fields.problem("secret", "invalid", "give `whsec_` and the base64 of 24 to 64 bytes");
    }
    let secret = secret.map(|secret| SigningSecret::new(secret.to_owned()));
    fields.finish();
    Some(WebhookOfCall {
        url: Some(url?),
        events,
        secret,
    })
}

impl From<WebhookError> for Refusal {
    fn from(error: WebhookError) -> Self {
        let detail = error.to_string();
        match error {
            WebhookError::Url(_) => Self::fields(vec![outdial_flow::Problem {
                field: "url".to_owned(),
                code: "invalid",
                message: detail,
            }]),
            WebhookError::TooMany => Self::new(Code::TooManyWebhooks, detail),
            WebhookError::NotFound => Self::new(Code::WebhookNotFound, detail),
            WebhookError::Store(error) => error.into(),
        }
    }
}

#[cfg(test)]
mod tests;
