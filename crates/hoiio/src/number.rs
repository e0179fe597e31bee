//! Numbers to subscribe to, and where they lead.

use crate::answer::{Done, Page};
use crate::invalid::Check;
use crate::record::record;
use crate::request::{Request, paged};
use crate::value::words;
use jiff::civil::Date;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

record! {
    /// Asks in which countries there are numbers.
    GetCountries {}
}

impl Request for GetCountries {
    const PATHS: &'static [&'static str] = &["number/get_countries"];
    type Answer = Page<Country>;
    fn look_over(&self, _: &mut Check) {}
}

/// A country in which there are numbers.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Country {
    /// Two letters.
    pub code: String,
    /// Its name.
    #[serde(default)]
    pub name: String,
    /// Its prefix.
    #[serde(default)]
    pub prefix: String,
    /// Its parts, where numbers belong to one.
    #[serde(default)]
    pub states: Vec<State>,
}

record! {
    /// A part of a country.
    State {
        required {
            /// Its code.
            code: String ["code"],
        }
        always {
            /// Its name.
            name: String ["name"],
            /// What its numbers can: voice, fax or texts, as the service words it.
            capability: String ["capability"],
        }
    }
}

record! {
    /// Asks which numbers there are.
    GetChoices {
        required {
            /// The country.
            country: String ["country"],
        }
        optional {
            /// A part of it.
            state: String ["state"],
            /// Which page, from 1.
            page: u32 ["page"],
        }
    }
}

impl Request for GetChoices {
    const PATHS: &'static [&'static str] = &["number/get_choices"];
    type Answer = Page<Choice>;
    fn look_over(&self, check: &mut Check) {
        crate::request::span(check, None, None, self.page);
    }
}

paged!(GetChoices of Choice);

record! {
    /// A number that can be had.
    Choice {
        required {
            /// The number.
            number: String ["number"],
        }
    }
}

record! {
    /// Asks what a number costs.
    GetRates {
        required {
            /// The country.
            country: String ["country"],
        }
    }
}

impl Request for GetRates {
    const PATHS: &'static [&'static str] = &["number/get_rates"];
    type Answer = Rates;
    fn look_over(&self, _: &mut Check) {}
}

/// What numbers of a country cost.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Rates {
    /// The currency.
    pub currency: String,
    /// The prices.
    #[serde(flatten)]
    pub page: Page<Rate>,
}

record! {
    /// What a number costs for so long.
    Rate {
        required {
            /// For how long.
            duration: Term ["duration"],
            /// The price.
            rate: Decimal ["rate"],
        }
    }
}

words! {
    /// For how long one subscribes to a number.
    open Term {
        /// A month.
        OneMonth = "1",
        /// Three months.
        ThreeMonths = "3",
        /// A year.
        OneYear = "12",
        /// Until it is ended.
        AutoExtend = "auto_extend",
    }
}

record! {
    /// Subscribes to a number, which costs money.
    Subscribe {
        required {
            /// The number.
            number: String ["number"],
            /// For how long.
            duration: Term ["duration"],
        }
    }
}

impl Request for Subscribe {
    const PATHS: &'static [&'static str] = &["number/subscribe", "number/subcribe"];
    type Answer = Subscribed;
    fn look_over(&self, check: &mut Check) {
        check.number("number", &self.number);
        let fine = Term::ALL.contains(&self.duration);
        check.that("duration", fine, "must be one of 1, 3, 12 and auto_extend");
    }
}

record! {
    /// The answer to a [`Subscribe`].
    Subscribed {
        required {
            /// The currency.
            currency: String ["currency"],
            /// What it cost.
            debit: Decimal ["debit"],
        }
        optional {
            /// The last day.
            expiry: Date ["expiry"],
        }
    }
}

words! {
    /// What a number is used for.
    closed Mode {
        /// Calls.
        Voice = "voice",
        /// Faxes.
        Fax = "fax",
    }
}

record! {
    /// Says where calls and texts to a number go.
    UpdateForwarding {
        required {
            /// The number.
            number: String ["number"],
        }
        optional {
            /// Where calls go.
            forward_to: String ["forward_to"],
            /// Where texts go.
            forward_to_sms: String ["forward_to_sms" | "forward_sms_to"],
            /// What it is used for.
            mode: Mode ["mode"],
        }
    }
}

impl Request for UpdateForwarding {
    const PATHS: &'static [&'static str] = &["number/update_forwarding"];
    type Answer = Done;
    fn look_over(&self, check: &mut Check) {
        check.number("number", &self.number);
    }
}

record! {
    /// Asks for the numbers of the account.
    GetActive {}
}

impl Request for GetActive {
    const PATHS: &'static [&'static str] = &["number/get_active"];
    type Answer = Page<Active>;
    fn look_over(&self, _: &mut Check) {}
}

words! {
    /// Whether a subscription goes on by itself.
    open AutoExtend {
        /// It does.
        Enabled = "enabled",
        /// It ends.
        Disabled = "disabled",
    }
}

record! {
    /// A number of the account.
    Active {
        required {
            /// The number.
            number: String ["number"],
        }
        optional {
            /// Where calls go.
            forward_to: String ["forward_to"],
            /// Where texts go.
            forward_to_sms: String ["forward_to_sms" + "forward_sms_to"],
            /// The last day.
            expiry: Date ["expiry"],
            /// Whether it goes on by itself.
            auto_extend_status: AutoExtend ["auto_extend_status"],
            /// The country.
            country: String ["country"],
            /// The part of it.
            state: String ["state"],
            /// What it is used for.
            mode: Mode ["mode"],
        }
    }
}
