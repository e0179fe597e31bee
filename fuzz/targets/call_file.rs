#![no_main]

#[path = "../bodies/call_file.rs"]
mod body;

libfuzzer_sys::fuzz_target!(|data: &[u8]| body::call_file(data));
