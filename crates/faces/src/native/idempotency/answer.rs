//! An answer that can be given again.

use axum::{
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};

use super::seal::Sealer;
use crate::native::{code::Code, refusal::Refusal};

/// Says that the answer is that of an earlier request.
const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// How the first byte of a kept answer says whether the rest is sealed.
const PLAIN: u8 = 0;
const SEALED: u8 = 1;

/// The answer to a request that made something.
#[derive(Clone, Serialize, Deserialize)]
pub(in crate::native) struct Answer {
    status: u16,
    /// Where what was made can be read.
    location: Option<String>,
    /// JSON.
    body: String,
    #[serde(skip)]
    secret: bool,
    #[serde(skip)]
    replayed: bool,
}

impl Answer {
    /// Something was made.
    pub(in crate::native) fn made(shown: &impl Serialize) -> Self {
        Self {
            status: StatusCode::CREATED.as_u16(),
            location: None,
            body: serde_json::to_string(shown).expect("wire types have only what JSON has"),
            secret: false,
            replayed: false,
        }
    }

    /// With the path where it can be read.
    pub(in crate::native) fn at(self, location: String) -> Self {
        Self {
            location: Some(location),
            ..self
        }
    }

    /// It holds a secret: it is kept so that only who asked can read it.
    pub(in crate::native) fn with_secret(self) -> Self {
        Self { secret: true, ..self }
    }

    /// What it says, where it is that of an earlier request.
    pub(in crate::native) fn replayed_body(&self) -> Option<serde_json::Value> {
        self.replayed.then(|| serde_json::from_str(&self.body).ok())?
    }

    /// As it is kept.
    pub(super) fn write(&self, sealer: &Sealer, random: &[u8; 32]) -> Vec<u8> {
        let text = serde_json::to_vec(self).expect("an answer has only what JSON has");
        let (mark, rest) = if self.secret {
            (SEALED, sealer.seal(&text, random))
        } else {
            (PLAIN, text)
        };
        [&[mark][..], &rest].concat()
    }

    /// What was kept, to be given again.
    pub(super) fn read(kept: &[u8], sealer: &Sealer) -> Result<Self, Refusal> {
        let text = match kept.split_first() {
            Some((&SEALED, sealed)) => sealer.open(sealed).ok_or_else(|| {
                let detail = "this was answered to another API key, and the answer holds a secret that only that key \
                    may read: send the request with that key";
                Refusal::new(Code::AnsweredToAnotherKey, detail)
            })?,
            Some((_, plain)) => plain.to_vec(),
            None => Vec::new(),
        };
        let answer: Self = serde_json::from_slice(&text).map_err(|error| {
            tracing::error!(%error, "a kept answer cannot be read");
            Refusal::internal()
        })?;
        Ok(Self {
            replayed: true,
            ..answer
        })
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::CREATED);
        let mut response = (status, self.body).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if let Some(location) = self.location.and_then(|location| HeaderValue::from_str(&location).ok()) {
            headers.insert(header::LOCATION, location);
        }
        if self.replayed {
            headers.insert(REPLAYED, HeaderValue::from_static("true"));
        }
        response
    }
}
