//! Times and lengths of time that a request gives.

use std::str::FromStr;

use jiff::Timestamp;
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{KnownFormat, ObjectBuilder, OneOfBuilder, RefOr, Schema, SchemaFormat, Type},
};

/// A time with its zone (RFC 3339, and RFC 9557 with the name of a zone).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Moment(pub(super) Timestamp);

impl Moment {
    /// The most bytes that one may have.
    pub(super) const LONGEST: usize = 100;
}

impl PartialSchema for Moment {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)))
            .description(Some("A time with its zone: RFC 3339."))
            .examples(["2030-01-31T09:00:00+08:00"])
            .into()
    }
}

impl ToSchema for Moment {}

/// A length of time as a request may write it; [`outdial_flow::Fields`] reads it.
pub(super) struct Length;

impl PartialSchema for Length {
    fn schema() -> RefOr<Schema> {
        let seconds = ObjectBuilder::new().schema_type(Type::Number).minimum(Some(0));
        let text = ObjectBuilder::new()
            .schema_type(Type::String)
            .pattern(Some(r"^[0-9]+(\.[0-9]+)? ?(ms|s|m|h)$"));
        OneOfBuilder::new()
            .item(seconds)
            .item(text)
            .description(Some(
                "A length of time: a number of seconds, or a text with a unit, as `30s` or `1.5h`.",
            ))
            .into()
    }
}

impl ToSchema for Length {}

impl FromStr for Moment {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse()
            .map(Self)
            .map_err(|_| "give a real time before the year 9999 with its zone, as YYYY-MM-DDThh:mm:ssZ or YYYY-MM-DDThh:mm:ss+08:00")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zone_must_be_given() {
        for good in [
            "2030-01-31T09:00:00Z",
            "2030-01-31T17:00:00+08:00",
            "2030-01-31T17:00:00+08:00[Asia/Singapore]",
        ] {
            assert_eq!(good.parse::<Moment>().unwrap().0.to_string(), "2030-01-31T09:00:00Z");
        }
        for bad in [
            "2030-01-31T09:00:00",
            "2030-01-31",
            "tomorrow",
            "",
            "1893553445",
            "2030-02-31T09:00:00Z",
        ] {
            assert!(bad.parse::<Moment>().is_err(), "{bad}");
        }
    }
}
