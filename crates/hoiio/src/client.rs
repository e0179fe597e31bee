//! The async client.

mod pages;
mod tracked;

pub use pages::Entries;
pub use tracked::{Trackable, Tracked};

use crate::{Credentials, Error, Paged, Placed, Request, fields, read_answer, sms, voice};
use std::sync::Arc;
use std::time::Duration;

/// Where the service was.
pub const BASE_URL: &str = "https://secure.hoiio.com/open/";

/// Sends requests to the service, or to a server that speaks like it.
///
/// It is cheap to clone, keeps its connections, and needs no closing. Forms are posted, so that the
/// token stands in no address.
///
/// ```no_run
/// # async fn run() -> Result<(), outdial_hoiio::Error> {
/// use outdial_hoiio::{Client, voice::Call};
///
/// let client = Client::new("MYAPP", "MYTOKEN")?;
/// let mut call = client.call(&Call::new("+6522222222").dest1("+6511111111")).await?;
/// let ended = call.wait().await?;
/// println!("{} ended: {:?}", call.txn_ref(), ended.call_status_dest1);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Client {
    http: reqwest::Client,
    settings: Arc<Settings>,
}

#[derive(Debug)]
struct Settings {
    credentials: Credentials,
    base: reqwest::Url,
    first_poll: Duration,
    longest_poll: Duration,
}

/// Options of a [`Client`], over the credentials that it must have.
#[derive(Clone, Debug)]
#[must_use]
pub struct Builder {
    credentials: Credentials,
    base: String,
    http: Option<reqwest::Client>,
    timeout: Duration,
    first_poll: Duration,
    longest_poll: Duration,
}

impl Builder {
    /// Where the service is: `https://…/open/`.
    pub fn base_url(mut self, base: impl Into<String>) -> Self {
        self.base = base.into();
        self
    }

    /// How long a request may take, 30 s unless set.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// How often to ask while waiting for a call or a text: the first wait, which grows by half up to
    /// the longest. 2 s and 15 s unless set; the service takes 60 questions a minute.
    pub fn polling(mut self, first: Duration, longest: Duration) -> Self {
        self.first_poll = first;
        self.longest_poll = longest.max(first);
        self
    }

    /// The client of HTTP that requests go by, with its own time-out, resolver and proxies. It must not follow
    /// redirections, because a request that makes something would be made again elsewhere.
    pub fn http(mut self, http: reqwest::Client) -> Self {
        self.http = Some(http);
        self
    }

    /// Makes the client.
    ///
    /// Where the program has chosen no provider of cryptography for rustls, ring becomes the provider
    /// of the process.
    ///
    /// # Errors
    ///
    /// When the base is no address of HTTP, or the system offers no trusted certificates.
    pub fn build(self) -> Result<Client, Error> {
        let mut base = self.base;
        if !base.ends_with('/') {
            base.push('/');
        }
        let base = reqwest::Url::parse(&base)
            .ok()
            .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
            .ok_or_else(|| {
                crate::Invalid::bad("base_url", "must be an address such as https://secure.hoiio.com/open/")
            })?;
        if rustls::crypto::CryptoProvider::get_default().is_none() {
            // Somebody else may be faster, which is as good.
            let _ = rustls::crypto::ring::default_provider().install_default();
        }
        let http = match self.http {
            Some(http) => http,
            None => reqwest::Client::builder()
                .timeout(self.timeout)
                // A redirection would carry the token elsewhere.
                .redirect(reqwest::redirect::Policy::none())
                .build()?,
        };
        Ok(Client {
            http,
            settings: Arc::new(Settings {
                credentials: self.credentials,
                base,
                first_poll: self.first_poll,
                longest_poll: self.longest_poll,
            }),
        })
    }
}

impl Client {
    /// A client of the service with nothing changed.
    ///
    /// # Errors
    ///
    /// As [`Builder::build`].
    pub fn new(app_id: impl Into<String>, access_token: impl Into<String>) -> Result<Self, Error> {
        Self::builder(app_id, access_token).build()
    }

    /// Sets options first.
    pub fn builder(app_id: impl Into<String>, access_token: impl Into<String>) -> Builder {
        Builder {
            credentials: Credentials::new(app_id, access_token),
            base: BASE_URL.to_owned(),
            http: None,
            timeout: Duration::from_secs(30),
            first_poll: Duration::from_secs(2),
            longest_poll: Duration::from_secs(15),
        }
    }

    /// Sends any request, after a look at its bounds, and gives its answer.
    ///
    /// # Errors
    ///
    /// As [`Error`] says. Nothing is sent when it is [`Error::Invalid`] by our own look.
    pub async fn send<R: Request + Sync>(&self, request: &R) -> Result<R::Answer, Error> {
        request.check()?;
        let form = self.settings.credentials.add_to(request.to_fields()).to_form();
        let url = self
            .settings
            .base
            .join(R::PATHS[0])
            .map_err(|error| Error::Server(error.to_string()))?;
        let mut response = self
            .http
            .post(url)
            .header("content-type", "application/x-www-form-urlencoded; charset=utf-8")
            .body(form)
            .send()
            .await?;
        let code = response.status();
        let retry_after = retry_after(&response);
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await? {
            if body.len() + chunk.len() > fields::LONGEST_BODY {
                return Err(crate::UnreadableAnswer::TooLong.into());
            }
            body.extend_from_slice(&chunk);
        }
        match read_answer::<R::Answer>(&body) {
            Ok(Ok(answer)) if code.is_success() => Ok(answer),
            Ok(Err(refused)) => Err(Error::from_status(refused, retry_after)),
            // Something on the way, or a server that says it in the manner of HTTP.
            _ if code.as_u16() == 429 => Err(Error::from_status(crate::Status::RateLimitExceeded, retry_after)),
            _ if !code.is_success() => Err(Error::Server(format!("HTTP {code}"))),
            Ok(Ok(_)) => Err(Error::Server(format!("HTTP {code}"))),
            Err(unreadable) => Err(unreadable.into()),
        }
    }

    /// Connects two numbers, and gives the call to follow.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub async fn call(&self, request: &voice::Call) -> Result<Tracked<voice::QueryStatus>, Error> {
        let Placed { txn_ref } = self.send(request).await?;
        Ok(self.placed_call(txn_ref))
    }

    /// Sends a text, and gives it to follow.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub async fn text(&self, request: &sms::Send) -> Result<Tracked<sms::QueryStatus>, Error> {
        let Placed { txn_ref } = self.send(request).await?;
        Ok(self.sent_text(txn_ref))
    }

    /// A call that was placed before, or a participant of a conference, to follow.
    #[must_use]
    pub fn placed_call(&self, txn_ref: impl Into<String>) -> Tracked<voice::QueryStatus> {
        Tracked::new(self.clone(), voice::QueryStatus::new(txn_ref))
    }

    /// A text that was sent before, to follow.
    #[must_use]
    pub fn sent_text(&self, txn_ref: impl Into<String>) -> Tracked<sms::QueryStatus> {
        Tracked::new(self.clone(), sms::QueryStatus::new(txn_ref))
    }

    /// All entries of a history, over its pages, from the page that the request names.
    ///
    /// The next page is asked for when the one before is used up.
    #[must_use]
    pub fn entries<R: Paged + Clone + Send + Sync + 'static>(&self, request: R) -> Entries<R::Entry>
    where
        R::Answer: Send,
    {
        Entries::new(self.clone(), request)
    }
}

/// `Retry-After` in seconds. Its other form, a date, is not worth a clock here.
fn retry_after(response: &reqwest::Response) -> Option<Duration> {
    let text = response.headers().get("retry-after")?.to_str().ok()?;
    text.trim().parse().ok().map(Duration::from_secs)
}
