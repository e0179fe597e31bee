//! Why a request is refused, and the problem document that says so.

use axum::{
    http::{HeaderName, HeaderValue, header},
    response::{IntoResponse, Response},
};
use outdial_engine::{
    ports::StoreError,
    verbs::{CallError, MessageError},
};
use serde::Serialize;
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{ObjectBuilder, RefOr, Schema, Type},
};

use super::code::Code;

/// Seconds after which a store that failed may be asked again.
const STORE_RETRY: u64 = 2;
/// Seconds after which a call whose node is gone has been ended by another.
pub(super) const NODE_RETRY: u64 = 10;
/// Seconds after which a server that is stopping may have started again.
const START_RETRY: u64 = 5;

/// Why a request is refused.
#[derive(Debug, Clone)]
pub(super) struct Refusal {
    code: Code,
    detail: String,
    errors: Vec<FieldError>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

/// Why a request was refused (RFC 9457). Decide by `code`; `detail` is for people.
#[derive(Serialize, ToSchema)]
pub(super) struct Problem {
    /// A name for the kind of problem: `urn:outdial:problem:` and the code.
    #[serde(rename = "type")]
    #[schema(example = "urn:outdial:problem:invalid_request")]
    kind: String,
    /// The same words for every problem of this code.
    title: &'static str,
    /// The HTTP status.
    #[schema(example = 422)]
    status: u16,
    /// What kind of problem it is, in a word that does not change.
    code: CodeWord,
    /// What happened this time, with the remedy where there is one.
    detail: String,
    /// Whether the same request may be accepted later.
    retryable: bool,
    /// Every field that cannot be accepted.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    errors: Vec<FieldError>,
}

/// One field that cannot be accepted.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct FieldError {
    /// Where it stands: names and numbers with dots between.
    #[schema(example = "flow.1.say")]
    field: String,
    /// What is wrong, in a word that does not change.
    code: FieldErrorCode,
    /// What is wrong, and what to give instead.
    message: String,
}

/// What kind of problem it is.
#[derive(Debug, Clone, Copy)]
struct CodeWord(Code);

/// What is wrong with a field.
#[derive(Debug, Clone, Copy, Serialize)]
struct FieldErrorCode(&'static str);

impl Serialize for CodeWord {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.as_str())
    }
}

impl PartialSchema for CodeWord {
    fn schema() -> RefOr<Schema> {
        let words = Code::ALL.iter().map(|code| code.as_str());
        ObjectBuilder::new()
            .schema_type(Type::String)
            .enum_values(Some(words))
            .into()
    }
}

impl ToSchema for CodeWord {
    fn name() -> std::borrow::Cow<'static, str> {
        "ProblemCode".into()
    }
}

impl PartialSchema for FieldErrorCode {
    fn schema() -> RefOr<Schema> {
        let words = outdial_flow::Problem::CODES.iter().map(|(code, _)| *code);
        ObjectBuilder::new()
            .schema_type(Type::String)
            .enum_values(Some(words))
            .into()
    }
}

impl ToSchema for FieldErrorCode {}

impl Refusal {
    pub(super) fn new(code: Code, detail: impl Into<String>) -> Self {
        Self {
            code,
            detail: detail.into(),
            errors: Vec::new(),
            headers: Vec::new(),
        }
    }

    /// Whether this is why.
    pub(super) fn is(&self, code: Code) -> bool {
        self.code == code
    }

    /// Some fields cannot be accepted.
    pub(super) fn fields(problems: Vec<outdial_flow::Problem>) -> Self {
        let errors: Vec<FieldError> = problems.into_iter().map(FieldError::from).collect();
        let detail = match errors.as_slice() {
            [only] => format!("`{}`: {}", only.field, only.message),
            several => format!("{} fields cannot be accepted: see `errors`", several.len()),
        };
        Self {
            errors,
            ..Self::new(Code::InvalidRequest, detail)
        }
    }

    /// A fault of ours. It says nothing about itself: that is for the log.
    pub(super) fn internal() -> Self {
        Self::new(Code::Internal, "the server failed at this request; its log says why")
    }

    /// The server is stopping.
    pub(super) fn stopping() -> Self {
        Self::new(Code::Stopping, "the server is stopping: try again when it has started").retry_after(START_RETRY)
    }

    /// The store fails. What exactly is for the log: it may name files and hosts.
    pub(super) fn store(error: &dyn std::fmt::Display) -> Self {
        tracing::error!(%error, "a request failed at the store");
        let detail = "the server cannot read or write its store at the moment: nothing was saved";
        Self::new(Code::StoreUnavailable, detail).retry_after(STORE_RETRY)
    }

    /// With one field that is to blame.
    pub(super) fn blame(mut self, field: &str, code: &'static str) -> Self {
        let message = self.detail.clone();
        self.errors.push(FieldError {
            field: field.to_owned(),
            code: FieldErrorCode(code),
            message,
        });
        self
    }

    /// With the time after which to try again.
    pub(super) fn retry_after(self, seconds: u64) -> Self {
        self.header(header::RETRY_AFTER, &seconds.to_string())
    }

    /// With a header of the answer.
    pub(super) fn header(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.push((name, value));
        }
        self
    }

    pub(super) fn into_problem(self) -> Problem {
        Problem {
            kind: format!("urn:outdial:problem:{}", self.code.as_str()),
            title: self.code.title(),
            status: self.code.status().as_u16(),
            code: CodeWord(self.code),
            detail: self.detail,
            retryable: self.code.is_retryable(),
            errors: self.errors,
        }
    }
}

impl From<outdial_flow::Problem> for FieldError {
    fn from(problem: outdial_flow::Problem) -> Self {
        Self {
            field: problem.field,
            code: FieldErrorCode(problem.code),
            message: problem.message,
        }
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable { .. } => Self::store(&error),
            StoreError::Fenced(_) => Self::store(&error),
            StoreError::Stale(_) | StoreError::Gone => Self::new(Code::Conflict, error.to_string()),
            StoreError::Taken(_) => Self::new(Code::NameTaken, error.to_string()).blame("name", "invalid"),
            StoreError::Repeated => super::idempotency::in_progress(),
            StoreError::BadRow { .. } => {
                tracing::error!(%error, "a request met a row that cannot be read");
                Self::internal()
            }
        }
    }
}

impl From<CallError> for Refusal {
    fn from(error: CallError) -> Self {
        match error {
            CallError::NotFound => Self::new(Code::CallNotFound, error.to_string()),
            CallError::OwnerGone => Self::new(Code::NodeSilent, error.to_string()).retry_after(NODE_RETRY),
            CallError::GoesOn(_) => Self::new(Code::NotNow, error.to_string()),
            CallError::Store(error) => error.into(),
        }
    }
}

impl From<MessageError> for Refusal {
    fn from(error: MessageError) -> Self {
        match error {
            MessageError::NotFound => Self::new(Code::MessageNotFound, error.to_string()),
            MessageError::Store(error) => error.into(),
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(mut self) -> Response {
        let status = self.code.status();
        let headers = std::mem::take(&mut self.headers);
        let mut response = (status, axum::Json(self.into_problem())).into_response();
        let content_type = HeaderValue::from_static("application/problem+json");
        response.headers_mut().insert(header::CONTENT_TYPE, content_type);
        response.headers_mut().extend(headers);
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failing_store_names_no_file() {
        let error = StoreError::Unavailable {
            reason: "/var/lib/x is full".into(),
            remedy: "Make room".into(),
        };
        let refusal = Refusal::from(error);
        assert_eq!(refusal.code, Code::StoreUnavailable);
        assert!(!refusal.detail.contains("/var"));
        assert_eq!(refusal.headers.len(), 1);
    }

    #[test]
    fn one_bad_field_is_in_the_detail() {
        let problem = outdial_flow::Problem {
            field: "to".into(),
            code: "missing",
            message: "give it".into(),
        };
        assert_eq!(Refusal::fields(vec![problem.clone()]).detail, "`to`: give it");
        assert_eq!(
            Refusal::fields(vec![problem.clone(), problem]).detail,
            "2 fields cannot be accepted: see `errors`"
        );
    }
}
