//! The endpoints, each once: the router and the OpenAPI document are both made of this list.

use std::{convert::Infallible, sync::Arc};

use axum::{
    handler::Handler,
    routing::{MethodFilter, MethodRouter, on},
};
use outdial_domain::Scope;
use utoipa::openapi::{
    HttpMethod, ObjectBuilder, Type,
    path::{Operation, ParameterBuilder, ParameterIn},
};

use super::{
    Api, accounts, actor::Need, audio, calls, code::Code, do_not_disturb, events, idempotency, keys, masks, messages,
    operations, recordings, rooms, schedules, webhooks,
};

/// One method of one path.
pub(super) struct Endpoint {
    pub(super) method: HttpMethod,
    pub(super) path: String,
    pub(super) handler: MethodRouter<Arc<Api>, Infallible>,
    /// Its description, without what it has in common with others.
    pub(super) operation: Operation,
    /// The scope a key must have; none when no key is needed.
    pub(super) scope: Option<Scope>,
    /// Why it refuses, besides what every endpoint with a key refuses.
    pub(super) refusals: Vec<Code>,
}

/// Every endpoint, in the order of the documentation.
pub(super) fn all() -> Vec<Endpoint> {
    vec![
        calls::place::endpoint(),
        calls::list::endpoint(),
        calls::get::endpoint(),
        calls::change::endpoint(),
        calls::hang_up::endpoint(),
        calls::hang_up::endpoint_for_delete(),
        calls::control::endpoint(),
        calls::list_events::endpoint(),
        calls::explain::endpoint(),
        calls::pcap::endpoint(),
        rooms::create::endpoint(),
        rooms::list::endpoint(),
        rooms::get::endpoint(),
        rooms::change::endpoint(),
        rooms::end::endpoint(),
        rooms::kick::endpoint(),
        masks::list::endpoint(),
        masks::create::endpoint(),
        masks::get::endpoint(),
        masks::remove::endpoint(),
        messages::send::endpoint(),
        messages::list::endpoint(),
        messages::get::endpoint(),
        messages::cancel::endpoint(),
        messages::get::explanation(),
        messages::preview::endpoint(),
        do_not_disturb::list(),
        do_not_disturb::add(),
        do_not_disturb::remove(),
        recordings::start::endpoint(),
        recordings::list::endpoint(),
        recordings::get::endpoint(),
        recordings::audio(),
        recordings::shared_audio(),
        recordings::change::pause(),
        recordings::change::resume(),
        recordings::change::stop(),
        recordings::remove::endpoint(),
        schedules::create::endpoint(),
        schedules::list::endpoint(),
        schedules::get::endpoint(),
        schedules::change::endpoint(),
        schedules::remove::endpoint(),
        audio::upload::endpoint(),
        events::follow::endpoint(),
        webhooks::list::endpoint(),
        webhooks::create::endpoint(),
        webhooks::deliveries::endpoint(),
        webhooks::replay::endpoint(),
        webhooks::remove::endpoint(),
        webhooks::rotate::endpoint(),
        webhooks::enable::endpoint(),
        accounts::list::endpoint(),
        accounts::create::endpoint(),
        accounts::get::endpoint(),
        accounts::change::endpoint(),
        keys::list::endpoint(),
        keys::create::endpoint(),
        keys::remove::endpoint(),
        operations::healthz::endpoint(),
        operations::readyz::endpoint(),
        operations::metrics::endpoint(),
        operations::openapi::endpoint(),
    ]
}

impl Endpoint {
    /// An endpoint under this heading, described by the type that `#[utoipa::path]` makes beside its handler.
    pub(super) fn new<Description: utoipa::Path, H, T>(tag: &str, _: Description, handler: H) -> Self
    where
        H: Handler<T, Arc<Api>>,
        T: 'static,
    {
        let method = Description::methods().swap_remove(0);
        let mut operation = Description::operation();
        operation.tags = Some(vec![tag.to_owned()]);
        Self {
            handler: on(filter(&method), handler),
            path: Description::path(),
            operation,
            method,
            scope: None,
            refusals: Vec::new(),
        }
    }

    /// It needs a key.
    pub(super) fn needs<N: Need>(self) -> Self {
        Self {
            scope: Some(N::SCOPE),
            ..self
        }
    }

    /// It makes something, once for each idempotency key.
    pub(super) fn makes_once(mut self) -> Self {
        self.refusals.extend_from_slice(&[
            Code::IdempotencyKeyReused,
            Code::IdempotencyInProgress,
            Code::AnsweredToAnotherKey,
        ]);
        let text = ObjectBuilder::new()
            .schema_type(Type::String)
            .max_length(Some(idempotency::LONGEST_KEY));
        let header = ParameterBuilder::new()
            .name(idempotency::HEADER)
            .parameter_in(ParameterIn::Header)
            .description(Some(
                "Names this request. The same request with the same key is done once, and is answered again as it was \
                 answered first, with `Idempotent-Replayed: true`, for a day at least. Refusals are not kept.",
            ))
            .schema(Some(text));
        self.operation
            .parameters
            .get_or_insert_default()
            .push(header.build().into());
        self
    }

    /// It refuses for these reasons.
    pub(super) fn refuses(self, codes: &[Code]) -> Self {
        Self {
            refusals: codes.to_vec(),
            ..self
        }
    }
}

fn filter(method: &HttpMethod) -> MethodFilter {
    match method {
        HttpMethod::Get => MethodFilter::GET,
        HttpMethod::Post => MethodFilter::POST,
        HttpMethod::Put => MethodFilter::PUT,
        HttpMethod::Delete => MethodFilter::DELETE,
        HttpMethod::Options => MethodFilter::OPTIONS,
        HttpMethod::Head => MethodFilter::HEAD,
        HttpMethod::Patch => MethodFilter::PATCH,
        HttpMethod::Trace => MethodFilter::TRACE,
    }
}
