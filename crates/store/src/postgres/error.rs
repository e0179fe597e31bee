//! What goes wrong with PostgreSQL, in words that say what to do.

use outdial_engine::ports::StoreError;

/// Why an operation failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    /// The server says so, or does not answer.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
    /// It is a verdict already.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<Failure> for StoreError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Database(error) => unavailable(&error),
            Failure::Store(error) => error,
        }
    }
}

/// Nothing more is done with a store that is closed.
pub(super) fn closed() -> StoreError {
    StoreError::Unavailable {
        reason: "the store was closed".to_owned(),
        remedy: "Start the program again".to_owned(),
    }
}

/// The five characters that say what is wrong (PostgreSQL manual, appendix A).
fn state(error: &sqlx::Error) -> Option<String> {
    error.as_database_error()?.code().map(std::borrow::Cow::into_owned)
}

fn is_of(error: &sqlx::Error, classes: &[&str]) -> bool {
    state(error).is_some_and(|state| classes.iter().any(|class| state.starts_with(class)))
}

/// Whether a row with the same key is there already.
pub(super) fn is_taken(error: &sqlx::Error) -> bool {
    is_of(error, &["23505"])
}

/// Whether a rule of the schema forbids it, or a value is none: the fault of one change.
pub(super) fn is_forbidden(error: &sqlx::Error) -> bool {
    is_of(error, &["22", "23"])
}

/// Whether transactions got into each other's way, so that the same may work when it is tried again.
pub(super) fn is_in_the_way(error: &sqlx::Error) -> bool {
    is_of(error, &["40"])
}

/// The server's own words.
pub(super) fn message(error: &sqlx::Error) -> String {
    error
        .as_database_error()
        .map_or_else(|| error.to_string(), |error| error.message().to_owned())
}

/// The codes are of the manual's appendix A; some stand for their whole class.
const REMEDIES: &[(&str, &str)] = &[
    ("28", "Check the user and the password in `store.url`"),
    (
        "3D000",
        "Create the database, as with `createdb`, or mend its name in `store.url`",
    ),
    (
        "42501",
        "Grant this user the right to create and use tables in the database",
    ),
    (
        "25006",
        "The server only reads, as a standby does: name the primary in `store.url`",
    ),
    (
        "53100",
        "Free some space on the disk of the database server; saving goes on by itself then",
    ),
    (
        "53300",
        "Raise `max_connections` of the server, or end other programs that use it",
    ),
    (
        "53",
        "Give the database server more room; saving goes on by itself then",
    ),
    (
        "57",
        "The server stops or starts; everything goes on by itself when it answers again",
    ),
    ("58", "Look at the disk of the database server and at its log"),
    ("XX001", "The database is damaged: restore it from a backup"),
];

const AWAY: &str =
    "Start the PostgreSQL server, or mend `store.url`; everything goes on by itself when it answers again";

pub(super) fn unavailable(error: &sqlx::Error) -> StoreError {
    let remedy = match state(error) {
        Some(state) => REMEDIES
            .iter()
            .find(|(start, _)| state.starts_with(start))
            .map_or("If it happens again, report it with the log", |(_, remedy)| remedy),
        None => match error {
            sqlx::Error::Tls(_) => "Check `sslmode` and `sslrootcert` in `store.url`, and the server's certificate",
            _ => AWAY,
        },
    };
    let reason = match error {
        sqlx::Error::Io(error) => format!("the PostgreSQL server does not answer: {error}"),
        sqlx::Error::PoolTimedOut => "the PostgreSQL server does not answer, or is too slow".to_owned(),
        other => message(other),
    };
    StoreError::Unavailable {
        reason,
        remedy: remedy.to_owned(),
    }
}

/// The server took longer than any of our statements should.
pub(super) fn too_slow() -> StoreError {
    StoreError::Unavailable {
        reason: "the PostgreSQL server does not answer in time".to_owned(),
        remedy: AWAY.to_owned(),
    }
}

/// The connection broke while a change was being saved, and the server could not be asked since.
pub(super) fn unknown(error: &StoreError) -> StoreError {
    match error {
        StoreError::Unavailable { reason, remedy } => StoreError::Unavailable {
            reason: format!("it is not known whether the change was saved: {reason}"),
            remedy: remedy.clone(),
        },
        other => other.clone(),
    }
}
