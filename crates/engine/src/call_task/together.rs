//! Two who hear each other, from what comes before the answer to their parting.

use std::sync::Arc;

use outdial_domain::{EndedBy, Ending, EventKind, Outcome, RoomId};
use outdial_flow::{Dial, Input, Party, Prompt, WhileRinging};
use tokio::time::Instant;

use super::{
    conversation::Conversation,
    other::{OtherLeg, Phase, SCREENING, Stage},
    prompts::Rendered,
    sound::Sound,
};
use crate::ports::{Clip, Joining, LegCommand, RoomKind, Signal};

impl Conversation<'_> {
    /// Whether the first party talks to another one.
    pub(super) fn talks(&self) -> bool {
        self.other.as_ref().is_some_and(|other| other.is_connected())
    }

    /// The first party hears that somebody is rung for it.
    pub(super) async fn hear_ringing(&mut self, dial: &Dial) {
        let ringing = match &dial.while_ringing {
            WhileRinging::Tone => vec![self.engine.prompts.signal(Signal::Ringing, self.rate)],
            WhileRinging::Silence => Vec::new(),
            WhileRinging::Prompts(prompts) => self.rendered.clips(prompts),
        };
        self.sound.play_on(ringing).await;
    }

    /// The first party hears what comes of the other side before its answer, and is not heard there.
    pub(super) async fn hear_early(&mut self, other: &mut OtherLeg) {
        if other.phase != Phase::Ringing || other.early.is_some() {
            return;
        }
        self.sound.stop().await;
        let room = self.engine.ids.make(RoomId::new);
        other.early = Some(room);
        bring_together(&self.sound, &other.sound, room, true).await;
    }

    /// Lets the other party hear what it is to hear first.
    pub(super) async fn whisper(&mut self, other: &mut OtherLeg, dial: &Dial) {
        if dial.whisper.is_empty() && dial.screen.is_none() {
            return self.connect(other, dial).await;
        }
        if other.early.take().is_some() {
            // What it is asked now is not for the first party.
            other.sound.tell(LegCommand::Leave).await;
            self.sound.tell(LegCommand::Leave).await;
            self.hear_ringing(dial).await;
        }
        if dial.whisper.is_empty() {
            return self.screen(other, dial).await;
        }
        other.phase = Phase::Whispering;
        other.until = None;
        let clips = self.clips_at(&dial.whisper, other.rate).await;
        other.sound.play(clips).await;
    }

    /// The sound of prompts of the flow at this rate.
    async fn clips_at(&mut self, prompts: &[Prompt], rate: u32) -> Vec<Arc<Clip>> {
        if rate == self.rate {
            return self.rendered.clips(prompts);
        }
        let account = self.live.call.account;
        match Rendered::render_prompts(self.engine, account, prompts.to_vec(), rate).await {
            Ok(rendered) => rendered.clips(prompts),
            Err(error) => {
                // It was rendered at the usual rate before the phone rang, so this is a fault of the moment.
                tracing::warn!(call = %self.live.call.id, error, "a prompt is left out");
                Vec::new()
            }
        }
    }

    pub(super) async fn screen(&mut self, other: &mut OtherLeg, dial: &Dial) {
        if dial.screen.is_none() {
            return self.connect(other, dial).await;
        }
        other.phase = Phase::Screening;
        other.until = Some(Instant::now() + SCREENING);
    }

    /// Lets the two talk.
    pub(super) async fn connect(&mut self, other: &mut OtherLeg, dial: &Dial) {
        other.phase = Phase::Connected { entered: 0 };
        other.until = None;
        self.sound.stop().await;
        if !dial.codes.is_empty() {
            // The steps of a code may ask the first party for keys, whoever pressed it.
            self.sound.tell(LegCommand::Listen(true)).await;
        }
        if dial.listens_to(Party::Other) {
            other.sound.tell(LegCommand::Listen(true)).await;
        }
        let room = other.early.take();
        let room = room.unwrap_or_else(|| self.engine.ids.make(RoomId::new));
        bring_together(&self.sound, &other.sound, room, self.muted).await;
        let talk = dial.max.unwrap_or(self.live.call.plan.talk);
        self.may_talk_together(talk, dial.warn_before);
        self.has_talked = true;
        self.live.verdict = None;
    }

    /// A leg of the two is in the room; with the second one they hear each other.
    pub(super) fn on_entered(&mut self, other: &mut OtherLeg) {
        let Phase::Connected { entered } = &mut other.phase else {
            return;
        };
        *entered += 1;
        if *entered == 2 {
            let kind = EventKind::Connected {
                leg: self.live.leg.id,
                with: other.leg,
            };
            self.recorder.note(&mut self.live, [kind]);
            self.tell_interpreter(Input::Connected);
        }
    }

    /// A key was pressed while the two talk. That is nobody's affair, unless it makes a code or answers what one asks.
    pub(super) async fn pressed_in_talk(&mut self, input: Input) {
        // A code may let go of the other party, and only one can be on its way out.
        if self.leaving.is_none() {
            self.input(input).await;
        }
    }

    /// The other party hears this, too, where there is one that is talked to.
    pub(super) async fn other_hears(&mut self, prompts: &[Prompt]) {
        let Some(mut other) = self.other.take_if(|other| other.is_connected()) else {
            return;
        };
        if let Stage::Leg(leg) = &mut other.stage {
            let clips = self.clips_at(prompts, leg.rate).await;
            leg.sound.play_between(clips).await;
        }
        self.other = Some(other);
    }

    /// The other party hears nothing of ours any more.
    pub(super) async fn other_hears_no_more(&mut self) {
        if let Some(other) = self.other.as_mut().filter(|other| other.is_connected())
            && let Stage::Leg(leg) = &mut other.stage
        {
            leg.sound.stop().await;
        }
    }

    /// Both hear that their time is nearly over.
    pub(super) async fn warn(&mut self) {
        self.warn_at = None;
        let signal = |rate| vec![self.engine.prompts.signal(Signal::Warning, rate)];
        let clips = signal(self.rate);
        if let Some(other) = &mut self.other
            && let Stage::Leg(leg) = &mut other.stage
        {
            let clips = signal(leg.rate);
            leg.sound.play_between(clips).await;
        }
        self.sound.play_between(clips).await;
    }

    /// Lets go of whoever the first party talks to: it is alone with the flow then.
    pub(super) async fn part(&mut self, because: &str) {
        let connected = self.talks();
        let early = self.other.as_ref().is_some_and(|other| other.is_early());
        let in_room = self.stay.is_some();
        self.leave_room(because);
        self.let_go(Ending::new(
            if connected {
                Outcome::Completed
            } else {
                Outcome::Canceled
            },
            EndedBy::Request,
            because,
        ))
        .await;
        // What is left of the other party ends beside whatever the call does next.
        if let Some(mut other) = self.other.take() {
            other.retired = true;
            self.leaving = Some(other);
        }
        if connected {
            self.sound.tell(LegCommand::Listen(false)).await;
        }
        if connected || early || in_room {
            self.sound.tell(LegCommand::Leave).await;
        }
        self.sound.stop().await;
    }
}

/// Puts both into a room; the first of them is heard there unless it is muted.
async fn bring_together(first: &Sound, other: &Sound, room: RoomId, muted: bool) {
    let joining = |muted| Joining {
        room,
        kind: RoomKind::Bridge,
        muted,
    };
    first.tell(LegCommand::Join(joining(muted))).await;
    other.tell(LegCommand::Join(joining(false))).await;
}
