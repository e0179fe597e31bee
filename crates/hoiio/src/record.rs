//! Flat records: what they have in common, and the macro that defines one.

use crate::fields::Fields;
use crate::invalid::{Invalid, Problem};
use crate::value::Value;

/// A flat set of named values: a request, a notification, or a part of an answer.
pub trait Record: Sized {
    /// Every name under which a field may come.
    const NAMES: &'static [&'static str];

    /// Reads it as the service does: what is unknown is passed over, what is empty counts as absent.
    ///
    /// # Errors
    ///
    /// With every field that is missing or cannot be read.
    fn from_fields(fields: &Fields) -> Result<Self, Invalid>;

    /// Prints it.
    fn to_fields(&self) -> Fields;

    /// Reads it, and refuses what is unknown, so that no misspelt option goes unnoticed.
    ///
    /// # Errors
    ///
    /// As [`from_fields`](Self::from_fields), and with every field that is unknown.
    fn from_fields_strictly(fields: &Fields) -> Result<Self, Invalid> {
        let mut invalid = Invalid::default();
        for (name, _) in fields.iter() {
            if !Self::NAMES.contains(&name) {
                invalid.add(name, Problem::Unknown);
            }
        }
        match (Self::from_fields(fields), invalid.into_result()) {
            (Ok(record), Ok(())) => Ok(record),
            (Ok(_), Err(unknown)) => Err(unknown),
            (Err(bad), Ok(())) => Err(bad),
            (Err(mut bad), Err(unknown)) => {
                for fault in unknown.faults() {
                    bad.add(&fault.field, fault.problem.clone());
                }
                Err(bad)
            }
        }
    }

    /// Creates it from names and values, such as those of a map.
    ///
    /// # Errors
    ///
    /// With every field that is missing, unknown or cannot be read.
    fn from_map<N: Into<String>, V: Into<String>>(pairs: impl IntoIterator<Item = (N, V)>) -> Result<Self, Invalid> {
        Self::from_fields_strictly(&Fields::from_pairs(pairs)?)
    }

    /// Creates it from the text of a JSON object.
    ///
    /// # Errors
    ///
    /// When it is no JSON object, and with every field that is missing, unknown or cannot be read.
    fn from_json(text: &str) -> Result<Self, Invalid> {
        let object =
            serde_json::from_str(text).map_err(|error| Invalid::bad("request", format!("is no JSON: {error}")))?;
        Self::from_fields_strictly(&Fields::from_json(&object)?)
    }

    /// Reads an urlencoded form as the service does.
    ///
    /// # Errors
    ///
    /// As [`from_fields`](Self::from_fields), and when the form itself cannot be read.
    fn from_form(form: &str) -> Result<Self, Invalid> {
        Self::from_fields(&Fields::from_form(form)?)
    }

    /// The urlencoded form.
    fn to_form(&self) -> String {
        self.to_fields().to_form()
    }
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

    /// The first of these names that has a value.
    fn find(&self, names: &[&str]) -> Option<&'a str> {
        names
            .iter()
            .find_map(|name| self.fields.get(name).filter(|value| !value.is_empty()))
    }

    /// A field that may be absent.
    pub(crate) fn optional<T: Value>(&mut self, names: &[&str]) -> Option<T> {
        let value = T::read(self.find(names)?);
        if value.is_none() {
            self.invalid
                .add(names[0], Problem::Bad(format!("must be {}", T::EXPECTED)));
        }
        value
    }

    /// A field that must be there.
    pub(crate) fn required<T: Value>(&mut self, names: &[&str]) -> Option<T> {
        if self.find(names).is_none() {
            self.invalid.add(names[0], Problem::Missing);
        }
        self.optional(names)
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
/// Of the names in brackets the first is printed, those after a plus too, and all are read.
/// `always` are printed even when they are empty, and may be absent when read.
macro_rules! record {
    (
        $(#[$meta:meta])* $name:ident {
            $(required { $($(#[$rnote:meta])* $rfield:ident: $rtype:ident [$rkey:literal $(| $rname:literal)*]),+ $(,)? })?
            $(always { $($(#[$anote:meta])* $afield:ident: $atype:ident [$akey:literal $(+ $aalso:literal)* $(| $aname:literal)*]),+ $(,)? })?
            $(optional { $($(#[$onote:meta])* $ofield:ident: $otype:ident [$okey:literal $(+ $oalso:literal)* $(| $oname:literal)*]),+ $(,)? })?
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Debug, Eq, PartialEq)]
        pub struct $name {
            $($($(#[$rnote])* pub $rfield: $rtype,)+)?
            $($($(#[$anote])* pub $afield: $atype,)+)?
            $($($(#[$onote])* pub $ofield: Option<$otype>,)+)?
        }

        crate::record::constructor!($name $($($rfield: $rtype),+)?; $($($afield)+)?; $($($ofield)+)?);

        impl $name {
            $($(crate::record::setter!($(#[$anote])* always $afield $atype);)+)?
            $($(crate::record::setter!($(#[$onote])* optional $ofield $otype);)+)?
        }

        impl crate::Record for $name {
            const NAMES: &'static [&'static str] = &[
                $($($rkey, $($rname,)*)+)?
                $($($akey, $($aalso,)* $($aname,)*)+)?
                $($($okey, $($oalso,)* $($oname,)*)+)?
            ];

            fn from_fields(fields: &crate::Fields) -> Result<Self, crate::Invalid> {
                let mut reader = crate::record::Reader::new(fields);
                $($(let $rfield = reader.required::<$rtype>(&[$rkey $(, $rname)*]);)+)?
                $($(let $afield = reader.optional::<$atype>(&[$akey $(, $aalso)* $(, $aname)*]);)+)?
                $($(let $ofield = reader.optional::<$otype>(&[$okey $(, $oalso)* $(, $oname)*]);)+)?
                reader.finish()?;
                Ok(Self {
                    $($($rfield: crate::record::there($rfield, $rkey)?,)+)?
                    $($($afield: $afield.unwrap_or_default(),)+)?
                    $($($ofield,)+)?
                })
            }

            fn to_fields(&self) -> crate::Fields {
                let fields = crate::Fields::default();
                $($(let fields = fields.with($rkey, &self.$rfield);)+)?
                $($(let fields = fields.with($akey, &self.$afield)$(.with($aalso, &self.$afield))*;)+)?
                $($(
                    let fields = match &self.$ofield {
                        Some(value) => fields.with($okey, value)$(.with($oalso, value))*,
                        None => fields,
                    };
                )+)?
                fields
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let fields = crate::Record::to_fields(self);
                serializer.collect_map(fields.iter())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                crate::record::deserialize(deserializer)
            }
        }
    };
}

/// Reads a record out of a JSON object, leaving out members that are no texts, which it does not know anyhow.
pub(crate) fn deserialize<'de, R: Record, D: serde::Deserializer<'de>>(deserializer: D) -> Result<R, D::Error> {
    let mut object: serde_json::Map<String, serde_json::Value> = serde::Deserialize::deserialize(deserializer)?;
    object.retain(|name, _| R::NAMES.contains(&name.as_str()));
    Fields::from_json(&serde_json::Value::Object(object))
        .and_then(|fields| R::from_fields(&fields))
        .map_err(serde::de::Error::custom)
}

macro_rules! constructor {
    ($name:ident ; $($afield:ident)*; $($ofield:ident)*) => {
        impl Default for $name {
            fn default() -> Self {
                Self { $($afield: Default::default(),)* $($ofield: None,)* }
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
    ($name:ident $($rfield:ident: $rtype:ident),+; $($afield:ident)*; $($ofield:ident)*) => {
        impl $name {
            /// Takes what cannot be left out.
            #[must_use]
            pub fn new($($rfield: crate::record::argument!($rtype)),+) -> Self {
                Self {
                    $($rfield: crate::record::taken!($rfield $rtype),)+
                    $($afield: Default::default(),)*
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
    ($(#[$note:meta])* always $field:ident $type:ident) => {
        $(#[$note])*
        #[must_use]
        pub fn $field(mut self, $field: crate::record::argument!($type)) -> Self {
            self.$field = crate::record::taken!($field $type);
            self
        }
    };
    ($(#[$note:meta])* optional $field:ident $type:ident) => {
        $(#[$note])*
        #[must_use]
        pub fn $field(mut self, $field: crate::record::argument!($type)) -> Self {
            self.$field = Some(crate::record::taken!($field $type));
            self
        }
    };
}

pub(crate) use {argument, constructor, record, setter, taken};
