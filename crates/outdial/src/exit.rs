//! Exit codes, the same for every command.
//!
//! | code | means |
//! |---|---|
//! | 0 | done; a call that was waited for completed |
//! | 1 | it ran, and the result is not the wanted one: the call did not complete, the handset did not hear, `doctor` found a fault |
//! | 2 | the arguments or the configuration are wrong |
//! | 3 | the server refused the request |
//! | 4 | it cannot start or cannot be reached: a port in use, a data directory in use, no server |

use std::{fmt, process::ExitCode};

/// Why a command failed.
#[derive(Debug)]
pub struct Failure {
    code: u8,
    message: String,
}

impl Failure {
    /// The result is not the wanted one.
    pub fn result(message: impl Into<String>) -> Self {
        Self {
            code: 1,
            message: message.into(),
        }
    }

    /// The arguments or the configuration are wrong.
    pub fn usage(message: impl Into<String>) -> Self {
        Self {
            code: 2,
            message: message.into(),
        }
    }

    /// The server refused the request.
    pub fn refused(message: impl Into<String>) -> Self {
        Self {
            code: 3,
            message: message.into(),
        }
    }

    /// It cannot start or cannot be reached.
    pub fn start(message: impl Into<String>) -> Self {
        Self {
            code: 4,
            message: message.into(),
        }
    }

    /// The exit code.
    pub fn code(&self) -> ExitCode {
        ExitCode::from(self.code)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl From<crate::config::ConfigError> for Failure {
    fn from(error: crate::config::ConfigError) -> Self {
        Self::usage(error.to_string())
    }
}

impl From<crate::data_dir::DataDirError> for Failure {
    fn from(error: crate::data_dir::DataDirError) -> Self {
        Self::start(error.to_string())
    }
}
