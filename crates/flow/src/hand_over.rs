//! Handing a call over to the switch that carries it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What the switch that carries a call does with it from here on, with its own means.
///
/// It is for way outs that are a telephone system of their own, such as an Asterisk. The words are the
/// switch's: nothing in them is translated, and whoever may choose them can do what that switch can,
/// programs on its machine included. So a request with one needs a key with a scope for it.
///
/// It ends the flow: nothing is run after it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HandOver {
    /// Where the call goes.
    pub target: Target,
    /// Variables of the switch for this call, by name.
    pub variables: BTreeMap<String, String>,
}

/// Where in a switch a call goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// One of the switch's applications runs, then the call ends.
    Application {
        /// Its name, as `Playback`.
        name: String,
        /// Its argument.
        data: Option<String>,
    },
    /// The call goes on in the switch's dialplan.
    Dialplan {
        /// The context.
        context: String,
        /// The extension.
        extension: String,
        /// The priority, from 1.
        priority: u32,
        /// Whether it goes there at the first sound, before the answer.
        early_media: bool,
    },
}

impl HandOver {
    /// The most bytes of a name: of an application, a context, an extension, a variable.
    pub const LONGEST_NAME: usize = 80;
    /// The most bytes of an application's argument, and of a variable's value.
    pub const LONGEST_VALUE: usize = 1_000;
    /// The largest priority.
    pub const LAST_PRIORITY: u32 = i32::MAX.cast_unsigned();
    /// The most variables.
    pub const MOST_VARIABLES: usize = 50;
}
