//! A leg under way and the flow that runs on it.

use std::time::Duration;

use outdial_domain::{
    EndedBy, Ending, EventKind, LiveCall, Outcome,
    call::{Gathered, Happening},
};
use outdial_flow::{Command, Flow, Input, Interpreter, Note};
use tokio::{sync::mpsc, time::Instant};

use super::{USUAL_RATE, finish, prompts::Rendered};
use crate::{
    Engine, HangUpAnswer, fault,
    live::{Control, Said, Told},
    ports::{LegCommand, LegEnd, LegEvent, LegHandle, StoreError},
    recorder::Recorder,
};

/// How long a carrier may take to end a leg that it was told to end.
const ENDING: Duration = Duration::from_secs(40);

/// How long a carrier that takes calls as a whole may take to report, beyond ringing and talking. It
/// keeps to both by itself, and need not learn of the answer.
const REPORTING: Duration = Duration::from_secs(90);

/// A leg under way and the flow that runs on it.
pub(super) struct Conversation<'a> {
    engine: &'a Engine,
    live: LiveCall,
    recorder: Recorder,
    commands: mpsc::Sender<LegCommand>,
    rendered: Rendered,
    /// The flow, until the answer starts it.
    flow: Option<Flow>,
    interpreter: Option<Interpreter>,
    next_play: u64,
    /// Whether the carrier runs the flow.
    whole: bool,
    ring_until: Instant,
    talk_until: Option<Instant>,
    /// Set when the carrier was told to end the leg; by then it must have.
    ending_until: Option<Instant>,
}

impl<'a> Conversation<'a> {
    /// A conversation on a leg that rings; the answer will start the flow, unless the carrier runs it.
    pub(super) fn new(
        engine: &'a Engine,
        live: LiveCall,
        recorder: Recorder,
        flow: Option<Flow>,
        rendered: Rendered,
        commands: mpsc::Sender<LegCommand>,
    ) -> Self {
        let plan = &live.call.plan;
        let whole = flow.is_none();
        let without_answer = if whole {
            plan.ring + plan.talk + REPORTING
        } else {
            plan.ring
        };
        Self {
            engine,
            whole,
            ring_until: Instant::now() + without_answer,
            talk_until: None,
            ending_until: None,
            flow,
            interpreter: None,
            next_play: 0,
            rendered,
            commands,
            recorder,
            live,
        }
    }

    /// Stays with the leg to its end, and writes that down.
    pub(super) async fn run(mut self: Box<Self>, mut leg: LegHandle, mut control: mpsc::Receiver<Told>) {
        let end = loop {
            let wake = self.next_deadline();
            tokio::select! {
                event = leg.events.recv() => match event {
                    Some(LegEvent::Ended(end)) => break end,
                    Some(event) => Box::pin(self.on_leg(event)).await,
                    None => break lost("the carrier lost this leg"),
                },
                Some(told) = control.recv() => Box::pin(self.on_told(told)).await,
                Err(error) = self.recorder.save(&self.live) => Box::pin(self.on_unsaved(error)).await,
                () = tokio::time::sleep_until(wake) => {
                    if self.ending_until.is_some_and(|until| until <= Instant::now()) {
                        break lost("the carrier did not end this leg in time");
                    }
                    Box::pin(self.on_deadline()).await;
                }
            }
        };
        let Self {
            engine, live, recorder, ..
        } = *self;
        Box::pin(finish(engine, live, recorder, *end)).await;
    }

    /// The call goes on while the store is away, and what happens to it is saved when the store is back. A
    /// call that others have ended meanwhile is over.
    async fn on_unsaved(&mut self, error: StoreError) {
        let id = self.live.call.id;
        if !matches!(error, StoreError::Stale(_)) {
            tracing::warn!(call = %id, %error, "what happens to a call is saved later");
        } else if !self.recorder.had_been_saved(&self.live).await {
            tracing::error!(call = %id, %error, "ending a call that others have ended");
            let reason = "others have ended this call, because its node was taken to be gone";
            self.hang_up(Ending::new(Outcome::Failed, EndedBy::System, reason))
                .await;
        }
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
            None if self.ring_until <= now && self.whole => {
                let reason = "the carrier that took this call reported neither its answer nor its end";
                self.hang_up(Ending::new(Outcome::Unknown, EndedBy::System, reason))
                    .await;
            }
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
            LegEvent::Sent => {
                fault::point("sent");
                self.step(Happening::Sent);
            }
            LegEvent::Ringing { sip_code, early_media } => {
                fault::point("ringing");
                self.step(Happening::Ringing { sip_code, early_media });
            }
            LegEvent::Answered { codec, sample_rate } => {
                fault::point("answered");
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
            // Nothing that a flow says joins a room, holds or transfers.
            LegEvent::Joined { .. }
            | LegEvent::Left
            | LegEvent::OnHold(_)
            | LegEvent::HoldRefused
            | LegEvent::Transferred(_) => {}
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

    async fn on_told(&mut self, told: Told) {
        match told.control {
            Control::HangUp { by, kind } => {
                // Whoever asked may have gone; the call is ended all the same.
                let _ = told.answer.send(Said::HangUp(HangUpAnswer::HungUp));
                self.on_hang_up(by, kind).await;
            }
        }
    }

    async fn on_hang_up(&mut self, by: String, kind: EndedBy) {
        let outcome = if self.talk_until.is_some() {
            Outcome::Completed
        } else {
            Outcome::Canceled
        };
        self.live.stopped = true;
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

fn lost(reason: &str) -> Box<LegEnd> {
    let ending = Ending::new(Outcome::Unknown, EndedBy::System, reason);
    Box::new(LegEnd {
        ending,
        quality: None,
        trace: Vec::new(),
        far_sound: None,
    })
}

fn event_of(note: Note) -> EventKind {
    match note {
        Note::Started { step, what } => EventKind::InstructionStarted { step, what },
        Note::Done { step, result } => EventKind::InstructionDone { step, result },
        Note::Gathered { step, name, digits } => EventKind::Gathered { step, name, digits },
    }
}
