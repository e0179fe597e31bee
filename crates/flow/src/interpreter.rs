//! Runs a flow without I/O.
