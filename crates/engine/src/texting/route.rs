//! The choice of trunk for a text.

use std::{collections::BTreeMap, sync::Arc};

use outdial_domain::{Message, MessagePlan, text::Concatenation};

use crate::{
    Settings,
    pacing::limits::{Key, Kind, Limit, Want},
    ports::{TextAsk, TextCarrier, TextTrunk},
    routing::NoRoute,
};

/// A configured way out for texts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SmsTrunk {
    /// Its name.
    pub name: String,
    /// The kind of carrier it belongs to: a key of the text carriers given to the engine.
    pub carrier: String,
    /// Numbers that begin so go out by it, with `+` for international ones; empty means all.
    pub prefixes: Vec<String>,
    /// Whether it leads to the built-in SMSC, which is always open.
    pub built_in: bool,
    /// How many texts it takes.
    pub limit: Limit,
    /// How many texts may be under way at one time on each node: in the journal, and not answered.
    pub under_way: u32,
}

impl SmsTrunk {
    fn serves(&self, plan: &MessagePlan) -> bool {
        let Some(number) = plan.to.number() else { return false };
        self.prefixes.is_empty() || self.prefixes.iter().any(|prefix| number.starts_with(prefix))
    }
}

/// A chosen way.
pub(crate) struct TextRoute {
    pub(crate) trunk: SmsTrunk,
    pub(crate) carrier: Arc<dyn TextCarrier>,
    /// How things are with it.
    pub(crate) state: TextTrunk,
    /// Why the ways before it were passed over.
    pub(crate) passed_over: Vec<String>,
}

impl TextRoute {
    /// Whether its trunk has been told to go slower since it was chosen.
    pub(crate) fn pauses_by_now(&self) -> bool {
        let state = self.carrier.trunk(&self.trunk.name);
        state.is_some_and(|state| state.pauses.is_some())
    }
}

/// Whether a text can go now.
pub(crate) enum Way {
    /// By this way.
    Open(TextRoute),
    /// By none now: those that it could go by are down, each with its reason.
    Down(Vec<String>),
}

/// Chooses the way for a message: the first trunk, in the configured order, that serves its receiver, is open, has
/// not refused it for good, and is up. The one that could not take it at the last try is its last choice. A message
/// that some trunk has parts of goes by that one only.
///
/// # Errors
///
/// [`NoRoute`] with all the reasons when none could ever take it.
pub(crate) fn route(
    message: &Message,
    settings: &Settings,
    carriers: &BTreeMap<String, Arc<dyn TextCarrier>>,
) -> Result<Way, NoRoute> {
    choose(
        &message.plan,
        message.bound_to(),
        Before {
            refused_by: &message.refused_by,
            failed_on: message.failed_on(),
        },
        settings,
        carriers,
    )
}

/// Whether there is a way for a new message, whatever the state of the trunks, and how it joins parts.
///
/// # Errors
///
/// [`NoRoute`] with all the reasons.
pub(crate) fn first_choice(
    plan: &MessagePlan,
    settings: &Settings,
    carriers: &BTreeMap<String, Arc<dyn TextCarrier>>,
) -> Result<Concatenation, NoRoute> {
    Ok(
        match choose(plan, plan.via.as_deref(), Before::default(), settings, carriers)? {
            Way::Open(route) => route.state.concatenation,
            Way::Down(_) => Concatenation::Udh8,
        },
    )
}

/// What trunks have said before.
#[derive(Clone, Copy, Default)]
struct Before<'m> {
    /// Those that never will.
    refused_by: &'m [String],
    /// The one that could not, at the last try.
    failed_on: Option<&'m str>,
}

fn choose(
    plan: &MessagePlan,
    only: Option<&str>,
    before: Before<'_>,
    settings: &Settings,
    carriers: &BTreeMap<String, Arc<dyn TextCarrier>>,
) -> Result<Way, NoRoute> {
    let trunks = &settings.sms_trunks;
    if let Some(name) = only
        && !trunks.iter().any(|trunk| trunk.name == *name)
    {
        let names: Vec<&str> = trunks.iter().map(|trunk| trunk.name.as_str()).collect();
        return Err(NoRoute::UnknownTrunk {
            name: name.to_owned(),
            configured: if names.is_empty() {
                "none".to_owned()
            } else {
                names.join(", ")
            },
        });
    }
    let mut passed_over = Vec::new();
    let mut down = Vec::new();
    let mut closed = false;
    let mut last_choice = None;
    for trunk in trunks {
        let name = &trunk.name;
        if only.is_some_and(|only| only != name) {
            continue;
        }
        let Some(carrier) = carriers.get(&trunk.carrier) else {
            passed_over.push(format!("{name}: its carrier `{}` is not running", trunk.carrier));
            continue;
        };
        if only.is_none() && !trunk.serves(plan) {
            passed_over.push(format!("{name}: does not serve {}", plan.to));
            continue;
        }
        if !settings.policy.is_open(&plan.to, trunk.built_in) {
            closed = true;
            continue;
        }
        if before.refused_by.contains(name) {
            passed_over.push(format!("{name}: it refused this text"));
            continue;
        }
        let to = plan.to.number().unwrap_or_default();
        let ask = TextAsk {
            trunk: name,
            from: plan.from.as_deref(),
            to: &to,
            text: &plan.body,
        };
        if let Err(reason) = carrier.can(&ask) {
            passed_over.push(format!("{name}: {reason}"));
            continue;
        }
        match carrier.trunk(name) {
            None => passed_over.push(format!("{name}: its carrier does not know it")),
            Some(TextTrunk { down: Some(why), .. }) => {
                down.push(format!("{name} is down: {why}"));
                passed_over.push(format!("{name}: {why}"));
            }
            Some(state) => {
                let route = |passed_over| TextRoute {
                    trunk: trunk.clone(),
                    carrier: Arc::clone(carrier),
                    state,
                    passed_over,
                };
                if before.failed_on != Some(name) {
                    return Ok(Way::Open(route(passed_over)));
                }
                last_choice = Some(route(passed_over.clone()));
                passed_over.push(format!("{name}: it could not take this text at the last try"));
            }
        }
    }
    if let Some(route) = last_choice {
        return Ok(Way::Open(route));
    }
    if !down.is_empty() {
        return Ok(Way::Down(down));
    }
    // That others do not serve the number says nothing: opening the destination is what helps.
    if closed {
        return Err(NoRoute::Closed(plan.to.to_string()));
    }
    if passed_over.is_empty() {
        passed_over.push("no SMS trunk is configured for this number: add an `[[sms_trunk]]`".to_owned());
    }
    Err(NoRoute::NoSmsTrunk(passed_over))
}

/// What a text counts against that goes this way: what the trunk and the destination are allowed, and how many may
/// be under way on this node.
pub(crate) fn wants(settings: &Settings, message: &Message, trunk: &SmsTrunk) -> Vec<Want> {
    let mut wants = vec![
        Want {
            key: Key::new(Kind::Trunk, trunk.name.as_str()),
            limit: trunk.limit,
        },
        Want {
            key: Key::new(Kind::Trunk, format!("{} on {}", trunk.name, settings.node)),
            limit: Limit {
                rate: None,
                at_once: Some(trunk.under_way),
            },
        },
    ];
    let number = message.plan.to.number();
    for (prefix, limit) in &settings.pacing.prefixes {
        if number.as_ref().is_some_and(|number| number.starts_with(prefix)) {
            wants.push(Want {
                key: Key::new(Kind::Prefix, prefix.as_str()),
                limit: *limit,
            });
        }
    }
    wants.retain(|want| !want.limit.is_none());
    wants
}
