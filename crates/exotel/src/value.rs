//! Values and their texts on the wire.

use crate::document::Node;
use jiff::civil::DateTime;
use jiff::tz::{Offset, TimeZone};
use jiff::{Timestamp, Zoned};
use rust_decimal::Decimal;

/// A value that travels as text.
pub trait Value: Sized {
    /// What is said of a text that is none: `must be …`.
    const EXPECTED: &'static str;
    /// Whether several fields of one name make one value.
    const MANY: bool = false;
    /// Reads it.
    fn read(text: &str) -> Option<Self>;
    /// Prints it.
    fn print(&self) -> String;
    /// Its part of an answer: a text, unless the value travels as something else.
    fn node(&self) -> Node {
        Node::Text(self.print())
    }
}

impl Value for String {
    const EXPECTED: &'static str = "a text";
    fn read(text: &str) -> Option<Self> {
        Some(text.to_owned())
    }
    fn print(&self) -> String {
        self.clone()
    }
}

impl Value for bool {
    const EXPECTED: &'static str = "true or false";
    fn read(text: &str) -> Option<Self> {
        match text.trim() {
            "true" | "True" | "1" => Some(true),
            "false" | "False" | "0" => Some(false),
            _ => None,
        }
    }
    fn print(&self) -> String {
        self.to_string()
    }
}

impl Value for u32 {
    const EXPECTED: &'static str = "a whole number";
    fn read(text: &str) -> Option<Self> {
        text.trim().parse().ok()
    }
    fn print(&self) -> String {
        self.to_string()
    }
}

impl Value for Decimal {
    const EXPECTED: &'static str = "an amount such as 0.018";
    fn read(text: &str) -> Option<Self> {
        let text = text.trim();
        text.parse().or_else(|_| Self::from_scientific(text)).ok()
    }
    fn print(&self) -> String {
        self.to_string()
    }
}

/// The zone of every time of the service: Indian Standard Time, five and a half hours ahead of UTC.
#[must_use]
pub fn zone() -> TimeZone {
    TimeZone::fixed(Offset::from_seconds(19_800).expect("five and a half hours are an offset"))
}

/// A moment as the service shows it.
///
/// ```
/// let moment = outdial_exotel::time("2012-01-31T06:36:15Z".parse()?);
/// assert_eq!(moment.datetime().to_string(), "2012-01-31T12:06:15");
/// # Ok::<(), jiff::Error>(())
/// ```
#[must_use]
pub fn time(moment: Timestamp) -> Zoned {
    moment.to_zoned(zone())
}

/// Read with or without fractions of a second, printed without, in the service's zone.
impl Value for Zoned {
    const EXPECTED: &'static str = "a time as 2012-01-31 12:06:15, Indian Standard Time";
    fn read(text: &str) -> Option<Self> {
        let text = text.trim();
        // `DateTime` alone would take a date without a time, and a T between them.
        let shape = text.get(4..5) == Some("-") && text.get(10..11) == Some(" ") && text.len() >= 19;
        let clock = shape.then(|| text.parse::<DateTime>().ok())??;
        clock.to_zoned(zone()).ok()
    }
    fn print(&self) -> String {
        self.with_time_zone(zone()).strftime("%Y-%m-%d %H:%M:%S").to_string()
    }
}

/// Several texts in one, separated by commas.
pub(crate) type List = Vec<String>;

impl Value for List {
    const EXPECTED: &'static str = "a list separated by commas";
    const MANY: bool = true;
    fn read(text: &str) -> Option<Self> {
        Some(
            text.split(',')
                .map(str::trim)
                .filter(|item| !item.is_empty())
                .map(str::to_owned)
                .collect(),
        )
    }
    fn print(&self) -> String {
        self.join(",")
    }
    fn node(&self) -> Node {
        Node::List("Item", self.iter().cloned().map(Node::Text).collect())
    }
}

/// Defines an enum of words. `open` ones keep a word that they do not know.
macro_rules! words {
    ($(#[$meta:meta])* closed $name:ident { $($(#[$note:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
        pub enum $name { $($(#[$note])* $variant),+ }

        impl $name {
            /// Every word.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word on the wire.
            #[must_use]
            pub fn as_str(&self) -> &str {
                match self { $(Self::$variant => $word),+ }
            }
        }

        impl crate::value::Value for $name {
            const EXPECTED: &'static str = concat!("one of", $(" ", $word),+);
            fn read(text: &str) -> Option<Self> {
                match text { $($word => Some(Self::$variant),)+ _ => None }
            }
            fn print(&self) -> String {
                self.as_str().to_owned()
            }
        }
    };
    ($(#[$meta:meta])* open $name:ident { $($(#[$note:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Clone, Debug, Eq, Hash, PartialEq)]
        pub enum $name {
            $($(#[$note])* $variant),+,
            /// A word that this crate does not know.
            Other(String),
        }

        impl $name {
            /// Every known word.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word on the wire.
            #[must_use]
            pub fn as_str(&self) -> &str {
                match self { $(Self::$variant => $word,)+ Self::Other(word) => word }
            }
        }

        impl crate::value::Value for $name {
            const EXPECTED: &'static str = concat!("one of", $(" ", $word),+);
            fn read(text: &str) -> Option<Self> {
                Some(match text { $($word => Self::$variant,)+ other => Self::Other(other.to_owned()) })
            }
            fn print(&self) -> String {
                self.as_str().to_owned()
            }
        }
    };
}
pub(crate) use words;
