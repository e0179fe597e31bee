//! A call and what belongs to it.

use jiff::Timestamp;
use outdial_domain::{self as domain, masking};
use outdial_engine::{ports::CallDetails, verbs::PlaceInQueue};
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    AttemptStateWord, CallStateWord, CallWebhook, DirectionWord, EndedByWord, HangUpWord, OutcomeWord, PriorityWord,
    Seconds, Time,
};
use crate::native::plan::{Hours, RetryPlan};

/// One request to reach somebody.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::native) struct Call {
    /// Names it.
    #[schema(example = "call_019a9c3e5b7d7c1e8f00112233445566")]
    id: String,
    state: CallStateWord,
    /// Grows with everything that happens to it; a change may name the one that it knows.
    version: u32,
    /// Why it ended, in a word; `null` until then.
    #[schema(required = true)]
    outcome: Option<OutcomeWord>,
    direction: DirectionWord,
    /// Whom to reach, as understood.
    #[schema(example = "+6598765432")]
    to: String,
    /// Whom to reach, as it was given.
    #[schema(example = "+65 9876-5432")]
    to_given: String,
    /// The caller id asked for.
    #[schema(required = true)]
    from: Option<String>,
    /// The only trunk to use.
    #[schema(required = true)]
    via: Option<String>,
    /// Free text of the caller.
    #[schema(required = true)]
    tag: Option<String>,
    priority: PriorityWord,
    /// What the request called it.
    #[schema(required = true)]
    reference: Option<String>,
    /// What the interface that it was made by calls it; `null` for one without names of its own, as this.
    #[schema(required = true)]
    face: Option<CallFace>,
    /// Who is told of it, besides the account's webhooks.
    #[schema(required = true)]
    webhook: Option<CallWebhook>,
    /// How long the phone rings.
    ring: Seconds,
    /// How long the call may last from its answer.
    max: Seconds,
    /// Not to be dialled before this time.
    due: Time,
    /// Not to be dialled at this time or later.
    #[schema(required = true)]
    expires: Option<Time>,
    /// When the phone may be rung; `null` for always.
    #[schema(required = true)]
    hours: Option<Hours>,
    /// When it is tried again; `null` when never.
    #[schema(required = true)]
    retry: Option<RetryPlan>,
    /// Its next try, while it waits for one.
    #[schema(required = true)]
    next_attempt: Option<NextAttempt>,
    created_at: Time,
    #[schema(required = true)]
    answered_at: Option<Time>,
    #[schema(required = true)]
    ended_at: Option<Time>,
    /// How long it has lasted since its answer; `null` when it was not answered.
    #[schema(required = true)]
    duration: Option<Seconds>,
    /// How it ended; `null` until then.
    #[schema(required = true)]
    ending: Option<Ending>,
    /// What its gathers collected, in order.
    digits: Vec<Gathered>,
    /// Where it stands among those that wait, when its time has come; `null` otherwise. Lists of calls leave
    /// it out.
    #[serde(skip_serializing_if = "Option::is_none")]
    queue: Option<Option<Queue>>,
    /// Its tries, in order. Lists of calls leave them out.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    attempts: Option<Vec<Attempt>>,
}

/// What the interface that a call was made by calls it.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::native) struct CallFace {
    /// The interface.
    #[schema(example = "voicent")]
    name: String,
    /// The call's name there.
    #[schema(example = "1208775078314")]
    reference: String,
}

/// The next try at a call that waits for it.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::native) struct NextAttempt {
    /// 1 for the first.
    number: u16,
    /// Not before this time.
    at: Time,
}

/// Where a call stands among those that wait for the same.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::native) struct Queue {
    /// 1 is next. What waits on other nodes, and in the store, counts.
    #[schema(example = 12)]
    place: usize,
    /// Whether its place may be a later one: where very many wait, not all are counted. `eta` is the earliest
    /// time then.
    or_more: bool,
    /// About when it will be dialled; `null` while there is nothing yet to reckon with.
    #[schema(required = true)]
    eta: Option<Time>,
    /// What it waits for, in words; `null` when nothing is known to hold it up.
    #[schema(required = true, example = "trunk provider allows 10 calls a second")]
    because: Option<String>,
}

/// Some calls, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::native) struct CallList {
    pub(in crate::native) calls: Vec<Call>,
    /// Give it as `cursor` for those after them; `null` at the end.
    #[schema(required = true)]
    pub(in crate::native) next: Option<String>,
}

/// How and why a call, an attempt or a leg ended.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::native) struct Ending {
    outcome: OutcomeWord,
    by: EndedByWord,
    /// The final SIP status where the far side gave one.
    #[schema(required = true)]
    sip_code: Option<u16>,
    /// The Q.850 cause where the far side gave one.
    #[schema(required = true)]
    q850: Option<u8>,
    /// A sentence for people.
    reason: String,
    /// The leg that it came from, where a call has several; `null` where that makes no difference.
    #[schema(required = true)]
    leg: Option<String>,
}

/// What a gather collected.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::native) struct Gathered {
    /// The name the flow gave it.
    name: String,
    /// What was pressed, possibly nothing.
    digits: String,
}

/// One try at a call.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::native) struct Attempt {
    /// 1 for the first.
    number: u16,
    #[serde(flatten)]
    progress: Progress,
    /// The connections it was made of, in the order they were journalled.
    legs: Vec<Leg>,
}

/// How far an attempt or a leg has come, and when it got there.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::native) struct Progress {
    state: AttemptStateWord,
    journalled_at: Time,
    #[schema(required = true)]
    dialing_at: Option<Time>,
    #[schema(required = true)]
    ringing_at: Option<Time>,
    #[schema(required = true)]
    answered_at: Option<Time>,
    #[schema(required = true)]
    ended_at: Option<Time>,
    /// How it ended; `null` until then.
    #[schema(required = true)]
    ending: Option<Ending>,
}

/// One party's connection.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::native) struct Leg {
    /// Names it, also on the wire.
    #[schema(example = "leg_019a9c3e5b7d7c1e8f00112233445566")]
    id: String,
    /// The trunk it goes out by, or `direct`.
    trunk: String,
    /// What is dialled there.
    target: String,
    /// The caller id that is shown to it, or `private`; `null` for that of its trunk.
    #[schema(required = true)]
    shows: Option<String>,
    /// The node that rings it.
    node: String,
    #[serde(flatten)]
    progress: Progress,
    /// How good its sound was; `null` until it ended, and when there was none.
    #[schema(required = true)]
    quality: Option<Quality>,
}

/// How good the sound was: what we received, and what the far side reported.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::native) struct Quality {
    /// Packets received.
    received: u64,
    /// Packets that never came, or too late.
    lost: u64,
    /// Packets sent.
    sent: u64,
    /// Interarrival jitter in milliseconds.
    jitter_ms: f32,
    /// Round trip in milliseconds, where the far side reported.
    #[schema(required = true)]
    round_trip_ms: Option<f32>,
    /// Share of our packets that the far side lost lately, 0 to 1, where it reported.
    #[schema(required = true)]
    far_loss: Option<f32>,
    /// Jitter of our packets at the far side in milliseconds, where it reported.
    #[schema(required = true)]
    far_jitter_ms: Option<f32>,
    /// Estimated mean opinion score, 1 to 4.5; `null` where too little was heard to judge.
    #[schema(required = true)]
    mos: Option<f32>,
}

/// What became of a request to end a call.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::native) struct HangUp {
    /// `prevented`: it had not been dialled, and will not be. `hung_up`: it was under way and is being
    /// ended. `too_late`: it had ended already.
    pub(in crate::native) result: HangUpWord,
}

impl Call {
    /// A call as it stands in a list.
    pub(in crate::native) fn summary(call: domain::Call, now: Timestamp) -> Self {
        let until = call.ended_at.unwrap_or(now);
        let waits = matches!(call.state, domain::CallState::Scheduled | domain::CallState::Queued);
        let plan = call.plan;
        Self {
            id: call.id.to_string(),
            state: CallStateWord(call.state),
            version: call.events,
            outcome: call.ending.as_ref().map(|ending| OutcomeWord(ending.outcome)),
            direction: DirectionWord(call.direction),
            to: plan.to.to_string(),
            to_given: plan.to.given().to_owned(),
            from: plan.from.map(|from| from.to_string()),
            via: plan.via,
            tag: plan.tag,
            priority: PriorityWord(plan.priority),
            reference: plan.reference,
            face: call.face.map(|face| CallFace {
                name: face.face,
                reference: face.reference,
            }),
            webhook: plan.webhook.and_then(CallWebhook::of),
            ring: plan.ring.into(),
            max: plan.talk.into(),
            due: Time(plan.due),
            expires: plan.expires.map(Time),
            hours: plan.hours.map(Hours::from),
            retry: (plan.retry != domain::Retry::default()).then(|| plan.retry.into()),
            next_attempt: waits.then(|| NextAttempt {
                number: call.attempts + 1,
                at: Time(plan.due),
            }),
            created_at: Time(call.created_at),
            answered_at: call.answered_at.map(Time),
            ended_at: call.ended_at.map(Time),
            duration: call.answered_at.map(|answered| until.duration_since(answered).into()),
            ending: call.ending.map(Ending::from),
            digits: call.digits.into_iter().map(Gathered::from).collect(),
            queue: None,
            attempts: None,
        }
    }

    /// Says where it stands in the queue, too.
    pub(in crate::native) fn waiting(self, queue: Option<PlaceInQueue>) -> Self {
        Self {
            queue: Some(queue.map(Queue::from)),
            ..self
        }
    }

    /// A call with its attempts and legs.
    pub(in crate::native) fn whole(details: CallDetails, now: Timestamp) -> Self {
        let mut legs = details.legs;
        let mut attempt = |attempt: domain::Attempt| Attempt {
            number: attempt.number,
            progress: attempt.progress.into(),
            legs: legs
                .extract_if(.., |leg| leg.attempt == attempt.id)
                .map(Leg::from)
                .collect(),
        };
        let attempts = details.attempts.into_iter().map(&mut attempt).collect();
        Self {
            attempts: Some(attempts),
            ..Self::summary(details.call, now)
        }
    }

    /// A call that was taken this moment.
    pub(in crate::native) fn new(call: domain::Call, now: Timestamp) -> Self {
        Self {
            queue: Some(None),
            attempts: Some(Vec::new()),
            ..Self::summary(call, now)
        }
    }

    /// The same without what identifies people.
    pub(super) fn masked(self, known: &[&str]) -> Self {
        let attempts = self.attempts.map(|attempts| {
            let masked = attempts.into_iter().map(|attempt| attempt.masked(known));
            masked.collect()
        });
        Self {
            to: masking::address(&self.to),
            to_given: masking::address(&self.to_given),
            from: self.from.as_deref().map(masking::address),
            tag: self.tag.map(|tag| masking::sentence(&tag, known)),
            retry: self.retry.map(RetryPlan::masked),
            ending: self.ending.map(|ending| ending.masked(known)),
            queue: self.queue.map(|queue| queue.map(|queue| queue.masked(known))),
            attempts,
            ..self
        }
    }

    /// Whom it is between, as far as the call knows.
    pub(super) fn people(&self) -> Vec<String> {
        let known = [Some(&self.to), Some(&self.to_given), self.from.as_ref()];
        let others = self.retry.iter().flat_map(RetryPlan::numbers);
        let legs = self.attempts.iter().flatten().flat_map(|attempt| &attempt.legs);
        let rung = legs.map(|leg| &leg.target);
        known.into_iter().flatten().chain(others).chain(rung).cloned().collect()
    }

    /// Where it can be read.
    pub(in crate::native) fn location(&self) -> String {
        format!("/api/v1/calls/{}", self.id)
    }
}

impl Attempt {
    fn masked(self, known: &[&str]) -> Self {
        let leg = |leg: Leg| Leg {
            target: masking::address(&leg.target),
            shows: leg.shows.map(|shows| match shows.as_str() {
                domain::Leg::PRIVATE => shows,
                number => masking::address(number),
            }),
            progress: leg.progress.masked(known),
            ..leg
        };
        Self {
            progress: self.progress.masked(known),
            legs: self.legs.into_iter().map(leg).collect(),
            ..self
        }
    }
}

impl Progress {
    fn masked(self, known: &[&str]) -> Self {
        Self {
            ending: self.ending.map(|ending| ending.masked(known)),
            ..self
        }
    }
}

impl Ending {
    fn masked(mut self, known: &[&str]) -> Self {
        self.reason = masking::sentence(&self.reason, known);
        self
    }

    /// The sentence, to be masked.
    pub(super) fn reason_mut(&mut self) -> &mut String {
        &mut self.reason
    }
}

impl Queue {
    fn masked(self, known: &[&str]) -> Self {
        Self {
            because: self.because.map(|because| masking::sentence(&because, known)),
            ..self
        }
    }
}

impl From<PlaceInQueue> for Queue {
    fn from(queue: PlaceInQueue) -> Self {
        Self {
            place: queue.place,
            or_more: queue.or_more,
            eta: queue.eta.map(Time),
            because: queue.because,
        }
    }
}

impl From<domain::Ending> for Ending {
    fn from(ending: domain::Ending) -> Self {
        Self {
            outcome: OutcomeWord(ending.outcome),
            by: EndedByWord(ending.by),
            sip_code: ending.sip_code,
            q850: ending.q850,
            reason: ending.reason,
            leg: ending.leg.map(|leg| leg.to_string()),
        }
    }
}

impl From<domain::call::Gathered> for Gathered {
    fn from(gathered: domain::call::Gathered) -> Self {
        Self {
            name: gathered.name,
            digits: gathered.digits,
        }
    }
}

impl From<domain::attempt::Progress> for Progress {
    fn from(progress: domain::attempt::Progress) -> Self {
        Self {
            state: AttemptStateWord(progress.state),
            journalled_at: Time(progress.journalled_at),
            dialing_at: progress.dialing_at.map(Time),
            ringing_at: progress.ringing_at.map(Time),
            answered_at: progress.answered_at.map(Time),
            ended_at: progress.ended_at.map(Time),
            ending: progress.ending.map(Ending::from),
        }
    }
}

impl From<domain::Leg> for Leg {
    fn from(leg: domain::Leg) -> Self {
        Self {
            id: leg.id.to_string(),
            trunk: leg.trunk,
            target: leg.target,
            shows: leg.shows,
            node: leg.node,
            progress: leg.progress.into(),
            quality: leg.quality.map(Quality::from),
        }
    }
}

impl From<domain::Quality> for Quality {
    fn from(quality: domain::Quality) -> Self {
        Self {
            received: quality.received,
            lost: quality.lost,
            sent: quality.sent,
            jitter_ms: quality.jitter_ms,
            round_trip_ms: quality.round_trip_ms,
            far_loss: quality.far_loss,
            far_jitter_ms: quality.far_jitter_ms,
            mos: quality.mos,
        }
    }
}
