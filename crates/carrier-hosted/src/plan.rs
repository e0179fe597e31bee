//! What a flow comes to for a service that takes whole calls.

use std::time::Duration;

use outdial_domain::Address;
use outdial_flow::{CallerId, Conference, Dial, Flow, HandOver, Instruction, OnFailure, Target, WhileRinging};

/// A flow that is one thing, and nothing else.
pub(crate) enum Plan<'f> {
    /// Nothing but to ring.
    Nothing,
    /// Two numbers are connected.
    Two(&'f Dial),
    /// A room is entered.
    Room(&'f Conference),
    /// It is left to an application of the service.
    App(&'f HandOver),
    /// Something is heard, piece by piece.
    Heard(&'f [Instruction]),
    /// More than a service does as a whole.
    More,
}

/// What a flow comes to: what follows its first `hang_up` is never reached.
pub(crate) fn plan(flow: &Flow) -> Plan<'_> {
    let steps = flow.steps.as_slice();
    let end = steps.iter().position(|step| matches!(step, Instruction::HangUp));
    match &steps[..end.unwrap_or(steps.len())] {
        [] => Plan::Nothing,
        [Instruction::Dial(dial)] => Plan::Two(dial),
        [Instruction::Conference(conference)] => Plan::Room(conference),
        [Instruction::HandOver(hand_over)] => Plan::App(hand_over),
        heard if heard.iter().all(is_heard) => Plan::Heard(heard),
        _ => Plan::More,
    }
}

fn is_heard(step: &Instruction) -> bool {
    matches!(step, Instruction::Say(_) | Instruction::Play(_) | Instruction::Pause(_))
}

/// Two numbers, and nothing that a service does not do for them: the second number, and how long the two may talk.
pub(crate) fn two<'f>(dial: &'f Dial, service: &str) -> Result<(&'f Address, Option<Duration>), String> {
    let cannot = |what: &str| Err(format!("{service} {what}: use a SIP trunk for it"));
    let [second] = dial.to.as_slice() else {
        return cannot("connects two numbers, and tries no others");
    };
    if !dial.whisper.is_empty() || dial.screen.is_some() {
        return cannot("lets the second party hear and press nothing before it is connected");
    }
    if dial.while_ringing != WhileRinging::Tone {
        return cannot("decides by itself what the first party hears while the second one's phone rings");
    }
    if !dial.announce.is_empty() || dial.on_failure != OnFailure::HangUp {
        return cannot("ends the call when the second party is not reached");
    }
    if !dial.codes.is_empty() {
        return cannot("does not tell of keys that are pressed while two talk");
    }
    if dial.warn_before.is_some() {
        return cannot("gives no warning before the time is over");
    }
    Ok((second, dial.max))
}

/// The name of an application of the service, where the flow says nothing else of it.
pub(crate) fn app<'f>(hand_over: &'f HandOver, service: &str) -> Result<&'f str, String> {
    match &hand_over.target {
        Target::Application { name, data: None } if hand_over.variables.is_empty() => Ok(name),
        Target::Application { .. } => Err(format!(
            "an application of {service} takes no `data` and no `variables`"
        )),
        Target::Dialplan { .. } => Err(format!(
            "{service} has applications, and no dialplan: name one as `application`"
        )),
    }
}

/// Seconds, of which there is at least one.
pub(crate) fn seconds(length: Duration) -> u32 {
    u32::try_from(length.as_secs()).unwrap_or(u32::MAX).max(1)
}

/// Why two phones cannot be rung for different times, if they were to be.
pub(crate) fn one_ring(ring: Duration, dial: &Dial, service: &str) -> Result<(), String> {
    match dial.ring {
        Some(other) if other != ring => Err(format!(
            "{service} rings both phones equally long: give both the same `ring`"
        )),
        Some(_) | None => Ok(()),
    }
}

/// What the second party is to see, where that is a number at all.
pub(crate) enum Shown<'a> {
    /// What the trunk or the service does by itself.
    Usual,
    /// This number.
    Number(&'a Address),
    /// Nothing.
    Private,
    /// The first party's number.
    First,
}

/// What the second party of a dial is to see: without a word of the dial, what the first party sees.
pub(crate) fn shown<'a>(dial: &'a Dial, from: Option<&'a Address>) -> Shown<'a> {
    match (&dial.from, from) {
        (Some(CallerId::Number(number)), _) | (None, Some(number)) => Shown::Number(number),
        (Some(CallerId::Private), _) => Shown::Private,
        (Some(CallerId::OtherParty), _) => Shown::First,
        (None, None) => Shown::Usual,
    }
}
