//! The forms of Voicent's gateway: calls that say a text, play a file or run a stored flow, and what became of
//! them.
//!
//! The interface knows no credentials: whoever reaches it may call for its account. So it has a listener of its
//! own, on loopback unless configured, answers only the addresses that it may, and no web page can use it
//! (`guard`). Each request has a file: `call`, `status`, `remove`, `campaign`; `text` is for requests that want a text. A fault is told as the
//! gateway told it, by a text that begins with `ERROR:` and holds no `[ReqId=…]`.

mod call;
mod campaign;
mod guard;
mod kept;
mod names;
mod remove;
mod status;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod text;

use std::{path::PathBuf, sync::Arc};

use axum::{
    Router,
    extract::{Request, State},
    http::{HeaderValue, Method, StatusCode, header},
    response::{IntoResponse, Response},
};
use ipnet::IpNet;
use jiff::tz::TimeZone;
use outdial_engine::{Actor, Engine};
use outdial_voicent::{CALL_PATH, CAMPAIGN_PATH, Form, Removed, Status};
use tower_http::catch_panic::CatchPanicLayer;

use crate::{
    Tenant,
    body::{self, BodyError},
    shelf::Shelf,
};

/// The name of this face in the event log.
pub const FACE: &str = "voicent";

/// What the program decides about this face.
#[derive(Debug, Clone)]
pub struct VoicentConfig {
    /// Whose calls they are.
    pub tenant: Tenant,
    /// Where the files are that requests may name; without it there are none.
    pub audio: Option<PathBuf>,
    /// Who may ask besides this machine.
    pub allow: Vec<IpNet>,
    /// Names by which clients may know this machine, besides `localhost` and addresses.
    pub hosts: Vec<String>,
    /// The zone of every time in answers, which have none.
    pub zone: TimeZone,
}

/// What all requests share.
struct Gateway {
    engine: Engine,
    actor: Actor,
    config: VoicentConfig,
    audio: Option<Shelf>,
    names: names::Names,
}

/// The whole interface, to be served with the peer's address as `ConnectInfo`: without it, nobody is answered.
pub fn router(engine: Engine, config: VoicentConfig) -> Router {
    let gateway = Arc::new(Gateway {
        actor: config.tenant.actor(FACE),
        audio: config.audio.clone().map(Shelf::new),
        names: names::Names::default(),
        engine,
        config,
    });
    Router::new()
        .fallback(answer)
        .layer(CatchPanicLayer::custom(|_| {
            // What the panic said is in the log; it may name internals.
            text(StatusCode::INTERNAL_SERVER_ERROR, error("the server failed"))
        }))
        .with_state(gateway)
}

/// Why a request is refused.
#[derive(Debug)]
struct Refusal {
    status: StatusCode,
    why: String,
}

impl Refusal {
    /// As the gateway does: with a good status, and a text that says why.
    fn told(why: impl Into<String>) -> Self {
        Self {
            status: StatusCode::OK,
            why: why.into(),
        }
    }

    fn with(status: StatusCode, why: impl Into<String>) -> Self {
        Self {
            status,
            why: why.into(),
        }
    }

    /// Something that the gateway did, and that this one does not.
    fn not_available(what: &str) -> Self {
        Self::told(format!("{what} is not available here"))
    }
}

async fn answer(State(gateway): State<Arc<Gateway>>, request: Request) -> Response {
    match respond(&gateway, request).await {
        Ok(answer) => text(StatusCode::OK, answer),
        Err(refusal) => text(refusal.status, error(&refusal.why)),
    }
}

async fn respond(gateway: &Gateway, request: Request) -> Result<String, Refusal> {
    guard::check(&gateway.config, &request)?;
    let (parts, body) = request.into_parts();
    let path = straightened(parts.uri.path());
    let known = [CALL_PATH, Status::PATH, Removed::PATH, CAMPAIGN_PATH];
    let Some(path) = known.into_iter().find(|known| known.eq_ignore_ascii_case(&path)) else {
        return Err(Refusal::with(StatusCode::NOT_FOUND, "there is nothing at this path"));
    };
    if !matches!(parts.method, Method::GET | Method::POST) {
        return Err(Refusal::with(StatusCode::METHOD_NOT_ALLOWED, "use POST or GET"));
    }
    let sent = body::read_form(body, &parts.headers).await.map_err(unread)?;
    if path == CAMPAIGN_PATH {
        return Ok(campaign::answer());
    }
    // A GET has its fields in the query, and so has a POST that has none in its body.
    let query = parts.uri.query().unwrap_or_default().as_bytes();
    let form = Form::read(if sent.is_empty() { query } else { &sent });
    let form = form.map_err(|invalid| Refusal::told(invalid.to_string()))?;
    match path {
        CALL_PATH => call::place(gateway, &form).await,
        Status::PATH => status::of(gateway, &form).await,
        _ => remove::record(gateway, &form).await,
    }
}

/// A path with one slash where there are several, and none at its end.
fn straightened(path: &str) -> String {
    path.split('/')
        .filter(|part| !part.is_empty())
        .flat_map(|part| ["/", part])
        .collect()
}

fn unread(error: BodyError) -> Refusal {
    match error {
        BodyError::TooLarge(most) => Refusal::with(
            StatusCode::PAYLOAD_TOO_LARGE,
            format!("the form may have at most {most} bytes"),
        ),
        BodyError::Slow => Refusal::with(StatusCode::REQUEST_TIMEOUT, "the form came too slowly: send it again"),
        BodyError::Broken => Refusal::with(StatusCode::BAD_REQUEST, "the form broke off: send it again"),
    }
}

fn error(why: &str) -> String {
    Status::Error(why.to_owned()).print()
}

fn text(status: StatusCode, body: String) -> Response {
    let mut response = (status, body).into_response();
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/plain; charset=utf-8"),
    );
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert("x-content-type-options", HeaderValue::from_static("nosniff"));
    response
}
