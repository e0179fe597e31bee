//! Paths, in all the ways in which clients write them.

use crate::Format;
use percent_encoding::percent_decode_str;

/// What a path leads to.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Resource {
    /// POST starts a call.
    ConnectCall,
    /// GET lists calls.
    Calls,
    /// GET shows a call.
    Call(String),
    /// POST sends a text.
    SendSms,
    /// POST sends many texts.
    BulkSms,
    /// GET shows a text.
    Sms(String),
    /// GET shows a number.
    Number(String),
    /// GET shows the balance.
    Balance,
    /// POST allows numbers.
    Whitelist,
    /// GET shows whether a number is allowed.
    Whitelisted(String),
}

/// A path that was understood.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Route {
    /// The account that it names.
    pub account: String,
    /// What it leads to.
    pub resource: Resource,
    /// How to answer.
    pub format: Format,
}

impl Route {
    /// Reads a path, without regard to case, doubled slashes or a slash at the end.
    ///
    /// ```
    /// use outdial_exotel::{Format, Resource, Route};
    ///
    /// let route = Route::read("/v1/Accounts/rajnikanth//Calls/connect.json").unwrap();
    /// assert_eq!(route.account, "rajnikanth");
    /// assert_eq!((route.resource, route.format), (Resource::ConnectCall, Format::Json));
    /// ```
    #[must_use]
    pub fn read(path: &str) -> Option<Self> {
        let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
        let (version, accounts, account, rest) = match segments.as_slice() {
            [version, accounts, account, rest @ ..] => (version, accounts, account, rest),
            _ => return None,
        };
        if !version.eq_ignore_ascii_case("v1") || !accounts.eq_ignore_ascii_case("accounts") {
            return None;
        }
        let mut format = Format::Xml;
        let mut names: Vec<String> = rest.iter().map(|segment| decoded(segment)).collect::<Option<_>>()?;
        if names.last().is_some_and(String::is_empty) {
            names.pop();
        }
        // The suffix may stand at the collection, too, as in the `Uri` of an answer.
        let mut without_suffix = |name: &mut String| {
            let cut = name.len().checked_sub(5).filter(|cut| name.is_char_boundary(*cut));
            if let Some(cut) = cut.filter(|cut| name[*cut..].eq_ignore_ascii_case(".json")) {
                name.truncate(cut);
                format = Format::Json;
            }
        };
        let count = names.len();
        for (place, name) in names.iter_mut().enumerate() {
            if place == 0 || place + 1 == count {
                without_suffix(name);
            }
        }
        if names.last().is_some_and(String::is_empty) {
            names.pop();
        }
        Some(Self {
            account: decoded(account)?,
            resource: resource(&names)?,
            format,
        })
    }
}

fn resource(names: &[String]) -> Option<Resource> {
    let lower: Vec<String> = names.iter().map(|name| name.to_ascii_lowercase()).collect();
    let lower: Vec<&str> = lower.iter().map(String::as_str).collect();
    let last = || names.last().cloned().unwrap_or_default();
    Some(match lower.as_slice() {
        ["calls"] => Resource::Calls,
        ["calls", "connect"] => Resource::ConnectCall,
        ["calls", _] => Resource::Call(last()),
        ["sms", "send"] => Resource::SendSms,
        ["sms", "bulksend"] => Resource::BulkSms,
        ["sms", "messages", _] => Resource::Sms(last()),
        ["numbers", _] => Resource::Number(last()),
        ["balance"] => Resource::Balance,
        ["customerwhitelist"] => Resource::Whitelist,
        ["customerwhitelist", _] => Resource::Whitelisted(last()),
        _ => return None,
    })
}

fn decoded(segment: &str) -> Option<String> {
    Some(percent_decode_str(segment).decode_utf8().ok()?.into_owned())
}
