//! The task that owns one live call, from its claim to its end.
//!
//! Nobody else changes the call meanwhile: they send it [`Control`]s or read the store.

mod conversation;
pub(crate) mod incoming;
mod journal;
mod prompts;

use outdial_domain::{Call, EndedBy, Ending, EventKind, LiveCall, Outcome, call::Happening};
use outdial_flow::Flow;
use tokio::sync::mpsc;

use crate::{
    Engine, HangUpAnswer,
    call_task::{conversation::Conversation, journal::journal, prompts::Rendered},
    live::Control,
    ports::{Change, ClaimedCall, Job, LegEnd, LegOrder, WholeOrder},
    recorder::Recorder,
    routing::{self, Route},
    saving::save,
};

/// The sample rate that prompts are rendered at before the phone rings: that of nearly every trunk.
const USUAL_RATE: u32 = 8_000;

/// Dials a claimed call and stays with it to its end.
pub(crate) async fn run(engine: &Engine, claimed: ClaimedCall, mut control: mpsc::Receiver<Control>) {
    let ClaimedCall { call, flow } = claimed;
    // Until the leg is in the journal the call can still be prevented.
    let ready = tokio::select! {
        ready = get_ready(engine, &call, &flow) => ready,
        ending = prevented(&mut control) => Err(Some(ending)),
    };
    match ready {
        Ok(ready) => dial(engine, ready, flow, control).await,
        Err(Some(ending)) => end_undialled(engine, call, ending).await,
        Err(None) => {}
    }
}

/// A call whose leg may be rung: everything that can go wrong before has gone well.
struct Ready {
    live: LiveCall,
    route: Route,
    rendered: Rendered,
}

/// Routes the call, renders its prompts, and writes its leg to the journal, in this order: what can
/// go wrong goes wrong before a phone rings. An error without an ending means that the call is
/// somebody else's by now.
async fn get_ready(engine: &Engine, call: &Call, flow: &Flow) -> Result<Ready, Option<Ending>> {
    let route = routing::route(&call.plan, flow, &engine.settings, &engine.carriers)
        .map_err(|reason| Ending::new(Outcome::Refused, EndedBy::System, reason.to_string()))?;
    let rendered = Rendered::render(engine, call.account, flow, USUAL_RATE)
        .await
        .map_err(|reason| Ending::new(Outcome::Failed, EndedBy::System, reason))?;
    let live = journal(engine, call.clone(), &route).await.ok_or(None)?;
    Ok(Ready { live, route, rendered })
}

async fn prevented(control: &mut mpsc::Receiver<Control>) -> Ending {
    match control.recv().await {
        Some(Control::HangUp { by, kind, answer }) => {
            // Whoever asked may have gone; the call is prevented all the same.
            let _ = answer.send(HangUpAnswer::Prevented);
            Ending::new(Outcome::Canceled, kind, format!("ended before it was dialled, by {by}"))
        }
        // The sender is among the live calls until this task has ended.
        None => std::future::pending().await,
    }
}

/// Ends a call that was not dialled.
async fn end_undialled(engine: &Engine, mut call: Call, ending: Ending) {
    let since = Some(call.events);
    call.end(ending.clone(), engine.ids.now());
    let events = vec![engine.record(&mut call, EventKind::Ended { ending: ending.clone() })];
    count_end(&ending);
    let change = Change {
        call,
        since,
        flow: None,
        attempt: None,
        leg: None,
        events,
        trace: Vec::new(),
        job: Job::Remove,
        answer: None,
    };
    save(engine, change).await;
}

/// Rings the leg, and stays with it.
async fn dial(engine: &Engine, ready: Ready, flow: Flow, control: mpsc::Receiver<Control>) {
    let Ready { live, route, rendered } = ready;
    let order = LegOrder {
        leg: live.leg.id,
        trunk: route.trunk.clone(),
        to: live.call.plan.to.clone(),
        from: live.call.plan.from.clone(),
        send_before: None,
    };
    let recorder = Recorder::new(engine, live.call.events);
    let (leg, flow) = if route.whole {
        let order = WholeOrder {
            leg: order,
            ring: live.call.plan.ring,
            talk: live.call.plan.talk,
            sounds: rendered.all(),
            flow,
        };
        (route.carrier.take(order).await, None)
    } else {
        (route.carrier.ring(order).await, Some(flow))
    };
    match leg {
        Ok(leg) => {
            let commands = leg.commands.clone();
            let conversation = Conversation::new(engine, live, recorder, flow, rendered, commands);
            conversation.run(leg, control).await;
        }
        Err(reason) => {
            let ending = Ending::new(Outcome::Failed, EndedBy::System, reason.to_string());
            let end = LegEnd {
                ending,
                quality: None,
                trace: Vec::new(),
            };
            finish(engine, live, recorder, end).await;
        }
    }
}

/// Writes the end of a leg and its call.
async fn finish(engine: &Engine, live: LiveCall, mut recorder: Recorder, end: LegEnd) {
    let LegEnd { ending, quality, trace } = end;
    count_end(&ending);
    let Ok((mut live, kinds)) = live.step(Happening::Ended { ending, quality }, engine.ids.now()) else {
        tracing::error!(call = %live.call.id, "a call ended twice");
        return;
    };
    recorder.note(&mut live, kinds);
    recorder.finish(&live, trace).await;
}

fn count_end(ending: &Ending) {
    metrics::counter!("outdial_calls_ended_total", "outcome" => ending.outcome.as_str()).increment(1);
}
