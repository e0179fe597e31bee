//! Every reason for which a request is refused: one table, from which answers, the OpenAPI document
//! and `docs/native-problems.md` come.

use axum::http::StatusCode;

macro_rules! codes {
    ($($(#[doc = $meaning:literal])+ $name:ident = $code:literal, $status:ident, $retryable:literal, $title:literal;)+) => {
        /// Why a request is refused.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub(crate) enum Code {
            $($(#[doc = $meaning])+ $name),+
        }

        impl Code {
            /// Every code, in the order of the documentation.
            pub(crate) const ALL: &'static [Self] = &[$(Self::$name),+];

            /// The stable word.
            pub(crate) fn as_str(self) -> &'static str {
                match self { $(Self::$name => $code),+ }
            }

            /// The status it comes with.
            pub(crate) fn status(self) -> StatusCode {
                match self { $(Self::$name => StatusCode::$status),+ }
            }

            /// Whether the same request may be accepted later.
            pub(crate) fn is_retryable(self) -> bool {
                match self { $(Self::$name => $retryable),+ }
            }

            /// The same words for every occurrence.
            pub(crate) fn title(self) -> &'static str {
                match self { $(Self::$name => $title),+ }
            }

            /// When it occurs.
            pub(crate) fn meaning(self) -> &'static str {
                match self { $(Self::$name => concat!($($meaning),+).trim_ascii()),+ }
            }
        }
    };
}

codes! {
    /// Fields of the body or the query cannot be accepted; `errors` lists all of them.
    InvalidRequest = "invalid_request", UNPROCESSABLE_ENTITY, false, "Some fields cannot be accepted";
    /// The body is no JSON document; the detail says where it breaks.
    MalformedJson = "malformed_json", BAD_REQUEST, false, "The body is not JSON";
    /// The query is not percent-encoded UTF-8.
    MalformedQuery = "malformed_query", BAD_REQUEST, false, "The query cannot be read";
    /// The body is no multipart form, or broke off.
    MalformedForm = "malformed_form", BAD_REQUEST, false, "The form cannot be read";
    /// The connection failed while the body was being read.
    BrokenBody = "broken_body", BAD_REQUEST, true, "The body broke off";
    /// The body came too slowly.
    SlowBody = "slow_body", REQUEST_TIMEOUT, true, "The body came too slowly";
    /// The body is larger than this endpoint takes.
    BodyTooLarge = "body_too_large", PAYLOAD_TOO_LARGE, false, "The body is too large";
    /// The body has a type, a character set or a compression that this endpoint does not take.
    UnsupportedMediaType = "unsupported_media_type", UNSUPPORTED_MEDIA_TYPE, false, "The type of the body is not taken";
    /// The upload is no audio that can be played.
    UnreadableAudio = "unreadable_audio", UNPROCESSABLE_ENTITY, false, "The audio cannot be read";
    /// Too many audio files are being uploaded or read at this moment.
    UploadsBusy = "uploads_busy", SERVICE_UNAVAILABLE, true, "Too many uploads at a time";
    /// The request has no key, or not in the form `Authorization: Bearer od_…`.
    Unauthenticated = "unauthenticated", UNAUTHORIZED, false, "A key is needed";
    /// No key has this secret.
    InvalidKey = "invalid_key", UNAUTHORIZED, false, "The key opens nothing";
    /// The key's time is over.
    ExpiredKey = "expired_key", UNAUTHORIZED, false, "The key has expired";
    /// Too many keys that open nothing came from this address; good keys are still let in.
    TooManyFailures = "too_many_failures", TOO_MANY_REQUESTS, true, "Too many failed logins";
    /// The key lacks the scope that this endpoint needs.
    InsufficientScope = "insufficient_scope", FORBIDDEN, false, "The key does not allow this";
    /// The caller id is no number of the account, and the key lacks the scope `any_caller_id`.
    CallerIdNotAllowed = "caller_id_not_allowed", FORBIDDEN, false, "The caller id is not allowed";
    /// The sender is no number of the account, and the key lacks the scope `any_caller_id`.
    SenderNotAllowed = "sender_not_allowed", FORBIDDEN, false, "The sender is not allowed";
    /// The flow of the request has a `hand_over`, and the key lacks the scope `hand_over`.
    HandOverNotAllowed = "hand_over_not_allowed", FORBIDDEN, false, "The key may not hand calls over";
    /// No line of the configuration opens this destination.
    DestinationClosed = "destination_closed", FORBIDDEN, false, "The destination is closed";
    /// No trunk takes this call; the detail gives each one's reason.
    NoRoute = "no_route", UNPROCESSABLE_ENTITY, false, "No trunk takes this call";
    /// The account has no call with this id.
    CallNotFound = "call_not_found", NOT_FOUND, false, "There is no such call";
    /// The account has no message with this id.
    MessageNotFound = "message_not_found", NOT_FOUND, false, "There is no such message";
    /// The call is not under way, so it cannot be told to do something.
    CallNotLive = "call_not_live", CONFLICT, false, "The call is not under way";
    /// The call is under way and cannot do that now; the detail says why.
    NotNow = "not_now", CONFLICT, true, "The call cannot do that now";
    /// Nobody of the account is in a room of this name.
    RoomNotFound = "room_not_found", NOT_FOUND, false, "There is no such room";
    /// The account has no mask with this id.
    MaskNotFound = "mask_not_found", NOT_FOUND, false, "There is no such mask";
    /// Each number of the account is used already by one of the two for somebody else.
    NoFreeNumber = "no_free_number", CONFLICT, true, "No number is free for these two";
    /// The call is not in that room.
    NotInRoom = "not_in_room", NOT_FOUND, false, "The call is not in the room";
    /// There is no account with this id.
    AccountNotFound = "account_not_found", NOT_FOUND, false, "There is no such account";
    /// The account has no key with this id.
    KeyNotFound = "key_not_found", NOT_FOUND, false, "There is no such key";
    /// The call has no messages: none of its legs has ended yet, or it went by a carrier that shows none.
    NothingCaptured = "nothing_captured", CONFLICT, true, "There are no messages";
    /// The account has no schedule with this id.
    ScheduleNotFound = "schedule_not_found", NOT_FOUND, false, "There is no such schedule";
    /// The account has no recording with this id, or it was deleted.
    RecordingNotFound = "recording_not_found", NOT_FOUND, false, "There is no such recording";
    /// The recording is being written: it can be read and deleted when it was stopped.
    RecordingUnderWay = "recording_under_way", CONFLICT, true, "The recording is under way";
    /// The recording is complete, so that it can be neither paused nor resumed nor stopped.
    NotRecording = "not_recording", CONFLICT, false, "The recording is not under way";
    /// The call is not answered yet or is over, or its carrier or its node cannot record it; the detail says which.
    CannotRecord = "cannot_record", CONFLICT, true, "The call cannot be recorded now";
    /// The file of the recording is with a node that is not here, or its disk fails.
    RecordingUnreadable = "recording_unreadable", SERVICE_UNAVAILABLE, true, "The recording cannot be read";
    /// The file has none of the bytes that `Range` asks for.
    RangeNotSatisfiable = "range_not_satisfiable", RANGE_NOT_SATISFIABLE, false, "There are no such bytes";
    /// The link was not made by this server, or was changed.
    LinkForged = "link_forged", FORBIDDEN, false, "The link opens nothing";
    /// The link's time is over.
    LinkExpired = "link_expired", FORBIDDEN, false, "The link has expired";
    /// The account has no webhook with this id.
    WebhookNotFound = "webhook_not_found", NOT_FOUND, false, "There is no such webhook";
    /// The account has as many webhooks as it may have.
    TooManyWebhooks = "too_many_webhooks", CONFLICT, false, "There are too many webhooks";
    /// The account has no such delivery, call or webhook.
    NothingToReplay = "nothing_to_replay", NOT_FOUND, false, "There is nothing to tell again";
    /// The webhook is off or was removed, or the call names no receiver.
    NoReceiver = "no_receiver", CONFLICT, false, "There is nobody to be told";
    /// There is nothing at this path.
    UnknownPath = "unknown_path", NOT_FOUND, false, "There is nothing at this path";
    /// The path does not know this method; the header `Allow` lists those it knows.
    MethodNotAllowed = "method_not_allowed", METHOD_NOT_ALLOWED, false, "The path does not know this method";
    /// An account of this name exists.
    NameTaken = "name_taken", CONFLICT, false, "The name is in use";
    /// The call is under way or has ended, and cannot be changed any more.
    TooLate = "too_late", CONFLICT, false, "It is too late for that";
    /// Somebody else changed the same thing in this moment.
    Conflict = "conflict", CONFLICT, true, "It was changed by somebody else";
    /// The idempotency key was used for a request with another path or body.
    IdempotencyKeyReused = "idempotency_key_reused", UNPROCESSABLE_ENTITY, false, "The idempotency key is in use";
    /// A request with the same idempotency key is being done at this moment.
    IdempotencyInProgress = "idempotency_in_progress", CONFLICT, true, "The same request is being done";
    /// The request was answered to another API key, and the answer holds a secret that only that key may read.
    AnsweredToAnotherKey = "answered_to_another_key", CONFLICT, false, "Answered to another key";
    /// The server is stopping and takes no new work.
    Stopping = "stopping", SERVICE_UNAVAILABLE, true, "The server is stopping";
    /// The node that has this call does not answer; if it is gone, another ends the call within seconds.
    NodeSilent = "node_silent", SERVICE_UNAVAILABLE, true, "The node of this call or room does not answer";
    /// The disk or the database fails; nothing was saved and no phone rings by this request.
    StoreUnavailable = "store_unavailable", SERVICE_UNAVAILABLE, true, "The store cannot be used";
    /// A fault of ours; the log of the server has it.
    Internal = "internal", INTERNAL_SERVER_ERROR, false, "A fault of the server";
}

#[cfg(test)]
mod tests {
    use std::{collections::HashSet, fmt::Write, path::Path};

    use super::*;

    /// Set to anything to write the documentation instead of comparing it.
    const WRITE: &str = "OUTDIAL_WRITE_DOCS";

    fn documentation() -> String {
        let mut text = "# Problems of the native interface\n\n\
            Every refusal is an `application/problem+json` document (RFC 9457). Programs decide by `code`, which\n\
            does not change; `detail` is for people. The same request may be accepted later only when `retryable`\n\
            is true, and not before `Retry-After` where the answer has one.\n\n\
            | code | status | retryable | when |\n|---|---|---|---|\n"
            .to_owned();
        for code in Code::ALL {
            let retryable = if code.is_retryable() { "yes" } else { "no" };
            let (status, meaning) = (code.status().as_u16(), code.meaning());
            writeln!(text, "| `{}` | {status} | {retryable} | {meaning} |", code.as_str()).unwrap();
        }
        text += "\nIn `invalid_request` each of the `errors` has a `field`, a `message` for people, and a `code`:\n\n";
        text += "| code | meaning |\n|---|---|\n";
        for (code, meaning) in outdial_flow::Problem::CODES {
            writeln!(text, "| `{code}` | {meaning} |").unwrap();
        }
        text
    }

    #[test]
    fn the_documentation_lists_exactly_these_codes() {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/native-problems.md");
        if std::env::var_os(WRITE).is_some() {
            std::fs::write(&file, documentation()).unwrap();
        }
        let written = std::fs::read_to_string(&file).unwrap_or_default();
        assert!(
            written == documentation(),
            "{} is old: run this test with {WRITE}=1",
            file.display()
        );
    }

    #[test]
    fn each_word_is_used_once() {
        let words: HashSet<&str> = Code::ALL.iter().map(|code| code.as_str()).collect();
        assert_eq!(words.len(), Code::ALL.len());
    }
}
