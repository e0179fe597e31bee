//! `[trace]`: what is shown and told of the messages of calls.

use serde::Deserialize;

/// What is shown and told of the messages of calls.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Trace {
    /// Whether explanations and captures show numbers and names whole to everybody who may read them.
    pub unmasked: bool,
}
