//! A message: one text to one receiver, sent in one part or several.

mod receipt;

pub use receipt::{Receipt, ReceiptState};
