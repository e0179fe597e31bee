//! The flow of a conversation: what it is told, and what is done for it.

use outdial_domain::{EndedBy, Ending, EventKind, Outcome, call::Gathered};
use outdial_flow::{Command, Flow, Input, Interpreter, Note, Party};
use tokio::time::Instant;

use super::{USUAL_RATE, conversation::Conversation, prompts::Rendered};
use crate::ports::LegCommand;

impl Conversation<'_> {
    /// Runs no flow for now.
    pub(super) fn stop_flow(&mut self) {
        self.interpreter = None;
    }

    /// Runs a flow from its beginning.
    pub(super) fn run_flow(&mut self, flow: Flow) {
        self.private |= flow.has_private_keys();
        self.interpreter = Some(Interpreter::new(flow));
        self.tell_interpreter(Input::Started);
    }

    pub(super) async fn start_flow(&mut self, rate: u32) {
        let Some(flow) = self.flow.take() else { return };
        self.rate = rate;
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
        self.run_flow(flow);
        self.follow_flow().await;
    }

    pub(super) async fn input(&mut self, input: Input) {
        self.tell_interpreter(input);
        self.follow_flow().await;
    }

    /// Lets the flow know something; whoever does follows the flow as soon as it can.
    pub(super) fn tell_interpreter(&mut self, input: Input) {
        if let Some(interpreter) = &mut self.interpreter {
            interpreter.handle(input, Instant::now().into_std());
        }
    }

    /// Lets the flow know something that ends the call: what it notes is written down, and what it wants is
    /// left to whoever ends the call.
    pub(super) fn tell_flow(&mut self, input: Input) {
        self.tell_interpreter(input);
        self.take_notes();
    }

    fn take_notes(&mut self) {
        while let Some(note) = self.interpreter.as_mut().and_then(Interpreter::poll_note) {
            if let Note::Gathered {
                name,
                digits: Some(digits),
                ..
            } = &note
            {
                self.live.call.digits.push(Gathered {
                    name: name.clone(),
                    digits: digits.clone(),
                });
            }
            let kind = self.event_of(note);
            self.recorder.note(&mut self.live, [kind]);
        }
    }

    /// Does what the flow wants and writes down what it notes.
    pub(super) async fn follow_flow(&mut self) {
        loop {
            self.take_notes();
            let Some(command) = self.interpreter.as_mut().and_then(Interpreter::poll_command) else {
                return;
            };
            self.obey_flow(command).await;
        }
    }

    async fn obey_flow(&mut self, command: Command) {
        match command {
            Command::Prompt(prompts) => {
                let clips = self.rendered.clips(&prompts);
                self.sound.play(clips).await;
                self.other_hears(&prompts).await;
            }
            Command::StopPrompt => {
                self.sound.stop().await;
                self.other_hears_no_more().await;
            }
            Command::SendDigits(digits) => self.sound.tell(LegCommand::SendDigits { digits }).await,
            Command::Dial(dial) => Box::pin(self.dial(*dial)).await,
            Command::Part => Box::pin(self.part("a code was pressed")).await,
            Command::Announce(outcome) => {
                let clips = self.announcement(outcome);
                self.sound.play(clips).await;
            }
            Command::Join(conference) => Box::pin(self.enter(conference)).await,
            Command::Record(record) => {
                if let Some(input) = self.flow_records(record).await {
                    self.tell_interpreter(input);
                }
            }
            Command::EndMessage => self.end_message(),
            Command::Recording(action) => self.change_recordings(action),
            Command::HangUp => {
                if let Some(because) = self.refused_alone.filter(|_| self.live.others.is_empty()) {
                    let refused = || Ending::new(Outcome::Refused, EndedBy::System, because);
                    self.live.verdict.get_or_insert_with(refused);
                }
                let ending = Ending::new(Outcome::Completed, EndedBy::Flow, "the flow came to its end");
                self.hang_up(ending).await;
            }
        }
    }

    fn event_of(&self, note: Note) -> EventKind {
        match note {
            Note::Started { step, what } => EventKind::InstructionStarted { step, what },
            Note::Done { step, result } => EventKind::InstructionDone { step, result },
            Note::Code { step, code, by } => {
                let first = self.live.leg.id;
                let leg = match by {
                    Party::First => first,
                    Party::Other => self.other.as_ref().and_then(|other| other.leg()).unwrap_or(first),
                };
                EventKind::Code { leg, step, code }
            }
            Note::Gathered { step, name, digits } => EventKind::Gathered { step, name, digits },
        }
    }
}
