//! What the operator allows, and which of it a call counts against.

use std::{collections::BTreeMap, time::Duration};

use outdial_domain::{Account, AccountId, Plan};

use super::{
    bucket::{Nanos, Rate},
    limits::{Key, Kind, Limit, Want},
};
use crate::{
    Settings,
    policy::is_loopback,
    routing::{Route, Trunk},
};

/// What the operator allows, beside what stands with the trunks.
#[derive(Debug, Clone, PartialEq)]
pub struct Rules {
    /// How long after a call to a number the next one to it may begin.
    pub number_gap: Duration,
    /// What each account is allowed that has no line of its own.
    pub account: Limit,
    /// What the accounts of these names are allowed.
    pub accounts: BTreeMap<String, Limit>,
    /// What each caller id is allowed.
    pub caller_id: Limit,
    /// What all destinations together are allowed that begin so. All that fit hold.
    pub prefixes: Vec<(String, Limit)>,
}

impl Rules {
    /// A number is not rung again within this time, unless the configuration says otherwise: a program
    /// that has gone wild must not make one phone ring on and on.
    pub const NUMBER_GAP: Duration = Duration::from_secs(1);

    /// How many calls to a trunk may begin in a second, unless the configuration says otherwise. Providers
    /// close trunks that send more calls than agreed, and few agree on less than this.
    pub const TRUNK_CALLS_PER_SECOND: f64 = 10.0;

    /// How many calls of a trunk are taken in a second, unless the configuration says otherwise: more than people
    /// dial, and less than a trunk that has gone wild.
    pub const INCOMING_CALLS_PER_SECOND: f64 = 50.0;
}

impl Rules {
    /// What an account is allowed: what was said by request, and beside that what the configuration says.
    #[must_use]
    pub fn of_account(&self, account: &Account) -> Limit {
        let configured = self.accounts.get(&account.name).unwrap_or(&self.account);
        let said = account.allowance;
        Limit {
            rate: match said.calls_per_second {
                Some(calls) => Rate::per_second(calls, said.burst.unwrap_or(1)),
                None => configured.rate,
            },
            at_once: match said.max_calls {
                Some(calls) => Some(calls).filter(|calls| *calls > 0),
                None => configured.at_once,
            },
        }
    }
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            number_gap: Self::NUMBER_GAP,
            account: Limit::default(),
            accounts: BTreeMap::new(),
            caller_id: Limit::default(),
            prefixes: Vec::new(),
        }
    }
}

/// What a call counts against.
#[derive(Debug, Clone)]
pub(crate) struct Wants {
    /// What many calls have in common. The trunk comes first.
    pub(crate) common: Vec<Want>,
    /// Its number.
    pub(crate) number: Option<Want>,
}

/// What a call of this account, which is allowed so much, counts against when it goes this way.
///
/// It counts for its account even where that has no limit, which may get one while the call is live.
pub(crate) fn wants(settings: &Settings, account: AccountId, allowed: Limit, plan: &Plan, route: &Route) -> Wants {
    let rules = &settings.pacing;
    let trunk = settings.trunks.iter().find(|trunk| trunk.name == route.name());
    let mut common = vec![Want {
        key: Key::new(Kind::Trunk, route.name()),
        limit: trunk.map(|trunk| trunk.limit).unwrap_or_default(),
    }];
    common.push(Want {
        key: Key::new(Kind::Account, account.to_string()),
        limit: allowed,
    });
    if let Some(from) = &plan.from {
        common.push(Want {
            key: Key::new(Kind::CallerId, from.to_string()),
            limit: rules.caller_id,
        });
    }
    let number = plan.to.number();
    for (prefix, limit) in &rules.prefixes {
        if number.as_ref().is_some_and(|number| number.starts_with(prefix)) {
            common.push(Want {
                key: Key::new(Kind::Prefix, prefix.as_str()),
                limit: *limit,
            });
        }
    }
    common.push(node(settings));
    common.retain(|want| want.key.kind() == Kind::Account || !want.limit.is_none());
    Wants {
        common,
        number: gap(settings, plan, trunk),
    }
}

/// What a call that comes in counts against. It cannot wait, so its trunk has a rate of its own for such calls, and
/// the one of those that go out goes on for these.
pub(crate) fn wants_of_incoming(settings: &Settings, trunk: &str) -> Vec<Want> {
    let known = settings.trunks.iter().find(|known| known.name == trunk);
    let incoming = known.map(|known| known.incoming).unwrap_or_default();
    let mut wants = vec![
        Want {
            key: Key::new(Kind::Trunk, trunk),
            limit: Limit {
                rate: None,
                at_once: known.and_then(|known| known.limit.at_once),
            },
        },
        Want {
            key: Key::new(Kind::Incoming, trunk),
            limit: incoming,
        },
        Want {
            key: Key::new(Kind::Incoming, format!("{trunk} at node {}", settings.node)),
            limit: Limit {
                rate: None,
                at_once: incoming.at_once.is_none().then(|| share(settings)),
            },
        },
        node(settings),
    ];
    wants.retain(|want| !want.limit.is_none());
    wants
}

/// How many of the calls that there is room for may be of one trunk that calls us, where nothing else is said: the rest
/// is for those that go out.
fn share(settings: &Settings) -> u32 {
    let most = (settings.limits.live_calls * 3).div_ceil(4);
    u32::try_from(most).unwrap_or(u32::MAX)
}

/// The room that this node has.
fn node(settings: &Settings) -> Want {
    Want {
        key: Key::new(Kind::Node, settings.node.as_str()),
        limit: Limit {
            rate: None,
            at_once: Some(u32::try_from(settings.limits.live_calls).unwrap_or(u32::MAX)),
        },
    }
}

/// The gap that a number has between calls to it. What leads to phones of our own, or to this machine,
/// needs none.
fn gap(settings: &Settings, plan: &Plan, trunk: Option<&Trunk>) -> Option<Want> {
    let gap = settings.pacing.number_gap;
    if gap.is_zero() || trunk.is_some_and(|trunk| trunk.built_in) || is_loopback(&plan.to) {
        return None;
    }
    let gap = Nanos::try_from(gap.as_nanos()).unwrap_or(Rate::LONGEST);
    Some(Want {
        key: Key::new(Kind::Number, plan.to.to_string()),
        limit: Limit {
            rate: Some(Rate::every(gap, 1)),
            at_once: None,
        },
    })
}
