//! Refusals, as the service words them.

use crate::Fields;
use crate::document::Node;
use crate::invalid::Invalid;
use crate::request::{Answer, part};

/// The code of a refusal: a number, or in the newest answers a word.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Code {
    /// A number.
    Number(i64),
    /// A word.
    Word(String),
}

/// A refusal.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RestException {
    /// The code of HTTP once more.
    pub status: u16,
    /// Why, for people.
    pub message: String,
    /// Why, for programs, where the service says it.
    pub code: Option<Code>,
}

impl RestException {
    /// A refusal with this status of HTTP.
    #[must_use]
    pub fn new(status: u16, message: impl Into<String>) -> Self {
        Self {
            status,
            message: message.into(),
            code: None,
        }
    }

    /// The same with a code.
    #[must_use]
    pub fn code(mut self, code: i64) -> Self {
        self.code = Some(Code::Number(code));
        self
    }

    /// The field that its code tells of, if it does.
    #[must_use]
    pub fn bad_field(&self) -> Option<&'static str> {
        match self.code {
            Some(Code::Number(40200)) => Some("Body"),
            Some(Code::Number(40203)) => Some("To"),
            Some(Code::Number(40204)) => Some("SmsType"),
            Some(Code::Number(40205 | 40210)) => Some("From"),
            Some(Code::Number(40209)) => Some("EncodingType"),
            _ => None,
        }
    }

    /// Whether the balance is too low.
    #[must_use]
    pub fn is_about_credit(&self) -> bool {
        self.status == 402
            || matches!(self.code, Some(Code::Number(40000 | 40001 | 340_030)))
            || self.message.to_ascii_lowercase().contains("insufficient balance")
    }

    /// Whether the callee is registered against such calls.
    #[must_use]
    pub fn is_about_dnd(&self) -> bool {
        let words = self.message.to_ascii_uppercase();
        self.status == 403 && (words.contains("NDNC") || words.contains("DND"))
    }
}

impl Answer for RestException {
    /// Reads the refusals of the newer interfaces, too, which have a list of them; the first counts.
    fn from_node(node: &Node) -> Result<Self, Invalid> {
        if let Some(list) = node.get("response") {
            let items = list.items();
            let first = items.first().and_then(|item| item.get("error_data"));
            let fault = first.ok_or_else(|| Invalid::bad("error_data", "is not in the answer"))?;
            return Ok(Self {
                status: 0,
                message: fault.get("description").and_then(Node::text).unwrap_or_default(),
                code: code_of(fault.get("code")),
            });
        }
        let exception = part(node, "RestException")?;
        let fields = Fields::from_node(exception);
        Ok(Self {
            status: fields.get("Status").and_then(|status| status.parse().ok()).unwrap_or(0),
            message: fields.get("Message").unwrap_or_default().to_owned(),
            code: code_of(exception.get("Code")),
        })
    }

    fn to_node(&self) -> Node {
        let mut parts = vec![
            ("Status".to_owned(), Node::Number(self.status.into())),
            ("Message".to_owned(), Node::Text(self.message.clone())),
        ];
        match &self.code {
            Some(Code::Number(number)) => parts.push(("Code".to_owned(), Node::Number(*number))),
            Some(Code::Word(word)) => parts.push(("Code".to_owned(), Node::Text(word.clone()))),
            None => {}
        }
        Node::named("RestException", Node::Fields(parts))
    }
}

fn code_of(node: Option<&Node>) -> Option<Code> {
    let text = node?.text()?;
    Some(text.parse().map_or_else(|_| Code::Word(text.clone()), Code::Number))
}
