//! The legs of an attempt under way, and the flow that runs on the first of them.

use std::time::Duration;

use outdial_domain::{Address, EndedBy, Ending, EventKind, LegId, LiveCall, Outcome, call::Happening};
use outdial_flow::{Flow, Input, Interpreter};
use tokio::{sync::mpsc, time::Instant};

use super::{
    USUAL_RATE,
    asked::Asked,
    finish,
    other::{Other, Stage, news_of},
    prompts::Rendered,
    recordings::{Recordings, recorded},
    sound::Sound,
    stay::{Stay, news_of_room},
};
use crate::{
    Engine, fault,
    live::{Control, Told, by_whom},
    ports::{LegCommand, LegEnd, LegEvent, LegHandle, StoreError},
    recorder::Recorder,
};

/// How long a carrier may take to end a leg that it was told to end.
pub(super) const ENDING: Duration = Duration::from_secs(40);

/// How long a carrier that takes calls as a whole may take to report, beyond ringing and talking. It
/// keeps to both by itself, and need not learn of the answer.
const REPORTING: Duration = Duration::from_secs(90);

/// A deadline that is noticed so late tells of a process that stood still: stopped, or starved. It may have been
/// answered meanwhile, and whoever answered is not to be hung up on.
const STOOD_STILL: Duration = Duration::from_millis(200);

/// How long what came in meanwhile may take to get here.
const CATCHING_UP: Duration = Duration::from_millis(500);

/// From when on a call may last so long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Since {
    /// Its answer.
    Answer,
    /// The answer of the other party.
    Together,
    /// Somebody's request.
    Asked,
}

impl Since {
    /// Why a call ends that has lasted as long as it may.
    fn is_over_after(self, length: Duration) -> String {
        let seconds = length.as_secs_f32();
        match self {
            Self::Answer => format!("the longest duration of this call, {seconds} s, was reached"),
            Self::Together => format!("the two have talked for {seconds} s, as long as they may"),
            Self::Asked => format!("the {seconds} s are over that it was given while it talked"),
        }
    }
}

/// The legs of an attempt under way and the flow that runs on the first of them.
pub(super) struct Conversation<'a> {
    pub(super) engine: &'a Engine,
    pub(super) live: LiveCall,
    pub(super) recorder: Recorder,
    /// What the first leg hears.
    pub(super) sound: Sound,
    /// The sample rate that it takes clips at.
    pub(super) rate: u32,
    pub(super) rendered: Rendered,
    /// Made with the first: most calls have none.
    pub(super) recordings: Option<Box<Recordings>>,
    /// The flow, until the answer starts it.
    pub(super) flow: Option<Flow>,
    pub(super) interpreter: Option<Interpreter>,
    /// Whether a flow that ran keeps keys to itself: those that come when it is over may still be meant for it.
    pub(super) private: bool,
    /// Whether the carrier runs the flow.
    whole: bool,
    ring_until: Instant,
    /// Before this no deadline counts: the process stood still, and what came in meanwhile is heard first.
    caught_up: Instant,
    /// So much longer a carrier that runs the flow may take, because others are rung meanwhile.
    others: Duration,
    talk_until: Option<Instant>,
    /// How long that was when it was set, and from when on.
    limit: (Duration, Since),
    /// Whether the first party was put through to anybody: from then on nobody who is not reached is a reason to
    /// ring it again.
    pub(super) has_talked: bool,
    /// Why the call is refused when its flow ends without having rung anybody.
    pub(super) refused_alone: Option<&'static str>,
    /// When the tone is heard that the time is nearly over.
    pub(super) warn_at: Option<Instant>,
    /// Set when the carrier was told to end the leg; by then it must have.
    ending_until: Option<Instant>,
    /// Whether the first leg is over.
    over: bool,
    /// Who is dialled by the flow, or talked to.
    pub(super) other: Option<Box<Other>>,
    /// Who was let go of while the call goes on, until its leg is over.
    pub(super) leaving: Option<Box<Other>>,
    /// Its stay in a room.
    pub(super) stay: Option<Box<Stay>>,
    /// Whether what the first leg says is kept out of rooms.
    pub(super) muted: bool,
    /// Whether the first leg is on hold.
    pub(super) held: bool,
    /// Whom the first party was asked to call instead of us, and until when it may take.
    pub(super) transfer: Option<(Address, Instant)>,
    /// Those who asked to end the call.
    asked: Asked,
    /// What is said when the carrier never tells the end of the first leg.
    unheard: String,
}

impl<'a> Conversation<'a> {
    /// A conversation on a leg that rings; the answer will start the flow, unless the carrier runs it.
    pub(super) fn new(
        engine: &'a Engine,
        live: LiveCall,
        mut recorder: Recorder,
        flow: Option<Flow>,
        rendered: Rendered,
        commands: mpsc::Sender<LegCommand>,
    ) -> Self {
        if let Some(flow) = &flow {
            recorder.runs(flow);
        }
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
            caught_up: Instant::now(),
            others: Duration::ZERO,
            talk_until: None,
            limit: (plan.talk, Since::Answer),
            has_talked: false,
            refused_alone: None,
            warn_at: None,
            ending_until: None,
            over: false,
            other: None,
            leaving: None,
            stay: None,
            muted: false,
            held: false,
            transfer: None,
            asked: Asked::default(),
            unheard: "the carrier lost this leg".to_owned(),
            flow,
            recordings: None,
            interpreter: None,
            private: false,
            rendered,
            rate: USUAL_RATE,
            sound: Sound::new(commands),
            recorder,
            live,
        }
    }

    /// A carrier that runs the flow may take so much longer, because others are rung meanwhile.
    pub(super) fn longer(mut self, by: Duration) -> Self {
        self.ring_until += by;
        self.others += by;
        self
    }

    /// The call is there to reach somebody: it is refused for this reason when its flow ends without a dial.
    pub(super) fn refused_alone(mut self, because: Option<&'static str>) -> Self {
        self.refused_alone = because;
        self
    }

    /// The call was handed over by an earlier run, and may last so much longer by its plan. This is said when
    /// nobody knows what became of it.
    pub(super) fn taken_up(mut self, left: Duration, unheard: String) -> Self {
        // Its carrier counts from when the far side began; this only catches one that tells nothing.
        self.ring_until = self.ring_until.max(Instant::now() + left + REPORTING);
        self.unheard = unheard;
        self
    }

    /// Stays with the legs to their end, and writes that down.
    pub(super) async fn run(mut self: Box<Self>, mut leg: LegHandle, mut control: mpsc::Receiver<Told>) {
        while !(self.over && self.other.is_none() && self.leaving.is_none()) {
            let wake = self.next_deadline().max(self.caught_up);
            tokio::select! {
                event = leg.events.recv(), if !self.over => match event {
                    Some(LegEvent::Ended(end)) => Box::pin(self.on_over(*end)).await,
                    Some(event) => Box::pin(self.on_leg(event)).await,
                    None => {
                        let unheard = std::mem::take(&mut self.unheard);
                        Box::pin(self.on_over(*lost(&unheard))).await;
                    }
                },
                news = news_of(&mut self.other) => Box::pin(self.on_other(news)).await,
                news = news_of(&mut self.leaving) => Box::pin(self.on_leaving(news)).await,
                news = news_of_room(&mut self.stay) => Box::pin(self.on_room(news)).await,
                Some(told) = control.recv() => Box::pin(self.on_told(told)).await,
                (id, made) = recorded(&mut self.recordings) => Box::pin(self.on_recorded(id, made)).await,
                saved = self.recorder.save(&self.live) => match saved {
                    Ok(()) => {
                        self.asked.on_saved(&self.recorder);
                        self.on_saved();
                    }
                    Err(error) => {
                        self.asked.answer();
                        Box::pin(self.on_unsaved(error)).await;
                    }
                },
                () = tokio::time::sleep_until(wake) => {
                    let now = Instant::now();
                    if now.duration_since(wake) > STOOD_STILL {
                        self.caught_up = now + CATCHING_UP;
                    } else {
                        Box::pin(self.on_deadline()).await;
                    }
                }
            }
        }
        let Self {
            engine,
            live,
            recorder,
            asked,
            ..
        } = *self;
        asked.answer_with(Box::pin(finish(engine, live, recorder))).await;
    }

    /// The call goes on while the store is away, and what happens to it is saved when the store is back. A
    /// call that others have ended meanwhile is over.
    async fn on_unsaved(&mut self, error: StoreError) {
        let id = self.live.call.id;
        if !matches!(error, StoreError::Stale(_) | StoreError::Fenced(_)) {
            tracing::warn!(call = %id, %error, "what happens to a call is saved later");
        } else if !self.recorder.had_been_saved(&self.live).await {
            tracing::error!(call = %id, %error, "ending a call that others have ended");
            let reason = "others have ended this call, because its node was taken to be gone";
            self.hang_up(Ending::new(Outcome::Failed, EndedBy::System, reason))
                .await;
        }
    }

    fn next_deadline(&self) -> Instant {
        let others = [&self.other, &self.leaving].into_iter().flatten();
        let other = others.filter_map(|other| other.until()).min();
        let own = if self.over {
            None
        } else if self.ending_until.is_some() {
            self.ending_until
        } else {
            let limit = self.talk_until.unwrap_or(self.ring_until);
            let flow = self.interpreter.as_ref().and_then(Interpreter::deadline);
            let transfer = self.transfer.as_ref().map(|(_, until)| *until);
            let moderator = self.moderator_until();
            let all = [
                Some(limit),
                flow.map(Instant::from_std),
                self.warn_at,
                transfer,
                moderator,
            ];
            all.into_iter().flatten().min()
        };
        let next = own.into_iter().chain(other).chain(self.asked.says_until()).min();
        next.unwrap_or_else(|| Instant::now() + ENDING)
    }

    /// Until when the first leg waits for a moderator, where it does.
    fn moderator_until(&self) -> Option<Instant> {
        self.stay.as_ref().and_then(|stay| stay.waits_until())
    }

    async fn on_deadline(&mut self) {
        let now = Instant::now();
        if self.asked.says_until().is_some_and(|until| until <= now) {
            self.asked.carrier_is_silent();
            self.asked.on_saved(&self.recorder);
        }
        self.on_other_deadlines(now).await;
        if self.over {
            return;
        }
        if let Some(until) = self.ending_until {
            if until <= now {
                self.on_over(*lost("the carrier did not end this leg in time")).await;
            }
            return;
        }
        if self.warn_at.is_some_and(|at| at <= now) {
            self.warn().await;
        }
        if self.transfer.as_ref().is_some_and(|(_, until)| *until <= now) {
            self.on_transferred(Err("the far side did not say what became of it".to_owned()))
                .await;
        }
        if self.moderator_until().is_some_and(|until| until <= now) {
            Box::pin(self.on_no_moderator()).await;
        }
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
                let (length, since) = self.limit;
                let reason = since.is_over_after(length);
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

    /// The legs may talk so long from now on, and hear before that this is nearly over.
    pub(super) fn may_talk(&mut self, length: Duration, since: Since, warn_before: Option<Duration>) {
        let now = Instant::now();
        self.limit = (length, since);
        self.talk_until = Some(now + length);
        self.warn_at = warn_before
            .and_then(|before| length.checked_sub(before))
            .map(|length| now + length);
        self.live.may_last(length, self.engine.ids.now());
    }

    /// The two may talk so long from now on. What somebody asked for while the call talks stands.
    pub(super) fn may_talk_together(&mut self, length: Duration, warn_before: Option<Duration>) {
        let Some(until) = self.asked_until() else {
            return self.may_talk(length, Since::Together, warn_before);
        };
        let warn_at = warn_before.and_then(|before| until.checked_sub(before));
        self.warn_at = warn_at.filter(|at| *at > Instant::now());
    }

    /// Until when somebody wants the call to last, where anybody said so while it talked.
    fn asked_until(&self) -> Option<Instant> {
        self.talk_until.filter(|_| self.limit.1 == Since::Asked)
    }

    /// The first leg may stay until this moment at least, unless somebody wants it to end before.
    pub(super) fn may_stay_until(&mut self, until: Instant) {
        if self.asked_until().is_none() && self.talk_until.is_some_and(|limit| limit < until) {
            self.talk_until = Some(until);
            let length = until.saturating_duration_since(Instant::now());
            self.live.may_last(length, self.engine.ids.now());
        }
    }

    /// Whether the carrier runs the call by itself.
    pub(super) fn is_whole(&self) -> bool {
        self.whole
    }

    /// Whether the first leg is over.
    pub(super) fn is_over(&self) -> bool {
        self.over
    }

    /// Whether the first leg was answered.
    pub(super) fn is_answered(&self) -> bool {
        self.talk_until.is_some()
    }

    /// Whether the call is being ended.
    pub(super) fn is_ending(&self) -> bool {
        self.over || self.ending_until.is_some()
    }

    /// The first leg is over: so is the call, once the other party is gone, too.
    async fn on_over(&mut self, end: LegEnd) {
        let LegEnd {
            ending, quality, trace, ..
        } = end;
        let leg = self.live.leg.id;
        if let Some(other) = &self.other {
            let reason = "the first party is gone";
            let outcome = if other.is_connected() {
                Outcome::Completed
            } else {
                Outcome::Canceled
            };
            let nobody = outcome == Outcome::Canceled && !self.has_talked;
            if nobody && self.ending_until.is_none() && ending.by == EndedBy::Callee {
                let reason = "the first party hung up before it was connected to the other one";
                self.live.verdict = Some(Ending::new(outcome, EndedBy::Callee, reason).because_of(leg));
            }
            self.let_go(Ending::new(outcome, ending.by, reason).because_of(leg))
                .await;
        }
        self.leave_room("the leg is over");
        self.over = true;
        self.interpreter = None;
        self.warn_at = None;
        // Before its end: whoever is told of that finds them complete.
        Box::pin(self.settle_recordings()).await;
        self.recorder.keep(leg, trace);
        self.step(Happening::Ended { ending, quality });
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
                self.may_talk(self.live.call.plan.talk + self.others, Since::Answer, None);
                self.start_flow(sample_rate).await;
            }
            LegEvent::Session(terms) => {
                let kind = terms.event(self.live.leg.id);
                self.recorder.note(&mut self.live, [kind]);
            }
            LegEvent::FarHold(held) => {
                let leg = self.live.leg.id;
                self.recorder.note(&mut self.live, [EventKind::FarHold { leg, held }]);
            }
            LegEvent::Digit { digit, way } => {
                if self.talks() {
                    return self.pressed_in_talk(Input::Digit(digit)).await;
                }
                let private = self
                    .interpreter
                    .as_ref()
                    .map_or(self.private, Interpreter::keeps_keys_private);
                let kind = EventKind::Digit {
                    leg: self.live.leg.id,
                    digit: (!private).then_some(digit),
                    way: way.as_str().to_owned(),
                };
                self.recorder.note(&mut self.live, [kind]);
                self.input(Input::Digit(digit)).await;
            }
            LegEvent::PlayDone { play } => {
                if self.sound.done(play).await {
                    self.input(Input::PlayDone).await;
                }
            }
            LegEvent::Joined { room } => {
                self.on_joined(room).await;
                if let Some(mut other) = self.other.take() {
                    if let Stage::Leg(leg) = &mut other.stage {
                        self.on_entered(leg);
                    }
                    self.other = Some(other);
                }
            }
            LegEvent::Left => {}
            LegEvent::OnHold(held) => self.on_hold(held),
            LegEvent::HoldRefused => self.on_hold_refused(),
            LegEvent::Transferred(result) => self.on_transferred(result).await,
            LegEvent::DigitsSent => self.input(Input::DigitsSent).await,
            LegEvent::HungUp(said) => self.on_carrier_said(said),
            LegEvent::Ended(_) => unreachable!("the caller takes the end for itself"),
        }
    }

    /// What comes late or twice is no step, and is left out.
    fn step(&mut self, happening: Happening) {
        self.step_of(self.live.leg.id, happening);
    }

    /// The same of one of the legs.
    pub(super) fn step_of(&mut self, leg: LegId, happening: Happening) {
        match self.live.step_of(leg, happening, self.engine.ids.now()) {
            Ok((live, kinds)) => {
                self.live = live;
                self.recorder.note(&mut self.live, kinds);
            }
            Err(late) => tracing::debug!(call = %self.live.call.id, %late, "a late event"),
        }
    }

    async fn on_told(&mut self, told: Told) {
        match *told.control {
            Control::HangUp { by, why, kind } => {
                self.asked.push(told.answer);
                self.on_hang_up(by, why, kind).await;
            }
            Control::Take { .. } => {
                let _ = told.answer.send(crate::live::Said::Gone);
            }
            Control::Do { by, why, order } => {
                let said = self.obey(by, why, order).await;
                let _ = told.answer.send(said);
            }
            Control::Record {
                by,
                name,
                channels,
                most,
            } => {
                let said = self.asked_to_record(name, channels, most, &by).await;
                // Whoever asked may have gone; it is recorded all the same.
                let _ = told.answer.send(said);
            }
            Control::Recording { by, id, action } => {
                let said = self.asked_of_recording(id, action, &by);
                let _ = told.answer.send(said);
            }
        }
    }

    async fn on_hang_up(&mut self, by: String, why: Option<String>, kind: EndedBy) {
        let outcome = if self.talk_until.is_some() {
            Outcome::Completed
        } else {
            Outcome::Canceled
        };
        self.live.stopped = true;
        let reason = format!("hung up by {}", by_whom(&by, why.as_deref()));
        self.recorder
            .note_now(&mut self.live, [EventKind::HangUpRequested { by, why }]);
        self.hang_up(Ending::new(outcome, kind, reason)).await;
    }

    /// A carrier that has the call as a whole says whether it ends it. One that goes on is followed to its end.
    fn on_carrier_said(&mut self, said: Result<(), String>) {
        if let Err(reason) = &said {
            self.tell_of_carrier("hang up", format!("the call goes on: {reason}"));
            let limit = self.talk_until.unwrap_or(self.ring_until);
            // Beyond its longest duration there is no other end to wait for.
            if limit > Instant::now() {
                self.ending_until = None;
            }
        }
        self.asked.carrier_says(said);
        self.asked.on_saved(&self.recorder);
    }

    /// Tells the carrier to end the legs. The first reason given holds.
    pub(super) async fn hang_up(&mut self, ending: Ending) {
        if !self.is_ending() {
            self.ending_until = Some(Instant::now() + ENDING);
            self.interpreter = None;
            self.warn_at = None;
            if self.whole {
                self.asked.carrier_is_told();
            }
            let mut of_other = ending.clone();
            if ending.outcome == Outcome::Completed && self.other.as_ref().is_some_and(|other| !other.is_connected()) {
                of_other.outcome = Outcome::Canceled;
                if !self.has_talked {
                    self.live.verdict.get_or_insert_with(|| of_other.clone());
                }
            }
            self.sound.tell(LegCommand::HangUp { ending }).await;
            self.let_go(of_other).await;
        }
    }
}

/// The end of a leg that the carrier says nothing of any more.
pub(super) fn lost(reason: &str) -> Box<LegEnd> {
    let ending = Ending::new(Outcome::Unknown, EndedBy::System, reason);
    Box::new(LegEnd {
        ending,
        quality: None,
        trace: Vec::new(),
        far_sound: None,
    })
}
