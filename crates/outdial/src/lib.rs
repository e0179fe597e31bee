//! The program: configuration, wiring and the command line.
