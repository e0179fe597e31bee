//! Texts, and what became of them.

use crate::answer::{Page, Placed};
use crate::invalid::Check;
use crate::record::record;
use crate::request::{Request, paged};
use crate::value::{List, words};
use jiff::Zoned;
use rust_decimal::Decimal;

/// How many receivers one request may have.
pub const MOST_RECEIVERS: usize = 1000;

record! {
    /// Sends a text to one number.
    Send {
        required {
            /// The receiver.
            dest: String ["dest"],
            /// The text, at most three [`parts`].
            msg: String ["msg"],
        }
        optional {
            /// Who it is from: 3 to 11 characters, for accounts that may.
            sender_name: String ["sender_name"],
            /// A text of your own, at most 256 characters.
            tag: String ["tag"],
            /// Where to send a notification when the text has arrived or failed.
            notify_url: String ["notify_url"],
        }
    }
}

impl Request for Send {
    const PATHS: &'static [&'static str] = &["sms/send"];
    type Answer = Placed;
    fn look_over(&self, check: &mut Check) {
        check.number("dest", &self.dest);
        look_over_text(check, &self.msg, self.sender_name.as_deref());
        check.tag_and_notify(self.tag.as_deref(), self.notify_url.as_deref());
    }
}

fn look_over_text(check: &mut Check, msg: &str, sender_name: Option<&str>) {
    check.that("msg", parts(msg).is_some(), "is longer than three parts");
    let fine = sender_name.is_none_or(|name| (3..=11).contains(&name.chars().count()));
    check.that("sender_name", fine, "must have 3 to 11 characters");
}

record! {
    /// Sends a text to many numbers: the same to all in `dest`, or one with values of their own to each of
    /// `recipients`.
    BulkSend {
        required {
            /// The text, or a Mustache template for `recipients`.
            msg: String ["msg"],
        }
        optional {
            /// The receivers, at most a thousand.
            dest: List ["dest"],
            /// JSON with the values of each receiver.
            recipients: String ["recipients"],
            /// Who it is from.
            sender_name: String ["sender_name"],
            /// A text of your own.
            tag: String ["tag"],
            /// Where to send notifications.
            notify_url: String ["notify_url"],
        }
    }
}

impl Request for BulkSend {
    const PATHS: &'static [&'static str] = &["sms/bulk_send"];
    type Answer = BulkPlaced;
    fn look_over(&self, check: &mut Check) {
        match (&self.dest, &self.recipients) {
            (Some(dest), None) => {
                check.numbers("dest", dest, MOST_RECEIVERS);
                look_over_text(check, &self.msg, self.sender_name.as_deref());
            }
            (None, Some(json)) => {
                let fine = serde_json::from_str::<serde::de::IgnoredAny>(json).is_ok();
                check.that("recipients", fine, "must be JSON");
                look_over_text(check, "", self.sender_name.as_deref());
            }
            (Some(_), Some(_)) | (None, None) => {
                check.that("dest", false, "or recipients must be given, and not both");
            }
        }
        check.tag_and_notify(self.tag.as_deref(), self.notify_url.as_deref());
    }
}

record! {
    /// The answer to a [`BulkSend`].
    BulkPlaced {
        required {
            /// The whole of the texts.
            bulk_txn_ref: String ["bulk_txn_ref"],
        }
    }
}

record! {
    /// Asks what became of a text.
    QueryStatus {
        required {
            /// The text.
            txn_ref: String ["txn_ref"],
        }
    }
}

impl Request for QueryStatus {
    const PATHS: &'static [&'static str] = &["sms/query_status"];
    type Answer = SmsStatus;
    fn look_over(&self, _: &mut Check) {}
}

words! {
    /// What became of a text.
    open SmsState {
        /// It waits.
        Queued = "queued",
        /// It arrived.
        Delivered = "delivered",
        /// It did not arrive.
        Failed = "failed",
        /// It could not be sent.
        Error = "error",
        /// It came in.
        Received = "received",
    }
}

record! {
    /// What became of a text.
    SmsStatus {
        required {
            /// The text.
            txn_ref: String ["txn_ref"],
        }
        always {
            /// The text that came with the request, or nothing.
            tag: String ["tag"],
        }
        optional {
            /// When it was sent.
            date: Zoned ["date"],
            /// The receiver.
            dest: String ["dest"],
            /// The sender.
            src: String ["src"],
            /// What it says.
            msg: String ["msg"],
            /// Its state.
            sms_status: SmsState ["sms_status"],
            /// Of how many parts it was made.
            split_count: u32 ["split_count"],
            /// The currency of the following.
            currency: String ["currency"],
            /// The price of a part.
            rate: Decimal ["rate"],
            /// What it cost.
            debit: Decimal ["debit"],
        }
    }
}

impl SmsStatus {
    /// Whether it will not change any more.
    #[must_use]
    pub fn is_final(&self) -> bool {
        matches!(
            self.sms_status,
            Some(SmsState::Delivered | SmsState::Failed | SmsState::Error | SmsState::Received)
        )
    }
}

record! {
    /// Asks for the texts of the account, a hundred at a time.
    History {
        optional {
            /// The earliest.
            from: Zoned ["from" | "resultFrom"],
            /// The latest.
            to: Zoned ["to" | "resultTo"],
            /// Which page, from 1.
            page: u32 ["page"],
        }
    }
}

impl Request for History {
    const PATHS: &'static [&'static str] = &["sms/get_history"];
    type Answer = Page<SmsStatus>;
    fn look_over(&self, check: &mut Check) {
        crate::request::span(check, self.from.as_ref(), self.to.as_ref(), self.page);
    }
}

paged!(History of SmsStatus);

record! {
    /// Asks what a text would cost: to `dest`, or when it comes in at the number `incoming`.
    GetRate {
        optional {
            /// The receiver.
            dest: String ["dest"],
            /// A number of the account that receives texts.
            incoming: String ["incoming"],
            /// The text, so that its parts can be counted.
            msg: String ["msg"],
        }
    }
}

impl Request for GetRate {
    const PATHS: &'static [&'static str] = &["sms/get_rate"];
    type Answer = Rate;
    fn look_over(&self, check: &mut Check) {
        let one = self.dest.is_some() != self.incoming.is_some();
        check.that("dest", one, "or incoming must be given, and not both");
    }
}

record! {
    /// What a text costs.
    Rate {
        required {
            /// The currency.
            currency: String ["currency"],
            /// The price of a part.
            rate: Decimal ["rate"],
        }
        optional {
            /// Of how many parts it is made.
            split_count: u32 ["split_count"],
            /// What they cost together.
            total_cost: Decimal ["total_cost"],
            /// Whether it needs Unicode, `1` or `0`, `true` or `false`.
            is_unicode: String ["is_unicode"],
        }
    }
}

/// What a text is cut into.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Parts {
    /// How many: 1 to 3.
    pub count: u32,
    /// Whether it has a character that the GSM alphabet lacks, which makes the parts shorter.
    pub unicode: bool,
}

/// What the service cuts a text into. `None` when it would be more than three parts.
///
/// ```
/// use outdial_hoiio::sms::parts;
///
/// assert_eq!(parts("Hello").unwrap().count, 1);
/// assert_eq!(parts(&"x".repeat(161)).unwrap().count, 2);
/// assert_eq!(parts(&"字".repeat(71)).unwrap().count, 2);
/// assert_eq!(parts(&"x".repeat(460)), None);
/// ```
#[must_use]
pub fn parts(text: &str) -> Option<Parts> {
    const GSM: &str = "@£$¥èéùìòÇØøÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ!\"#¤%&'()*+,-./:;<=>?¡ÄÖÑÜ§¿äöñüà\r ";
    const TWICE: &str = "\n[]\\^{}|~€";
    let plain = |character: char| character.is_ascii_alphanumeric() || GSM.contains(character);
    let unicode = !text
        .chars()
        .all(|character| plain(character) || TWICE.contains(character));
    let (length, bounds) = if unicode {
        (text.encode_utf16().count(), [70, 134, 201])
    } else {
        let twice = text.chars().filter(|character| TWICE.contains(*character)).count();
        (text.chars().count() + twice, [160, 306, 459])
    };
    let place = bounds.iter().position(|bound| length <= *bound)?;
    Some(Parts {
        count: u32::try_from(place + 1).ok()?,
        unicode,
    })
}
