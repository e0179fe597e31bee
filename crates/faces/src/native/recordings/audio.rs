//! `GET /api/v1/recordings/{id}/audio`, and the same by a link that needs no key: the sound of a recording.

use std::{ops::Range, sync::Arc};

use axum::{
    body::{Body, Bytes},
    extract::{RawQuery, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use outdial_domain::{AccountId, Recording, RecordingId};
use outdial_engine::{
    Engine,
    recording::Link,
    verbs::{self, LinkError, RecordingError},
};
use outdial_flow::Fields;

use super::refusal;
use crate::native::{
    Api,
    actor::{Allowed, ToRead},
    code::Code,
    endpoint::Endpoint,
    id::Id,
    query,
    refusal::Refusal,
};

/// Bytes that are read at once.
const PIECE: u64 = 64 * 1024;

const REFUSALS: &[Code] = &[
    Code::RecordingNotFound,
    Code::RecordingUnderWay,
    Code::RecordingUnreadable,
    Code::RangeNotSatisfiable,
];

pub(in crate::native) fn endpoint() -> Endpoint {
    Endpoint::new("recordings", __path_get_audio, get_audio)
        .needs::<ToRead>()
        .refuses(REFUSALS)
}

pub(in crate::native) fn endpoint_for_links() -> Endpoint {
    let codes = [
        REFUSALS,
        &[
            Code::InvalidRequest,
            Code::MalformedQuery,
            Code::LinkForged,
            Code::LinkExpired,
            Code::StoreUnavailable,
        ],
    ];
    Endpoint::new("recordings", __path_get_shared_audio, get_shared_audio).refuses(&codes.concat())
}

/// Gives the sound of a recording
///
/// A WAV file. One part of it can be asked for by `Range` (RFC 9110, section 14).
#[utoipa::path(get, path = "/api/v1/recordings/{id}/audio",
    params(
        ("id" = String, Path, description = "The id of the recording."),
        ("Range" = Option<String>, Header, description = "Which bytes, as `bytes=0-65535`."),
    ),
    responses(
        (status = 200, body = Vec<u8>, content_type = "audio/wav", description = "The file."),
        (status = 206, body = Vec<u8>, content_type = "audio/wav", description = "The part that was asked for."),
    ))]
async fn get_audio(
    State(api): State<Arc<Api>>,
    Allowed { actor, .. }: Allowed<ToRead>,
    Id(id): Id<RecordingId>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let recording = verbs::get_recording(&api.engine, &actor, id).await.map_err(refusal)?;
    answer(&api.engine, recording, &headers).await
}

/// Gives the sound of a recording to whoever has the link
///
/// It is the `recording_url` of the recording, and opens it for a while.
#[utoipa::path(get, path = "/api/v1/recordings/{id}/shared",
    params(
        ("id" = String, Path, description = "The id of the recording."),
        ("account" = String, Query, description = "From the link."),
        ("expires" = i64, Query, description = "From the link."),
        ("signature" = String, Query, description = "From the link."),
        ("Range" = Option<String>, Header, description = "Which bytes, as `bytes=0-65535`."),
    ),
    responses(
        (status = 200, body = Vec<u8>, content_type = "audio/wav", description = "The file."),
        (status = 206, body = Vec<u8>, content_type = "audio/wav", description = "The part that was asked for."),
    ))]
async fn get_shared_audio(
    State(api): State<Arc<Api>>,
    Id(recording): Id<RecordingId>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let (account, expires, signature) = query::read(query.as_deref(), &["expires"])?.read(read)?;
    let link = Link {
        account,
        recording,
        expires,
    };
    let opened = verbs::open_link(&api.engine, link, &signature).await;
    let recording = opened.map_err(|error| match error {
        LinkError::Forged => Refusal::new(Code::LinkForged, error.to_string()),
        LinkError::Expired => Refusal::new(Code::LinkExpired, error.to_string()),
        LinkError::Gone => Refusal::new(Code::RecordingNotFound, error.to_string()),
        LinkError::Store(error) => error.into(),
    })?;
    answer(&api.engine, recording, &headers).await
}

fn read(fields: &mut Fields<'_, '_>) -> Option<(AccountId, i64, String)> {
    let account = fields
        .required("account")
        .and_then(|given| given.parse::<AccountId>(100));
    let expires = fields.required("expires").and_then(|given| given.integer(0..=i64::MAX));
    let signature = fields.required("signature").and_then(|given| given.line(100));
    Some((account?, expires?, signature?.to_owned()))
}

/// Where a link leads.
pub(crate) fn path_of(link: &Link, signature: &str) -> String {
    let Link {
        account,
        recording,
        expires,
    } = link;
    format!("/api/v1/recordings/{recording}/shared?account={account}&expires={expires}&signature={signature}")
}

async fn answer(engine: &Engine, recording: Recording, headers: &HeaderMap) -> Result<Response, Refusal> {
    verbs::has_sound(&recording).map_err(refusal)?;
    let whole = recording.bytes;
    let tag = format!("\"{}-{whole}\"", recording.id);
    let part = match wanted(headers, &tag, whole) {
        Wanted::Whole => None,
        Wanted::Part(part) => Some(part),
        Wanted::Nothing => {
            let detail = format!("the file has {whole} bytes, and none of those asked for is among them");
            let refusal = Refusal::new(Code::RangeNotSatisfiable, detail);
            return Err(refusal.header(header::CONTENT_RANGE, &format!("bytes */{whole}")));
        }
    };
    let bytes = part.clone().unwrap_or(0..whole);
    let name = format!("attachment; filename=\"{}.wav\"", recording.id);
    let length = bytes.end - bytes.start;
    // The first piece is read before anything is answered, so that what cannot be read is refused.
    let first = piece(engine, &recording, bytes.clone()).await.map_err(refusal)?;
    let mut response = Body::from_stream(pieces(engine.clone(), recording, bytes.clone(), first)).into_response();
    let values = [
        (header::CONTENT_TYPE, "audio/wav".to_owned()),
        (header::ACCEPT_RANGES, "bytes".to_owned()),
        (header::ETAG, tag),
        (header::CONTENT_DISPOSITION, name),
        (header::CONTENT_LENGTH, length.to_string()),
    ];
    for (name, value) in values {
        let value = HeaderValue::try_from(value).expect("ids and numbers are plain text");
        response.headers_mut().insert(name, value);
    }
    if part.is_some() {
        *response.status_mut() = StatusCode::PARTIAL_CONTENT;
        let range = format!("bytes {}-{}/{whole}", bytes.start, bytes.end - 1);
        let range = HeaderValue::try_from(range).expect("numbers are plain text");
        response.headers_mut().insert(header::CONTENT_RANGE, range);
    }
    Ok(response)
}

async fn piece(engine: &Engine, recording: &Recording, bytes: Range<u64>) -> Result<Bytes, RecordingError> {
    let most = usize::try_from((bytes.end - bytes.start).min(PIECE)).unwrap_or(0);
    if most == 0 {
        return Ok(Bytes::new());
    }
    let piece = verbs::read_recording(engine, recording, bytes.start, most).await?;
    if piece.len() < most {
        let there = bytes.start + piece.len() as u64;
        return Err(RecordingError::Unreadable(format!("its file ends at byte {there}")));
    }
    Ok(piece.into())
}

/// The bytes, piece by piece, as fast as they are taken. What cannot be read any more breaks the answer off.
fn pieces(
    engine: Engine,
    recording: Recording,
    bytes: Range<u64>,
    first: Bytes,
) -> impl futures_util::Stream<Item = Result<Bytes, RecordingError>> {
    let next = bytes.start + first.len() as u64;
    let rest = futures_util::stream::try_unfold(
        (engine, recording, next..bytes.end),
        |(engine, recording, left)| async move {
            if left.is_empty() {
                return Ok(None);
            }
            let piece = piece(&engine, &recording, left.clone()).await?;
            let left = left.start + piece.len() as u64..left.end;
            Ok(Some((piece, (engine, recording, left))))
        },
    );
    futures_util::StreamExt::chain(futures_util::stream::iter([Ok(first)]), rest)
}

#[derive(Debug, PartialEq, Eq)]
enum Wanted {
    Whole,
    Part(Range<u64>),
    /// Bytes that the file has not.
    Nothing,
}

/// What a request wants of a file. What is no single range of bytes is not looked at, as RFC 9110, section 14.2,
/// allows, and so is a range of another file.
fn wanted(headers: &HeaderMap, tag: &str, whole: u64) -> Wanted {
    let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    if headers.contains_key(header::IF_RANGE) && text(header::IF_RANGE) != Some(tag) {
        return Wanted::Whole;
    }
    let Some(range) = text(header::RANGE).and_then(|range| range.trim().strip_prefix("bytes=")) else {
        return Wanted::Whole;
    };
    let number = |text: &str| match text.trim() {
        "" => Some(None),
        digits if digits.bytes().all(|byte| byte.is_ascii_digit()) => Some(Some(digits.parse().unwrap_or(u64::MAX))),
        _ => None,
    };
    let Some((first, last)) = range
        .split_once('-')
        .and_then(|(first, last)| Some((number(first)?, number(last)?)))
    else {
        return Wanted::Whole;
    };
    let range = match (first, last) {
        (None, None) => return Wanted::Whole,
        (None, Some(last)) => whole.saturating_sub(last)..whole,
        (Some(first), None) => first..whole,
        (Some(first), Some(last)) if first > last => return Wanted::Whole,
        (Some(first), Some(last)) => first..last.saturating_add(1).min(whole),
    };
    if range.is_empty() {
        Wanted::Nothing
    } else {
        Wanted::Part(range)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_those_of_the_standard() {
        let of = |range: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::RANGE, range.parse().unwrap());
            wanted(&headers, "\"x\"", 1_000)
        };
        for (range, part) in [
            ("bytes=0-99", 0..100),
            ("bytes=0-0", 0..1),
            ("bytes=900-", 900..1_000),
            ("bytes=900-99999999999999999999", 900..1_000),
            ("bytes=-100", 900..1_000),
            ("bytes=-5000", 0..1_000),
            (" bytes=1 - 2 ", 1..3),
        ] {
            assert_eq!(of(range), Wanted::Part(part), "{range}");
        }
        for range in ["bytes=1000-", "bytes=5000-6000", "bytes=-0"] {
            assert_eq!(of(range), Wanted::Nothing, "{range}");
        }
        for range in [
            "bytes=",
            "bytes=-",
            "bytes=5-4",
            "bytes=0-1,5-6",
            "lines=0-1",
            "bytes=a-b",
            "bytes=+1-2",
        ] {
            assert_eq!(of(range), Wanted::Whole, "{range}");
        }
    }

    #[test]
    fn a_range_of_another_file_is_not_taken_of_this_one() {
        let mut headers = HeaderMap::new();
        headers.insert(header::RANGE, "bytes=0-1".parse().unwrap());
        headers.insert(header::IF_RANGE, "\"other\"".parse().unwrap());
        assert_eq!(wanted(&headers, "\"x\"", 9), Wanted::Whole);
        headers.insert(header::IF_RANGE, "\"x\"".parse().unwrap());
        assert_eq!(wanted(&headers, "\"x\"", 9), Wanted::Part(0..2));
    }
}
