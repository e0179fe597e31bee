//! The trees that answers are made of, in JSON and in XML.

use crate::Invalid;
use quick_xml::events::{BytesDecl, BytesEnd, BytesStart, BytesText, Event};
use quick_xml::{Reader, Writer};
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::Value as Json;

/// How long an answer or a form may be.
pub const LONGEST_BODY: usize = 8 * 1024 * 1024;

/// How deep a tree may be. No answer of the service is deeper than six.
const DEEPEST: usize = 16;

/// The element that holds every answer in XML.
const ROOT: &str = "TwilioResponse";

/// In which form an answer goes.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Format {
    /// For paths without a suffix.
    Xml,
    /// For paths that end in `.json`.
    #[default]
    Json,
}

impl Format {
    /// The `Content-Type` of an answer in it.
    #[must_use]
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Xml => "application/xml; charset=utf-8",
            Self::Json => "application/json",
        }
    }
}

/// A part of an answer.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Node {
    /// `null`, or an empty element.
    Null,
    /// A text.
    Text(String),
    /// A number in JSON, a text in XML.
    Number(i64),
    /// A list: an array in JSON, in XML elements of this name.
    List(&'static str, Vec<Node>),
    /// Named parts, in their order.
    Fields(Vec<(String, Node)>),
}

impl Node {
    /// One named part.
    #[must_use]
    pub fn named(name: &str, node: Self) -> Self {
        Self::Fields(vec![(name.to_owned(), node)])
    }

    /// The first part of this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Self> {
        match self {
            Self::Fields(fields) => fields.iter().find(|(there, _)| there == name).map(|(_, node)| node),
            Self::Null | Self::Text(_) | Self::Number(_) | Self::List(..) => None,
        }
    }

    /// The parts of a list, however it came: as an array, as elements, or as a single one.
    pub(crate) fn items(&self) -> Vec<&Self> {
        match self {
            Self::List(_, items) => items.iter().collect(),
            Self::Fields(fields) => fields.iter().map(|(_, node)| node).collect(),
            Self::Null | Self::Text(_) | Self::Number(_) => Vec::new(),
        }
    }

    /// Its text, if it is one and not empty.
    #[must_use]
    pub fn text(&self) -> Option<String> {
        match self {
            Self::Text(text) if !text.is_empty() => Some(text.clone()),
            Self::Number(number) => Some(number.to_string()),
            Self::Text(_) | Self::Null | Self::List(..) | Self::Fields(_) => None,
        }
    }

    /// Reads JSON or XML, whichever it is.
    ///
    /// # Errors
    ///
    /// When it is neither, too long, too deep, or XML with a document type, from which entities could grow.
    pub fn read(text: &[u8]) -> Result<Self, Invalid> {
        if text.len() > LONGEST_BODY {
            return Err(Invalid::bad("answer", "is too long"));
        }
        let text = std::str::from_utf8(text).map_err(|_| Invalid::bad("answer", "is not UTF-8"))?;
        let text = text.trim_start_matches('\u{feff}').trim_start();
        if text.starts_with('<') {
            return read_xml(text);
        }
        let json: Json = serde_json::from_str(text).map_err(|_| Invalid::bad("answer", "is neither JSON nor XML"))?;
        from_json(json, 0)
    }

    /// Reads the body of a request in JSON.
    ///
    /// # Errors
    ///
    /// When it is no JSON, too long or too deep.
    pub(crate) fn read_request(text: &[u8]) -> Result<Self, Invalid> {
        Self::read(text).map_err(|_| Invalid::bad("body", "is no JSON that can be read"))
    }

    /// Prints it, in XML inside of the element that holds every answer.
    #[must_use]
    pub fn print(&self, format: Format) -> String {
        match format {
            Format::Json => serde_json::to_string(self).expect("a tree of texts can be printed"),
            Format::Xml => {
                let mut writer = Writer::new(Vec::new());
                let written = writer
                    .write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))
                    .and_then(|()| write_xml(&mut writer, ROOT, self));
                written.expect("memory can be written to");
                String::from_utf8(writer.into_inner()).expect("a tree of texts is UTF-8")
            }
        }
    }
}

impl Serialize for Node {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Text(text) => serializer.serialize_str(text),
            Self::Number(number) => serializer.serialize_i64(*number),
            Self::List(_, items) => serializer.collect_seq(items),
            Self::Fields(fields) => {
                let mut map = serializer.serialize_map(Some(fields.len()))?;
                for (name, node) in fields {
                    map.serialize_entry(name, node)?;
                }
                map.end()
            }
        }
    }
}

/// Takes over a JSON value.
pub(crate) fn from_json(json: Json, depth: usize) -> Result<Node, Invalid> {
    if depth > DEEPEST {
        return Err(Invalid::bad("answer", "is too deep"));
    }
    Ok(match json {
        Json::Null => Node::Null,
        Json::Bool(truth) => Node::Text(truth.to_string()),
        Json::Number(number) => match number.as_i64() {
            Some(whole) => Node::Number(whole),
            None => Node::Text(number.to_string()),
        },
        Json::String(text) => Node::Text(text),
        Json::Array(items) => {
            let items: Result<Vec<Node>, Invalid> = items.into_iter().map(|item| from_json(item, depth + 1)).collect();
            Node::List("Item", items?)
        }
        Json::Object(fields) => {
            let fields: Result<Vec<(String, Node)>, Invalid> = fields
                .into_iter()
                .map(|(name, value)| Ok((name, from_json(value, depth + 1)?)))
                .collect();
            Node::Fields(fields?)
        }
    })
}

/// An element that has begun.
#[derive(Default)]
struct Open {
    name: String,
    text: String,
    children: Vec<(String, Node)>,
}

impl Open {
    fn close(self) -> (String, Node) {
        let node = if !self.children.is_empty() {
            Node::Fields(self.children)
        } else if self.text.is_empty() {
            Node::Null
        } else {
            Node::Text(self.text)
        };
        (self.name, node)
    }
}

fn read_xml(text: &str) -> Result<Node, Invalid> {
    let broken = || Invalid::bad("answer", "is broken XML");
    let mut reader = Reader::from_str(text);
    let mut open: Vec<Open> = vec![Open::default()];
    loop {
        let event = reader.read_event().map_err(|_| broken())?;
        let last = open.last_mut().ok_or_else(broken)?;
        match event {
            Event::Start(start) => {
                if open.len() > DEEPEST {
                    return Err(Invalid::bad("answer", "is too deep"));
                }
                let name = start.local_name().as_ref().to_owned();
                open.push(Open {
                    name,
                    ..Open::default()
                });
            }
            Event::Empty(empty) => {
                let name = empty.local_name().as_ref().to_owned();
                last.children.push((name, Node::Null));
            }
            Event::End(_) => {
                let closed = open.pop().ok_or_else(broken)?.close();
                open.last_mut().ok_or_else(broken)?.children.push(closed);
            }
            Event::Text(text) => last.text.push_str(&text),
            Event::CData(data) => last.text.push_str(&data),
            Event::GeneralRef(reference) => {
                let character = match reference.resolve_char_ref().map_err(|_| broken())? {
                    Some(character) => character.to_string(),
                    None => quick_xml::escape::resolve_xml_entity(&reference)
                        .ok_or_else(broken)?
                        .to_owned(),
                };
                last.text.push_str(&character);
            }
            Event::DocType(_) => return Err(Invalid::bad("answer", "is XML with a document type, which is refused")),
            Event::Decl(_) | Event::PI(_) | Event::Comment(_) => {}
            Event::Eof => break,
        }
    }
    let top = open.pop().filter(|_| open.is_empty()).ok_or_else(broken)?;
    let mut elements = top.children;
    match elements.pop() {
        Some((name, answer)) if name == ROOT && elements.is_empty() && top.text.trim().is_empty() => Ok(answer),
        _ => Err(Invalid::bad("answer", format!("has no element {ROOT}"))),
    }
}

fn write_xml(writer: &mut Writer<Vec<u8>>, name: &str, node: &Node) -> std::io::Result<()> {
    // Names are ours, unless a tree was read from elsewhere.
    let plain = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let name = if plain { name } else { "Item" };
    if *node == Node::Null {
        return writer.write_event(Event::Empty(BytesStart::new(name)));
    }
    writer.write_event(Event::Start(BytesStart::new(name)))?;
    match node {
        Node::Null => {}
        Node::Text(text) => {
            // Characters that XML cannot hold are left out; no escape exists for them.
            let text: String = text.chars().filter(|character| is_xml(*character)).collect();
            let escaped = quick_xml::escape::escape(text.as_str()).replace('\r', "&#13;");
            writer.write_event(Event::Text(BytesText::from_escaped(escaped)))?;
        }
        Node::Number(number) => writer.write_event(Event::Text(BytesText::new(&number.to_string())))?,
        Node::List(item, items) => {
            for node in items {
                write_xml(writer, item, node)?;
            }
        }
        Node::Fields(fields) => {
            for (name, node) in fields {
                write_xml(writer, name, node)?;
            }
        }
    }
    writer.write_event(Event::End(BytesEnd::new(name)))
}

/// XML 1.0, section 2.2.
fn is_xml(character: char) -> bool {
    matches!(character, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}
