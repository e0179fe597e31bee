//! Different texts in one request.

use super::SmsAnswer;
use crate::Fields;
use crate::document::Node;
use crate::invalid::{Check, Invalid};
use crate::record::{Record, record};
use crate::request::{Carries, Request};

/// How many texts one request may hold.
pub const MOST_MESSAGES: usize = 100;

record! {
    /// One of several texts.
    BulkMessage {
        required pub new {
            /// The receiver.
            to: String ["To"],
            /// The text.
            body: String ["Body"],
        }
        optional {
            /// The sender, if it is another.
            from: String ["From"],
            /// What it is for.
            sms_type: String ["SmsType"],
            /// The registered sender.
            dlt_entity_id: String ["DltEntityId"],
            /// The registered text.
            dlt_template_id: String ["DltTemplateId"],
            /// A text of your own.
            custom_field: String ["CustomField"],
        }
    }
}

record! {
    /// What holds for all of several texts.
    BulkOptions {
        optional {
            /// The sender, where a text names no other.
            from: String ["From"],
            /// How they are encoded.
            encoding_type: String ["EncodingType"],
            /// Where to post callbacks.
            status_callback: String ["StatusCallback"],
        }
    }
}

/// Sends different texts at once, as JSON.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct SendBulk {
    /// What holds for all of them.
    pub options: BulkOptions,
    /// The texts, at most a hundred.
    pub messages: Vec<BulkMessage>,
}

impl SendBulk {
    /// Sends these texts.
    #[must_use]
    pub fn new(messages: impl IntoIterator<Item = BulkMessage>) -> Self {
        Self {
            options: BulkOptions::new(),
            messages: messages.into_iter().collect(),
        }
    }

    /// The sender, where a text names no other.
    #[must_use]
    pub fn from(mut self, from: impl Into<String>) -> Self {
        self.options.from = Some(from.into());
        self
    }

    /// Where to post callbacks.
    #[must_use]
    pub fn status_callback(mut self, url: impl Into<String>) -> Self {
        self.options.status_callback = Some(url.into());
        self
    }

    /// Reads the JSON body. The list is called `Messages` or `sms`.
    ///
    /// # Errors
    ///
    /// When it is no such JSON, or holds more than a hundred texts; a fault of a text is named by its place, such as `Messages[3][To]`.
    pub fn read(body: &[u8]) -> Result<Self, Invalid> {
        let node = Node::read_request(body)?;
        let list = node.get("Messages").or_else(|| node.get("sms"));
        let Some(Node::List(_, items)) = list else {
            let mut invalid = Invalid::default();
            invalid.missing("Messages");
            return Err(invalid);
        };
        if items.len() > MOST_MESSAGES {
            return Err(Invalid::bad("Messages", "must hold at most 100 texts"));
        }
        let mut invalid = Invalid::default();
        let mut messages = Vec::new();
        for (place, item) in items.iter().enumerate() {
            match BulkMessage::from_fields(&Fields::from_node(item)) {
                Ok(message) => messages.push(message),
                Err(bad) => invalid.take(&format!("Messages[{place}]"), &bad),
            }
        }
        let outer: Vec<(String, Node)> = match &node {
            Node::Fields(parts) => parts
                .iter()
                .filter(|(_, part)| part.text().is_some())
                .cloned()
                .collect(),
            _ => Vec::new(),
        };
        let options = BulkOptions::from_fields(&Fields::from_node(&Node::Fields(outer)))?;
        invalid.into_result()?;
        Ok(Self { options, messages })
    }

    /// The JSON body as a tree.
    #[must_use]
    pub fn to_node(&self) -> Node {
        let mut parts = self.options.to_parts();
        let messages = self.messages.iter().map(|message| Node::Fields(message.to_parts()));
        parts.push(("Messages".to_owned(), Node::List("Message", messages.collect())));
        Node::Fields(parts)
    }
}

impl Request for SendBulk {
    type Answer = SmsAnswer;
    fn path(&self) -> String {
        "Sms/bulksend".to_owned()
    }
    fn carries(&self) -> Carries {
        Carries::Json(self.to_node())
    }
    fn look_over(&self, check: &mut Check) {
        let fine = (1..=MOST_MESSAGES).contains(&self.messages.len());
        check.that("Messages", fine, "must hold 1 to 100 texts");
        for (place, message) in self.messages.iter().enumerate() {
            let field = |name: &str| format!("Messages[{place}][{name}]");
            check.number(&field("To"), &message.to);
            check.that(&field("Body"), !message.body.is_empty(), "must not be empty");
            check.longest(&field("Body"), Some(&message.body), super::LONGEST_BODY);
            let sender = message.from.is_some() || self.options.from.is_some();
            check.that(&field("From"), sender, "must be given, here or for all");
        }
    }
}
