#![no_main]

#[path = "../bodies/flow.rs"]
mod body;

libfuzzer_sys::fuzz_target!(|data: &[u8]| body::flow(data));
