//! A speech engine reached by HTTP, in the shape of `POST /v1/audio/speech`.
//!
//! Its address may be a private one: the operator's configuration names it, and no caller can. For
//! the same reason neither redirects nor the environment's proxies are followed: the text and the
//! key go to that address and nowhere else.

use std::{error::Error, fmt::Write, time::Duration};

use futures_util::{FutureExt, future::BoxFuture};
use outdial_engine::ports::PromptError;
use reqwest::{Client, Response, StatusCode, Url, header, redirect};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use tokio::time::timeout;

use crate::{
    config::{ConfigError, SpeechConfig},
    engine::{Identity, Speech, SpeechEngine},
    error::{excerpt, unusable},
    voice::Name,
};

/// The voice of texts that ask for none where none is configured: every such service knows this name.
const USUAL_VOICE: &str = "alloy";

/// The most bytes of an error's body that are looked at.
const LONGEST_COMPLAINT: usize = 4_096;

/// Speaks by asking a service.
pub struct HttpEngine {
    client: Client,
    url: Url,
    model: String,
    version: String,
    key: Option<SecretString>,
    voice: String,
    speed: f64,
    time: Duration,
    most: usize,
}

/// What is asked of the service.
#[derive(Serialize)]
struct Request<'a> {
    model: &'a str,
    input: &'a str,
    voice: &'a str,
    response_format: &'static str,
    speed: f64,
}

impl HttpEngine {
    /// The engine that the configuration describes. A TLS provider must have been installed before.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] names the key that cannot be used.
    pub fn new(config: &SpeechConfig) -> Result<Self, ConfigError> {
        let url = config.http_url()?;
        let voice = config.voice.as_deref().unwrap_or(USUAL_VOICE);
        let voice = Name::parse(voice).map_err(|bad| ConfigError::new("speech.voice", bad.to_string()))?;
        let client = Client::builder()
            .redirect(redirect::Policy::none())
            .no_proxy()
            .build()
            .map_err(|error| ConfigError::new("speech.http", story(&error)))?;
        Ok(Self {
            client,
            url,
            model: config.http.model.clone(),
            version: config.http.version.clone(),
            key: config.http.key.clone(),
            voice: voice.to_string(),
            speed: config.speed,
            time: config.limits.time,
            most: config.limits.audio_bytes,
        })
    }

    async fn ask(&self, speech: &Speech) -> Result<Vec<u8>, PromptError> {
        let voice = speech.voice.as_ref().map_or(self.voice.as_str(), Name::as_str);
        let asked = Request {
            model: &self.model,
            input: &speech.text,
            voice,
            response_format: "wav",
            speed: self.speed,
        };
        let mut request = self.client.post(self.url.clone()).json(&asked);
        if let Some(key) = &self.key {
            request = request.bearer_auth(key.expose_secret());
        }
        let mut response = request.send().await.map_err(|error| self.unreachable(error))?;
        if response.status() != StatusCode::OK {
            return Err(self.refusal(response).await);
        }
        self.check_content(&response)?;
        let too_much = || {
            let most = self.most;
            PromptError::Limit(format!(
                "the speech service gave more than {most} bytes; shorten the text, or raise speech.limits.audio_bytes"
            ))
        };
        if response
            .content_length()
            .is_some_and(|length| length > self.most as u64)
        {
            return Err(too_much());
        }
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| self.unreachable(error))? {
            if bytes.len() + chunk.len() > self.most {
                return Err(too_much());
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(bytes)
    }

    /// Refuses what says of itself that it is text. Services are careless with this header, so
    /// anything else is judged by its bytes.
    fn check_content(&self, response: &Response) -> Result<(), PromptError> {
        let kind = response
            .headers()
            .get(header::CONTENT_TYPE)
            .and_then(|kind| kind.to_str().ok())
            .unwrap_or_default();
        if kind.starts_with("text/") || kind.starts_with("application/json") {
            let reason = format!(
                "{} answered with {} instead of audio",
                self.place(),
                excerpt(kind.as_bytes())
            );
            return Err(unusable(
                reason,
                "Check that speech.http.url is the address that speaks",
            ));
        }
        Ok(())
    }

    /// The failure that a status means.
    async fn refusal(&self, mut response: Response) -> PromptError {
        let status = response.status();
        let remedy = match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => "Check speech.http.key",
            StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED => {
                "Check speech.http.url, which must be the whole address, and speech.http.model"
            }
            StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => {
                "It is busy: lower speech.limits.concurrency, or give it more to run on"
            }
            status if status.is_redirection() => {
                "Redirects are not followed: set speech.http.url to the address that speaks"
            }
            status if status.is_client_error() => "Check speech.http.model and the voice",
            _ => "Look at the log of that service",
        };
        let mut said = Vec::new();
        while said.len() < LONGEST_COMPLAINT {
            match response.chunk().await {
                Ok(Some(chunk)) => said.extend_from_slice(&chunk[..chunk.len().min(LONGEST_COMPLAINT)]),
                _ => break,
            }
        }
        let said = excerpt(&said);
        let said = if said.is_empty() {
            said
        } else {
            format!(" and said: {said}")
        };
        unusable(format!("{} answered {status}{said}", self.place()), remedy)
    }

    fn unreachable(&self, error: reqwest::Error) -> PromptError {
        let reason = format!("{} cannot be reached: {}", self.place(), story(&error.without_url()));
        unusable(reason, "Start the speech service, or correct speech.http.url")
    }

    /// The address without what may follow a question mark.
    fn place(&self) -> &str {
        self.url.as_str().split('?').next().unwrap_or_default()
    }
}

impl SpeechEngine for HttpEngine {
    fn identity(&self) -> BoxFuture<'_, Result<Identity, PromptError>> {
        let identity = Identity {
            name: self.place().to_owned(),
            version: self.version.clone(),
            settings: format!("{:?} {} {}", self.model, self.voice, self.speed),
        };
        futures_util::future::ready(Ok(identity)).boxed()
    }

    fn speak<'a>(&'a self, speech: &'a Speech) -> BoxFuture<'a, Result<Vec<u8>, PromptError>> {
        async move {
            timeout(self.time, self.ask(speech)).await.unwrap_or_else(|_| {
                Err(PromptError::Limit(format!(
                    "{} was not done after {:?}; shorten the text, or raise speech.limits.time_seconds",
                    self.place(),
                    self.time
                )))
            })
        }
        .boxed()
    }
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
