//! Faxes.

use crate::answer::{Page, Placed};
use crate::invalid::Check;
use crate::record::record;
use crate::request::{Request, paged};
use crate::value::words;
use jiff::Zoned;
use rust_decimal::Decimal;

record! {
    /// Sends a fax.
    Send {
        required {
            /// The receiver.
            dest: String ["dest"],
            /// The document in base64, as `file` of the form.
            file: String ["file"],
        }
        optional {
            /// What the document is called.
            filename: String ["filename"],
            /// What the receiver is shown.
            caller_id: String ["caller_id"],
            /// A text of your own.
            tag: String ["tag"],
            /// Where to send the notification.
            notify_url: String ["notify_url"],
        }
    }
}

impl Request for Send {
    const PATHS: &'static [&'static str] = &["fax/send"];
    type Answer = Placed;
    fn look_over(&self, check: &mut Check) {
        check.number("dest", &self.dest);
        let base64 = |byte: u8| byte.is_ascii_alphanumeric() || b"+/=\r\n".contains(&byte);
        check.that("file", self.file.bytes().all(base64), "must be base64");
        check.tag_and_notify(self.tag.as_deref(), self.notify_url.as_deref());
    }
}

record! {
    /// Asks what became of a fax.
    QueryStatus {
        required {
            /// The fax.
            txn_ref: String ["txn_ref"],
        }
    }
}

impl Request for QueryStatus {
    const PATHS: &'static [&'static str] = &["fax/query_status"];
    type Answer = FaxStatus;
    fn look_over(&self, _: &mut Check) {}
}

record! {
    /// What became of a fax.
    FaxStatus {
        required {
            /// The fax.
            txn_ref: String ["txn_ref"],
        }
        always {
            /// The text that came with the request, or nothing.
            tag: String ["tag"],
        }
        optional {
            /// The sender.
            src: String ["src"],
            /// The receiver.
            dest: String ["dest"],
            /// Its state, in the service's words.
            fax_status: String ["fax_status"],
            /// How many pages.
            fax_pages: u32 ["fax_pages"],
            /// Where the document lies.
            fax_url: String ["fax_url"],
            /// When it was sent or came in.
            date: Zoned ["date"],
            /// The currency of the following.
            currency: String ["currency"],
            /// The price of a page.
            rate: Decimal ["rate"],
            /// What it cost.
            debit: Decimal ["debit"],
        }
    }
}

words! {
    /// Which faxes are meant.
    closed Which {
        /// All.
        All = "all",
        /// Those that came in.
        Incoming = "incoming",
        /// Those that were sent.
        Outgoing = "outgoing",
    }
}

record! {
    /// Asks for the faxes of the account, a hundred at a time.
    History {
        optional {
            /// The earliest.
            from: Zoned ["from"],
            /// The latest.
            to: Zoned ["to"],
            /// Which page, from 1.
            page: u32 ["page"],
            /// Which of them.
            which: Which ["type"],
        }
    }
}

impl Request for History {
    const PATHS: &'static [&'static str] = &["fax/get_history"];
    type Answer = Page<FaxStatus>;
    fn look_over(&self, check: &mut Check) {
        crate::request::span(check, self.from.as_ref(), self.to.as_ref(), self.page);
    }
}

paged!(History of FaxStatus);

record! {
    /// Asks what a fax would cost: to `dest`, or when it comes in at the number `incoming`.
    GetRate {
        optional {
            /// The receiver.
            dest: String ["dest"],
            /// A number of the account that receives faxes.
            incoming: String ["incoming"],
        }
    }
}

impl Request for GetRate {
    const PATHS: &'static [&'static str] = &["fax/get_rate"];
    type Answer = Rate;
    fn look_over(&self, check: &mut Check) {
        let one = self.dest.is_some() != self.incoming.is_some();
        check.that("dest", one, "or incoming must be given, and not both");
    }
}

record! {
    /// What a fax costs.
    Rate {
        required {
            /// The currency.
            currency: String ["currency"],
            /// The price of a page.
            rate: Decimal ["rate"],
        }
    }
}
