//! `POST /api/v1/audio`: uploads an audio file.

use std::sync::Arc;

use axum::{
    body::Body,
    extract::{DefaultBodyLimit, FromRequest, Multipart, Request, State, multipart::MultipartError},
    http::StatusCode,
};
use outdial_engine::{
    ports::{AudioFile, PromptError},
    verbs::{self, LARGEST_UPLOAD, UploadError},
};
use tokio_stream::StreamExt;
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{KnownFormat, ObjectBuilder, RefOr, Schema, SchemaFormat, Type},
};

use crate::native::{
    Api,
    actor::{Allowed, ToCall},
    audio::room,
    body,
    code::Code,
    endpoint::Endpoint,
    idempotency::{Answer, Idempotency},
    refusal::Refusal,
    wire::Audio,
};

pub(in crate::native) fn endpoint() -> Endpoint {
    let mut endpoint = Endpoint::new("audio", __path_upload_audio, upload_audio)
        .needs::<ToCall>()
        .refuses(&[
            Code::InvalidRequest,
            Code::MalformedForm,
            Code::BrokenBody,
            Code::SlowBody,
            Code::BodyTooLarge,
            Code::UnsupportedMediaType,
            Code::UnreadableAudio,
            Code::UploadsBusy,
        ])
        .makes_once();
    endpoint.handler = endpoint
        .handler
        .layer(DefaultBodyLimit::max(LARGEST_UPLOAD + FORM_ROOM));
    endpoint
}

/// What a form needs besides its file.
const FORM_ROOM: usize = 64 * 1024;

/// The bytes of an audio file.
pub(in crate::native) struct Sound;

impl PartialSchema for Sound {
    fn schema() -> RefOr<Schema> {
        let format = SchemaFormat::KnownFormat(KnownFormat::Binary);
        ObjectBuilder::new()
            .schema_type(Type::String)
            .format(Some(format))
            .into()
    }
}

impl ToSchema for Sound {}

/// A form with a file.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it describes what `Multipart` reads field by field")]
pub(in crate::native) struct UploadForm {
    /// The file; its name is kept, never used as a path.
    #[schema(format = Binary)]
    file: String,
}

/// Uploads an audio file
///
/// As the body itself, with a `Content-Type` as `audio/wav`, or in the field `file` of a form. At most
/// 32 MiB, and an hour of sound unless the configuration says otherwise.
///
/// What a file is, is seen in its bytes: WAV (PCM of 8 to 32 bits, float, A-law, µ-law), AU (PCM of 16 bits, A-law,
/// µ-law), MP3 and Ogg Vorbis, of 8000 to 192000 samples a second; several channels are mixed to one. Raw G.711 of 8000
/// samples a second says what it is by its name in a form (`.ulaw`, `.ul`, `.mu`, `.pcmu`, `.alaw`, `.al`, `.pcma`), or by
/// its type: `audio/basic` or `audio/PCMU`, and `audio/PCMA`. Everything else is refused with its kind.
///
/// Files that come together wait for each other; one that would wait too long is refused with 503 and `Retry-After`.
#[utoipa::path(post, path = "/api/v1/audio",
    request_body(content((inline(Sound) = "audio/wav"), (UploadForm = "multipart/form-data"))),
    responses((status = 201, body = Audio)))]
async fn upload_audio(
    State(api): State<Arc<Api>>,
    Allowed { actor, .. }: Allowed<ToCall>,
    idempotency: Idempotency,
    request: Request,
) -> Result<Answer, Refusal> {
    body::refuse_encodings(request.headers())?;
    let _room = api.uploads.enter(request.headers()).await?;
    let (name, bytes) = match body::content_type(request.headers()).as_deref() {
        Some("multipart/form-data") => read_form(request).await?,
        Some(kind) if kind.starts_with("audio/") || kind == "application/octet-stream" => {
            let (parts, body) = request.into_parts();
            (
                name_by_type(kind).to_owned(),
                body::read(body, &parts.headers, LARGEST_UPLOAD).await?,
            )
        }
        _ => {
            return Err(body::unsupported(
                "send the file as `Content-Type: audio/wav`, or as `file` of a multipart form",
            ));
        }
    };
    let idempotency = idempotency.for_request(&[b"POST /api/v1/audio", name.as_bytes(), &bytes]);
    let create = async |once| {
        verbs::upload_audio(&api.engine, &actor, &name, bytes, once)
            .await
            .map_err(refusal)
    };
    idempotency.create(&api, &actor, answer, create).await
}

fn answer(audio: &AudioFile) -> Answer {
    Answer::made(&Audio::from(audio.clone()))
}

/// What a body without a name is called. Raw audio does not say what it is, so its type does by the name.
fn name_by_type(kind: &str) -> &'static str {
    match kind {
        "audio/basic" | "audio/pcmu" | "audio/x-ulaw" | "audio/x-mulaw" => "upload.ulaw",
        "audio/pcma" | "audio/x-alaw" => "upload.alaw",
        _ => "upload",
    }
}

/// The name and the bytes of the only field.
async fn read_form(request: Request) -> Result<(String, Vec<u8>), Refusal> {
    let (parts, given) = request.into_parts();
    let timed = given
        .into_data_stream()
        .timeout(body::LONGEST_PAUSE)
        .map(|chunk| match chunk {
            Ok(chunk) => chunk.map_err(std::io::Error::other),
            Err(_) => Err(std::io::Error::new(
                std::io::ErrorKind::TimedOut,
                "the sender paused too long",
            )),
        });
    let request = Request::from_parts(parts, Body::from_stream(timed));
    let mut form = Multipart::from_request(request, &()).await.map_err(|_| no_form())?;
    let mut file = None;
    while let Some(mut field) = form.next_field().await.map_err(|error| broken(&error))? {
        match field.name() {
            Some("file") if file.is_none() => {}
            Some("file") => {
                return Err(bad_field(
                    "file",
                    "invalid",
                    "the field is given twice: upload one file at a time",
                ));
            }
            other => {
                let name = outdial_flow::fields::shortened(other.unwrap_or_default());
                return Err(bad_field(&name, "unknown", "the form has one field, `file`"));
            }
        }
        let name = field.file_name().unwrap_or("upload").to_owned();
        let mut bytes = Vec::new();
        while let Some(chunk) = field.chunk().await.map_err(|error| broken(&error))? {
            if bytes.len() + chunk.len() > LARGEST_UPLOAD {
                return Err(body::too_large(LARGEST_UPLOAD));
            }
            bytes.extend_from_slice(&chunk);
        }
        file = Some((name, bytes));
    }
    file.ok_or_else(|| bad_field("file", "missing", "`file` is missing"))
}

fn bad_field(field: &str, code: &'static str, message: &str) -> Refusal {
    let (field, message) = (field.to_owned(), message.to_owned());
    Refusal::fields(vec![outdial_flow::Problem { field, code, message }])
}

fn no_form() -> Refusal {
    Refusal::new(
        Code::MalformedForm,
        "the body is no multipart form: its type must name a boundary",
    )
}

fn broken(error: &MultipartError) -> Refusal {
    if error.status() == StatusCode::PAYLOAD_TOO_LARGE {
        return body::too_large(LARGEST_UPLOAD);
    }
    let mut cause: Option<&dyn std::error::Error> = Some(error);
    while let Some(inner) = cause {
        if inner
            .downcast_ref::<std::io::Error>()
            .is_some_and(|inner| inner.kind() == std::io::ErrorKind::TimedOut)
        {
            return body::slow();
        }
        cause = inner.source();
    }
    Refusal::new(Code::MalformedForm, "the form cannot be read to its end: send it again")
}

fn refusal(error: UploadError) -> Refusal {
    match error {
        UploadError::Unreadable(reason @ PromptError::Busy(_)) => room::busy(reason.to_string()),
        UploadError::Unreadable(reason) => Refusal::new(Code::UnreadableAudio, reason.to_string()),
        UploadError::TooLarge(_) => body::too_large(LARGEST_UPLOAD),
        UploadError::Blob(error) => Refusal::store(&error),
        UploadError::Store(error) => error.into(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use axum::body::Bytes;
    use outdial_engine::ports::BlobError;
    use serde_json::json;

    use super::*;
    use crate::native::testing::{Answer, BOB, Server, wav};

    const FORM: &str = "multipart/form-data; boundary=x";

    fn part(field: &str, bytes: &[u8]) -> Vec<u8> {
        let head = format!(
            "--x\r\nContent-Disposition: form-data; name=\"{field}\"; filename=\"../a\\\"b.wav\"\r\nContent-Type: audio/wav\r\n\r\n"
        );
        [head.as_bytes(), bytes, b"\r\n"].concat()
    }

    async fn upload_form(server: &Server, parts: &[Vec<u8>]) -> Answer {
        let body = [&parts.concat(), b"--x--\r\n".as_slice()].concat();
        server.post_bytes("/api/v1/audio", FORM, &body).await
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_and_a_form_are_both_taken() {
        let server = Server::start().await;
        let answer = server.post_bytes("/api/v1/audio", "audio/wav", &wav(16_000)).await;
        insta::assert_json_snapshot!(answer.golden());
        let answer = upload_form(&server, &[part("file", &wav(16_000))]).await;
        insta::assert_json_snapshot!(answer.golden());
        let body = json!({"to": BOB, "play": answer.json["id"]});
        assert_eq!(server.post("/api/v1/calls", &body).await.status, StatusCode::CREATED);
        let stranger = server.stranger().await;
        let answer = server.post_with("/api/v1/calls", &body, &stranger).await;
        assert_eq!(answer.errors(), [("play".into(), "invalid".into())]);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_no_audio_is_refused() {
        let server = Server::start().await;
        for bytes in [
            b"".as_slice(),
            b"RIFF",
            b"not audio at all, but long enough to have a header",
        ] {
            let answer = server.post_bytes("/api/v1/audio", "audio/wav", bytes).await;
            answer.is(StatusCode::UNPROCESSABLE_ENTITY, "unreadable_audio");
        }
        let answer = server.post_bytes("/api/v1/audio", "application/json", b"{}").await;
        answer.is(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type");
    }

    #[tokio::test(start_paused = true)]
    async fn bad_forms_are_refused() {
        let server = Server::start().await;
        let answer = upload_form(&server, &[]).await;
        assert_eq!(answer.errors(), [("file".into(), "missing".into())]);
        let answer = upload_form(&server, &[part("fiel", b"x")]).await;
        assert_eq!(answer.errors(), [("fiel".into(), "unknown".into())]);
        let answer = upload_form(&server, &[part("file", b"x"), part("file", b"y")]).await;
        assert_eq!(answer.errors(), [("file".into(), "invalid".into())]);
        for (kind, body) in [
            ("multipart/form-data", b"--x--\r\n".to_vec()),
            (FORM, part("file", b"x")),
            (FORM, Vec::new()),
        ] {
            let answer = server.post_bytes("/api/v1/audio", kind, &body).await;
            answer.is(StatusCode::BAD_REQUEST, "malformed_form");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_too_large_or_too_slow_is_refused() {
        let server = Server::start().await;
        let large = wav(LARGEST_UPLOAD);
        let answer = server.post_bytes("/api/v1/audio", "audio/wav", &large).await;
        answer.is(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large");
        upload_form(&server, &[part("file", &large)])
            .await
            .is(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large");
        for kind in ["audio/wav", FORM] {
            let start = Bytes::from(part("file", b"x"));
            let stuck = tokio_stream::once(Ok::<_, std::io::Error>(start)).chain(tokio_stream::pending());
            let request = server.request("POST", "/api/v1/audio").header("content-type", kind);
            let answer = server.send(request.body(Body::from_stream(stuck)).unwrap()).await;
            answer.is(StatusCode::REQUEST_TIMEOUT, "slow_body");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn uploads_that_come_together_wait_for_each_other() {
        let server = Server::start().await;
        let slow = || {
            let start = tokio_stream::once(Ok::<_, std::io::Error>(Bytes::from(wav(16))));
            let end = tokio_stream::once(()).then(|()| async {
                tokio::time::sleep(body::LONGEST_PAUSE - Duration::from_secs(1)).await;
                Ok(Bytes::new())
            });
            let request = server
                .request("POST", "/api/v1/audio")
                .header("content-type", "audio/wav");
            server.send(request.body(Body::from_stream(start.chain(end))).unwrap())
        };
        // Of unknown length, each takes the room of the largest.
        let answers = futures_util::future::join_all((0..12).map(|_| slow())).await;
        let taken = answers
            .iter()
            .filter(|answer| answer.status == StatusCode::CREATED)
            .count();
        assert_eq!(taken, 8, "four at once, and four after them");
        for answer in answers.iter().filter(|answer| answer.status != StatusCode::CREATED) {
            answer.is(StatusCode::SERVICE_UNAVAILABLE, "uploads_busy");
            assert_eq!(answer.header("retry-after"), "10");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_full_disk_is_no_fault_of_the_file() {
        let server = Server::start().await;
        server.world.blobs.fail(Some(BlobError::Io("/var is full".into())));
        let answer = server.post_bytes("/api/v1/audio", "audio/wav", &wav(16)).await;
        answer.is(StatusCode::SERVICE_UNAVAILABLE, "store_unavailable");
        assert!(!answer.text.contains("/var"));
    }
}
