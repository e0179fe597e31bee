//! What the fuzz target of flow documents does with its bytes.

use outdial_flow::document;

/// A flow of a request. What is taken is written so that it is read back equal.
pub(crate) fn flow(data: &[u8]) {
    let Ok(value) = serde_json::from_slice(data) else {
        return;
    };
    match document::read(&value, "flow") {
        Ok(flow) => assert_eq!(document::read(&document::write(&flow), "flow"), Ok(flow)),
        Err(problems) => assert!(!problems.is_empty(), "what is refused says why"),
    }
}
