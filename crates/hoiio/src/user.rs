//! The account: its balance and who it belongs to.

use crate::answer::Text;
use crate::invalid::Check;
use crate::record::record;
use crate::request::Request;
use crate::value::words;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

record! {
    /// Asks what the account holds.
    GetBalance {}
}

impl Request for GetBalance {
    const PATHS: &'static [&'static str] = &["user/get_balance"];
    type Answer = Balance;
    fn look_over(&self, _: &mut Check) {}
}

record! {
    /// What the account holds.
    Balance {
        required {
            /// The currency.
            currency: String ["currency"],
            /// All of it.
            balance: Decimal ["balance"],
        }
        optional {
            /// What was paid in.
            points: Decimal ["points"],
            /// What was given.
            bonus: Decimal ["bonus"],
        }
    }
}

record! {
    /// Asks who the account belongs to.
    GetInfo {}
}

impl Request for GetInfo {
    const PATHS: &'static [&'static str] = &["user/get_info"];
    type Answer = Info;
    fn look_over(&self, _: &mut Check) {}
}

words! {
    /// How far an account may go.
    open UserStatus {
        /// It may try.
        Trial = "trial",
        /// It may do everything.
        Active = "active",
    }
}

/// Who the account belongs to.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Info {
    /// The account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    uid: Option<Text<String>>,
    /// The owner's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The registered number, which is rung first when a call names no other.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mobile_number: Option<String>,
    /// The numbers that may be shown.
    #[serde(default, deserialize_with = "crate::answer::list::deserialize")]
    pub caller_ids: Vec<String>,
    /// The address for mail.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// The country, two letters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub country: Option<String>,
    /// The country's prefix, such as `+65`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prefix: Option<String>,
    /// The currency of the balance.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub currency: Option<String>,
    /// The owner's time zone, as the service words it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    user_status: Option<Text<UserStatus>>,
    /// Whether texts may carry a name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sms_rebrand_status: Option<String>,
    /// Whether calls may show other numbers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call_rebrand_status: Option<String>,
}

impl Info {
    /// The account.
    #[must_use]
    pub fn uid(&self) -> Option<&str> {
        self.uid.as_ref().map(|Text(uid)| uid.as_str())
    }

    /// The same with this account.
    #[must_use]
    pub fn with_uid(mut self, uid: impl Into<String>) -> Self {
        self.uid = Some(Text(uid.into()));
        self
    }

    /// How far the account may go.
    #[must_use]
    pub fn user_status(&self) -> Option<&UserStatus> {
        self.user_status.as_ref().map(|Text(status)| status)
    }

    /// The same with this status.
    #[must_use]
    pub fn with_user_status(mut self, status: UserStatus) -> Self {
        self.user_status = Some(Text(status));
        self
    }
}
