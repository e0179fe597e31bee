//! Texts of others as tags of calls.

use outdial_domain::Plan;

/// A text as a tag: one line of bounded length, or none.
pub(crate) fn shortened(text: &str) -> Option<String> {
    let mut line: String = text.chars().filter(|character| !character.is_control()).collect();
    line.truncate(line.floor_char_boundary(Plan::LONGEST_TAG));
    (!line.is_empty()).then_some(line)
}
