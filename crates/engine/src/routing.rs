//! The choice of trunk for an address.

use std::{collections::BTreeMap, sync::Arc};

use outdial_domain::{Address, Destination, Plan};
use outdial_flow::Flow;

use crate::{
    Settings,
    pacing::limits::Limit,
    ports::{Answer, Ask, VoiceCarrier},
};

/// A configured way out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trunk {
    /// Its name.
    pub name: String,
    /// The kind of carrier it belongs to: a key of the carriers given to the engine.
    pub carrier: String,
    /// Numbers that begin so go out by it, with `+` for international ones; empty means all.
    pub prefixes: Vec<String>,
    /// Whether it leads to the built-in handsets, which are always open.
    pub built_in: bool,
    /// How many calls it takes.
    pub limit: Limit,
    /// How many of those that come in over it are taken.
    pub incoming: Limit,
}

/// The name of the way that SIP URIs take when no trunk is named.
pub const DIRECT: &str = "direct";

/// A chosen way.
#[derive(Clone)]
pub struct Route {
    /// The trunk; `None` for a SIP URI that is dialled without one.
    pub trunk: Option<String>,
    /// The carrier that takes it.
    pub carrier: Arc<dyn VoiceCarrier>,
    /// Whether the carrier takes the call as a whole, flow and all.
    pub whole: bool,
    /// Why the ways before it were passed over.
    pub passed_over: Vec<String>,
}

impl Route {
    /// What the journal calls this way.
    #[must_use]
    pub fn name(&self) -> &str {
        self.trunk.as_deref().unwrap_or(DIRECT)
    }
}

/// Why there is no way to an address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoRoute {
    /// The destination is closed.
    #[error("the destination {0} is closed: open it with a line under `[policy] open` in the configuration")]
    Closed(String),
    /// The request names a trunk that is not configured.
    #[error("there is no trunk `{name}`; configured are: {configured}")]
    UnknownTrunk {
        /// What the request names.
        name: String,
        /// What there is.
        configured: String,
    },
    /// The caller id is bound to a trunk that does not take it.
    #[error("the caller id {number} goes out by its own trunk `{home}` only: {}", .reasons.join("; "))]
    CallerIdElsewhere {
        /// The caller id.
        number: String,
        /// Its trunk.
        home: String,
        /// Why no trunk takes it.
        reasons: Vec<String>,
    },
    /// No SMS trunk takes it; each with its reason.
    #[error("no SMS trunk takes this text: {}", .0.join("; "))]
    NoSmsTrunk(Vec<String>),
    /// No trunk takes it; each with its reason.
    #[error("no trunk takes this call: {}", .0.join("; "))]
    NoTrunk(Vec<String>),
}

impl NoRoute {
    /// The field of a request that stands in the way, of those that name whom to reach and what to show.
    #[must_use]
    pub fn blames<'f>(&self, to: &'f str, from: &'f str) -> &'f str {
        match self {
            Self::CallerIdElsewhere { .. } => from,
            Self::UnknownTrunk { .. } => "via",
            Self::Closed(_) | Self::NoSmsTrunk(_) | Self::NoTrunk(_) => to,
        }
    }
}

/// Chooses the way for a plan: the first trunk, in the configured order, that serves the address, is
/// open, and whose carrier can do what the flow asks.
///
/// # Errors
///
/// [`NoRoute`] with all the reasons.
pub fn route(
    plan: &Plan,
    flow: &Flow,
    settings: &Settings,
    carriers: &BTreeMap<String, Arc<dyn VoiceCarrier>>,
) -> Result<Route, NoRoute> {
    choose(plan, flow, settings, carriers, false)
}

/// Chooses the way for another leg of a call whose flow our engine runs: only carriers that give legs will do.
///
/// # Errors
///
/// [`NoRoute`] with all the reasons.
pub fn route_leg(
    plan: &Plan,
    settings: &Settings,
    carriers: &BTreeMap<String, Arc<dyn VoiceCarrier>>,
) -> Result<Route, NoRoute> {
    choose(plan, &Flow::default(), settings, carriers, true)
}

fn choose(
    plan: &Plan,
    flow: &Flow,
    settings: &Settings,
    carriers: &BTreeMap<String, Arc<dyn VoiceCarrier>>,
    only_legs: bool,
) -> Result<Route, NoRoute> {
    let trunks = settings.trunks.as_slice();
    if let Some(name) = &plan.via
        && !trunks.iter().any(|trunk| trunk.name == *name)
    {
        let names: Vec<&str> = trunks.iter().map(|trunk| trunk.name.as_str()).collect();
        let configured = if names.is_empty() {
            "none".to_owned()
        } else {
            names.join(", ")
        };
        return Err(NoRoute::UnknownTrunk {
            name: name.clone(),
            configured,
        });
    }
    let mut passed_over = Vec::new();
    let mut closed = false;
    for (trunk, carrier) in candidates(plan, settings, carriers, &mut passed_over) {
        if !settings
            .policy
            .is_open(&plan.to, trunk.is_some_and(|trunk| trunk.built_in))
        {
            closed = true;
            continue;
        }
        let name = trunk.map(|trunk| trunk.name.as_str());
        let answer = carrier.can(&Ask {
            trunk: name,
            to: &plan.to,
            from: plan.from.as_ref(),
            ring: plan.ring,
            talk: plan.talk,
            flow,
        });
        match answer {
            // Nothing of ours is a switch: only who takes the call as a whole can be one.
            Answer::Legs if flow.hands_over() => passed_over.push(format!(
                "{}: it has no dialplan that a call could be handed over to",
                name.unwrap_or(DIRECT)
            )),
            Answer::Whole if only_legs => passed_over.push(format!(
                "{}: it takes calls as a whole, and gives no leg for a second party",
                name.unwrap_or(DIRECT)
            )),
            Answer::Legs | Answer::Whole => {
                return Ok(Route {
                    trunk: name.map(str::to_owned),
                    carrier: Arc::clone(carrier),
                    whole: answer == Answer::Whole,
                    passed_over,
                });
            }
            Answer::No(reason) => passed_over.push(format!("{}: {reason}", name.unwrap_or(DIRECT))),
        }
    }
    // What others say does not count then: the built-in phones, which are always there, serve no other number.
    if closed {
        return Err(NoRoute::Closed(plan.to.to_string()));
    }
    if let (Some(from), Some(home)) = (&plan.from, plan.from.as_ref().and_then(|from| settings.home_of(from)))
        && passed_over.iter().any(|reason| reason.ends_with(ELSEWHERE))
    {
        return Err(NoRoute::CallerIdElsewhere {
            number: from.to_string(),
            home: home.to_owned(),
            reasons: passed_over,
        });
    }
    if passed_over.is_empty() {
        passed_over.push("no trunk is configured for this number: add a `[[trunk]]`".to_owned());
    }
    Err(NoRoute::NoTrunk(passed_over))
}

/// Why a trunk is passed over that would take the call with another caller id.
const ELSEWHERE: &str = "the caller id belongs to another trunk";

type Candidate<'a> = (Option<&'a Trunk>, &'a Arc<dyn VoiceCarrier>);

fn candidates<'a>(
    plan: &Plan,
    settings: &'a Settings,
    carriers: &'a BTreeMap<String, Arc<dyn VoiceCarrier>>,
    passed_over: &mut Vec<String>,
) -> Vec<Candidate<'a>> {
    if plan.via.is_none() && matches!(plan.to.destination(), Destination::Sip { .. }) {
        return carriers.values().map(|carrier| (None, carrier)).collect();
    }
    let home = plan.from.as_ref().and_then(|from| settings.home_of(from));
    let mut found = Vec::new();
    for trunk in &settings.trunks {
        if plan.via.as_ref().is_some_and(|via| *via != trunk.name) {
            continue;
        }
        match carriers.get(&trunk.carrier) {
            Some(_) if plan.via.is_none() && !trunk.serves(&plan.to) => {
                passed_over.push(format!("{}: does not serve {}", trunk.name, plan.to));
            }
            Some(_) if home.is_some_and(|home| home != trunk.name) => {
                passed_over.push(format!("{}: {ELSEWHERE}", trunk.name));
            }
            Some(carrier) => found.push((Some(trunk), carrier)),
            None => passed_over.push(format!(
                "{}: its carrier `{}` is not running",
                trunk.name, trunk.carrier
            )),
        }
    }
    found
}

impl Trunk {
    fn serves(&self, to: &Address) -> bool {
        let Some(number) = to.number() else { return false };
        self.prefixes.is_empty() || self.prefixes.iter().any(|prefix| number.starts_with(prefix))
    }
}
