//! What the program prints for people and scripts.
//!
//! A reader that goes away, as `head` does, must not make a command fail: what it did is done.

use std::{fmt, io::Write};

/// Prints a line on standard output.
pub fn line(text: fmt::Arguments<'_>) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{text}").and_then(|()| out.flush());
}

/// Prints a text on standard output as it is.
pub fn text(text: fmt::Arguments<'_>) {
    let mut out = std::io::stdout().lock();
    let _ = write!(out, "{text}").and_then(|()| out.flush());
}

/// Prints a line on standard error.
pub fn note(text: fmt::Arguments<'_>) {
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

/// Like `println!`, for a reader that may go away.
macro_rules! say {
    ($($text:tt)*) => { $crate::output::line(format_args!($($text)*)) };
}

/// Like `print!`, for a reader that may go away.
macro_rules! write_out {
    ($($text:tt)*) => { $crate::output::text(format_args!($($text)*)) };
}

/// Like `eprintln!`, for a reader that may go away.
macro_rules! tell {
    ($($text:tt)*) => { $crate::output::note(format_args!($($text)*)) };
}

pub(crate) use {say, tell, write_out};
