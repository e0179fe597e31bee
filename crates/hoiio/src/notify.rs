//! Notifications: what the service posts to a `notify_url`, and their signature.
//!
//! They come as an urlencoded body. The query of the `notify_url` is kept as it was. Each may come
//! more than once, and the last one counts; whoever receives one answers 200.

use crate::record::record;
use crate::sms::SmsState;
use crate::value::words;
use crate::voice::CallState;
use jiff::Zoned;
use ring::hmac;
use rust_decimal::Decimal;

/// The header with the signature.
pub const SIGNATURE_HEADER: &str = "X-Hoiio-Signature";

/// The signature of a body: HMAC-SHA256 with the access token as its key, in hexadecimal digits.
#[must_use]
pub fn sign(body: &[u8], access_token: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, access_token.as_bytes());
    hmac::sign(&key, body)
        .as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// Whether this is the signature of the body. Takes equally long whatever is wrong.
#[must_use]
pub fn is_signed(body: &[u8], access_token: &str, signature: &str) -> bool {
    let digits = signature.trim().as_bytes();
    let bytes: Option<Vec<u8>> = digits
        .chunks(2)
        .map(|pair| {
            let text = std::str::from_utf8(pair).ok().filter(|text| text.len() == 2)?;
            u8::from_str_radix(text, 16).ok()
        })
        .collect();
    let key = hmac::Key::new(hmac::HMAC_SHA256, access_token.as_bytes());
    bytes.is_some_and(|bytes| hmac::verify(&key, body, &bytes).is_ok())
}

record! {
    /// A call, or a participant of a conference, is over.
    Call {
        required {
            /// The call.
            txn_ref: String ["txn_ref"],
        }
        always {
            /// The text that came with the request, or nothing.
            tag: String ["tag"],
            /// The number that was rung first.
            dest1: String ["dest1"],
            /// The second number.
            dest2: String ["dest2"],
        }
        optional {
            /// What became of the first.
            call_status_dest1: CallState ["call_status_dest1" | "call_status_dest_1"],
            /// What became of the second.
            call_status_dest2: CallState ["call_status_dest2" | "call_status_dest_2"],
            /// When it began.
            date: Zoned ["date"],
            /// Minutes, begun ones counted.
            duration: u32 ["duration"],
            /// The currency of the following.
            currency: String ["currency"],
            /// The price of a minute.
            rate: Decimal ["rate"],
            /// What it cost.
            debit: Decimal ["debit"],
        }
    }
}

record! {
    /// A text has arrived or failed.
    Sms {
        required {
            /// The text.
            txn_ref: String ["txn_ref"],
            /// What became of it.
            sms_status: SmsState ["sms_status"],
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
            /// The currency of the following.
            currency: String ["currency"],
            /// The price of a part.
            rate: Decimal ["rate"],
            /// Of how many parts it was made.
            split_count: u32 ["split_count"],
            /// What it cost.
            debit: Decimal ["debit"],
        }
    }
}

record! {
    /// A text came in.
    IncomingSms {
        required {
            /// Who sent it.
            from: String ["from"],
            /// The number of the account that it came to.
            to: String ["to"],
        }
        always {
            /// What it says.
            msg: String ["msg"],
        }
        optional {
            /// When it came.
            date: Zoned ["date"],
            /// The text.
            txn_ref: String ["txn_ref"],
            /// The currency of the following.
            currency: String ["currency"],
            /// What it cost.
            debit: Decimal ["debit"],
        }
    }
}

words! {
    /// How far a call of a session is.
    open SessionState {
        /// It rings.
        Ringing = "ringing",
        /// Somebody has answered.
        Ongoing = "ongoing",
        /// It is over.
        Ended = "ended",
    }
}

record! {
    /// A block of a session has finished, or the session came in or is over.
    Ivr {
        required {
            /// The session.
            session: String ["session"],
        }
        always {
            /// The text that came with the request, or nothing.
            tag: String ["tag"],
        }
        optional {
            /// The call.
            txn_ref: String ["txn_ref"],
            /// Which block has finished.
            ivr_block: String ["ivr_block"],
            /// How far the call is.
            call_state: SessionState ["call_state"],
            /// Who calls, when it came in.
            from: String ["from"],
            /// The number of the account that it came to.
            to: String ["to"],
            /// The number that was rung.
            dest: String ["dest"],
            /// What became of a dial.
            dial_status: CallState ["dial_status"],
            /// The keys of a gather.
            digits: String ["digits"],
            /// Where the recording lies.
            record_url: String ["record_url"],
            /// What became of a transfer.
            transfer_status: CallState ["transfer_status"],
            /// When it began.
            date: Zoned ["date"],
            /// The currency of the following.
            currency: String ["currency"],
            /// The price of a minute.
            rate: Decimal ["rate"],
            /// Minutes, begun ones counted.
            duration: u32 ["duration"],
            /// What it cost.
            debit: Decimal ["debit"],
        }
    }
}
