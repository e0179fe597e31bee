//! Carries notifications over HTTP.
//!
//! Certificates are verified. Redirects are not followed, because they would lead elsewhere than the
//! receiver was made for; proxies of the environment are not used, because they would connect for us.

use std::{error::Error, fmt::Write, sync::Arc, time::Duration};

use futures_util::{FutureExt, future::BoxFuture};
use outdial_engine::outgoing::{NoAddress, Outgoing};
use reqwest::{Client, Response, header, redirect};

use crate::{
    post::{Post, PostError, Posted, Posting},
    resolver::GuardedResolver,
};

/// How much of an answer is kept, in bytes.
const KEPT: usize = 1_024;
/// How much of it is read, so that the connection can be used again.
const READ: usize = 64 * 1_024;
/// How many idle connections are kept to one server.
const IDLE: usize = 8;

/// Carries notifications over HTTP.
pub struct HttpPost {
    client: Client,
    outgoing: Arc<Outgoing>,
    within: Duration,
}

impl HttpPost {
    /// A client that goes where it is allowed, and waits for an answer for so long. A TLS provider must
    /// have been installed before.
    ///
    /// # Errors
    ///
    /// [`PostError`] when no client can be made.
    pub fn new(outgoing: Outgoing, within: Duration) -> Result<Self, PostError> {
        let outgoing = Arc::new(outgoing);
        let client = Client::builder()
            .redirect(redirect::Policy::none())
            .no_proxy()
            .referer(false)
            .dns_resolver(Arc::new(GuardedResolver::new(Arc::clone(&outgoing))))
            .pool_max_idle_per_host(IDLE)
            .pool_idle_timeout(Duration::from_secs(30))
            .user_agent(concat!("outdial/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| PostError::Refused(story(&error)))?;
        Ok(Self {
            client,
            outgoing,
            within,
        })
    }

    async fn send(&self, posting: Posting) -> Result<Posted, PostError> {
        // What the operator allows may have changed since the URL was taken.
        let url = self
            .outgoing
            .check(&posting.url)
            .map_err(|refused| PostError::Refused(refused.to_string()))?;
        let mut request = self.client.post(url);
        for (name, value) in posting.headers {
            request = request.header(name, value);
        }
        let response = request
            .body(posting.body)
            .send()
            .await
            .map_err(|error| failure(&error.without_url()))?;
        let status = response.status().as_u16();
        let retry_after = response.headers().get(header::RETRY_AFTER);
        let retry_after = retry_after.and_then(|value| value.to_str().ok()).map(str::to_owned);
        let beginning = beginning(response)
            .await
            .map_err(|error| failure(&error.without_url()))?;
        Ok(Posted {
            status,
            retry_after,
            beginning,
        })
    }
}

impl Post for HttpPost {
    fn post(&self, posting: Posting) -> BoxFuture<'_, Result<Posted, PostError>> {
        async move {
            tokio::time::timeout(self.within, self.send(posting))
                .await
                .unwrap_or_else(|_| {
                    let seconds = self.within.as_secs_f32();
                    Err(PostError::Unreachable(format!("no answer within {seconds} s")))
                })
        }
        .boxed()
    }
}

/// How an answer begins. Control characters are shown as such: it is a stranger's text.
async fn beginning(mut response: Response) -> Result<String, reqwest::Error> {
    let (mut kept, mut read) = (Vec::new(), 0);
    while let Some(chunk) = response.chunk().await? {
        let room = KEPT - kept.len();
        kept.extend_from_slice(&chunk[..chunk.len().min(room)]);
        read += chunk.len();
        if read > READ {
            break;
        }
    }
    let text = String::from_utf8_lossy(&kept);
    Ok(text
        .chars()
        .map(|character| match character {
            '\n' | '\t' => character,
            other if other.is_control() => char::REPLACEMENT_CHARACTER,
            other => other,
        })
        .collect())
}

fn failure(error: &reqwest::Error) -> PostError {
    let mut cause: Option<&dyn Error> = Some(error);
    while let Some(inner) = cause {
        if let Some(refused @ NoAddress::Private { .. }) = inner.downcast_ref::<NoAddress>() {
            return PostError::Refused(format!("{refused} under `webhooks.allow`"));
        }
        cause = inner.source();
    }
    PostError::Unreachable(story(error))
}

/// An error with all that caused it, for the outermost alone says little.
fn story(error: &dyn Error) -> String {
    let mut story = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let _ = write!(story, ": {error}");
        cause = error.source();
    }
    story
}
