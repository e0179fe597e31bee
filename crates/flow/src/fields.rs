//! Reads the fields of a JSON object and lists every problem it finds.

mod problem;

pub use problem::{Problem, Problems, shortened};
