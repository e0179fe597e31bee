//! Says how a text would be sent: by the same code that sends it.

use outdial_domain::text::{Composed, Concatenation, TextError, compose};

/// The most parts that a message may have. Longer texts belong somewhere else than into a phone.
pub const MOST_MESSAGE_PARTS: usize = 20;

/// How a text would be written and split. It needs neither an account nor a trunk, only how the trunk would join the
/// parts; with `smart`, plain typography may stand in.
///
/// # Errors
///
/// [`TextError`] when it could not be sent.
pub fn preview_message(body: &str, smart: bool, concatenation: Concatenation) -> Result<Composed, TextError> {
    compose(body, smart, concatenation, MOST_MESSAGE_PARTS)
}
