//! The options of a client.

use super::{Client, Settings};
use crate::{Error, Invalid};
use jiff::tz::TimeZone;
use std::sync::Arc;
use std::time::Duration;

/// Options of a [`Client`]. All can be left out: then it is the gateway on this machine.
#[derive(Clone, Debug)]
#[must_use]
pub struct Builder {
    base: String,
    zone: Option<TimeZone>,
    http: Option<reqwest::Client>,
    timeout: Duration,
    first_poll: Duration,
    longest_poll: Duration,
}

impl Default for Builder {
    fn default() -> Self {
        Self {
            base: "http://localhost:8155".to_owned(),
            zone: None,
            http: None,
            timeout: Duration::from_secs(30),
            first_poll: Duration::from_secs(2),
            longest_poll: Duration::from_secs(15),
        }
    }
}

impl Builder {
    /// The gateway's host and port.
    pub fn host(self, host: &str, port: u16) -> Self {
        let bare_v6 = host.contains(':') && !host.starts_with('[');
        let host = if bare_v6 { format!("[{host}]") } else { host.to_owned() };
        self.base_url(format!("http://{host}:{port}"))
    }

    /// The gateway's address, such as `https://gateway.example.com`.
    pub fn base_url(mut self, base: impl Into<String>) -> Self {
        self.base = base.into();
        self
    }

    /// The zone of the gateway's clock on the wall, which it does not tell; that of this machine unless set.
    pub fn zone(mut self, zone: TimeZone) -> Self {
        self.zone = Some(zone);
        self
    }

    /// How long a request may take, 30 s unless set.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// How often to ask while waiting for a call: the first wait, which grows by half up to the longest. 2 s and
    /// 15 s unless set.
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
    /// When the address is none of HTTP, or the system offers no trusted certificates.
    pub fn build(self) -> Result<Client, Error> {
        let base = self.base.trim_end_matches('/').to_owned();
        reqwest::Url::parse(&base)
            .ok()
            .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
            .ok_or_else(|| Invalid::bad("base_url", "must be an address such as http://localhost:8155"))?;
        if rustls::crypto::CryptoProvider::get_default().is_none() {
            // Somebody else may be faster, which is as good.
            let _ = rustls::crypto::ring::default_provider().install_default();
        }
        let http = match self.http {
            Some(http) => http,
            None => reqwest::Client::builder()
                .timeout(self.timeout)
                // A call that was asked for is not asked for elsewhere.
                .redirect(reqwest::redirect::Policy::none())
                .build()?,
        };
        Ok(Client {
            http,
            settings: Arc::new(Settings {
                base,
                zone: self.zone.unwrap_or_else(TimeZone::system),
                first_poll: self.first_poll,
                longest_poll: self.longest_poll,
            }),
        })
    }
}
