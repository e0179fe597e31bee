//! What was given in a body or a query, before its fields are read.

use outdial_flow::{Fields, Problems};
use serde_json::Value;

use super::refusal::Refusal;

/// What was given, with the problems found so far.
#[derive(Debug)]
pub(super) struct Document {
    pub(super) value: Value,
    pub(super) problems: Problems,
}

/// The same of a request that needs no body: without one nothing is given.
#[derive(Debug)]
pub(super) struct MaybeDocument(pub(super) Document);

impl Document {
    /// What was given in a form that does not depend on spaces and on the order of fields.
    pub(super) fn canonical(&self) -> Vec<u8> {
        serde_json::to_vec(&self.value).expect("what was read from JSON can be written as JSON")
    }

    /// Reads the fields, or refuses with everything that is wrong with them, those included that
    /// nobody asked for.
    pub(super) fn read<T>(self, read: impl FnOnce(&mut Fields<'_, '_>) -> Option<T>) -> Result<T, Refusal> {
        let read = {
            let mut fields = Fields::new(&self.value, "", &self.problems);
            let read = read(&mut fields);
            fields.finish();
            read
        };
        self.problems.into_result(read).map_err(Refusal::fields)
    }
}
