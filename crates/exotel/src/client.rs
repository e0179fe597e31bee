//! The async client.

mod builder;
mod pages;
mod tracked;

pub use builder::{Builder, Region};
pub use pages::Calls;
pub use tracked::{Trackable, Tracked};

use crate::call::{CallAnswer, Connect, GetCall, ListCalls};
use crate::limit::{Limiter, Queue};
use crate::sms::{GetSms, SendBulk, SendSms, SmsAnswer};
use crate::{Answer, Carries, Error, Format, LONGEST_BODY, Request, RestException};
use secrecy::{ExposeSecret, SecretString};
use std::sync::Arc;
use std::time::Duration;

/// Sends requests to the service, or to a server that speaks like it, not faster than the account may.
///
/// It is cheap to clone, keeps its connections, and needs no closing.
#[derive(Clone, Debug)]
pub struct Client {
    http: reqwest::Client,
    settings: Arc<Settings>,
}

/// The turn of one request among those of its account.
#[derive(Debug)]
#[must_use]
pub struct Turn(());

#[derive(Debug)]
struct Settings {
    base: String,
    sid: String,
    user: String,
    token: SecretString,
    format: Format,
    limiter: Arc<dyn Limiter>,
    queue: Arc<Queue>,
    longest_wait: Option<Duration>,
    tries_when_limited: u32,
    first_poll: Duration,
    longest_poll: Duration,
}

impl Client {
    /// Begins a client for this account and its token, which is also the user of requests unless a
    /// [key](Builder::api_key) is set.
    pub fn builder(sid: impl Into<String>, token: impl Into<String>) -> Builder {
        Builder::new(sid.into(), SecretString::from(token.into()))
    }

    /// Sends any request, after a look at its bounds, in its turn, and gives its answer.
    ///
    /// A refusal because of too many requests holds back all requests of the account as long as the
    /// service says; then it is sent again, as often as the builder was told, because it was not carried out.
    ///
    /// # Errors
    ///
    /// As [`Error`] says. Nothing is sent when it is [`Error::Invalid`] by our own look.
    pub async fn send<R: Request + Sync>(&self, request: &R) -> Result<R::Answer, Error> {
        request.check()?;
        let mut tries = 0;
        loop {
            let turn = self.turn().await?;
            match self.send_in(turn, request).await {
                Err(Error::RateLimited { .. }) if tries < self.settings.tries_when_limited => tries += 1,
                other => return other,
            }
        }
    }

    /// Waits for the turn of a request, which is then sent by [`send_in`](Self::send_in): for whoever must know
    /// that nothing was sent when it stops waiting.
    ///
    /// # Errors
    ///
    /// When the wait would be longer than the builder was told, or the limiter cannot work.
    pub async fn turn(&self) -> Result<Turn, Error> {
        let settings = &self.settings;
        settings
            .queue
            .enter(&*settings.limiter, &settings.sid, settings.longest_wait)
            .await?;
        Ok(Turn(()))
    }

    /// Sends any request once, after a look at its bounds, in a turn that was waited for.
    ///
    /// A refusal because of too many requests holds back all requests of the account as long as the service says.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub async fn send_in<R: Request + Sync>(&self, _: Turn, request: &R) -> Result<R::Answer, Error> {
        request.check()?;
        let answer = self.send_once(request).await;
        if let Err(Error::RateLimited { wait }) = &answer {
            self.settings.limiter.hold(&self.settings.sid, *wait).await?;
        }
        answer
    }

    async fn send_once<R: Request + Sync>(&self, request: &R) -> Result<R::Answer, Error> {
        let settings = &self.settings;
        let suffix = match settings.format {
            Format::Json => ".json",
            Format::Xml => "",
        };
        let url = format!(
            "{}/v1/Accounts/{}/{}{suffix}",
            settings.base,
            crate::request::segment(&settings.sid),
            request.path()
        );
        let form = "application/x-www-form-urlencoded; charset=utf-8";
        let http = match request.carries() {
            Carries::Query(fields) => match fields.to_form() {
                query if query.is_empty() => self.http.get(url),
                query => self.http.get(format!("{url}?{query}")),
            },
            Carries::Form(fields) => self.http.post(url).header("content-type", form).body(fields.to_form()),
            Carries::Json(node) => {
                let body = node.print(Format::Json);
                self.http
                    .post(url)
                    .header("content-type", "application/json")
                    .body(body)
            }
        };
        let mut response = http
            .basic_auth(&settings.user, Some(settings.token.expose_secret()))
            .send()
            .await?;
        let code = response.status().as_u16();
        let retry_after = retry_after(&response);
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await? {
            if body.len() + chunk.len() > LONGEST_BODY {
                return Err(Error::Server("the answer is too long".to_owned()));
            }
            body.extend_from_slice(&chunk);
        }
        let exception = RestException::read(&body).ok();
        if code != 200 || exception.is_some() {
            let code = match &exception {
                Some(refusal) if code == 200 && refusal.status != 0 => refusal.status,
                _ => code,
            };
            return Err(Error::from_answer(code, exception, retry_after));
        }
        // The service has been seen to say so without a refusal's code.
        if body.trim_ascii().starts_with(b"No matching results") {
            return Err(Error::NotFound("No matching results".to_owned()));
        }
        R::Answer::read(&body).map_err(|invalid| Error::Server(format!("the answer cannot be read: {invalid}")))
    }

    /// How long a request would wait that came now: for those before it, and for the service.
    ///
    /// # Errors
    ///
    /// When the limiter cannot work.
    pub async fn waiting_time(&self) -> Result<Duration, Error> {
        let settings = &self.settings;
        settings.queue.wait(&*settings.limiter, &settings.sid).await
    }

    /// Starts a call, and gives it to follow.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub async fn connect(&self, request: &Connect) -> Result<Tracked<GetCall>, Error> {
        let CallAnswer { call, .. } = self.send(request).await?;
        Ok(Tracked::new(self.clone(), GetCall::new(&call.sid), Some(call)))
    }

    /// Sends a text, and gives one to follow for each receiver.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub async fn send_sms(&self, request: &SendSms) -> Result<Vec<Tracked<GetSms>>, Error> {
        Ok(self.sent(self.send(request).await?))
    }

    /// Sends different texts at once, and gives each to follow.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub async fn send_bulk(&self, request: &SendBulk) -> Result<Vec<Tracked<GetSms>>, Error> {
        Ok(self.sent(self.send(request).await?))
    }

    fn sent(&self, SmsAnswer(texts): SmsAnswer) -> Vec<Tracked<GetSms>> {
        let tracked = |sms: crate::sms::Sms| Tracked::new(self.clone(), GetSms::new(&sms.sid), Some(sms));
        texts.into_iter().map(tracked).collect()
    }

    /// A call that was started before, to follow.
    #[must_use]
    pub fn call(&self, sid: impl Into<String>) -> Tracked<GetCall> {
        Tracked::new(self.clone(), GetCall::new(sid), None)
    }

    /// A text that was sent before, to follow.
    #[must_use]
    pub fn sms(&self, sid: impl Into<String>) -> Tracked<GetSms> {
        Tracked::new(self.clone(), GetSms::new(sid), None)
    }

    /// All calls of a list, over its pages.
    #[must_use]
    pub fn calls(&self, request: ListCalls) -> Calls {
        Calls::new(self.clone(), request)
    }
}

/// `Retry-After` in seconds. Its other form, a date, is not worth a clock here.
fn retry_after(response: &reqwest::Response) -> Option<Duration> {
    let text = response.headers().get("retry-after")?.to_str().ok()?;
    text.trim().parse().ok().map(Duration::from_secs)
}
