//! A leg that is handed over by the manager interface.

use std::{sync::Arc, time::Duration};

use outdial_domain::{EndedBy, Ending, Outcome};
use outdial_engine::ports::{LegCommand, LegEvent};
use tokio::{
    sync::{OwnedSemaphorePermit, mpsc, oneshot},
    time::{Instant, sleep_until},
};

use super::{
    AWAY,
    known::{Known, News},
    link::{Manager, NotSent, State},
    message::{Action, Message},
    originate::originate,
    refused,
};
use crate::{carrier::ended, ending, files::too_late, order::Order};

/// How long we wait for the connection.
const CONNECTED: Duration = Duration::from_secs(10);
/// How long after its time Asterisk may take to say that nobody answered, or that it hung up.
const LATE: Duration = Duration::from_secs(10);
/// How long one of two last words may come after the other.
const LAST_WORD: Duration = Duration::from_secs(2);

/// A leg that is about to be originated.
pub(crate) struct ManagedLeg {
    pub(crate) manager: Arc<Manager>,
    /// The name of the leg, which is that of its channel, too; so Asterisk refuses a second one.
    pub(crate) id: String,
    pub(crate) order: Order,
    /// Nothing may be sent after this.
    pub(crate) send_before: Option<std::time::Instant>,
    pub(crate) room: Option<OwnedSemaphorePermit>,
    pub(crate) events: mpsc::Sender<LegEvent>,
    pub(crate) commands: mpsc::Receiver<LegCommand>,
}

impl ManagedLeg {
    pub(crate) async fn run(mut self) {
        let ending = match self.manager.ready(CONNECTED).await {
            Ok(()) => match self.refused_application().await {
                Some(refused) => ending::not_dialled(refused),
                None => self.originate().await,
            },
            Err(reason) => ending::not_dialled(format!("{reason}. Nobody was rung")),
        };
        ended(&self.events, ending).await;
    }

    /// Why nobody need be rung: Asterisk says that it does not have the application that the request names. It says so
    /// only to users who may ask; for others it would answer the call and hang up.
    async fn refused_application(&self) -> Option<String> {
        let name = self.order.application.as_deref()?;
        if self.manager.has_application(name).await? {
            return None;
        }
        Some(format!(
            "Asterisk has no application `{name}`, so nobody was rung: load its module, or name another"
        ))
    }

    async fn originate(&mut self) -> Ending {
        let mut happens = self.manager.follow(&self.id);
        let mut state = self.manager.state();
        // What it was until now is no news.
        state.mark_unchanged();
        if self.send_before.is_some_and(|until| until <= Instant::now().into_std()) {
            return too_late();
        }
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
        let mut known = Known::new(self.order.file.early_media, self.order.then);
        let (mut waiting, mut commanded, mut away) = (true, true, false);
        let mut answered = None;
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
                    let longest = self.learn(&mut known, &message).await;
                    if known.answered {
                        answered.get_or_insert_with(Instant::now);
                    }
                    if let Some(ending) = known.ending() {
                        let lasted = answered.map(|at| at.elapsed()).zip(self.order.length);
                        let cut_short = lasted.and_then(|(lasted, length)| ending::cut_short(&ending, lasted, length));
                        return cut_short.unwrap_or(ending);
                    }
                    if let Some(longest) = longest {
                        until = Instant::now() + longest + LATE;
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
                                Some(true) => until = Instant::now() + self.order.longest() + LATE,
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
                    let ending = if known.connected_early {
                        ending::unknown(
                            "the longest duration of this call was reached; Asterisk does not tell whether it was answered, \
                             because it was connected at its first sound",
                        )
                    } else if known.answered {
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

    /// Takes in a message. Says how long there is until the next.
    async fn learn(&mut self, known: &mut Known, message: &Message) -> Option<Duration> {
        match known.learn(&self.id, message)? {
            News::Exists => {
                // It was to be hung up before it was there.
                if let Some(told) = known.told.take() {
                    self.hang_up(known, told).await;
                }
                None
            }
            News::Ringing { early_media } => {
                let ringing = LegEvent::Ringing {
                    sip_code: None,
                    early_media,
                };
                let _ = self.events.send(ringing).await;
                None
            }
            News::Answered => {
                // The next call may be set up.
                self.room = None;
                let answered = LegEvent::Answered {
                    codec: "chosen by Asterisk",
                    sample_rate: crate::script::RATE,
                };
                let _ = self.events.send(answered).await;
                Some(self.order.talk)
            }
            News::ConnectedEarly => {
                self.room = None;
                Some(self.order.longest())
            }
        }
    }

    /// Tells Asterisk to end it. The first reason holds.
    async fn hang_up(&self, known: &mut Known, ending: Ending) {
        known.told.get_or_insert(ending);
        let action = Action::new("Hangup").with("Channel", &self.id).with("Cause", "16");
        let said = self.manager.ask(action).await.map(drop).map_err(|NotSent(reason)| {
            tracing::warn!(leg = self.id, reason, "cannot be hung up now");
            format!("{reason}, so Asterisk was not told to hang it up")
        });
        // Whoever listened may have gone.
        let _ = self.events.send(LegEvent::HungUp(said)).await;
    }

    /// Whether Asterisk has the channel, after a connection was lost. Nothing when it does not say.
    async fn is_there(&self) -> Option<bool> {
        let action = Action::new("Status").with("Channel", &self.id);
        let answer: oneshot::Receiver<Message> = self.manager.ask(action).await.ok()?;
        Some(answer.await.ok()?.succeeded())
    }
}
