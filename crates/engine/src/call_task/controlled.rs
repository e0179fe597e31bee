//! What others have a live call do.

use std::time::Duration;

use outdial_domain::{Address, EndedBy, Ending, EventKind, Outcome};
use outdial_flow::{Dial, Flow, Input, Instruction};
use tokio::time::Instant;

use super::{
    conversation::{Conversation, Since},
    prompts::Rendered,
};
use crate::{
    live::{Order, Said},
    ports::LegCommand,
};

/// How long a far side may take to say whether it reached whom it was asked to call.
const TRANSFERRED_WITHIN: Duration = Duration::from_secs(40);

impl Conversation<'_> {
    /// Does what somebody asks of the call, and writes down who, what and why.
    pub(super) async fn obey(&mut self, by: String, why: Option<String>, order: Order) -> Said {
        let what = order.in_words();
        match self.can_obey(&order) {
            Ok(()) => {}
            Err(reason) => return Said::Refused(reason),
        }
        let result = match Box::pin(self.carry_out(order)).await {
            Ok(result) => result,
            Err(reason) => return Said::Refused(reason),
        };
        let kind = EventKind::Controlled {
            by,
            what,
            why,
            result: result.clone(),
        };
        self.recorder.note(&mut self.live, [kind]);
        Box::pin(self.follow_flow()).await;
        Said::Obeyed(result)
    }

    /// Whether this is the moment for it.
    fn can_obey(&self, order: &Order) -> Result<(), String> {
        if self.is_ending() {
            return Err("the call is being ended".to_owned());
        }
        if self.is_whole() {
            return Err("its carrier has the call as a whole, and can only hang it up".to_owned());
        }
        if !self.is_answered() {
            return Err(format!(
                "the call is not answered yet: {} is for a call that talks",
                order.in_words()
            ));
        }
        Ok(())
    }

    async fn carry_out(&mut self, order: Order) -> Result<String, String> {
        match order {
            Order::Mute(muted) => {
                let was = std::mem::replace(&mut self.muted, muted);
                self.sound.tell(LegCommand::Mute(muted)).await;
                self.tell_room();
                let is = if muted { "muted" } else { "not muted" };
                Ok(if was == muted {
                    format!("it was {is} already")
                } else {
                    is.to_owned()
                })
            }
            Order::SendDigits(digits) => {
                let sent = format!("sending {digits}");
                self.sound.tell(LegCommand::SendDigits { digits }).await;
                Ok(sent)
            }
            Order::Play(prompts) => {
                let account = self.live.call.account;
                let rendered = Rendered::render_prompts(self.engine, account, prompts.clone(), self.rate).await?;
                self.sound.play_between(rendered.clips(&prompts)).await;
                Ok("it is heard now".to_owned())
            }
            Order::StopPlaying => {
                if self.sound.cut().await {
                    self.tell_flow(Input::PlayDone);
                }
                Ok("nothing is played now".to_owned())
            }
            Order::Redirect(flow) => self.redirect(flow).await,
            Order::Hold(held) => {
                self.sound.tell(LegCommand::Hold(held)).await;
                Ok("the far side is asked".to_owned())
            }
            Order::Transfer(to) => self.transfer(to).await,
            Order::Limit(length) => {
                self.may_talk(length, Since::Asked, None);
                Ok(format!("it may last {} s from now on", length.as_secs_f32()))
            }
        }
    }

    /// Asks the first party to call somebody else instead of us. If it does not, we ring them for it.
    async fn transfer(&mut self, to: Address) -> Result<String, String> {
        if self.leaving.is_some() || self.transfer.is_some() {
            return Err("the party that the call was with is still being let go: try again in a moment".to_owned());
        }
        self.part("the call was transferred").await;
        self.stop_flow();
        self.live.verdict = None;
        self.refused_alone = None;
        self.transfer = Some((to.clone(), Instant::now() + TRANSFERRED_WITHIN));
        self.sound.tell(LegCommand::Transfer { to: Box::new(to) }).await;
        Ok("the first party is asked to call them".to_owned())
    }

    /// What became of asking the first party to call somebody else.
    pub(super) async fn on_transferred(&mut self, result: Result<(), String>) {
        let Some((to, _)) = self.transfer.take() else { return };
        let failed = match result {
            Ok(()) => {
                let reason = format!("transferred to {to}");
                let ending = Ending::new(Outcome::Completed, EndedBy::Request, reason);
                return self.hang_up(ending).await;
            }
            Err(failed) => failed,
        };
        self.tell_of(
            format!("transfer to {to}"),
            format!("they are rung by us, because the first party does not call them: {failed}"),
        );
        let flow = Flow {
            steps: vec![Instruction::Dial(Box::new(Dial::to(to)))],
        };
        self.run_flow(flow);
        Box::pin(self.follow_flow()).await;
    }

    /// The first party is on hold, or is not any more.
    pub(super) fn on_hold(&mut self, held: bool) {
        self.held = held;
        self.tell_room();
        let what = if held { "hold" } else { "resume" };
        self.tell_of(what.to_owned(), "the far side agreed".to_owned());
    }

    /// The first party does not want to be put on hold, or taken back.
    pub(super) fn on_hold_refused(&mut self) {
        let what = if self.held { "resume" } else { "hold" };
        self.tell_of(what.to_owned(), "the far side refused; all is as it was".to_owned());
    }

    /// Writes down what the far side made of something that had been asked for.
    fn tell_of(&mut self, what: String, result: String) {
        self.tell_of_by("the far side", what, result);
    }

    /// Writes down what the carrier made of it.
    pub(super) fn tell_of_carrier(&mut self, what: &str, result: String) {
        self.tell_of_by("the carrier", what.to_owned(), result);
    }

    fn tell_of_by(&mut self, by: &str, what: String, result: String) {
        let kind = EventKind::Controlled {
            by: by.to_owned(),
            what,
            why: None,
            result,
        };
        self.recorder.note(&mut self.live, [kind]);
    }

    /// Runs another flow from its beginning, instead of what the call does.
    async fn redirect(&mut self, flow: Flow) -> Result<String, String> {
        if self.leaving.is_some() {
            return Err("the party that the call was with is still being hung up: try again in a moment".to_owned());
        }
        let account = self.live.call.account;
        let rendered = Rendered::render(self.engine, account, &flow, self.rate).await?;
        self.part("the call was redirected").await;
        self.transfer = None;
        self.live.verdict = None;
        self.refused_alone = None;
        self.rendered = rendered;
        self.run_flow(flow);
        Ok("it runs the other flow".to_owned())
    }
}
