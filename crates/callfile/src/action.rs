use serde::{Deserialize, Serialize};

/// What happens after the answer.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum Action {
    /// A dialplan application runs, then the call ends.
    Application {
        /// Its name, as `Playback`.
        name: String,
        /// Its argument.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        data: Option<String>,
    },
    /// The call goes on in the dialplan.
    Dialplan {
        /// The context.
        context: String,
        /// The extension.
        extension: String,
        /// The priority, 1 when not given. Labels are not understood here.
        #[serde(default = "first_priority")]
        priority: u32,
    },
}

impl Action {
    /// Runs an application with an argument; an empty one is none.
    #[must_use]
    pub fn application(name: impl Into<String>, data: impl Into<String>) -> Self {
        Self::Application {
            name: name.into(),
            data: Some(data.into()).filter(|data| !data.is_empty()),
        }
    }

    /// Goes to the first priority of an extension.
    #[must_use]
    pub fn dialplan(context: impl Into<String>, extension: impl Into<String>) -> Self {
        Self::Dialplan {
            context: context.into(),
            extension: extension.into(),
            priority: first_priority(),
        }
    }
}

fn first_priority() -> u32 {
    1
}
