//! How a service is reached, and how it reaches us.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use outdial_engine::outgoing::{Outgoing, UrlRefused};
use reqwest::{
    Client,
    dns::{Addrs, Name, Resolve, Resolving},
    redirect, retry,
};

/// How long a connection may take.
const CONNECTED: Duration = Duration::from_secs(10);

/// What a trunk to any of the services is told beside its credentials.
#[derive(Debug, Clone)]
pub struct Reach {
    /// Which addresses may be connected to besides those of the public Internet, and without TLS.
    pub allow: Outgoing,
    /// Where the service reaches this server, as `https://calls.example.com`; without it, it is only asked.
    pub callbacks: Option<String>,
    /// How often it is asked what became of a call.
    pub polling: Polling,
    /// How long it may take to answer a request.
    pub answer_within: Duration,
}

/// How often a service is asked: the first pause, which grows by half up to the longest.
#[derive(Debug, Clone, Copy)]
pub struct Polling {
    /// The first pause.
    pub first: Duration,
    /// The longest.
    pub longest: Duration,
}

impl Default for Polling {
    fn default() -> Self {
        Self {
            first: Duration::from_secs(2),
            longest: Duration::from_secs(30),
        }
    }
}

impl Polling {
    /// The pause after this one.
    pub(crate) fn after(self, pause: Duration) -> Duration {
        (pause * 3 / 2).min(self.longest.max(self.first))
    }
}

impl Default for Reach {
    fn default() -> Self {
        Self {
            allow: Outgoing::default(),
            callbacks: None,
            polling: Polling::default(),
            answer_within: Duration::from_secs(30),
        }
    }
}

/// A trunk whose settings make no sense.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the trunk `{trunk}`: {reason}")]
pub struct WrongTrunk {
    /// The trunk.
    pub trunk: String,
    /// What is wrong and what to do.
    pub reason: String,
}

impl Reach {
    /// Whether requests to this address of the service may be made, and callbacks may come by ours.
    pub(crate) fn check(&self, url: &str) -> Result<(), String> {
        self.allow.check(url).map_err(|refused| match refused {
            UrlRefused::Unreadable => {
                "`url` is none that can be used: give it as https://api.example.com, without a user and a password"
                    .to_owned()
            }
            UrlRefused::NotProtected => {
                "`url` is not protected: give an https one, or name its host under `allow`".to_owned()
            }
            UrlRefused::Private(address) => {
                format!("`url` leads to {address}, which is not on the public Internet: name it under `allow`")
            }
        })?;
        if self.polling.first.is_zero() || self.answer_within.is_zero() {
            return Err("its times must be longer than nothing".to_owned());
        }
        let Some(ours) = &self.callbacks else { return Ok(()) };
        let ours = url::Url::parse(ours).ok();
        let plain = |url: &url::Url| {
            matches!(url.scheme(), "http" | "https") && url.query().is_none() && url.fragment().is_none()
        };
        match ours.filter(plain) {
            Some(_) => Ok(()),
            None => {
                Err("`callbacks` is where the service reaches this server, as https://calls.example.com".to_owned())
            }
        }
    }

    /// What requests go by. It follows nothing, repeats nothing, and connects only where it may.
    pub(crate) fn http(&self) -> Result<Client, String> {
        if rustls::crypto::CryptoProvider::get_default().is_none() {
            // Somebody else may be faster, which is as good.
            let _ = rustls::crypto::ring::default_provider().install_default();
        }
        Client::builder()
            .timeout(self.answer_within)
            // One that never stood carried nothing, which is only known if it fails as such.
            .connect_timeout(CONNECTED.min(self.answer_within / 2))
            .redirect(redirect::Policy::none())
            // What was sent once may have been carried out.
            .retry(retry::never())
            .no_proxy()
            .dns_resolver(Arc::new(Guarded(self.allow.clone())))
            .user_agent(concat!("outdial/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| format!("no client can be made: {}", error.without_url()))
    }
}

/// Gives only addresses that may be connected to.
#[derive(Debug)]
struct Guarded(Outgoing);

impl Resolve for Guarded {
    fn resolve(&self, name: Name) -> Resolving {
        let (allowed, name) = (self.0.clone(), name.as_str().to_owned());
        Box::pin(async move {
            // The port is put in by the caller.
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            let admitted: Addrs = Box::new(allowed.admitted(&name, found)?.into_iter());
            Ok(admitted)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_a_service_may_be_is_checked() {
        let strict = Reach::default();
        strict.check("https://api.exotel.com").unwrap();
        for (url, why) in [
            ("http://api.exotel.com", "not protected"),
            ("https://10.0.0.1", "10.0.0.1"),
            ("https://user:secret@example.com", "none that can be used"),
            ("gateway:8155", "none that can be used"),
        ] {
            let refused = strict.check(url).unwrap_err();
            assert!(refused.contains(why) && !refused.contains("secret"), "{url}: {refused}");
        }
        let mut open = Reach {
            allow: Outgoing::allowing(["127.0.0.1"]).unwrap(),
            ..Reach::default()
        };
        open.check("http://127.0.0.1:8155").unwrap();
        open.callbacks = Some("calls.example.com".to_owned());
        assert!(open.check("http://127.0.0.1:8155").unwrap_err().contains("callbacks"));
        open.callbacks = Some("http://192.168.0.5:7575".to_owned());
        open.polling.first = Duration::ZERO;
        assert!(open.check("http://127.0.0.1:8155").unwrap_err().contains("times"));
    }

    #[tokio::test]
    async fn a_name_that_leads_inside_is_not_connected_to() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let refused = Reach::default()
            .http()
            .unwrap()
            .get(format!("http://localhost:{port}/"))
            .send()
            .await;
        assert!(refused.unwrap_err().is_connect());
        let nobody = tokio::time::timeout(Duration::from_millis(50), listener.accept()).await;
        assert!(nobody.is_err());
    }
}
