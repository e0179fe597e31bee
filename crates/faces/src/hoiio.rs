//! Hoiio's open API, under `/open/`: calls between two numbers, conferences, sessions, what became of
//! them.
//!
//! Every answer is a JSON object with a status word and the HTTP status 200, refusals too. Each group of requests
//! has a file. What is not available is said to be by the service's own word, in `answer`.

mod account;
mod answer;
mod conference;
mod history;
mod ivr;
mod kept;
mod notices;
mod record;
#[cfg(test)]
mod session_tests;
mod sms;
mod status;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod text_tests;
mod voice;

use std::{net::SocketAddr, sync::Arc};

use axum::{
    Router,
    extract::{ConnectInfo, Request, State},
    http::{HeaderValue, Method, StatusCode, header},
    response::{IntoResponse, Response},
    routing::any,
};
use outdial_domain::Address;
use outdial_engine::{Actor, Engine};
use outdial_hoiio::{Command, Credentials, Fault, Fields, Problem, Status, print_refusal};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::time::Instant;
use tower_http::catch_panic::CatchPanicLayer;

use crate::{Tenant, body, failed_logins::FailedLogins, minute::Minute, secret};
pub use notices::HoiioNotices;

/// The name of this face in the event log.
pub const FACE: &str = "hoiio";

/// What the program decides about this face.
#[derive(Debug, Clone)]
pub struct HoiioConfig {
    /// Who may ask.
    pub apps: Vec<HoiioApp>,
    /// How many queries, hang-ups and moderations an application may send in a minute; 0 for any number.
    pub queries_per_minute: u32,
    /// How many may be in a room.
    pub most_in_a_room: u16,
    /// What addresses of recordings begin with.
    pub public_url: String,
    /// Whether a notification that is not taken is sent again as other notifications are, or not at all, as by
    /// the service.
    pub notify_again: bool,
}

/// An application of the service: its credentials, and whose calls it makes.
#[derive(Debug, Clone)]
pub struct HoiioApp {
    /// Names it.
    pub app_id: String,
    /// Its secret.
    pub access_token: SecretString,
    /// Whose calls they are.
    pub tenant: Tenant,
    /// The number that is rung first when a call names no other.
    pub registered: Option<Address>,
}

/// What all requests share.
struct Service {
    engine: Engine,
    config: HoiioConfig,
    queries: Minute<usize>,
    failed_logins: FailedLogins,
    /// Held while a session is given its next block.
    blocks: tokio::sync::Mutex<()>,
}

/// Who asks.
struct Asker<'s> {
    app: &'s HoiioApp,
    actor: Actor,
}

/// The whole interface.
pub fn router(engine: Engine, config: HoiioConfig) -> Router {
    let service = Arc::new(Service {
        queries: Minute::new(config.queries_per_minute),
        failed_logins: FailedLogins::default(),
        blocks: tokio::sync::Mutex::default(),
        engine,
        config,
    });
    Router::new()
        .route("/open", any(serve))
        .route("/open/{*resource}", any(serve))
        .layer(CatchPanicLayer::custom(|_| {
            // What the panic said is in the log; it may name internals.
            json(print_refusal(&Status::InternalServerError))
        }))
        .with_state(service)
}

async fn serve(State(service): State<Arc<Service>>, request: Request) -> Response {
    json(match respond(&service, request).await {
        Ok(answer) => answer,
        Err(status) => print_refusal(&status),
    })
}

/// Looks at a request in the order in which the service did: the method, who asks, what for.
async fn respond(service: &Service, request: Request) -> Result<String, Status> {
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>();
    let peer = peer.map(|info| info.0.ip());
    let (parts, body) = request.into_parts();
    if !matches!(parts.method, Method::GET | Method::POST) {
        return Err(Status::InvalidHttpMethod);
    }
    let sent = body::read_form(body, &parts.headers).await;
    let sent = sent.map_err(|_| Status::MalformedParams)?;
    let sent = std::str::from_utf8(&sent).map_err(|_| Status::MalformedParams)?;
    let form = if sent.is_empty() {
        parts.uri.query().unwrap_or_default()
    } else {
        sent
    };
    let fields = Fields::from_form(form).map_err(|_| Status::MalformedParams)?;
    let credentials = Credentials::from_fields(&fields).map_err(|missing| missing.status())?;
    let known = service
        .config
        .apps
        .iter()
        .position(|app| app.app_id == credentials.app_id());
    let is_right = |place: usize| {
        let token = credentials.access_token().expose_secret();
        secret::is_same(&service.config.apps[place].access_token, token)
    };
    let refused = match known {
        Some(place) if is_right(place) => {
            let app = &service.config.apps[place];
            let asker = Asker {
                app,
                actor: app.tenant.actor(FACE),
            };
            let resource: Vec<&str> = parts.uri.path().split('/').filter(|part| !part.is_empty()).collect();
            let resource = resource.get(1..).unwrap_or_default().join("/");
            let Some(command) = Command::read(&resource, &fields) else {
                return Err(Status::ServiceNotAvailable);
            };
            let command = command.map_err(|invalid| invalid.status())?;
            let checked = command
                .check()
                .or_else(|invalid| invalid.but_for(|fault| is_configured(&command, fault)));
            checked.map_err(|invalid| invalid.status())?;
            let counts = answer::is_counted(&command);
            if counts && !service.queries.count(place, Instant::now()).allowed {
                return Err(Status::RateLimitExceeded);
            }
            return answer::to(service, &asker, &resource, command).await;
        }
        Some(_) => Status::InvalidAccessToken,
        None => Status::InvalidAppId,
    };
    tracing::warn!(?peer, %refused, "the credentials of an application opened nothing");
    Err(match service.failed_logins.note(peer, Instant::now()) {
        Ok(()) => refused,
        Err(_) => Status::RateLimitExceeded,
    })
}

/// How many numbers a room holds is in the configuration, and is looked at with those that are in it.
fn is_configured(command: &Command, fault: &Fault) -> bool {
    matches!(
        (command, &fault.problem),
        (Command::VoiceConference(_), Problem::TooMany(_))
    )
}

fn json(body: String) -> Response {
    let mut response = (StatusCode::OK, body).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert("x-content-type-options", HeaderValue::from_static("nosniff"));
    response
}
