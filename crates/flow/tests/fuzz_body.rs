//! The body of the fuzz target, run short: on random bytes, and on documents that are almost right.

#[path = "../../../fuzz/bodies/flow.rs"]
mod body;

use proptest::prelude::*;

proptest! {
    #[test]
    fn flow(
        name in "say|play|gather|pause|send_digits|hand_over|hang_up|[a-z]{1,4}",
        value in prop_oneof![
            Just(r#""aud_00000000000000000000000000000000""#.to_owned()),
            "\"[ -!#-\\[\\]-~]{0,12}\"|-?[0-9]{1,25}|true|null|\\[\\]|\\{\\}",
            r#"\{"(digits|most|timeout|finish|on|tries|say|application)":("[0-9a-z#*]{0,5}"|[0-9]{1,3})\}"#,
        ],
        noise: Vec<u8>,
    ) {
        body::flow(format!(r#"[{{"{name}":{value}}}]"#).as_bytes());
        body::flow(&noise);
    }
}
