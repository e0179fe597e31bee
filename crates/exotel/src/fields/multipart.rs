//! `multipart/form-data` (RFC 7578), as far as texts go.

use super::Fields;
use crate::Invalid;

/// The boundary of a body: from its type, or, when the type is wrong, from its first line.
pub(super) fn boundary(content_type: Option<&str>, body: &[u8]) -> Option<String> {
    let kind = content_type.unwrap_or_default();
    let named = kind.split(';').skip(1).find_map(|parameter| {
        let (name, value) = parameter.trim().split_once('=')?;
        name.eq_ignore_ascii_case("boundary")
            .then(|| value.trim_matches('"').to_owned())
    });
    if kind.trim_start().to_ascii_lowercase().starts_with("multipart/") && named.is_some() {
        return named;
    }
    let line = body.split(|byte| *byte == b'\n').next()?;
    let line = std::str::from_utf8(line).ok()?.trim_end();
    let found = line
        .strip_prefix("--")
        .filter(|rest| !rest.is_empty() && rest.len() <= 70)?;
    // A form that happens to begin with two hyphens goes on with a sign of equality.
    (!found.contains('=')).then(|| found.to_owned())
}

/// Reads the parts of a body.
pub(super) fn read(boundary: &str, body: &[u8]) -> Result<Fields, Invalid> {
    let broken = || Invalid::bad("body", "is broken multipart/form-data");
    let text = std::str::from_utf8(body).map_err(|_| Invalid::bad("body", "is not UTF-8"))?;
    let delimiter = format!("--{boundary}");
    let mut fields = Fields::default();
    // What stands before the first delimiter is said to nobody.
    for part in text.split(delimiter.as_str()).skip(1) {
        if part.starts_with("--") {
            return Ok(fields);
        }
        let part = part.trim_start_matches([' ', '\t']);
        let part = part
            .strip_prefix("\r\n")
            .or_else(|| part.strip_prefix('\n'))
            .ok_or_else(broken)?;
        let (head, value) = part
            .split_once("\r\n\r\n")
            .or_else(|| part.split_once("\n\n"))
            .ok_or_else(broken)?;
        let value = value
            .strip_suffix("\r\n")
            .or_else(|| value.strip_suffix('\n'))
            .ok_or_else(broken)?;
        let name = name_of(head).ok_or_else(broken)?;
        fields.add(name, value.to_owned())?;
    }
    // The last delimiter, with its two hyphens, was never seen.
    Err(broken())
}

fn name_of(head: &str) -> Option<String> {
    let disposition = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-disposition").then_some(value)
    })?;
    let after = disposition
        .split("; name=")
        .nth(1)
        .or_else(|| disposition.split(";name=").nth(1))?;
    let name = match after.strip_prefix('"') {
        Some(quoted) => quoted.split('"').next()?,
        None => after.split(';').next()?.trim(),
    };
    Some(name.replace("%22", "\"").replace("%0D", "\r").replace("%0A", "\n"))
}

/// Prints a form, with a boundary that stands in none of its values.
pub(super) fn print(fields: &Fields) -> (String, Vec<u8>) {
    let mut boundary = "outdial-form".to_owned();
    while fields.iter().any(|(_, value)| value.contains(&boundary)) {
        boundary.push('x');
    }
    let mut body = String::new();
    for (name, value) in fields.iter() {
        let name = name.replace('"', "%22").replace('\r', "%0D").replace('\n', "%0A");
        body.push_str(&format!(
            "--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"
        ));
    }
    body.push_str(&format!("--{boundary}--\r\n"));
    (format!("multipart/form-data; boundary={boundary}"), body.into_bytes())
}
