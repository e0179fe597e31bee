//! Reads bodies within bounds of size and time, for every face.

use std::time::Duration;

use axum::{
    body::Body,
    http::{HeaderMap, header},
};
use tokio_stream::StreamExt;

/// The most bytes of a body that is too large that are read all the same.
const MOST_THROWN_AWAY: usize = 64 * 1024 * 1024;

/// How long the sender of a body may pause.
pub(crate) const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// How long a form may take.
const FORM_TIME: Duration = Duration::from_secs(20);
/// The most bytes of a form.
const LARGEST_FORM: usize = 1024 * 1024;

/// Why a body was not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BodyError {
    /// It is larger than this many bytes.
    TooLarge(usize),
    /// Its sender paused too long.
    Slow,
    /// It broke off.
    Broken,
}

/// The whole body, unless it is larger than allowed or its sender pauses too long.
///
/// What is too large is still read for a while and thrown away: most clients look for the answer only
/// when they have sent everything.
pub(crate) async fn read(body: Body, headers: &HeaderMap, most: usize) -> Result<Vec<u8>, BodyError> {
    let announced = headers
        .get(header::CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    let mut too_much = announced.is_some_and(|length| length > most as u64);
    if too_much && headers.contains_key(header::EXPECT) {
        return Err(BodyError::TooLarge(most));
    }
    let (mut bytes, mut thrown_away) = (Vec::new(), 0);
    let mut chunks = std::pin::pin!(body.into_data_stream());
    while let Some(chunk) = tokio::time::timeout(LONGEST_PAUSE, chunks.next())
        .await
        .map_err(|_| BodyError::Slow)?
    {
        let chunk = chunk.map_err(|_| BodyError::Broken)?;
        too_much |= bytes.len() + chunk.len() > most;
        if !too_much {
            bytes.extend_from_slice(&chunk);
            continue;
        }
        bytes = Vec::new();
        thrown_away += chunk.len();
        if thrown_away > MOST_THROWN_AWAY {
            break;
        }
    }
    if too_much {
        Err(BodyError::TooLarge(most))
    } else {
        Ok(bytes)
    }
}

/// A whole form, within the bounds that forms have.
pub(crate) async fn read_form(body: Body, headers: &HeaderMap) -> Result<Vec<u8>, BodyError> {
    let read = read(body, headers, LARGEST_FORM);
    tokio::time::timeout(FORM_TIME, read)
        .await
        .map_err(|_| BodyError::Slow)?
}
