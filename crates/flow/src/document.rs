//! Reads flows from documents and lists every problem.
