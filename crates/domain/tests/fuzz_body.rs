//! The body of the fuzz target, run short: on random bytes, and on addresses that are almost right.

#[path = "../../../fuzz/bodies/address.rs"]
mod body;

use proptest::prelude::*;

proptest! {
    #[test]
    fn address(text in "((sips?|tel):)?[+*#0-9a-z%.-]{0,20}(@[\\[\\]a-z0-9:.-]{0,20}(:[0-9]{0,6})?)?(;[a-z=\r\n>]{0,9})?", noise: Vec<u8>) {
        body::address(text.as_bytes());
        body::address(&noise);
    }
}
