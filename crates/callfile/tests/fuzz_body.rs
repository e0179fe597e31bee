//! The body of the fuzz target, run short: on random bytes, and on lines that are almost right.

#[path = "../../../fuzz/bodies/call_file.rs"]
mod body;

use proptest::prelude::*;

proptest! {
    #[test]
    fn call_file(
        lines in prop::collection::vec("(Channel|Application|Data|Set|WaitTime|Extension|Context|CallerID)? ?:? ?.{0,30}\r?\n?", 0..12),
        noise: Vec<u8>,
    ) {
        let text = format!("Channel: Local/100@here\nApplication: Wait\n{}", lines.concat());
        body::call_file(text.as_bytes());
        body::call_file(&noise);
    }
}
