//! A small client of the API: places calls, follows the events.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use jiff::Timestamp;
use reqwest::Response;
use serde::Deserialize;
use serde_json::Value;

/// A server to talk to.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    http: reqwest::Client,
    url: String,
    key: String,
}

/// A call that was accepted.
#[derive(Debug)]
pub(crate) struct Placed {
    pub(crate) call: String,
    pub(crate) asked_at: Timestamp,
}

/// What happened to a call, as far as it matters here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Event {
    pub(crate) call: String,
    pub(crate) at: Timestamp,
    pub(crate) kind: Kind,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kind {
    Dialing,
    Answered,
    Ended { completed: bool },
    Other,
}

impl Client {
    pub(crate) fn new(url: &str, key: &str) -> Result<Self> {
        let http = reqwest::Client::builder()
            .tcp_nodelay(true)
            .build()
            .context("make an HTTP client")?;
        Ok(Self {
            http,
            url: url.to_owned(),
            key: key.to_owned(),
        })
    }

    /// Gives something, and gets the answer.
    pub(crate) async fn post(&self, path: &str, body: &Value) -> Result<Value> {
        let request = self.http.post(self.address(path)).bearer_auth(&self.key).json(body);
        answer(request.send().await.with_context(|| format!("post to {path}"))?).await
    }

    /// Gives something whose answer is only looked at for whether it was taken: nobody here shall spend on reading it
    /// what the server could use.
    pub(crate) async fn hand_over(&self, path: &str, body: &Value) -> Result<()> {
        let request = self.http.post(self.address(path)).bearer_auth(&self.key).json(body);
        let response = request.send().await.with_context(|| format!("post to {path}"))?;
        let status = response.status();
        let text = response.bytes().await.context("read an answer")?;
        if !status.is_success() {
            bail!("the server answered {status}: {}", String::from_utf8_lossy(&text));
        }
        Ok(())
    }

    /// Asks for something.
    pub(crate) async fn get(&self, path: &str) -> Result<Value> {
        let request = self.http.get(self.address(path)).bearer_auth(&self.key);
        answer(request.send().await.with_context(|| format!("get {path}"))?).await
    }

    /// Asks for a call. It is on disk when this returns.
    pub(crate) async fn place(&self, body: &Value) -> Result<Placed> {
        let asked_at = now();
        let request = self.http.post(self.address("/calls")).bearer_auth(&self.key).json(body);
        let call = answer(request.send().await.context("ask for a call")?).await?;
        Ok(Placed {
            call: id(&call)?,
            asked_at,
        })
    }

    /// Hands over a WAV file; gives its id.
    pub(crate) async fn upload(&self, wav: Vec<u8>) -> Result<String> {
        let part = reqwest::multipart::Part::bytes(wav).file_name("clip.wav");
        let form = reqwest::multipart::Form::new().part("file", part);
        let request = self
            .http
            .post(self.address("/audio"))
            .bearer_auth(&self.key)
            .multipart(form);
        id(&answer(request.send().await.context("upload a file")?).await?)
    }

    /// Follows what happens from now on.
    pub(crate) async fn events(&self) -> Result<Events> {
        let request = self.http.get(self.address("/events")).bearer_auth(&self.key);
        let response = request.send().await.context("follow the events")?;
        if !response.status().is_success() {
            bail!("the events are refused: {}", response.text().await.unwrap_or_default());
        }
        Ok(Events {
            response,
            lines: Lines::default(),
        })
    }

    fn address(&self, path: &str) -> String {
        format!("{}/api/v1{path}", self.url)
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the events have times of the system's clock, and a measurement is about real time"
)]
pub(crate) fn now() -> Timestamp {
    Timestamp::now()
}

async fn answer(response: Response) -> Result<Value> {
    let status = response.status();
    let text = response.text().await.context("read an answer")?;
    if !status.is_success() {
        bail!("the server answered {status}: {text}");
    }
    serde_json::from_str(&text).with_context(|| format!("no JSON: {text}"))
}

fn id(answer: &Value) -> Result<String> {
    let id = answer["id"].as_str().with_context(|| format!("no id in {answer}"))?;
    Ok(id.to_owned())
}

/// The live events of a server.
#[derive(Debug)]
pub(crate) struct Events {
    response: Response,
    lines: Lines,
}

impl Events {
    /// The next event; an error when nothing happens for so long, or the server goes away.
    pub(crate) async fn next(&mut self, patience: Duration) -> Result<Event> {
        loop {
            while let Some(line) = self.lines.next() {
                if let Some(data) = line.strip_prefix("data:") {
                    return event(data);
                }
            }
            let chunk = tokio::time::timeout(patience, self.response.chunk())
                .await
                .with_context(|| format!("nothing happened for {patience:?}"))?
                .context("the events broke off")?;
            self.lines.add(&chunk.context("the server ended the events")?);
        }
    }
}

fn event(data: &str) -> Result<Event> {
    #[derive(Deserialize)]
    struct Wire<'a> {
        call: String,
        at: Timestamp,
        #[serde(rename = "type")]
        kind: &'a str,
        data: Data,
    }
    #[derive(Deserialize)]
    struct Data {
        ending: Option<Ending>,
    }
    #[derive(Deserialize)]
    struct Ending {
        outcome: String,
    }
    let wire: Wire = serde_json::from_str(data).with_context(|| format!("no event: {data}"))?;
    let kind = match (wire.kind, wire.data.ending) {
        ("dialing", _) => Kind::Dialing,
        ("answered", _) => Kind::Answered,
        ("ended", Some(ending)) => Kind::Ended {
            completed: ending.outcome == "completed",
        },
        _ => Kind::Other,
    };
    Ok(Event {
        call: wire.call,
        at: wire.at,
        kind,
    })
}

/// Cuts what arrives into lines, wherever the pieces end.
#[derive(Debug, Default)]
struct Lines {
    buffer: Vec<u8>,
    read: usize,
}

impl Lines {
    fn add(&mut self, chunk: &[u8]) {
        self.buffer.drain(..self.read);
        self.read = 0;
        self.buffer.extend_from_slice(chunk);
    }

    fn next(&mut self) -> Option<String> {
        let rest = &self.buffer[self.read..];
        let length = rest.iter().position(|byte| *byte == b'\n')?;
        let line = String::from_utf8_lossy(&rest[..length]).into_owned();
        self.read += length + 1;
        Some(line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_cut_wherever_the_pieces_end() {
        let mut lines = Lines::default();
        let mut found = Vec::new();
        for byte in b"id: 7\ndata: {}\n\n" {
            lines.add(&[*byte]);
            found.extend(lines.next());
        }
        assert_eq!(found, ["id: 7", "data: {}", ""]);
    }

    #[test]
    fn an_event_is_read() {
        let text = r#" {"id":"evt_1","sequence":3,"position":9,"call":"call_1","at":"2030-01-02T03:04:05.678901Z",
            "type":"ended","data":{"ending":{"outcome":"completed","by":"callee"}}}"#;
        let event = event(text).unwrap();
        assert_eq!(
            (event.call.as_str(), event.kind),
            ("call_1", Kind::Ended { completed: true })
        );
    }
}
