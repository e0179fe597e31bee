//! Calls that come in: each is given to the flow of the number that was called.

use std::time::Duration;

use outdial_domain::{
    Account, Address, Call, CallId, Direction, EndedBy, Ending, EventKind, LiveCall, Number, Outcome, Plan, Priority,
    Retry, call::Way,
};
use outdial_flow::Flow;
use tokio::sync::mpsc;

use super::{USUAL_RATE, conversation::Conversation, masked, prompts::Rendered};
use crate::{
    Engine,
    pacing::rules,
    ports::{Change, IncomingLeg, Job, LegCommand, LegEvent, StoreError},
    recorder::Recorder,
};

/// How long a caller may take to acknowledge our answer.
const ACKNOWLEDGE: Duration = Duration::from_secs(60);

/// Takes calls until the engine stops or the carrier is gone.
pub(crate) async fn take_all(engine: Engine, mut calls: mpsc::Receiver<IncomingLeg>) {
    let stopping = engine.inner().stopping.clone();
    loop {
        let leg = tokio::select! {
            () = stopping.cancelled() => return,
            leg = calls.recv() => leg,
        };
        let Some(leg) = leg else { return };
        let engine = engine.clone();
        engine.inner().tasks.clone().spawn(async move {
            // The number is looked up first: a call for nobody takes nothing from the others.
            let Some(number) = engine.settings.receiving(&leg.to, &leg.trunk) else {
                return refuse(&engine, leg, nobody()).await;
            };
            let wants = rules::wants_of_incoming(&engine.settings, &leg.trunk);
            match engine.inner().admission.at_once(&engine, &wants).await {
                Ok(_room) => Box::pin(take(&engine, leg, number)).await,
                Err(full) => refuse(&engine, leg, Ending::new(Outcome::Congestion, EndedBy::System, full)).await,
            }
        });
    }
}

fn nobody() -> Ending {
    Ending::new(
        Outcome::InvalidNumber,
        EndedBy::System,
        "no number of ours takes this call",
    )
}

/// Answers one call, or refuses it with the reason.
async fn take(engine: &Engine, leg: IncomingLeg, number: &Number) {
    let (account, flow, refused_alone) = match find(engine, &leg, number).await {
        Ok(found) => found,
        Err(ending) => return refuse(engine, leg, ending).await,
    };
    let rendered = match Rendered::render(engine, account.id, &flow, USUAL_RATE).await {
        Ok(rendered) => rendered,
        Err(reason) => return refuse(engine, leg, Ending::new(Outcome::Failed, EndedBy::System, reason)).await,
    };
    // Nobody runs it again, so what was to be pressed need not be kept.
    let (live, change) = write_down(engine, &account, flow.clone().without_private_keys(), &leg);
    if let Err(error) = engine.store.commit(change).await {
        return refuse(
            engine,
            leg,
            Ending::new(Outcome::Congestion, EndedBy::System, error.to_string()),
        )
        .await;
    }
    metrics::counter!("outdial_calls_created_total", "face" => "incoming").increment(1);
    let id = live.call.id;
    let control = engine.inner().live.enter(id);
    let recorder = Recorder::new(engine, live.call.events);
    let commands = leg.handle.commands.clone();
    // A carrier that is gone says so by the end of its events.
    let _ = commands.send(LegCommand::Answer).await;
    let conversation = Conversation::new(engine, live, recorder, Some(flow), rendered, commands);
    Box::new(conversation.refused_alone(refused_alone))
        .run(leg.handle, control)
        .await;
    engine.inner().live.leave(id);
}

/// The account and the flow of the number that was called, and why the call is refused where that flow ends without
/// having rung anybody.
async fn find(
    engine: &Engine,
    leg: &IncomingLeg,
    number: &Number,
) -> Result<(Account, Flow, Option<&'static str>), Ending> {
    let failed = |error: StoreError| Ending::new(Outcome::Congestion, EndedBy::System, error.to_string());
    let accounts = engine.store.accounts().await.map_err(failed)?;
    let account = accounts
        .into_iter()
        .find(|account| account.name == number.account)
        .ok_or_else(nobody)?;
    if let Some(from) = &leg.from {
        let masks = engine.store.masks_of(account.id, &number.address.to_string());
        let mut masks = masks.await.map_err(failed)?;
        masks.retain(|mask| mask.holds(engine.ids.now()));
        if let Some(flow) = masked::flow(&masks, from) {
            return Ok((account, flow, Some(masked::REFUSED)));
        }
    }
    let flow = number.flow.as_ref();
    let flow = flow
        .and_then(|name| engine.settings.flows.get(name))
        .ok_or_else(nobody)?;
    Ok((account, flow.clone(), None))
}

/// The call as it is saved before it is answered.
fn write_down(engine: &Engine, account: &Account, flow: Flow, leg: &IncomingLeg) -> (LiveCall, Change) {
    let now = engine.ids.now();
    let plan = Plan {
        to: leg.to.clone(),
        from: leg.from.clone(),
        via: Some(leg.trunk.clone()),
        due: now,
        priority: Priority::default(),
        expires: None,
        hours: None,
        retry: Retry::default(),
        ring: ACKNOWLEDGE,
        talk: engine.settings.limits.talk,
        tag: None,
        reference: None,
        webhook: None,
    };
    let mut call = Call::new(engine.ids.make(CallId::new), account.id, plan, now);
    call.direction = Direction::Incoming;
    let way = Way {
        trunk: leg.trunk.clone(),
        target: leg.to.to_string(),
        shows: None,
        node: engine.inner().node.run().id,
    };
    let attempt = engine.ids.make(outdial_domain::AttemptId::new);
    let mut live = LiveCall::journal(call, attempt, leg.leg, way, now);
    let created = EventKind::Created {
        to: leg.to.to_string(),
        from: leg.from.as_ref().map(Address::to_string),
        due: now,
        face: "incoming".to_owned(),
    };
    let kinds = [created, live.journalled(&live.leg)];
    let events = kinds.map(|kind| engine.record(&mut live.call, kind)).to_vec();
    let change = Change {
        call: live.call.clone(),
        since: None,
        flow: Some(flow),
        attempt: Some(live.attempt.clone()),
        legs: vec![live.leg.clone()],
        events,
        traces: Vec::new(),
        job: Job::Keep,
        answer: None,
    };
    (live, change)
}

/// Refuses a call that was not written down, and lets the carrier finish it.
async fn refuse(engine: &Engine, mut leg: IncomingLeg, ending: Ending) {
    metrics::counter!("outdial_incoming_refused_total", "outcome" => ending.outcome.as_str()).increment(1);
    let (trunk, reason) = (leg.trunk.clone(), ending.reason.clone());
    let more = move |calls| tracing::info!(trunk, reason, calls, "more incoming calls are refused");
    let what = format!("{} {}", leg.trunk, ending.reason);
    if engine.inner().refusals.is_first(&what, more) {
        tracing::info!(trunk = leg.trunk, to = %leg.to, reason = ending.reason, "an incoming call is refused");
    }
    if leg.handle.commands.send(LegCommand::HangUp { ending }).await.is_ok() {
        while let Some(event) = leg.handle.events.recv().await {
            if matches!(event, LegEvent::Ended(_)) {
                return;
            }
        }
    }
}
