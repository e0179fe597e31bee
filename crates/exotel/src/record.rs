//! Flat records: what they have in common, and the macro that defines one.

use crate::document::Node;
use crate::fields::Fields;
use crate::invalid::{Invalid, Problem};
use crate::value::Value;

/// A flat set of named values: a request, a callback, or a part of an answer.
pub trait Record: Sized {
    /// The names of all fields on the wire.
    const NAMES: &'static [&'static str];

    /// Reads it as the service does: what is unknown is passed over, what is empty counts as absent.
    ///
    /// # Errors
    ///
    /// With every field that is missing or cannot be read.
    fn from_fields(fields: &Fields) -> Result<Self, Invalid>;

    /// Its parts, in the order of the service.
    fn to_parts(&self) -> Vec<(String, Node)>;

    /// Prints it as a form.
    fn to_fields(&self) -> Fields {
        Fields::from_node(&Node::Fields(self.to_parts()))
    }

    /// Reads an urlencoded form.
    ///
    /// # Errors
    ///
    /// As [`from_fields`](Self::from_fields), and when the form itself cannot be read.
    fn from_form(form: &str) -> Result<Self, Invalid> {
        Self::from_fields(&Fields::from_form(form)?)
    }
}

/// Refuses every field that a record does not know.
pub(crate) fn refuse_unknown<R: Record>(fields: &Fields, invalid: &mut Invalid) {
    for name in fields.names() {
        if !R::NAMES.contains(&name) {
            invalid.add(name, Problem::Unknown);
        }
    }
}

/// Creates a record out of fields that somebody wrote by hand: what is unknown is refused, and `more` may
/// find more that is missing.
pub(crate) fn strictly<R: Record>(fields: &Fields, more: impl FnOnce(&R, &mut Invalid)) -> Result<R, Invalid> {
    let mut invalid = Invalid::default();
    let read = R::from_fields(fields);
    match &read {
        Ok(record) => more(record, &mut invalid),
        Err(bad) => invalid = bad.clone(),
    }
    refuse_unknown::<R>(fields, &mut invalid);
    invalid.into_result().and(read)
}

/// The name on the wire of a field that is called `like_this` here; other names stay as they are.
pub(crate) fn pascal<R: Record>(name: &str) -> String {
    let words = name.split('_').map(|word| {
        let mut letters = word.chars();
        let first = letters.next().map(|letter| letter.to_ascii_uppercase());
        first.into_iter().chain(letters).collect::<String>()
    });
    let pascal: String = words.collect();
    if R::NAMES.contains(&pascal.as_str()) {
        pascal
    } else {
        name.to_owned()
    }
}

/// Names and values of a JSON object: lists separated by commas, `null` left out.
pub(crate) fn json_pairs(text: &str) -> Result<Vec<(String, String)>, Invalid> {
    let json = serde_json::from_str(text).map_err(|error| Invalid::bad("request", format!("is no JSON: {error}")))?;
    let Node::Fields(parts) = crate::document::from_json(json, 0)? else {
        return Err(Invalid::bad("request", "must be a JSON object"));
    };
    let mut pairs = Vec::new();
    for (name, node) in parts {
        match &node {
            Node::Null => continue,
            Node::List(_, items) if items.iter().all(|item| item.text().is_some()) => {
                let texts: Vec<String> = items.iter().filter_map(Node::text).collect();
                pairs.push((name, texts.join(",")));
            }
            Node::Text(text) => pairs.push((name, text.clone())),
            Node::Number(number) => pairs.push((name, number.to_string())),
            Node::List(..) | Node::Fields(_) => return Err(Invalid::bad(&name, "must be a text or a number")),
        }
    }
    Ok(pairs)
}

/// Reads fields one after the other, and keeps what is wrong with them.
pub(crate) struct Reader<'a> {
    fields: &'a Fields,
    invalid: Invalid,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(fields: &'a Fields) -> Self {
        Self {
            fields,
            invalid: Invalid::default(),
        }
    }

    /// A field that may be absent.
    pub(crate) fn optional<T: Value>(&mut self, name: &str) -> Option<T> {
        let values = self.fields.all(name);
        let (text, rest) = values.split_first()?;
        let value = if rest.is_empty() {
            T::read(text)
        } else if T::MANY {
            T::read(&values.join(","))
        } else if rest.iter().all(|other| other == text) {
            T::read(text)
        } else {
            self.invalid.add(
                name,
                Problem::Bad("is given several times with different values".to_owned()),
            );
            return None;
        };
        if value.is_none() {
            self.invalid.add(name, Problem::Bad(format!("must be {}", T::EXPECTED)));
        }
        value
    }

    /// A field that must be there.
    pub(crate) fn required<T: Value>(&mut self, name: &str) -> Option<T> {
        if self.fields.all(name).is_empty() {
            self.invalid.add(name, Problem::Missing);
        }
        self.optional(name)
    }

    /// What was wrong with them, all together.
    pub(crate) fn finish(&mut self) -> Result<(), Invalid> {
        std::mem::take(&mut self.invalid).into_result()
    }
}

/// What was required and read.
pub(crate) fn there<T>(value: Option<T>, name: &str) -> Result<T, Invalid> {
    value.ok_or_else(|| {
        let mut invalid = Invalid::default();
        invalid.add(name, Problem::Missing);
        invalid
    })
}

/// Defines a record: its struct, a constructor that takes what is required, a method for each option,
/// and how it is read and printed.
///
/// The name in brackets is that on the wire. `nullable` ones are printed as `null` when they are not there,
/// `optional` ones are left out.
macro_rules! record {
    (
        $(#[$meta:meta])* $name:ident {
            $(required $vis:vis $ctor:ident { $($(#[$rnote:meta])* $rfield:ident: $rtype:ident [$rkey:literal]),+ $(,)? })?
            $(nullable { $($(#[$anote:meta])* $afield:ident: $atype:ident [$akey:literal]),+ $(,)? })?
            $(optional { $($(#[$onote:meta])* $ofield:ident: $otype:ident [$okey:literal]),+ $(,)? })?
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Debug, Eq, PartialEq)]
        pub struct $name {
            $($($(#[$rnote])* pub $rfield: $rtype,)+)?
            $($($(#[$anote])* pub $afield: Option<$atype>,)+)?
            $($($(#[$onote])* pub $ofield: Option<$otype>,)+)?
        }

        crate::record::constructor!($name $($vis $ctor $($rfield: $rtype),+)?; $($($afield)+)? $($($ofield)+)?);

        impl $name {
            $($(crate::record::setter!($(#[$anote])* $afield $atype);)+)?
            $($(crate::record::setter!($(#[$onote])* $ofield $otype);)+)?
        }

        impl crate::Record for $name {
            const NAMES: &'static [&'static str] = &[
                $($($rkey,)+)?
                $($($akey,)+)?
                $($($okey,)+)?
            ];

            fn from_fields(fields: &crate::Fields) -> Result<Self, crate::Invalid> {
                let mut reader = crate::record::Reader::new(fields);
                $($(let $rfield = reader.required::<$rtype>($rkey);)+)?
                $($(let $afield = reader.optional::<$atype>($akey);)+)?
                $($(let $ofield = reader.optional::<$otype>($okey);)+)?
                reader.finish()?;
                Ok(Self {
                    $($($rfield: crate::record::there($rfield, $rkey)?,)+)?
                    $($($afield,)+)?
                    $($($ofield,)+)?
                })
            }

            fn to_parts(&self) -> Vec<(String, crate::Node)> {
                let parts = [
                    $($(Some(($rkey, crate::value::Value::node(&self.$rfield))),)+)?
                    $($(Some(($akey, crate::record::nullable(self.$afield.as_ref()))),)+)?
                    $($(self.$ofield.as_ref().map(|value| ($okey, crate::value::Value::node(value))),)+)?
                ];
                parts.into_iter().flatten().map(|(name, node): (&str, _)| (name.to_owned(), node)).collect()
            }
        }
    };
}

/// A value that is printed even when it is not there.
pub(crate) fn nullable<T: Value>(value: Option<&T>) -> Node {
    value.map_or(Node::Null, Value::node)
}

macro_rules! constructor {
    ($name:ident ; $($ofield:ident)*) => {
        impl Default for $name {
            fn default() -> Self {
                Self { $($ofield: None,)* }
            }
        }

        impl $name {
            /// Everything in it can be left out.
            #[must_use]
            pub fn new() -> Self {
                Self::default()
            }
        }
    };
    ($name:ident $vis:vis $ctor:ident $($rfield:ident: $rtype:ident),+; $($ofield:ident)*) => {
        impl $name {
            /// Takes what cannot be left out.
            #[must_use]
            $vis fn $ctor($($rfield: crate::record::argument!($rtype)),+) -> Self {
                Self {
                    $($rfield: crate::record::taken!($rfield $rtype),)+
                    $($ofield: None,)*
                }
            }
        }
    };
}

macro_rules! argument {
    (String) => { impl Into<String> };
    (List) => { impl IntoIterator<Item = impl Into<String>> };
    ($type:ident) => { $type };
}

macro_rules! taken {
    ($value:ident String) => {
        $value.into()
    };
    ($value:ident List) => {
        $value.into_iter().map(Into::into).collect()
    };
    ($value:ident $type:ident) => {
        $value
    };
}

macro_rules! setter {
    ($(#[$note:meta])* $field:ident $type:ident) => {
        $(#[$note])*
        #[must_use]
        pub fn $field(mut self, $field: crate::record::argument!($type)) -> Self {
            self.$field = Some(crate::record::taken!($field $type));
            self
        }
    };
}

pub(crate) use {argument, constructor, record, setter, taken};
