//! An account.

use outdial_domain as domain;
use outdial_engine::pacing::{
    bucket::{Rate, SECOND},
    limits::Limit,
};
use serde::Serialize;
use utoipa::ToSchema;

use super::Time;

/// A tenant.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::native) struct Account {
    /// Names it.
    #[schema(example = "acct_019a9c3e5b7d7c1e8f00112233445566")]
    id: String,
    /// What people and the configuration call it.
    #[schema(example = "acme")]
    name: String,
    created_at: Time,
    /// How many calls it is allowed, by request and configuration together.
    limits: AccountLimits,
    /// What of that was said by request; the rest is as the configuration says.
    own_limits: OwnLimits,
}

/// How many calls an account is allowed; `null` for any number.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::native) struct AccountLimits {
    /// How many may begin in a second.
    #[schema(required = true)]
    calls_per_second: Option<f64>,
    /// How many may begin at once after a pause.
    #[schema(required = true)]
    burst: Option<u32>,
    /// How many may be live at once.
    #[schema(required = true)]
    max_calls: Option<u32>,
}

/// How many calls an account is allowed by request; `null` where the configuration says.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::native) struct OwnLimits {
    /// How many may begin in a second; 0 for any number.
    #[schema(required = true)]
    calls_per_second: Option<f64>,
    /// How many may begin at once after a pause.
    #[schema(required = true)]
    burst: Option<u32>,
    /// How many may be live at once; 0 for any number.
    #[schema(required = true)]
    max_calls: Option<u32>,
}

/// All accounts, by name.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::native) struct AccountList {
    pub(in crate::native) accounts: Vec<Account>,
}

impl Account {
    /// An account that is allowed so much.
    pub(in crate::native) fn allowed(account: domain::Account, limit: Limit) -> Self {
        Self {
            id: account.id.to_string(),
            name: account.name,
            created_at: Time(account.created_at),
            limits: limit.into(),
            own_limits: account.allowance.into(),
        }
    }
}

impl From<Limit> for AccountLimits {
    fn from(limit: Limit) -> Self {
        // The rate is kept as a whole number of nanoseconds, so what it was made of is a little off.
        #[expect(clippy::cast_precision_loss, reason = "an interval is less than 2^53 ns")]
        let per_second = |interval: i64| (SECOND as f64 / interval as f64 * 1e6).round() / 1e6;
        Self {
            calls_per_second: limit.rate.map(|rate| per_second(rate.interval())),
            burst: limit.rate.map(Rate::burst),
            max_calls: limit.at_once,
        }
    }
}

impl From<domain::Allowance> for OwnLimits {
    fn from(allowance: domain::Allowance) -> Self {
        Self {
            calls_per_second: allowance.calls_per_second,
            burst: allowance.burst,
            max_calls: allowance.max_calls,
        }
    }
}
