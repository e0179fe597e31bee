//! A small client of the native API, for the command line.

use std::time::Duration;

use futures_util::{Stream, StreamExt, stream};
use reqwest::{Method, StatusCode};
use serde_json::Value;

use crate::exit::Failure;

/// A server to talk to.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    url: String,
    key: String,
}

impl Client {
    /// A client of the server at this URL.
    ///
    /// # Errors
    ///
    /// [`Failure`] when the URL is none.
    pub fn new(url: &str, key: &str) -> Result<Self, Failure> {
        let parsed = reqwest::Url::parse(url);
        if !parsed.is_ok_and(|url| matches!(url.scheme(), "http" | "https")) {
            return Err(Failure::usage(format!(
                "`{url}` is no URL of a server: give one as http://127.0.0.1:7575"
            )));
        }
        let http = reqwest::Client::builder()
            .connect_timeout(Duration::from_secs(5))
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|error| Failure::start(format!("no HTTP client can be made: {error}")))?;
        Ok(Self {
            http,
            url: url.trim_end_matches('/').to_owned(),
            key: key.to_owned(),
        })
    }

    /// Asks for something.
    ///
    /// # Errors
    ///
    /// [`Failure`] when the server cannot be reached or refuses.
    pub async fn get(&self, path: &str) -> Result<Value, Failure> {
        self.send(Method::GET, path, None).await
    }

    /// Gives something.
    ///
    /// # Errors
    ///
    /// [`Failure`] when the server cannot be reached or refuses.
    pub async fn post(&self, path: &str, body: &Value) -> Result<Value, Failure> {
        self.send(Method::POST, path, Some(body)).await
    }

    /// Changes something.
    ///
    /// # Errors
    ///
    /// [`Failure`] when the server cannot be reached or refuses.
    pub async fn patch(&self, path: &str, body: &Value) -> Result<Value, Failure> {
        self.send(Method::PATCH, path, Some(body)).await
    }

    /// Takes something away.
    ///
    /// # Errors
    ///
    /// [`Failure`] when the server cannot be reached or refuses.
    pub async fn delete(&self, path: &str) -> Result<Value, Failure> {
        self.send(Method::DELETE, path, None).await
    }

    /// Uploads an audio file and gives its id.
    ///
    /// # Errors
    ///
    /// [`Failure`] when the server cannot be reached or refuses.
    pub async fn upload(&self, name: &str, bytes: Vec<u8>) -> Result<String, Failure> {
        let part = reqwest::multipart::Part::bytes(bytes).file_name(name.to_owned());
        let form = reqwest::multipart::Form::new().part("file", part);
        let request = self
            .http
            .post(self.address("/audio"))
            .bearer_auth(&self.key)
            .multipart(form);
        let answer = answer(request.send().await.map_err(|error| self.unreachable(&error))?).await?;
        answer["id"]
            .as_str()
            .map(str::to_owned)
            .ok_or_else(|| Failure::refused("the server gave no audio id"))
    }

    /// Asks for a file.
    ///
    /// # Errors
    ///
    /// [`Failure`] when the server cannot be reached or refuses.
    pub async fn download(&self, path: &str) -> Result<Vec<u8>, Failure> {
        let request = self.http.get(self.address(path)).bearer_auth(&self.key);
        let response = request.send().await.map_err(|error| self.unreachable(&error))?;
        if !response.status().is_success() {
            return Err(refused(response, "the server gave no file").await);
        }
        let broken = |error| Failure::start(format!("the answer broke off: {error}"));
        Ok(response.bytes().await.map_err(broken)?.into())
    }

    /// Asks for a part of a file, from its first to its last byte.
    ///
    /// # Errors
    ///
    /// [`Failure`] when the server cannot be reached, refuses, or gives something else.
    pub async fn download_part(&self, path: &str, first: u64, last: u64) -> Result<Vec<u8>, Failure> {
        let range = format!("bytes={first}-{last}");
        let request = self
            .http
            .get(self.address(path))
            .bearer_auth(&self.key)
            .header("range", range);
        let response = request.send().await.map_err(|error| self.unreachable(&error))?;
        if response.status() != StatusCode::PARTIAL_CONTENT {
            return Err(refused(response, "the server gave no part of the file").await);
        }
        let broken = |error| Failure::start(format!("the answer broke off: {error}"));
        let bytes = response.bytes().await.map_err(broken)?;
        if bytes.len() as u64 != last - first + 1 {
            return Err(Failure::start("the server gave less of the file than there is"));
        }
        Ok(bytes.into())
    }

    /// Follows the events, of one call or message, given with the word for which it is, or of all, after a position; it goes on where it was cut off.
    ///
    /// # Errors
    ///
    /// [`Failure`] when the server cannot be reached or refuses; errors in the stream end it.
    pub async fn follow(
        &self,
        one: Option<(&str, &str)>,
        after: Option<i64>,
    ) -> Result<impl Stream<Item = Result<Value, Failure>> + Send + use<>, Failure> {
        let mut query = Vec::new();
        query.extend(one.map(|(kind, id)| (kind, id.to_owned())));
        query.extend(after.map(|after| ("after", after.to_string())));
        let request = self
            .http
            .get(self.address("/events"))
            .bearer_auth(&self.key)
            .query(&query);
        let response = request.send().await.map_err(|error| self.unreachable(&error))?;
        if !response.status().is_success() {
            return Err(refused(response, "the server gave no event stream").await);
        }
        let chunks = response.bytes_stream();
        Ok(stream::try_unfold(
            (chunks, Frames::default()),
            |(mut chunks, mut frames)| async move {
                loop {
                    if let Some(event) = frames.next() {
                        return Ok(Some((event, (chunks, frames))));
                    }
                    match chunks.next().await {
                        Some(Ok(chunk)) => frames.buffer.extend_from_slice(&chunk),
                        Some(Err(error)) => return Err(Failure::start(format!("the event stream broke: {error}"))),
                        None => return Ok(None),
                    }
                }
            },
        ))
    }

    async fn send(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Value, Failure> {
        let mut request = self.http.request(method, self.address(path)).bearer_auth(&self.key);
        if let Some(body) = body {
            request = request.json(body);
        }
        answer(request.send().await.map_err(|error| self.unreachable(&error))?).await
    }

    fn address(&self, path: &str) -> String {
        format!("{}/api/v1{path}", self.url)
    }

    fn unreachable(&self, error: &reqwest::Error) -> Failure {
        Failure::start(format!(
            "no server answers at {}: {}. Start one with `outdial serve`, or check --url and OUTDIAL_URL",
            self.url,
            error.to_string().replace(&self.key, "…"),
        ))
    }
}

async fn answer(response: reqwest::Response) -> Result<Value, Failure> {
    let status = response.status();
    let body = response
        .bytes()
        .await
        .map_err(|error| Failure::start(format!("the answer broke off: {error}")))?;
    if status == StatusCode::NO_CONTENT {
        return Ok(Value::Null);
    }
    let value: Value = serde_json::from_slice(&body).map_err(|_| {
        Failure::start(format!(
            "the server answered {status} with something that is not JSON: is it Outdial?"
        ))
    })?;
    if status.is_success() {
        Ok(value)
    } else {
        Err(refusal(status, &value))
    }
}

async fn refused(response: reqwest::Response, otherwise: &str) -> Failure {
    match answer(response).await {
        Err(failure) => failure,
        Ok(_) => Failure::start(otherwise),
    }
}

/// A problem document as a person reads it: every bad field on a line of its own.
fn refusal(status: StatusCode, problem: &Value) -> Failure {
    let detail = problem["detail"]
        .as_str()
        .or(problem["title"].as_str())
        .unwrap_or("no reason given");
    let mut message = format!("refused ({status}): {detail}");
    for error in problem["errors"].as_array().into_iter().flatten() {
        let field = error["field"].as_str().unwrap_or_default();
        message += &format!("\n  {field}: {}", error["message"].as_str().unwrap_or_default());
    }
    match status {
        StatusCode::UNAUTHORIZED => Failure::refused(message + "\n  give the key with --key or OUTDIAL_KEY"),
        StatusCode::SERVICE_UNAVAILABLE => Failure::start(message),
        _ => Failure::refused(message),
    }
}

/// Cuts a server-sent event stream (WHATWG HTML, section 9.2) into events.
#[derive(Default)]
struct Frames {
    buffer: Vec<u8>,
}

impl Frames {
    fn next(&mut self) -> Option<Value> {
        loop {
            let end = self.buffer.windows(2).position(|pair| pair == b"\n\n")?;
            let frame: Vec<u8> = self.buffer.drain(..end + 2).collect();
            let frame = String::from_utf8_lossy(&frame);
            let field = |name: &str| {
                frame
                    .lines()
                    .find_map(|line| Some(line.strip_prefix(name)?.strip_prefix(':')?.trim_start()))
            };
            if let Some(event) = field("data").and_then(|data| serde_json::from_str(data).ok()) {
                return Some(event);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_cut_wherever_the_chunks_end() {
        let mut frames = Frames::default();
        let whole = b": keep\n\nid: 7\nevent: created\ndata: {\"a\":1}\n\nid: 8\ndata: {}\n\n";
        let mut found = Vec::new();
        for byte in whole {
            frames.buffer.push(*byte);
            found.extend(frames.next());
        }
        assert_eq!(found, [serde_json::json!({"a": 1}), serde_json::json!({})]);
    }
}
