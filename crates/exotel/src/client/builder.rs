//! The options of a client.

use super::{Client, Settings};
use crate::limit::{Limiter, ProcessLimiter, Queue};
use crate::{Error, Format, Invalid};
use secrecy::SecretString;
use std::sync::Arc;
use std::time::Duration;

/// Where the service stands.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Region {
    /// Singapore: `api.exotel.com`.
    #[default]
    Singapore,
    /// Mumbai: `api.in.exotel.com`.
    Mumbai,
    /// India, an older name: `api.exotel.in`.
    India,
    /// The name of the first clients: `twilix.exotel.in`.
    Twilix,
}

impl Region {
    /// The address of the region.
    #[must_use]
    pub fn base_url(self) -> &'static str {
        match self {
            Self::Singapore => "https://api.exotel.com",
            Self::Mumbai => "https://api.in.exotel.com",
            Self::India => "https://api.exotel.in",
            Self::Twilix => "https://twilix.exotel.in",
        }
    }
}

/// Options of a [`Client`], over the account and the token that it must have.
#[derive(Clone, Debug)]
#[must_use]
pub struct Builder {
    sid: String,
    token: SecretString,
    user: Option<String>,
    base: String,
    format: Format,
    limiter: Arc<dyn Limiter>,
    longest_wait: Option<Duration>,
    tries_when_limited: u32,
    http: Option<reqwest::Client>,
    timeout: Duration,
    first_poll: Duration,
    longest_poll: Duration,
}

impl Builder {
    pub(super) fn new(sid: String, token: SecretString) -> Self {
        Self {
            sid,
            token,
            user: None,
            base: Region::default().base_url().to_owned(),
            format: Format::Json,
            limiter: Arc::new(ProcessLimiter::default()),
            longest_wait: None,
            tries_when_limited: 2,
            http: None,
            timeout: Duration::from_secs(30),
            first_poll: Duration::from_secs(2),
            longest_poll: Duration::from_secs(30),
        }
    }

    /// The key that the token belongs to, for accounts that have keys.
    pub fn api_key(mut self, key: impl Into<String>) -> Self {
        self.user = Some(key.into());
        self
    }

    /// Where the service stands; Singapore unless set.
    pub fn region(self, region: Region) -> Self {
        self.base_url(region.base_url())
    }

    /// Another server, without `/v1`: `https://…`.
    pub fn base_url(mut self, base: impl Into<String>) -> Self {
        self.base = base.into();
        self
    }

    /// In which form answers come; JSON unless set.
    pub fn format(mut self, format: Format) -> Self {
        self.format = format;
        self
    }

    /// How requests are shared out; among the clients of this process unless set.
    pub fn limiter(mut self, limiter: impl Limiter + 'static) -> Self {
        self.limiter = Arc::new(limiter);
        self
    }

    /// Rather fail with [`Error::RateLimited`] than wait longer than this for a request's turn. Without it,
    /// requests wait as long as they must.
    pub fn longest_wait(mut self, wait: Duration) -> Self {
        self.longest_wait = Some(wait);
        self
    }

    /// How often a request is sent again that the service refused for being one too many; twice unless set.
    pub fn tries_when_limited(mut self, tries: u32) -> Self {
        self.tries_when_limited = tries;
        self
    }

    /// How long a request may take once it is sent, 30 s unless set.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// How often to ask while waiting for a call or a text: the first wait, which grows by half up to the
    /// longest. 2 s and 30 s unless set.
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
    /// When the account or the token is empty, the base is no address of HTTP, or the system offers no
    /// trusted certificates.
    pub fn build(self) -> Result<Client, Error> {
        use secrecy::ExposeSecret;
        let mut invalid = Invalid::default();
        if self.sid.is_empty() {
            invalid.missing("sid");
        }
        if self.token.expose_secret().is_empty() {
            invalid.missing("token");
        }
        invalid.into_result()?;
        let base = self.base.trim_end_matches('/').to_owned();
        reqwest::Url::parse(&base)
            .ok()
            .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host() && url.password().is_none())
            .ok_or_else(|| Invalid::bad("base_url", "must be an address such as https://api.exotel.com"))?;
        if rustls::crypto::CryptoProvider::get_default().is_none() {
            // Somebody else may be faster, which is as good.
            let _ = rustls::crypto::ring::default_provider().install_default();
        }
        let http = match self.http {
            Some(http) => http,
            None => reqwest::Client::builder()
                .timeout(self.timeout)
                // A call that was started is not started again elsewhere.
                .redirect(reqwest::redirect::Policy::none())
                .build()?,
        };
        let settings = Settings {
            base,
            user: self.user.unwrap_or_else(|| self.sid.clone()),
            queue: Queue::of(&self.sid),
            sid: self.sid,
            token: self.token,
            format: self.format,
            limiter: self.limiter,
            longest_wait: self.longest_wait,
            tries_when_limited: self.tries_when_limited,
            first_poll: self.first_poll,
            longest_poll: self.longest_poll,
        };
        Ok(Client {
            http,
            settings: Arc::new(settings),
        })
    }
}
