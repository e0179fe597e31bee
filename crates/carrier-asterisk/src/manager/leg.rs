//! A leg that is handed over by the manager interface.

use std::{sync::Arc, time::Duration};

use outdial_domain::{EndedBy, Ending, Outcome};
use outdial_engine::ports::{LegCommand, LegEvent};
use tokio::{
    sync::{OwnedSemaphorePermit, mpsc, oneshot},
    time::{Instant, sleep_until},
};

use super::{
    link::{Manager, NotSent, State},
    message::{Action, Message},
    originate::originate,
    refused,
};
use crate::{carrier::ended, ending, order::Order};

/// How long we wait for the connection.
const CONNECTED: Duration = Duration::from_secs(10);
/// How long after its time Asterisk may take to say that nobody answered, or that it hung up.
const LATE: Duration = Duration::from_secs(10);
/// How long one of two last words may come after the other.
const LAST_WORD: Duration = Duration::from_secs(2);
/// How long a connection may be away before its legs are given up.
const AWAY: Duration = Duration::from_secs(60);

/// A leg that is about to be originated.
pub(crate) struct ManagedLeg {
    pub(crate) manager: Arc<Manager>,
    /// The name of the leg, which is that of its channel, too; so Asterisk refuses a second one.
    pub(crate) id: String,
    pub(crate) order: Order,
    pub(crate) room: Option<OwnedSemaphorePermit>,
    pub(crate) events: mpsc::Sender<LegEvent>,
    pub(crate) commands: mpsc::Receiver<LegCommand>,
}

/// What is known of the channel.
#[derive(Default)]
struct Known {
    exists: bool,
    ringing: bool,
    answered: bool,
    /// The far side hung up.
    by_callee: bool,
    /// The Q.850 cause, once the channel is gone.
    cause: Option<u32>,
    /// Why it was not answered, once Asterisk has said so.
    reason: Option<u32>,
    /// The same, as the end of dialling tells it.
    dialled: Option<u32>,
    /// The ending that we were told to make.
    told: Option<Ending>,
}

impl ManagedLeg {
    pub(crate) async fn run(mut self) {
        let ending = match self.manager.ready(CONNECTED).await {
            Ok(()) => self.originate().await,
            Err(reason) => ending::not_dialled(format!("{reason}. Nobody was rung")),
        };
        ended(&self.events, ending).await;
    }

    async fn originate(&mut self) -> Ending {
        let mut happens = self.manager.follow(&self.id);
        let mut state = self.manager.state();
        // What it was until now is no news.
        state.mark_unchanged();
        let mut answer = match self
            .manager
            .ask_as(&self.id, originate(&self.id, &self.order.file))
            .await
        {
            Ok(answer) => answer,
            Err(NotSent(reason)) => return ending::not_dialled(format!("{reason}. Nobody was rung")),
        };
        // Whoever listened may have gone; Asterisk has the call all the same.
        let _ = self.events.send(LegEvent::Sent).await;
        let ring = Duration::from_secs(self.order.file.wait_time.into());
        let mut until = Instant::now() + ring + LATE;
        let mut known = Known::default();
        let (mut waiting, mut commanded, mut away) = (true, true, false);
        loop {
            tokio::select! {
                response = &mut answer, if waiting => {
                    waiting = false;
                    if let Ok(response) = response && !response.succeeded() {
                        let reason = refused(&response);
                        return ending::not_dialled(format!("Asterisk refused the call, and nobody was rung: {reason}"));
                    }
                }
                Some(message) = happens.recv() => {
                    let answered = known.answered;
                    self.learn(&mut known, &message).await;
                    if let Some(ending) = known.ending() {
                        return ending;
                    }
                    if known.answered && !answered {
                        until = Instant::now() + self.order.talk + LATE;
                    }
                    if known.cause.is_some() {
                        until = Instant::now() + LAST_WORD;
                    }
                }
                command = self.commands.recv(), if commanded => {
                    let Some(LegCommand::HangUp { ending }) = command else {
                        commanded = command.is_some();
                        if !commanded {
                            let gone = Ending::new(Outcome::Canceled, EndedBy::System, "nobody wanted this call any more");
                            self.hang_up(&mut known, gone).await;
                            until = Instant::now() + LATE;
                        }
                        continue;
                    };
                    self.hang_up(&mut known, ending).await;
                    until = Instant::now() + LATE;
                }
                Ok(()) = state.changed() => {
                    let now = state.borrow_and_update().clone();
                    match now {
                        State::Up(_) => {
                            away = false;
                            match self.is_there().await {
                                Some(true) => until = Instant::now() + self.order.talk.max(ring) + LATE,
                                Some(false) => return known.lost(),
                                None => {}
                            }
                        }
                        State::Down(_) | State::Trying if !away => {
                            away = true;
                            until = Instant::now() + AWAY;
                        }
                        State::Down(_) | State::Trying => {}
                    }
                }
                () = sleep_until(until) => {
                    if away {
                        return known.lost();
                    }
                    if known.cause.is_some() || known.told.is_some() {
                        return known.last();
                    }
                    let ending = if known.answered {
                        Ending::new(Outcome::Completed, EndedBy::System, "the longest duration of this call was reached")
                    } else {
                        ending::unknown("Asterisk reported neither an answer nor an end in time")
                    };
                    self.hang_up(&mut known, ending).await;
                    until = Instant::now() + LATE;
                }
            }
        }
    }

    async fn learn(&mut self, known: &mut Known, message: &Message) {
        match message.get("Event").unwrap_or_default() {
            "Newchannel" => {
                known.exists = true;
                // It was to be hung up before it was there.
                if let Some(told) = known.told.take() {
                    self.hang_up(known, told).await;
                }
            }
            "Newstate" => match message.number("ChannelState") {
                Some(4 | 5) => self.ringing(known, false).await,
                Some(6) => self.answered(known).await,
                _ => {}
            },
            "DialState" => match message.get("DialStatus") {
                Some("RINGING") => self.ringing(known, false).await,
                Some("PROGRESS") => self.ringing(known, true).await,
                _ => {}
            },
            "DialEnd" => match message.get("DialStatus") {
                Some("ANSWER") => self.answered(known).await,
                // The same numbers as those of the reason, which says nothing about Local channels.
                Some("BUSY") => known.dialled = Some(5),
                Some("CONGESTION") => known.dialled = Some(8),
                Some("NOANSWER") => known.dialled = Some(3),
                _ => {}
            },
            "OriginateResponse" => {
                if message.get("Response") == Some("Success") {
                    self.answered(known).await;
                } else {
                    known.reason = Some(message.number("Reason").unwrap_or(0));
                }
            }
            "HangupRequest" => known.by_callee = true,
            "Hangup" => {
                known.exists = true;
                known.cause = Some(message.number("Cause").unwrap_or(0));
            }
            _ => {}
        }
    }

    async fn ringing(&self, known: &mut Known, early_media: bool) {
        if !known.answered && (!known.ringing || early_media) {
            known.ringing = true;
            let ringing = LegEvent::Ringing {
                sip_code: None,
                early_media,
            };
            let _ = self.events.send(ringing).await;
        }
    }

    async fn answered(&mut self, known: &mut Known) {
        if !known.answered {
            known.answered = true;
            // The next call may be set up.
            self.room = None;
            let answered = LegEvent::Answered {
                codec: "chosen by Asterisk",
                sample_rate: crate::script::RATE,
            };
            let _ = self.events.send(answered).await;
        }
    }

    /// Tells Asterisk to end it. The first reason holds.
    async fn hang_up(&self, known: &mut Known, ending: Ending) {
        known.told.get_or_insert(ending);
        let action = Action::new("Hangup").with("Channel", &self.id).with("Cause", "16");
        if let Err(NotSent(reason)) = self.manager.ask(action).await {
            tracing::warn!(leg = self.id, reason, "cannot be hung up now");
        }
    }

    /// Whether Asterisk has the channel, after a connection was lost. Nothing when it does not say.
    async fn is_there(&self) -> Option<bool> {
        let action = Action::new("Status").with("Channel", &self.id);
        let answer: oneshot::Receiver<Message> = self.manager.ask(action).await.ok()?;
        Some(answer.await.ok()?.succeeded())
    }
}

impl Known {
    /// The ending, once everything is known that it depends on.
    fn ending(&self) -> Option<Ending> {
        let over = match (self.answered, self.cause, self.reason) {
            (true, Some(_), _) | (false, Some(_), Some(_)) => true,
            (false, None, Some(_)) => !self.exists,
            _ => false,
        };
        over.then(|| self.last())
    }

    /// The ending by what is known now.
    fn last(&self) -> Ending {
        if let Some(told) = &self.told
            && !(self.by_callee && self.answered)
        {
            return told.clone();
        }
        ending::of_channel(self.answered, self.by_callee, self.cause, self.dialled.or(self.reason))
    }

    /// The ending of a leg that ended while nobody told us.
    fn lost(&self) -> Ending {
        if let Some(told) = &self.told {
            return told.clone();
        }
        if self.answered {
            let reason = "the call was answered, and ended while the connection to Asterisk was lost";
            return Ending::new(Outcome::Completed, EndedBy::Network, reason);
        }
        ending::unknown("the connection to Asterisk was lost before the answer, and the call is no longer there")
    }
}
