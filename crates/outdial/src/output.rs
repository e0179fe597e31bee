//! What the program prints for people and scripts.
//!
//! A reader that goes away, as `head` does, must not make a command fail: what it did is done.

use std::{borrow::Cow, fmt, io::Write};

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

/// Prints a line on standard error. What others have named moves nobody's cursor.
pub fn note(text: fmt::Arguments<'_>) {
    let text = text.to_string();
    let _ = writeln!(std::io::stderr().lock(), "{}", without_controls(&text));
}

/// The text with its control characters written out, as `\u{1b}`, but for the ends of lines and tabs.
pub fn without_controls(text: &str) -> Cow<'_, str> {
    let moves = |c: char| c.is_control() && !matches!(c, '\n' | '\t');
    if !text.contains(moves) {
        return text.into();
    }
    let shown = text.chars().flat_map(|c| {
        let escaped = moves(c).then(|| c.escape_default());
        let plain = escaped.is_none().then_some(c);
        escaped.into_iter().flatten().chain(plain)
    });
    shown.collect::<String>().into()
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
