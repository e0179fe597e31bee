//! Texts: sending one, one to many, many at once, and asking.

mod bulk;
mod status;

pub use bulk::{BulkMessage, BulkOptions, MOST_MESSAGES, SendBulk};
pub use status::{DetailedStatus, SmsStatus};

use crate::Fields;
use crate::document::Node;
use crate::invalid::{Check, Invalid};
use crate::record::{Record, record};
use crate::request::{Answer, Carries, Request, part, segment};
use crate::value::{List, words};
use jiff::Zoned;
use rust_decimal::Decimal;

/// How long a text may be.
pub const LONGEST_BODY: usize = 2000;

words! {
    /// How urgent a text is; the price differs.
    closed Priority {
        /// As any other.
        Normal = "normal",
        /// For passwords that are used once.
        High = "high",
    }
}

words! {
    /// How a text is encoded.
    closed EncodingType {
        /// The GSM alphabet.
        Plain = "plain",
        /// Any.
        Unicode = "unicode",
    }
}

words! {
    /// What a text is for, as Indian law divides them.
    closed SmsType {
        /// It belongs to a business.
        Transactional = "transactional",
        /// It was agreed to.
        TransactionalOptIn = "transactional_opt_in",
        /// It is an advertisement.
        Promotional = "promotional",
    }
}

record! {
    /// Sends a text to one receiver or to many.
    ///
    /// ```
    /// use outdial_exotel::{Record, sms::SendSms};
    ///
    /// let sms = SendSms::new("8088919888", ["0987654321"], "Hello!");
    /// assert_eq!(sms.to_fields().to_form(), "From=8088919888&To=0987654321&Body=Hello%21");
    /// ```
    SendSms {
        required pub new {
            /// A number of the account, or a registered name.
            from: String ["From"],
            /// The receivers.
            to: List ["To"],
            /// The text.
            body: String ["Body"],
        }
        optional {
            /// How urgent it is.
            priority: Priority ["Priority"],
            /// How it is encoded.
            encoding_type: EncodingType ["EncodingType"],
            /// Where to post a callback when it has arrived or failed.
            status_callback: String ["StatusCallback"],
            /// A text of your own, which comes back in the callback.
            custom_field: String ["CustomField"],
            /// The registered sender.
            dlt_entity_id: String ["DltEntityId"],
            /// The registered text.
            dlt_template_id: String ["DltTemplateId"],
            /// What it is for.
            sms_type: SmsType ["SmsType"],
            /// Whether to shorten addresses in it.
            shorten_url: bool ["ShortenUrl"],
            /// Whether to count who follows them.
            shorten_tracking: bool ["ShortenUrlParams[Tracking]"],
            /// The domain of the short ones.
            shorten_domain: String ["ShortenUrlParams[CustomDomain]"],
            /// The sender in the short ones.
            shorten_header: String ["ShortenUrlParams[Header]"],
        }
    }
}

impl SendSms {
    /// Creates it from a map: `from_num`, `to` and `body`, and any other field as it is called here or on the
    /// wire. Several receivers are separated by commas.
    ///
    /// # Errors
    ///
    /// With every field that is missing, unknown or cannot be read.
    pub fn from_map<N: AsRef<str>, V: Into<String>>(pairs: impl IntoIterator<Item = (N, V)>) -> Result<Self, Invalid> {
        let pairs = pairs.into_iter().map(|(name, value)| {
            let name = match name.as_ref() {
                "from_num" => "From".to_owned(),
                "shorten_tracking" => "ShortenUrlParams[Tracking]".to_owned(),
                "shorten_domain" => "ShortenUrlParams[CustomDomain]".to_owned(),
                "shorten_header" => "ShortenUrlParams[Header]".to_owned(),
                other => crate::record::pascal::<Self>(other),
            };
            (name, value)
        });
        crate::record::strictly(&Fields::from_pairs(pairs), |_, _| {})
    }

    /// Creates it from the text of a JSON object, with the names of [`from_map`](Self::from_map).
    ///
    /// # Errors
    ///
    /// As there, and when it is no JSON object.
    pub fn from_json(text: &str) -> Result<Self, Invalid> {
        Self::from_map(crate::record::json_pairs(text)?)
    }
}

impl Request for SendSms {
    type Answer = SmsAnswer;
    fn path(&self) -> String {
        "Sms/send".to_owned()
    }
    fn carries(&self) -> Carries {
        Carries::Form(self.to_fields())
    }
    fn look_over(&self, check: &mut Check) {
        check.that("From", !self.from.is_empty(), "must not be empty");
        check.numbers("To", &self.to, usize::MAX);
        check.that("Body", !self.body.is_empty(), "must not be empty");
        check.longest("Body", Some(&self.body), LONGEST_BODY);
        check.url("StatusCallback", self.status_callback.as_deref());
    }
}

record! {
    /// A text that was sent.
    Sms {
        required pub new {
            /// Its name at the service.
            sid: String ["Sid"],
        }
        nullable {
            /// The account.
            account_sid: String ["AccountSid"],
            /// The sender.
            from: String ["From"],
            /// The receiver.
            to: String ["To"],
            /// When it was asked for.
            date_created: Zoned ["DateCreated"],
            /// When it last changed.
            date_updated: Zoned ["DateUpdated"],
            /// When it was sent.
            date_sent: Zoned ["DateSent"],
            /// What it says.
            body: String ["Body"],
            /// `outbound-api`, or where else it comes from.
            direction: String ["Direction"],
            /// Its path at the service.
            uri: String ["Uri"],
            /// Never used.
            api_version: String ["ApiVersion"],
            /// What it cost.
            price: Decimal ["Price"],
            /// How far it is.
            status: SmsStatus ["Status"],
        }
        optional {
            /// How far it is, closely.
            detailed_status_code: DetailedStatus ["DetailedStatusCode"],
            /// The same as a word.
            detailed_status: String ["DetailedStatus"],
            /// Of how many parts it was made.
            sms_units: u32 ["SmsUnits"],
        }
    }
}

impl Sms {
    /// Whether it will not change any more.
    #[must_use]
    pub fn is_final(&self) -> bool {
        self.status.as_ref().is_some_and(SmsStatus::is_final)
    }
}

/// The answer that shows texts: one, or one for each receiver. One that was not taken among others has an empty `sid`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SmsAnswer(pub Vec<Sms>);

impl Answer for SmsAnswer {
    fn from_node(node: &Node) -> Result<Self, Invalid> {
        let messages: Vec<&Node> = match node {
            Node::List(_, items) => items
                .iter()
                .map(|item| item.get("SMSMessage").unwrap_or(item))
                .collect(),
            Node::Fields(parts) => parts
                .iter()
                .filter(|(name, _)| name == "SMSMessage")
                .map(|(_, message)| message)
                .collect(),
            Node::Null | Node::Text(_) | Node::Number(_) => Vec::new(),
        };
        if messages.is_empty() {
            part(node, "SMSMessage")?;
        }
        let several = messages.len() > 1;
        let messages: Result<Vec<Sms>, Invalid> = messages
            .into_iter()
            .map(|message| read_one(&Fields::from_node(message), several))
            .collect();
        Ok(Self(messages?))
    }

    /// One text as itself, several as an array in JSON. In XML they follow each other, so there is no
    /// difference but their number.
    fn to_node(&self) -> Node {
        match &self.0[..] {
            [sms] => item(sms),
            _ => self.to_list(),
        }
    }

    fn print(&self, format: crate::Format) -> String {
        match format {
            crate::Format::Json => self.to_node().print(format),
            crate::Format::Xml => {
                let messages = self
                    .0
                    .iter()
                    .map(|sms| ("SMSMessage".to_owned(), Node::Fields(sms.to_parts())));
                Node::Fields(messages.collect()).print(format)
            }
        }
    }
}

impl SmsAnswer {
    /// The answer to a request for several texts: an array in JSON, also of one.
    #[must_use]
    pub fn print_list(&self, format: crate::Format) -> String {
        match format {
            crate::Format::Json => self.to_list().print(format),
            crate::Format::Xml => self.print(format),
        }
    }

    fn to_list(&self) -> Node {
        Node::List("Item", self.0.iter().map(item).collect())
    }
}

/// One that was not taken among others has no name.
fn read_one(fields: &Fields, among_others: bool) -> Result<Sms, Invalid> {
    if !among_others || fields.get("Sid").is_some_and(|sid| !sid.is_empty()) {
        return Sms::from_fields(fields);
    }
    let others = fields.iter().filter(|(name, _)| *name != "Sid");
    let named = others.chain([("Sid", "none")]);
    let mut sms = Sms::from_fields(&Fields::from_pairs(named))?;
    sms.sid.clear();
    Ok(sms)
}

fn item(sms: &Sms) -> Node {
    Node::named("SMSMessage", Node::Fields(sms.to_parts()))
}

/// Asks for a text.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct GetSms {
    /// The text.
    pub sid: String,
}

impl GetSms {
    /// Asks for this text.
    #[must_use]
    pub fn new(sid: impl Into<String>) -> Self {
        Self { sid: sid.into() }
    }
}

impl Request for GetSms {
    type Answer = SmsAnswer;
    fn path(&self) -> String {
        format!("Sms/Messages/{}", segment(&self.sid))
    }
    fn carries(&self) -> Carries {
        Carries::Query(Fields::default())
    }
    fn look_over(&self, check: &mut Check) {
        check.that("Sid", !self.sid.is_empty(), "must not be empty");
    }
}
