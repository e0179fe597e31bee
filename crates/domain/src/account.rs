//! Who uses Outdial: accounts, their keys, their numbers and their limits.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{AccountId, Address, KeyId, outcome::words};

/// A tenant. Every row in the store belongs to one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Account {
    /// Names it.
    pub id: AccountId,
    /// What people and the configuration call it; unique.
    pub name: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// How many calls it is allowed, where that was said by request.
    #[serde(default)]
    pub allowance: Allowance,
}

/// How many calls an account is allowed, as said by request. What is not given is as the configuration says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Allowance {
    /// How many may begin in a second; 0 for any number.
    pub calls_per_second: Option<f64>,
    /// How many may begin at once after a pause. It goes with `calls_per_second`.
    pub burst: Option<u32>,
    /// How many may be live at once; 0 for any number.
    pub max_calls: Option<u32>,
}

impl Allowance {
    /// The most calls a second that may be allowed. Who wants more sets no limit.
    pub const MOST_PER_SECOND: f64 = 100_000.0;

    /// Whether all is as the configuration says.
    #[must_use]
    pub fn is_usual(self) -> bool {
        self == Self::default()
    }
}

words! {
    /// What a key allows.
    Scope {
        /// Create and control calls.
        Calls = "calls",
        /// Read calls and events, nothing else.
        Read = "read",
        /// Any caller id, not only the account's own numbers.
        AnyCallerId = "any_caller_id",
        /// See numbers and names whole in explanations and captures, where they are masked for others.
        Unmasked = "unmasked",
        /// Leave calls to the switch that carries them, by its own applications and dialplan: as much as
        /// that switch may do on its machine.
        HandOver = "hand_over",
        /// Make and end accounts and keys.
        Admin = "admin",
    }
}

impl Scope {
    /// Whether somebody with these scopes may do this. `admin` allows everything but foreign caller ids and
    /// handing calls over.
    #[must_use]
    pub fn is_allowed_by(self, scopes: &[Self]) -> bool {
        let apart = matches!(self, Self::AnyCallerId | Self::HandOver);
        let by_admin = !apart && scopes.contains(&Self::Admin);
        let by_calls = self == Self::Read && scopes.contains(&Self::Calls);
        by_admin || by_calls || scopes.contains(&self)
    }
}

/// A secret that opens an account's interfaces. The store keeps only the hash of the secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// Names it; it may be shown.
    pub id: KeyId,
    /// Whose it is.
    pub account: AccountId,
    /// What people call it.
    pub name: String,
    /// What it allows.
    pub scopes: Vec<Scope>,
    /// When it was made.
    pub created_at: Timestamp,
    /// From when on it opens nothing.
    pub expires_at: Option<Timestamp>,
}

impl Key {
    /// Whether the key may be used at this time.
    #[must_use]
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.expires_at.is_none_or(|end| now < end)
    }

    /// Whether the key allows this.
    #[must_use]
    pub fn allows(&self, scope: Scope) -> bool {
        scope.is_allowed_by(&self.scopes)
    }
}

words! {
    /// What a number of ours may be used for.
    NumberUse {
        /// It may be shown as the caller.
        CallerId = "caller_id",
        /// Calls to it reach us.
        ReceivesCalls = "receives_calls",
        /// Texts to it reach us.
        ReceivesTexts = "receives_texts",
    }
}

/// A number of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Number {
    /// The number itself.
    pub address: Address,
    /// The name of the account it belongs to.
    pub account: String,
    /// The trunk it lives on, or none when any trunk carries it.
    pub trunk: Option<String>,
    /// What it may be used for.
    pub uses: Vec<NumberUse>,
    /// The name of the flow that calls to it are given to.
    pub flow: Option<String>,
}

impl Number {
    /// Whether a call to this address is meant for this number. Providers write the numbers of
    /// incoming calls with and without the `+`, and as the user of a SIP URI.
    #[must_use]
    pub fn is_reached_by(&self, to: &Address) -> bool {
        self.address.is_reached_as(to)
    }
}

/// What an account may ask for at most, and what it gets when it asks for nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// How long a phone rings when the request does not say.
    pub ring: Duration,
    /// The longest ring time that may be asked for.
    pub longest_ring: Duration,
    /// How long a call may last when the request does not say.
    pub talk: Duration,
    /// The longest call that may be asked for.
    pub longest_talk: Duration,
    /// The most calls that may be live at once in the whole program.
    pub live_calls: usize,
    /// How long the answer to a request with an idempotency key is kept.
    pub answers_kept: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        const HOUR: u64 = 3600;
        Self {
            ring: Duration::from_secs(45),
            longest_ring: Duration::from_secs(600),
            talk: Duration::from_secs(4 * HOUR),
            longest_talk: Duration::from_secs(24 * HOUR),
            live_calls: 5_000,
            answers_kept: Duration::from_secs(24 * HOUR),
        }
    }
}
