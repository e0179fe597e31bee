//! What the fuzz target of call files does with its bytes.

use outdial_callfile::parse;

/// A call file of somebody else. What can be written again is read back as the same call.
pub(crate) fn call_file(data: &[u8]) {
    let parsed = parse(data);
    let Some(file) = parsed.file else { return };
    if let Ok(text) = file.to_text() {
        assert_eq!(parse(text.as_bytes()).file, Some(file));
    }
}
