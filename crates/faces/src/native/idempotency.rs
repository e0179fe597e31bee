//! `Idempotency-Key`: a request sent again is answered as it was the first time, and done once.
//!
//! Every endpoint that makes something goes through [`Idempotency::create`]; the engine's `once` says why
//! nothing is made twice. What differs in the body only by spaces or by the order of fields is the same.
//! Refusals are not kept: after one, the key is as unused as before.

mod answer;
mod seal;

use std::sync::Arc;

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, request::Parts},
};
use outdial_engine::{
    Actor,
    verbs::{self, Known, RequestName},
};
use serde_json::Value;

pub(super) use answer::Answer;
use seal::Sealer;

use super::{Api, actor, code::Code, refusal::Refusal};

/// The name of the header.
pub(super) const HEADER: &str = "Idempotency-Key";
/// The longest key, in bytes.
pub(super) const LONGEST_KEY: usize = 255;
/// Seconds after which a request that is being done will have been done.
const RETRY: u64 = 1;

/// The idempotency key of a request, if it has one.
pub(super) struct Idempotency {
    key: Option<Key>,
    request: [u8; 32],
    sealer: Sealer,
}

struct Key {
    /// Where it was given: keys of a header and names in a body have nothing to do with each other.
    kind: &'static str,
    text: String,
}

impl FromRequestParts<Arc<Api>> for Idempotency {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<Api>) -> Result<Self, Refusal> {
        let text = read(&parts.headers)?;
        Ok(Self {
            key: text.map(|text| Key { kind: HEADER, text }),
            request: [0; 32],
            sealer: Sealer::new(actor::bearer(&parts.headers).unwrap_or_default()),
        })
    }
}

fn read(headers: &HeaderMap) -> Result<Option<String>, Refusal> {
    let mut given = headers.get_all(HEADER).iter();
    let Some(first) = given.next() else { return Ok(None) };
    let printable = |text: &&str| text.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    let text = first.to_str().ok().filter(printable).map(str::trim);
    match text {
        Some(text) if given.next().is_none() && (1..=LONGEST_KEY).contains(&text.len()) => Ok(Some(text.to_owned())),
        _ => Err(Refusal::fields(vec![outdial_flow::Problem {
            field: HEADER.to_owned(),
            code: "invalid",
            message: format!("give the header once, with 1 to {LONGEST_KEY} printable ASCII characters"),
        }])),
    }
}

impl Idempotency {
    /// With this field of the body as the key, where there is no header.
    pub(super) fn or_field(mut self, name: &'static str, value: Option<&Value>) -> Self {
        if self.key.is_none()
            && let Some(Value::String(text)) = value
        {
            let text = text.clone();
            self.key = Some(Key { kind: name, text });
        }
        self
    }

    /// With all that makes the request what it is: method, path and body.
    pub(super) fn for_request(mut self, request: &[&[u8]]) -> Self {
        if self.key.is_some() {
            self.request = verbs::hash_request(request);
        }
        self
    }

    /// Makes something, or gives the answer of the time when it was made.
    pub(super) async fn create<T, Made>(
        self,
        api: &Api,
        actor: &Actor,
        answer: impl Fn(&T) -> Answer + Clone + Send + 'static,
        create: impl FnOnce(Option<verbs::Once<T>>) -> Made,
    ) -> Result<Answer, Refusal>
    where
        T: 'static,
        Made: Future<Output = Result<T, Refusal>>,
    {
        let Some(key) = self.key else {
            return create(None).await.map(|made| answer(&made));
        };
        let sealer = self.sealer.for_key(&key.text);
        let name = RequestName::new(actor.account, key.kind, &key.text, self.request);
        let known = verbs::look_up_request(&api.engine, name).await?;
        let Known::Nothing(under_way) = known else {
            return again(known, &sealer);
        };
        let now = api.engine.ids.now();
        let kept_until = now + api.engine.settings.limits.answers_kept;
        let (writer, nonce, written) = (sealer.clone(), api.engine.ids.secret(), answer.clone());
        let once: verbs::Once<T> =
            Box::new(move |made| name.answered(written(made).write(&writer, &nonce), now, kept_until));
        let made = create(Some(once)).await;
        drop(under_way);
        match made {
            Ok(made) => Ok(answer(&made)),
            // Another node was faster.
            Err(refusal) if refusal.is(Code::IdempotencyInProgress) => {
                again(verbs::look_up_request(&api.engine, name).await?, &sealer)
            }
            Err(refusal) => Err(refusal),
        }
    }
}

fn again(known: Known<'_>, sealer: &Sealer) -> Result<Answer, Refusal> {
    match known {
        Known::Answered(kept) => Answer::read(&kept, sealer),
        Known::AnotherRequest => Err(Refusal::new(
            Code::IdempotencyKeyReused,
            "this `Idempotency-Key`, or the `reference` of a call, was used for a request with another body or path: give each \
             request its own",
        )),
        Known::UnderWay | Known::Nothing(_) => Err(in_progress()),
    }
}

/// The same request is being done.
pub(super) fn in_progress() -> Refusal {
    let detail = "a request with this idempotency key is being done at this moment: send it again for its answer";
    Refusal::new(Code::IdempotencyInProgress, detail).retry_after(RETRY)
}

#[cfg(test)]
mod tests;
