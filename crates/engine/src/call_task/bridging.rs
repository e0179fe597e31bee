//! Ringing another party for the first one.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use outdial_domain::{
    Address, Direction, EndedBy, Ending, EventKind, Leg, LegId, Outcome, Plan,
    call::{Happening, Way},
};
use outdial_flow::{CallerId, Dial, DialEnd, Input, OnFailure};
use tokio::time::Instant;

use super::{
    conversation::{Conversation, ENDING, lost},
    other::{News, Other, OtherLeg, Phase, Stage},
    waiting::another_admitted,
};
use crate::{
    fault,
    pacing::admission::Permit,
    ports::{Clip, LegCommand, LegEnd, LegEvent, LegOrder, Signal},
    routing::Route,
};

/// Who stands in `From` when the caller id is withheld (RFC 3323, section 4.1.1.3).
const NOBODY: &str = "sip:anonymous@anonymous.invalid";

/// How long beyond the ring time of the other party the first one may stay at least.
const AFTER_RINGING: Duration = Duration::from_secs(30);

/// What the other party's leg shows as the caller.
struct Shown {
    /// By what its way is chosen.
    number: Option<Address>,
    /// What the carrier is told.
    from: Option<Address>,
    /// What the leg's row says.
    words: Option<String>,
}

impl Conversation<'_> {
    /// Begins to dial for the flow.
    pub(super) async fn dial(&mut self, dial: Dial) {
        self.hear_ringing(&dial).await;
        let left: VecDeque<Address> = dial.to.iter().cloned().collect();
        self.dial_next(dial, left, None).await;
    }

    /// Dials the next number. When there is none, the flow learns how the last one ended.
    async fn dial_next(&mut self, dial: Dial, mut left: VecDeque<Address>, last: Option<Ending>) {
        let Some(to) = left.pop_front() else {
            let nothing = || Ending::new(Outcome::Failed, EndedBy::System, "there was no number to dial");
            return self.not_reached(&dial, last.unwrap_or_else(nothing)).await;
        };
        let base = &self.live.call.plan;
        let shown = self.shown(&dial);
        let plan = Plan {
            from: shown.number,
            via: match self.live.call.direction {
                Direction::Outgoing => base.via.clone(),
                Direction::Incoming => None,
            },
            ring: dial.ring.unwrap_or(self.engine.settings.limits.ring),
            to: to.clone(),
            ..base.clone()
        };
        let order = Box::new(LegOrder {
            leg: self.engine.ids.make(LegId::new),
            trunk: None,
            to,
            from: shown.from,
            send_before: None,
        });
        let call = (self.live.call.id, self.live.call.account);
        let first = self.first_party();
        let admitted: futures_util::future::BoxFuture<'static, _> =
            if first.is_some_and(|first| first.destination() == plan.to.destination()) {
                let reason = "it is the number of the first party itself";
                Box::pin(std::future::ready(Err(Ending::new(
                    Outcome::Refused,
                    EndedBy::System,
                    reason,
                ))))
            } else {
                Box::pin(another_admitted(self.engine.clone(), call, plan))
            };
        let stage = Stage::Waiting { order, admitted };
        self.other = Some(Box::new(Other {
            dial,
            left,
            stage,
            retired: false,
        }));
    }

    /// Who the call is with.
    pub(super) fn first_party(&self) -> Option<Address> {
        let plan = &self.live.call.plan;
        match self.live.call.direction {
            Direction::Outgoing => Some(plan.to.clone()),
            Direction::Incoming => plan.from.clone(),
        }
    }

    fn shown(&self, dial: &Dial) -> Shown {
        let plan = &self.live.call.plan;
        let ours = match self.live.call.direction {
            Direction::Outgoing => plan.from.clone(),
            Direction::Incoming => Some(plan.to.clone()),
        };
        let nobody = || Shown {
            number: ours.clone(),
            from: Address::parse(NOBODY).ok(),
            words: Some(Leg::PRIVATE.to_owned()),
        };
        let number = |number: Address| Shown {
            number: Some(number.clone()),
            words: Some(number.to_string()),
            from: Some(number),
        };
        match &dial.from {
            None => ours.clone().map_or(
                Shown {
                    number: None,
                    from: None,
                    words: None,
                },
                number,
            ),
            Some(CallerId::Number(given)) => number(given.clone()),
            Some(CallerId::Private) => nobody(),
            Some(CallerId::OtherParty) => self.first_party().map_or_else(nobody, number),
        }
    }

    /// Something is known of the other party.
    pub(super) async fn on_other(&mut self, news: News) {
        let Some(mut other) = self.other.take() else { return };
        match news {
            News::Admitted(Ok((route, permit))) => self.journal_other(other, route, permit),
            News::Admitted(Err(ending)) => {
                let Other { dial, left, stage, .. } = *other;
                if let Stage::Waiting { order, .. } = stage {
                    let kind = EventKind::NotRung {
                        to: order.to.to_string(),
                        because: ending.reason.clone(),
                    };
                    self.recorder.note(&mut self.live, [kind]);
                }
                self.dial_next(dial, left, Some(ending)).await;
            }
            News::Rung(Ok(handle)) => {
                let Stage::Sending {
                    leg, permit, doomed, ..
                } = other.stage
                else {
                    return;
                };
                let ring = other.dial.ring.unwrap_or(self.engine.settings.limits.ring);
                let until = Instant::now() + ring;
                self.may_stay_until(until + AFTER_RINGING);
                let mut taken = Box::new(OtherLeg::new(leg, handle, permit, until));
                if let Some(ending) = doomed {
                    end(&mut taken, ending).await;
                }
                other.stage = Stage::Leg(taken);
                self.other = Some(other);
            }
            News::Rung(Err(reason)) => {
                let ending = Ending::new(Outcome::Failed, EndedBy::System, reason.to_string());
                self.other_over(*other, LegEnd::unsent(ending)).await;
            }
            News::Event(LegEvent::Ended(end)) => self.other_over(*other, *end).await,
            News::Lost => self.other_over(*other, *lost("the carrier lost this leg")).await,
            News::Event(LegEvent::Digit { digit, .. }) if other.is_connected() => {
                self.other = Some(other);
                Box::pin(self.pressed_in_talk(Input::OtherDigit(digit))).await;
            }
            News::Event(event) => {
                if let Stage::Leg(leg) = &mut other.stage {
                    self.on_other_leg(leg, &other.dial, event).await;
                }
                self.other = Some(other);
            }
        }
    }

    /// Something is known of who was let go of.
    pub(super) async fn on_leaving(&mut self, news: News) {
        std::mem::swap(&mut self.other, &mut self.leaving);
        self.on_other(news).await;
        std::mem::swap(&mut self.other, &mut self.leaving);
    }

    /// Gives the leg of the other party to the journal. Nothing is sent before it is on disk.
    fn journal_other(&mut self, mut other: Box<Other>, route: Route, permit: Permit) {
        let Stage::Waiting { mut order, .. } = other.stage else {
            return;
        };
        order.trunk.clone_from(&route.trunk);
        order.send_before = self.engine.inner().node.send_before(&self.live.leg.node);
        let shown = self.shown(&other.dial);
        let way = Way {
            trunk: route.name().to_owned(),
            target: order.to.to_string(),
            shows: shown.words,
            // The run that has the call: the leg is fenced by the lease that the call is under.
            node: self.live.leg.node.clone(),
        };
        let routed = EventKind::Routed {
            trunk: way.trunk.clone(),
            target: way.target.clone(),
            passed_over: route.passed_over.clone(),
        };
        let journalled = self.live.open(order.leg, way, self.engine.ids.now());
        self.recorder.note_now(&mut self.live, [routed, journalled]);
        other.stage = Stage::Journalling {
            order,
            route,
            permit,
            mark: self.live.call.events,
        };
        self.other = Some(other);
    }

    /// Something is on disk: if the leg of the other party is, it is rung.
    pub(super) fn on_saved(&mut self) {
        let Some(mut other) = self.other.take() else { return };
        match other.stage {
            Stage::Journalling {
                order,
                route,
                permit,
                mark,
            } if self.recorder.saved() >= mark => {
                fault::point("other_journalled");
                let leg = order.leg;
                let carrier = Arc::clone(&route.carrier);
                other.stage = Stage::Sending {
                    leg,
                    permit,
                    ringing: Box::pin(async move { carrier.ring(*order).await }),
                    doomed: None,
                };
            }
            stage @ (Stage::Waiting { .. } | Stage::Journalling { .. } | Stage::Sending { .. } | Stage::Leg(_)) => {
                other.stage = stage;
            }
        }
        self.other = Some(other);
    }

    async fn on_other_leg(&mut self, other: &mut OtherLeg, dial: &Dial, event: LegEvent) {
        let leg = other.leg;
        match event {
            LegEvent::Sent => self.step_of(leg, Happening::Sent),
            LegEvent::Ringing { sip_code, early_media } => {
                self.step_of(leg, Happening::Ringing { sip_code, early_media });
                if early_media && dial.early_media {
                    self.hear_early(other).await;
                }
            }
            LegEvent::Answered { codec, sample_rate } => {
                fault::point("other_answered");
                let codec = codec.to_owned();
                self.step_of(leg, Happening::Answered { codec });
                if other.phase == Phase::Ringing {
                    other.rate = sample_rate;
                    self.whisper(other, dial).await;
                }
            }
            LegEvent::Session(terms) => self.recorder.note(&mut self.live, [terms.event(leg)]),
            LegEvent::FarHold(held) => self.recorder.note(&mut self.live, [EventKind::FarHold { leg, held }]),
            LegEvent::Digit { digit, way } => {
                let kind = EventKind::Digit {
                    leg,
                    digit: Some(digit),
                    way: way.as_str().to_owned(),
                };
                self.recorder.note(&mut self.live, [kind]);
                if dial.screen == Some(digit) && matches!(other.phase, Phase::Whispering | Phase::Screening) {
                    other.sound.stop().await;
                    self.connect(other, dial).await;
                }
            }
            LegEvent::PlayDone { play } => {
                if other.sound.done(play).await && other.phase == Phase::Whispering {
                    self.screen(other, dial).await;
                }
            }
            LegEvent::Joined { .. } => self.on_entered(other),
            LegEvent::DigitsSent
            | LegEvent::Left
            | LegEvent::OnHold(_)
            | LegEvent::HoldRefused
            | LegEvent::Transferred(_)
            | LegEvent::HungUp(_)
            | LegEvent::Ended(_) => {}
        }
    }

    /// The leg of the other party is over, or was never sent.
    async fn other_over(&mut self, other: Other, end: LegEnd) {
        let Some(leg) = other.leg() else { return };
        let (connected, early) = (other.is_connected(), other.is_early());
        let Other {
            dial,
            left,
            stage,
            retired,
        } = other;
        let to = self.live.others.iter().find(|other| other.id == leg);
        let to = to.map(|other| other.target.clone()).unwrap_or_default();
        // Its places are free before another number is dialled.
        drop(stage);
        let LegEnd {
            ending, quality, trace, ..
        } = end;
        self.recorder.keep(leg, trace);
        self.step_of(
            leg,
            Happening::Ended {
                ending: ending.clone(),
                quality,
            },
        );
        if retired || self.is_ending() {
            return;
        }
        if connected {
            let ending = Ending {
                reason: format!("{to}: {}", ending.reason),
                outcome: match ending.outcome {
                    // What is not known of its end does not make the whole call unknown: they talked.
                    Outcome::Unknown => Outcome::Failed,
                    known => known,
                },
                ..ending
            }
            .because_of(leg);
            self.tell_flow(Input::DialEnded(DialEnd::Talked));
            return self.hang_up(ending).await;
        }
        let mut failure = Ending {
            reason: format!("{to}: {}", ending.reason),
            ..ending
        }
        .because_of(leg);
        if failure.outcome == Outcome::Completed {
            // It was answered, and hung up before the two were connected.
            failure.outcome = Outcome::Rejected;
        }
        if early {
            self.sound.tell(LegCommand::Leave).await;
            if !left.is_empty() {
                self.hear_ringing(&dial).await;
            }
        }
        self.dial_next(dial, left, Some(failure)).await;
    }

    /// Nobody was reached: tells the flow, and says how the call ended where it ends with this.
    async fn not_reached(&mut self, dial: &Dial, ending: Ending) {
        let outcome = ending.outcome;
        if dial.on_failure == OnFailure::HangUp {
            self.is_to_end_as(ending);
        }
        self.sound.stop().await;
        self.input(Input::DialEnded(DialEnd::NotReached(outcome))).await;
    }

    /// The call ends as somebody was not reached, whatever the first leg says of its own end. Who has talked is not
    /// rung again for that.
    pub(super) fn is_to_end_as(&mut self, ending: Ending) {
        self.live.verdict = Some(if self.has_talked {
            Ending {
                leg: ending.leg,
                ..Ending::new(
                    Outcome::Completed,
                    ending.by,
                    format!("they had talked; afterwards nobody was reached: {}", ending.reason),
                )
            }
        } else {
            ending
        });
    }

    /// Lets go of the other party, wherever it stands.
    pub(super) async fn let_go(&mut self, ending: Ending) {
        let Some(mut other) = self.other.take() else { return };
        match &mut other.stage {
            // It leaves the queue by being dropped.
            Stage::Waiting { .. } => {}
            Stage::Journalling { order, .. } => {
                let leg = order.leg;
                self.step_of(leg, Happening::Ended { ending, quality: None });
            }
            Stage::Sending { doomed, .. } => {
                doomed.get_or_insert(ending);
                self.other = Some(other);
            }
            Stage::Leg(leg) => {
                end(leg, ending).await;
                self.other = Some(other);
            }
        }
    }

    /// What is to be done about other parties at this moment.
    pub(super) async fn on_other_deadlines(&mut self, now: Instant) {
        self.on_other_deadline(now).await;
        std::mem::swap(&mut self.other, &mut self.leaving);
        self.on_other_deadline(now).await;
        std::mem::swap(&mut self.other, &mut self.leaving);
    }

    async fn on_other_deadline(&mut self, now: Instant) {
        let Some(other) = &mut self.other else { return };
        let Stage::Leg(leg) = &mut other.stage else { return };
        if leg.until.is_none_or(|until| now < until) {
            return;
        }
        match leg.phase {
            Phase::Ringing => {
                let ring = other.dial.ring.unwrap_or(self.engine.settings.limits.ring);
                let reason = format!("nobody answered within {} s", ring.as_secs_f32());
                end(leg, Ending::new(Outcome::NoAnswer, EndedBy::System, reason)).await;
            }
            Phase::Screening => {
                let reason = "the key to be connected by was not pressed";
                end(leg, Ending::new(Outcome::Rejected, EndedBy::Callee, reason)).await;
            }
            Phase::Ending => {
                if let Some(other) = self.other.take() {
                    let end = *lost("the carrier did not end this leg in time");
                    Box::pin(self.other_over(*other, end)).await;
                }
            }
            Phase::Whispering | Phase::Connected { .. } => {}
        }
    }

    /// What the first party hears when nobody was reached.
    pub(super) fn announcement(&self, outcome: Outcome) -> Vec<Arc<Clip>> {
        let signal = match outcome {
            Outcome::Busy => Signal::Busy,
            _ => Signal::Unreachable,
        };
        vec![self.engine.prompts.signal(signal, self.rate)]
    }
}

/// Tells the leg of the other party to end. The first reason given holds.
async fn end(leg: &mut OtherLeg, ending: Ending) {
    if leg.phase != Phase::Ending {
        leg.phase = Phase::Ending;
        leg.until = Some(Instant::now() + ENDING);
        leg.sound.tell(LegCommand::HangUp { ending }).await;
    }
}
