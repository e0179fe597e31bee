//! What a change says of each field: nothing, `null`, or something new.

use outdial_engine::verbs::Edit;
use outdial_flow::Fields;

use super::plan::ONE_ACTION;

/// What a change does with what is read from one of these fields, which are names for the same.
pub(super) fn edit<T>(fields: &Fields<'_, '_>, names: &[&str], read: Option<T>) -> Edit<T> {
    match read {
        Some(new) => Edit::Set(new),
        None if names.iter().any(|name| fields.clears(name)) => Edit::Clear,
        None => Edit::Keep,
    }
}

/// Reports the fields of a plan that are to be cleared and cannot be, and these others.
pub(super) fn refuse_to_clear(fields: &Fields<'_, '_>, others: &[&str]) {
    for name in ["to"].iter().chain(others).filter(|name| fields.clears(name)) {
        let message = format!("`{name}` cannot be taken away: give another, or leave the field out to keep it");
        fields.problem(name, "invalid", message);
    }
    let actions = ["say", "play", "flow"];
    let cleared = actions.iter().find(|name| fields.clears(name));
    if let Some(name) = cleared.filter(|_| !actions.iter().any(|name| fields.has(name))) {
        let message = format!("what is done after the answer cannot be taken away: {ONE_ACTION}, or none to keep it");
        fields.problem(name, "invalid", message);
    }
}
