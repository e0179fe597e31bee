//! The task that owns one live call, from its claim to its end.
//!
//! Nobody else changes the call meanwhile: they send it [`Control`]s or read the store.

mod prompts;

use std::time::Duration;

use outdial_domain::{
    AttemptId, Call, EndedBy, Ending, EventKind, LegId, LiveCall, Outcome,
    call::{Gathered, Happening, Way},
};
use outdial_flow::{Command, Flow, Input, Interpreter, Note};
use tokio::{
    sync::{mpsc, oneshot},
    time::Instant,
};

use crate::{
    Engine, HangUpAnswer,
    call_task::prompts::Rendered,
    live::Control,
    ports::{Change, ClaimedCall, Job, LegCommand, LegEnd, LegEvent, LegHandle, LegOrder, StoreError},
    recorder::Recorder,
    routing::{self, Route},
};

/// The sample rate that prompts are rendered at before the phone rings: that of nearly every trunk.
const USUAL_RATE: u32 = 8_000;
/// How long a carrier may take to end a leg that it was told to end.
const ENDING: Duration = Duration::from_secs(40);

/// Dials a claimed call and stays with it to its end.
pub(crate) async fn run(engine: &Engine, claimed: ClaimedCall, mut control: mpsc::Receiver<Control>) {
    let ClaimedCall { call, flow } = claimed;
    let prepared = tokio::select! {
        prepared = prepare(engine, &call, &flow) => prepared,
        Some(Control::HangUp { by, kind, answer }) = control.recv() => {
            let _ = answer.send(HangUpAnswer::Prevented);
            Err(Ending::new(Outcome::Canceled, kind, format!("ended before it was dialled, by {by}")))
        }
    };
    match prepared {
        Err(ending) => end_undialled(engine, call, ending).await,
        Ok((route, rendered)) => dial(engine, call, flow, route, rendered, control).await,
    }
}

/// All that can go wrong before a phone rings goes wrong here: no route, no sound.
async fn prepare(engine: &Engine, call: &Call, flow: &Flow) -> Result<(Route, Rendered), Ending> {
    let route = routing::route(&call.plan, flow, &engine.settings, &engine.carriers)
        .map_err(|reason| Ending::new(Outcome::Refused, EndedBy::System, reason.to_string()))?;
    let rendered = Rendered::render(engine, call.account, flow, USUAL_RATE)
        .await
        .map_err(|reason| Ending::new(Outcome::Failed, EndedBy::System, reason))?;
    Ok((route, rendered))
}

/// Ends a call that never reached the journal.
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
    };
    save_until_done(engine, change).await;
}

/// Saves a change, trying until the disk does it or the engine stops.
async fn save_until_done(engine: &Engine, change: Change) {
    loop {
        match engine.store.commit(change.clone()).await {
            Ok(()) | Err(StoreError::Stale(_)) => return,
            Err(error) => {
                tracing::error!(call = %change.call.id, %error, "cannot save the end of a call; trying again");
                tokio::select! {
                    () = tokio::time::sleep(Duration::from_secs(1)) => {}
                    () = engine.inner().stopping.cancelled() => return,
                }
            }
        }
    }
}

/// Journals the leg, rings it, and stays with it.
async fn dial(
    engine: &Engine,
    call: Call,
    flow: Flow,
    route: Route,
    rendered: Rendered,
    control: mpsc::Receiver<Control>,
) {
    let Some(live) = journal(engine, call, &route).await else {
        return;
    };
    let order = LegOrder {
        leg: live.leg.id,
        trunk: route.trunk.clone(),
        to: live.call.plan.to.clone(),
        from: live.call.plan.from.clone(),
        send_before: None,
    };
    let recorder = Recorder::new(engine, live.call.events);
    match route.carrier.ring(order).await {
        Ok(leg) => {
            let now = Instant::now();
            let conversation = Conversation {
                engine,
                ring_until: now + live.call.plan.ring,
                talk_until: None,
                ending_until: None,
                flow: Some(flow),
                interpreter: None,
                next_play: 0,
                rendered,
                commands: leg.commands.clone(),
                recorder,
                live,
            };
            conversation.run(leg, control).await;
        }
        Err(reason) => {
            let ending = Ending::new(Outcome::Failed, EndedBy::System, reason.to_string());
            finish(
                recorder,
                live,
                LegEnd {
                    ending,
                    quality: None,
                    trace: Vec::new(),
                },
                engine,
            )
            .await;
        }
    }
}

/// Writes attempt and leg to the journal. Nothing is sent before this is on disk.
async fn journal(engine: &Engine, call: Call, route: &Route) -> Option<LiveCall> {
    let since = call.events;
    let way = Way {
        trunk: route.name().to_owned(),
        target: call.plan.to.to_string(),
        node: engine.settings.node.clone(),
    };
    let routed = EventKind::Routed {
        trunk: way.trunk.clone(),
        target: way.target.clone(),
        passed_over: route.passed_over.clone(),
    };
    let node = way.node.clone();
    let (attempt, leg) = (engine.ids.make(AttemptId::new), engine.ids.make(LegId::new));
    let mut live = LiveCall::journal(call, attempt, leg, way, engine.ids.now());
    let journalled = EventKind::Journalled {
        attempt,
        number: live.attempt.number,
        leg,
        node,
    };
    let events = [routed, journalled]
        .map(|kind| engine.record(&mut live.call, kind))
        .to_vec();
    let change = Change {
        call: live.call.clone(),
        since: Some(since),
        flow: None,
        attempt: Some(live.attempt.clone()),
        leg: Some(live.leg.clone()),
        events,
        trace: Vec::new(),
        job: Job::Remove,
    };
    loop {
        match engine.store.commit(change.clone()).await {
            Ok(()) => return Some(live),
            Err(StoreError::Stale(id)) => {
                tracing::info!(%id, "changed before it was dialled");
                return None;
            }
            Err(error) => {
                // Not journalled, not dialled: the call keeps its place until the disk works again.
                tracing::error!(call = %live.call.id, %error, "cannot journal, so nothing is dialled; trying again");
                tokio::select! {
                    () = tokio::time::sleep(Duration::from_secs(1)) => {}
                    () = engine.inner().stopping.cancelled() => return None,
                }
            }
        }
    }
}

async fn finish(mut recorder: Recorder, live: LiveCall, end: LegEnd, engine: &Engine) {
    let LegEnd { ending, quality, trace } = end;
    count_end(&ending);
    let Ok((mut live, kinds)) = live.step(Happening::Ended { ending, quality }, engine.ids.now()) else {
        tracing::error!(call = %live.call.id, "a call ended twice");
        return;
    };
    recorder.hold(&mut live, kinds);
    recorder.finish(&live, trace).await;
}

fn count_end(ending: &Ending) {
    metrics::counter!("outdial_calls_ended_total", "outcome" => ending.outcome.as_str()).increment(1);
}

/// A leg under way and the flow that runs on it.
struct Conversation<'a> {
    engine: &'a Engine,
    live: LiveCall,
    recorder: Recorder,
    commands: mpsc::Sender<LegCommand>,
    rendered: Rendered,
    /// The flow, until the answer starts it.
    flow: Option<Flow>,
    interpreter: Option<Interpreter>,
    next_play: u64,
    ring_until: Instant,
    talk_until: Option<Instant>,
    /// Set when the carrier was told to end the leg; by then it must have.
    ending_until: Option<Instant>,
}

impl Conversation<'_> {
    async fn run(mut self, mut leg: LegHandle, mut control: mpsc::Receiver<Control>) {
        let end = loop {
            let wake = self.next_deadline();
            tokio::select! {
                event = leg.events.recv() => match event {
                    Some(LegEvent::Ended(end)) => break *end,
                    Some(event) => self.on_leg(event).await,
                    None => break lost("the carrier lost this leg"),
                },
                Some(Control::HangUp { by, kind, answer }) = control.recv() => {
                    self.on_hang_up(by, kind, answer).await;
                }
                saved = self.recorder.saved(&self.live), if self.recorder.is_busy() => {
                    if let Err(error) = saved {
                        tracing::error!(call = %self.live.call.id, %error, "cannot save what happens to a call; ending it");
                        let reason = format!("the store failed during the call: {error}");
                        self.hang_up(Ending::new(Outcome::Failed, EndedBy::System, reason)).await;
                    }
                }
                () = tokio::time::sleep_until(wake) => {
                    if self.ending_until.is_some_and(|until| until <= Instant::now()) {
                        break lost("the carrier did not end this leg in time");
                    }
                    self.on_deadline().await;
                }
            }
        };
        finish(self.recorder, self.live, end, self.engine).await;
    }

    fn next_deadline(&self) -> Instant {
        if let Some(until) = self.ending_until {
            return until;
        }
        let limit = self.talk_until.unwrap_or(self.ring_until);
        let flow = self
            .interpreter
            .as_ref()
            .and_then(Interpreter::deadline)
            .map(Instant::from_std);
        flow.map_or(limit, |flow| flow.min(limit))
    }

    async fn on_deadline(&mut self) {
        let now = Instant::now();
        match self.talk_until {
            None if self.ring_until <= now => {
                let ring = self.live.call.plan.ring.as_secs_f32();
                let reason = format!("nobody answered within {ring} s");
                self.hang_up(Ending::new(Outcome::NoAnswer, EndedBy::System, reason))
                    .await;
            }
            Some(until) if until <= now => {
                let talk = self.live.call.plan.talk.as_secs_f32();
                let reason = format!("the longest duration of this call, {talk} s, was reached");
                self.hang_up(Ending::new(Outcome::Completed, EndedBy::System, reason))
                    .await;
            }
            _ => {
                if let Some(interpreter) = &mut self.interpreter
                    && interpreter
                        .deadline()
                        .is_some_and(|deadline| deadline <= now.into_std())
                {
                    interpreter.handle_timeout(now.into_std());
                }
                self.follow_flow().await;
            }
        }
    }

    async fn on_leg(&mut self, event: LegEvent) {
        match event {
            LegEvent::Sent => self.step(Happening::Sent),
            LegEvent::Ringing { sip_code, early_media } => self.step(Happening::Ringing { sip_code, early_media }),
            LegEvent::Answered { codec, sample_rate } => {
                self.step(Happening::Answered {
                    codec: codec.to_owned(),
                });
                self.talk_until = Some(Instant::now() + self.live.call.plan.talk);
                self.start_flow(sample_rate).await;
            }
            LegEvent::Digit { digit, way } => {
                let leg = self.live.leg.id;
                let way = way.as_str().to_owned();
                self.recorder
                    .note(&mut self.live, [EventKind::Digit { leg, digit, way }]);
                self.input(Input::Digit(digit)).await;
            }
            LegEvent::PlayDone { play } if play == self.next_play => self.input(Input::PlayDone).await,
            // The end of something that was stopped already.
            LegEvent::PlayDone { .. } => {}
            LegEvent::DigitsSent => self.input(Input::DigitsSent).await,
            LegEvent::Ended(_) => unreachable!("the caller takes the end for itself"),
        }
    }

    /// What comes late or twice is no step, and is left out.
    fn step(&mut self, happening: Happening) {
        match self.live.step(happening, self.engine.ids.now()) {
            Ok((live, kinds)) => {
                self.live = live;
                self.recorder.note(&mut self.live, kinds);
            }
            Err(late) => tracing::debug!(call = %self.live.call.id, %late, "a late event"),
        }
    }

    async fn start_flow(&mut self, rate: u32) {
        let Some(flow) = self.flow.take() else { return };
        if rate != USUAL_RATE {
            match Rendered::render(self.engine, self.live.call.account, &flow, rate).await {
                Ok(rendered) => self.rendered = rendered,
                Err(reason) => {
                    return self
                        .hang_up(Ending::new(Outcome::Failed, EndedBy::System, reason))
                        .await;
                }
            }
        }
        self.interpreter = Some(Interpreter::new(flow));
        self.input(Input::Started).await;
    }

    async fn input(&mut self, input: Input) {
        if let Some(interpreter) = &mut self.interpreter {
            interpreter.handle(input, Instant::now().into_std());
        }
        self.follow_flow().await;
    }

    /// Does what the flow wants and writes down what it notes.
    async fn follow_flow(&mut self) {
        while let Some(note) = self.interpreter.as_mut().and_then(Interpreter::poll_note) {
            if let Note::Gathered { name, digits, .. } = &note {
                self.live.call.digits.push(Gathered {
                    name: name.clone(),
                    digits: digits.clone(),
                });
            }
            self.recorder.note(&mut self.live, [event_of(note)]);
        }
        while let Some(command) = self.interpreter.as_mut().and_then(Interpreter::poll_command) {
            match command {
                Command::Prompt(prompts) => {
                    self.next_play += 1;
                    let clips = self.rendered.clips(&prompts);
                    self.tell(LegCommand::Play {
                        play: self.next_play,
                        clips,
                    })
                    .await;
                }
                Command::StopPrompt => self.tell(LegCommand::StopPlaying).await,
                Command::SendDigits(digits) => self.tell(LegCommand::SendDigits { digits }).await,
                Command::HangUp => {
                    let ending = Ending::new(Outcome::Completed, EndedBy::Flow, "the flow came to its end");
                    self.hang_up(ending).await;
                }
            }
        }
    }

    async fn on_hang_up(&mut self, by: String, kind: EndedBy, answer: oneshot::Sender<HangUpAnswer>) {
        // Whoever asked may have gone; the call is ended all the same.
        let _ = answer.send(HangUpAnswer::HungUp);
        let outcome = if self.talk_until.is_some() {
            Outcome::Completed
        } else {
            Outcome::Canceled
        };
        let reason = format!("hung up by {by}");
        self.recorder.note(&mut self.live, [EventKind::HangUpRequested { by }]);
        self.hang_up(Ending::new(outcome, kind, reason)).await;
    }

    /// Tells the carrier to end the leg. The first reason given holds.
    async fn hang_up(&mut self, ending: Ending) {
        if self.ending_until.is_none() {
            self.ending_until = Some(Instant::now() + ENDING);
            self.interpreter = None;
            self.tell(LegCommand::HangUp { ending }).await;
        }
    }

    /// A carrier that is gone will say so by the end of its events.
    async fn tell(&mut self, command: LegCommand) {
        let _ = self.commands.send(command).await;
    }
}

fn lost(reason: &str) -> LegEnd {
    let ending = Ending::new(Outcome::Unknown, EndedBy::System, reason);
    LegEnd {
        ending,
        quality: None,
        trace: Vec::new(),
    }
}

fn event_of(note: Note) -> EventKind {
    match note {
        Note::Started { step, what } => EventKind::InstructionStarted { step, what },
        Note::Done { step, result } => EventKind::InstructionDone { step, result },
        Note::Gathered { step, name, digits } => EventKind::Gathered { step, name, digits },
    }
}
