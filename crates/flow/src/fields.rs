//! Reads the fields of a JSON object and lists every problem it finds.
