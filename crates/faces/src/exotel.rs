//! Exotel's REST, under `/v1/Accounts/`: two numbers are connected, or a number with a flow of ours; what became
//! of calls; texts; callbacks.
//!
//! Answers are JSON or XML as the path says, refusals too. Each group of requests has a file. What is not available
//! is refused with 503 and its name, in `respond`.

#[cfg(test)]
mod call_tests;
mod connect;
mod country;
mod kept;
mod list;
mod notices;
#[cfg(test)]
mod number_tests;
mod numbers;
mod show;
mod sms;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod text_tests;

use std::{fmt::Display, net::SocketAddr, sync::Arc};

use axum::{
    Router,
    extract::{ConnectInfo, Request, State},
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    response::{IntoResponse, Response},
    routing::any,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use outdial_engine::{Actor, Engine};
use outdial_exotel::{Answer as _, Fields, Format, Invalid, Resource, RestException, Route};
use secrecy::SecretString;
use tokio::time::Instant;
use tower_http::catch_panic::CatchPanicLayer;

use crate::{
    Tenant,
    body::{self, BodyError},
    failed_logins::FailedLogins,
    minute::{Minute, Standing},
    secret,
};
pub use country::Country;
pub use notices::ExotelNotices;

/// The name of this face in the event log.
pub const FACE: &str = "exotel";

/// What the program decides about this face.
#[derive(Debug, Clone)]
pub struct ExotelConfig {
    /// Who may ask.
    pub accounts: Vec<ExotelAccount>,
    /// How many requests an account may send in a minute; 0 for any number.
    pub requests_per_minute: u32,
    /// What addresses of recordings begin with, as `https://calls.example.com`.
    pub public_url: String,
}

/// An account of the service: its credentials, and whose calls it makes.
#[derive(Debug, Clone)]
pub struct ExotelAccount {
    /// Names it in paths; older clients give it as their user name, too.
    pub sid: String,
    /// The user name of newer clients.
    pub api_key: Option<String>,
    /// The password of both.
    pub token: SecretString,
    /// Whose calls they are.
    pub tenant: Tenant,
    /// The country of numbers that are given without one; without it they stay as they are given.
    pub country: Option<Country>,
}

impl ExotelAccount {
    /// A number with its country, as far as that can be known.
    fn complete(&self, number: &str) -> String {
        let country = self.country.as_ref();
        country.map_or_else(|| number.to_owned(), |country| country.complete(number))
    }
}

/// What all requests share.
struct Service {
    engine: Engine,
    config: ExotelConfig,
    requests: Minute<usize>,
    failed_logins: FailedLogins,
}

/// Who asks.
struct Asker<'s> {
    account: &'s ExotelAccount,
    actor: Actor,
    format: Format,
}

/// The whole interface.
pub fn router(engine: Engine, config: ExotelConfig) -> Router {
    let service = Arc::new(Service {
        requests: Minute::new(config.requests_per_minute),
        failed_logins: FailedLogins::default(),
        engine,
        config,
    });
    Router::new()
        .route("/v1/{*resource}", any(serve))
        .layer(CatchPanicLayer::custom(|_| {
            // What the panic said is in the log; it may name internals.
            refuse(&internal(), Format::Json)
        }))
        .with_state(service)
}

async fn serve(State(service): State<Arc<Service>>, request: Request) -> Response {
    let route = Route::read(request.uri().path());
    // What leads nowhere is answered in the form that its end asks for.
    let json = request.uri().path().to_ascii_lowercase().ends_with(".json");
    let (unknown, mut standing) = (if json { Format::Json } else { Format::Xml }, None);
    let format = route.as_ref().map_or(unknown, |route| route.format);
    let mut response = match respond(&service, route, request, &mut standing).await {
        Ok(answer) => printed(StatusCode::OK, answer, format),
        Err(exception) => refuse(&exception, format),
    };
    if let Some(standing) = standing {
        tell_limits(response.headers_mut(), standing);
    }
    response
}

/// Looks at a request: who asks, how often, what for.
async fn respond(
    service: &Service,
    route: Option<Route>,
    request: Request,
    standing: &mut Option<Standing>,
) -> Result<String, RestException> {
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>();
    let peer = peer.map(|info| info.0.ip());
    let (parts, body) = request.into_parts();
    let Some(place) = known(service, &parts.headers) else {
        tracing::warn!(?peer, "the credentials of an account opened nothing");
        let noted = service.failed_logins.note(peer, Instant::now());
        return Err(match noted {
            Ok(()) => RestException::new(401, "Authentication failed").code(34010),
            Err(wait) => {
                *standing = Some(Standing::refused(wait));
                RestException::new(429, "Too Many Requests")
            }
        });
    };
    let account = &service.config.accounts[place];
    let route = route.ok_or_else(|| RestException::new(404, "Not Found"))?;
    if !route.account.eq_ignore_ascii_case(&account.sid) {
        return Err(RestException::new(403, "This account is not permitted").code(40003));
    }
    let stands = service.requests.count(place, Instant::now());
    *standing = Some(stands);
    if !stands.allowed {
        let code = if parts.method == Method::POST { 40402 } else { 40403 };
        return Err(RestException::new(429, "Too Many Requests").code(code));
    }
    let wanted = match &route.resource {
        Resource::ConnectCall | Resource::SendSms | Resource::BulkSms | Resource::Whitelist => &[Method::POST][..],
        _ => &[Method::GET, Method::HEAD],
    };
    if !wanted.contains(&parts.method) {
        return Err(RestException::new(405, "Method Not Allowed").code(40502));
    }
    let sent = body::read_form(body, &parts.headers).await.map_err(unread)?;
    let kind = parts
        .headers
        .get(header::CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok());
    let fields = Fields::from_request(parts.uri.query(), kind, &sent).map_err(|error| invalid(&error))?;
    let asker = Asker {
        account,
        actor: account.tenant.actor(FACE),
        format: route.format,
    };
    match route.resource {
        Resource::ConnectCall => connect::call(service, &asker, &fields).await,
        Resource::Call(sid) => show::call(service, &asker, &sid, &fields).await,
        Resource::Calls => list::calls(service, &asker, &fields).await,
        Resource::SendSms => sms::send(service, &asker, &fields).await,
        Resource::BulkSms => sms::bulk(service, &asker, &sent).await,
        Resource::Sms(sid) => sms::details(service, &asker, &sid).await,
        Resource::Number(number) => numbers::details(service, &asker, &number).await,
        Resource::Balance => Err(not_available("The balance")),
        Resource::Whitelist => numbers::whitelist(service, &asker, &fields).await,
        Resource::Whitelisted(number) => numbers::standing(service, &asker, &number).await,
    }
}

/// Which account the credentials of a request open.
fn known(service: &Service, headers: &HeaderMap) -> Option<usize> {
    let given = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, encoded) = given.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (user, password) = decoded.split_once(':')?;
    service.config.accounts.iter().position(|account| {
        let is_user = account.sid == user || account.api_key.as_deref() == Some(user);
        is_user && secret::is_same(&account.token, password)
    })
}

/// Something that the service did, and that this one does not.
fn not_available(what: &str) -> RestException {
    RestException::new(503, format!("{what} is not available here"))
}

fn invalid(error: &Invalid) -> RestException {
    RestException::new(400, format!("Invalid Parameters: {error}")).code(34001)
}

/// No call of the account has this name.
fn no_results() -> RestException {
    RestException::new(404, "No matching results")
}

fn internal() -> RestException {
    RestException::new(500, "Internal Server Error").code(35000)
}

/// Something failed here; what, is for the log alone.
fn failed(error: &dyn Display) -> RestException {
    tracing::error!(%error, "a request of an account could not be answered");
    internal()
}

fn unread(error: BodyError) -> RestException {
    match error {
        BodyError::TooLarge(most) => RestException::new(413, format!("The body may have at most {most} bytes")),
        BodyError::Slow => RestException::new(408, "The body came too slowly"),
        BodyError::Broken => RestException::new(400, "The body broke off"),
    }
}

fn refuse(exception: &RestException, format: Format) -> Response {
    let status = StatusCode::from_u16(exception.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = printed(status, exception.print(format), format);
    if status == StatusCode::UNAUTHORIZED {
        let challenge = HeaderValue::from_static(r#"Basic realm="accounts""#);
        response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
    }
    response
}

fn printed(status: StatusCode, body: String, format: Format) -> Response {
    let mut response = (status, body).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(format.content_type()));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert("x-content-type-options", HeaderValue::from_static("nosniff"));
    response
}

/// How many requests are left, and when there are more again.
fn tell_limits(headers: &mut HeaderMap, standing: Standing) {
    if standing.most == u32::MAX {
        return;
    }
    let seconds = standing.until_next.as_secs() + u64::from(standing.until_next.subsec_nanos() > 0);
    // Whoever has failed to log in has no limit to be told of.
    if standing.most > 0 {
        headers.insert("x-ratelimit-limit", standing.most.into());
        headers.insert("x-ratelimit-remaining", standing.left.into());
        headers.insert("x-ratelimit-reset", seconds.into());
    }
    if !standing.allowed {
        headers.insert(header::RETRY_AFTER, seconds.into());
    }
}
