//! The smaller resources: what a number is, the balance, the whitelist.

use crate::Fields;
use crate::document::Node;
use crate::invalid::{Check, Invalid};
use crate::record::{Record, record};
use crate::request::{Answer, Carries, Request, part, segment};
use crate::value::{List, Value, words};
use jiff::Zoned;
use rust_decimal::Decimal;

/// Asks what is known of a number.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct GetNumber {
    /// The number.
    pub number: String,
}

impl GetNumber {
    /// Asks for this number.
    #[must_use]
    pub fn new(number: impl Into<String>) -> Self {
        Self { number: number.into() }
    }
}

impl Request for GetNumber {
    type Answer = NumberInfo;
    fn path(&self) -> String {
        format!("Numbers/{}", segment(&self.number))
    }
    fn carries(&self) -> Carries {
        Carries::Query(Fields::default())
    }
    fn look_over(&self, check: &mut Check) {
        check.number("number", &self.number);
    }
}

words! {
    /// Whether a number is registered against advertisements.
    open Dnd {
        /// It is.
        Yes = "Yes",
        /// It is not.
        No = "No",
        /// Nobody could tell.
        Unavailable = "Unavailable",
    }
}

record! {
    /// What is known of a number.
    NumberInfo {
        nullable {
            /// The number.
            phone_number: String ["PhoneNumber"],
            /// The part of India, two letters.
            circle: String ["Circle"],
            /// Its name.
            circle_name: String ["CircleName"],
            /// `Mobile` or `Landline`.
            kind: String ["Type"],
            /// The operator, one or two letters.
            operator: String ["Operator"],
            /// Its name.
            operator_name: String ["OperatorName"],
            /// Whether it is registered against advertisements.
            dnd: Dnd ["DND"],
        }
    }
}

impl Answer for NumberInfo {
    fn from_node(node: &Node) -> Result<Self, Invalid> {
        Self::from_fields(&Fields::from_node(part(node, "Numbers")?))
    }
    fn to_node(&self) -> Node {
        Node::named("Numbers", Node::Fields(self.to_parts()))
    }
}

/// Asks what the account holds.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct GetBalance;

impl Request for GetBalance {
    type Answer = Balance;
    fn path(&self) -> String {
        "Balance".to_owned()
    }
    fn carries(&self) -> Carries {
        Carries::Query(Fields::default())
    }
    fn look_over(&self, _: &mut Check) {}
}

record! {
    /// What the account holds, and in what.
    BalanceData {
        nullable {
            /// The amount.
            balance: Decimal ["Balance"],
            /// The currency.
            currency: String ["Currency"],
            /// By which plan it is charged.
            pricing_plan: String ["PricingPlan"],
            /// Since when.
            date_updated: Zoned ["DateUpdated"],
        }
    }
}

/// The answer to [`GetBalance`].
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Balance {
    /// The account.
    pub account_sid: String,
    /// What it holds.
    pub data: BalanceData,
}

impl Answer for Balance {
    fn from_node(node: &Node) -> Result<Self, Invalid> {
        let account = part(node, "Account")?;
        Ok(Self {
            account_sid: account.get("AccountSid").and_then(Node::text).unwrap_or_default(),
            data: BalanceData::from_fields(&Fields::from_node(part(account, "BalanceData")?))?,
        })
    }
    fn to_node(&self) -> Node {
        Node::named(
            "Account",
            Node::Fields(vec![
                ("AccountSid".to_owned(), Node::Text(self.account_sid.clone())),
                ("BalanceData".to_owned(), Node::Fields(self.data.to_parts())),
            ]),
        )
    }
}

record! {
    /// Allows calls to numbers, because their owners agreed.
    Whitelist {
        required pub new {
            /// The number of the account.
            virtual_number: String ["VirtualNumber"],
            /// Whom it may call.
            number: List ["Number"],
        }
        optional {
            /// The language of the question to them; `en` when absent.
            language: String ["Language"],
        }
    }
}

impl Request for Whitelist {
    type Answer = Whitelisted;
    fn path(&self) -> String {
        "CustomerWhitelist".to_owned()
    }
    fn carries(&self) -> Carries {
        let fields = Fields::from_pairs([
            ("VirtualNumber", self.virtual_number.clone()),
            ("Number", self.number.print()),
        ]);
        match &self.language {
            None => Carries::Form(fields),
            Some(language) => {
                let more = [("Language", language.as_str())];
                Carries::Form(Fields::from_pairs(fields.iter().chain(more)))
            }
        }
    }
    fn look_over(&self, check: &mut Check) {
        check.number("VirtualNumber", &self.virtual_number);
        check.numbers("Number", &self.number, usize::MAX);
    }
}

record! {
    /// The answer to a [`Whitelist`]: how many numbers went how.
    Whitelisted {
        nullable {
            /// All.
            total: u32 ["Total"],
            /// Given twice.
            duplicate: u32 ["Duplicate"],
            /// Looked at.
            processed: u32 ["Processed"],
            /// Taken.
            succeeded: u32 ["Succeeded"],
            /// There before.
            redundant: u32 ["Redundant"],
            /// Not taken.
            failed: u32 ["Failed"],
        }
    }
}

impl Answer for Whitelisted {
    fn from_node(node: &Node) -> Result<Self, Invalid> {
        Self::from_fields(&Fields::from_node(part(node, "Result")?))
    }
    fn to_node(&self) -> Node {
        Node::named("Result", Node::Fields(self.to_parts()))
    }
}

/// Asks whether a number may be called.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct GetWhitelisted {
    /// The number.
    pub number: String,
}

impl GetWhitelisted {
    /// Asks for this number.
    #[must_use]
    pub fn new(number: impl Into<String>) -> Self {
        Self { number: number.into() }
    }
}

impl Request for GetWhitelisted {
    type Answer = WhitelistEntry;
    fn path(&self) -> String {
        format!("CustomerWhitelist/{}", segment(&self.number))
    }
    fn carries(&self) -> Carries {
        Carries::Query(Fields::default())
    }
    fn look_over(&self, check: &mut Check) {
        check.number("number", &self.number);
    }
}

words! {
    /// Whether a number may be called.
    open WhitelistStatus {
        /// It may.
        Whitelist = "Whitelist",
        /// It may not.
        Blacklist = "Blacklist",
        /// Nobody has said.
        Neutral = "Neutral",
    }
}

/// For how long an entry holds: seconds, or −1 for ever.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Expiry(pub i64);

impl Value for Expiry {
    const EXPECTED: &'static str = "seconds, or -1";
    fn read(text: &str) -> Option<Self> {
        text.trim().parse().ok().map(Self)
    }
    fn print(&self) -> String {
        self.0.to_string()
    }
    fn node(&self) -> Node {
        Node::Number(self.0)
    }
}

record! {
    /// The answer to [`GetWhitelisted`].
    WhitelistEntry {
        nullable {
            /// Whether it may be called.
            status: WhitelistStatus ["Status"],
            /// Who said so: `Customer`, `Agent` or `API`.
            kind: String ["Type"],
            /// For how long it holds.
            expiry: Expiry ["Expiry"],
        }
    }
}

impl Answer for WhitelistEntry {
    fn from_node(node: &Node) -> Result<Self, Invalid> {
        Self::from_fields(&Fields::from_node(part(node, "Result")?))
    }
    fn to_node(&self) -> Node {
        Node::named("Result", Node::Fields(self.to_parts()))
    }
}
