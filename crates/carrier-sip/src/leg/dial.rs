//! From the INVITE to its final response.

use std::time::Instant as StdInstant;

use outdial_domain::Ending;
use outdial_engine::ports::{LegCommand, LegEvent};
use outdial_media::codec::Codec;
use rsipstack::{
    sip::{Response, SipMessage, StatusCodeKind, Uri},
    transaction::Transaction,
};
use tokio::time::Instant;

use crate::{
    challenge::Challenges,
    dialog::Dialog,
    flow::Flow,
    headers, invite,
    session_timer::{SessionTimer, Wish, allows},
    target::Target,
};

use super::{
    Leg, Setup,
    early::Early,
    endings::{crossed, failed, given_up, is_timeout, let_go, refused, silence, sound_failed},
    forks::Forks,
    inbox::Inbox,
    redirect::Redirects,
    retry::Next,
    route::Route,
    sound::Told,
    talk::Talk,
};

/// What is needed to dial.
pub(super) struct Dialling {
    pub(super) contact: Uri,
    pub(super) flow: Flow,
    /// The servers that are left.
    pub(super) route: Route,
    pub(super) challenges: Challenges,
    pub(super) wish: Wish,
    pub(super) redirects: Redirects,
    pub(super) target: Target,
    pub(super) send_before: Option<StdInstant>,
}

/// How far an INVITE has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Progress {
    /// No response came. A CANCEL may not be sent yet (RFC 3261, section 9.1).
    Silent,
    /// It is worked at.
    Provisional,
}

/// The leg is to end before it was answered.
struct GivingUp {
    ending: Ending,
    cancel: Option<Box<Transaction>>,
    /// Until when the far side may still say something that has to be answered.
    until: Instant,
    /// When the engine is told that it is over, unless the far side says so before. Nothing once it was.
    tell: Option<Instant>,
}

enum Step {
    Heard(Box<Transaction>, Option<SipMessage>),
    Asked(Box<Transaction>),
    Told(Option<LegCommand>),
    Sound(Told),
    Late,
    /// The far side takes its time to end.
    Tell,
}

impl Leg {
    /// Waits for what becomes of an INVITE that has been sent.
    pub(super) async fn dial(&mut self, invite: Box<Transaction>, mut dialling: Box<Dialling>) -> Setup {
        let mut progress = Progress::Silent;
        let mut giving_up: Option<GivingUp> = None;
        let mut early = Early::default();
        let mut inbox = Inbox::new(invite);
        loop {
            let tell = giving_up.as_ref().and_then(|up| up.tell);
            let step = tokio::select! {
                biased;
                (invite, message) = inbox.next() => Step::Heard(invite, message),
                Some(request) = self.requests.recv() => Step::Asked(request),
                command = self.commands.recv(), if giving_up.is_none() => Step::Told(command),
                () = to_be_told(tell) => Step::Tell,
                () = run_out(&mut giving_up) => Step::Late,
                told = self.sound.next(), if self.sound.is_running() => Step::Sound(told),
            };
            match step {
                Step::Heard(mut invite, None) => {
                    if !inbox.was_poked() || invite.is_terminated() {
                        return Setup::Over(giving_up.map_or_else(
                            || silence(dialling.flow.hop),
                            |up| given_up(up.ending, progress, dialling.flow.hop),
                        ));
                    }
                    match (&mut giving_up, progress) {
                        (Some(up), Progress::Provisional) => {
                            Box::pin(self.cancel(&invite, &mut dialling.flow, up)).await;
                        }
                        // What has not rung by now is not to ring any more.
                        (Some(_), Progress::Silent) => stop_repeating(&mut invite),
                        (None, _) => {}
                    }
                    inbox.put(invite);
                }
                Step::Heard(invite, Some(SipMessage::Request(_))) => inbox.put(invite),
                Step::Heard(invite, Some(SipMessage::Response(response))) => match response.status_code.kind() {
                    StatusCodeKind::Provisional => {
                        progress = Progress::Provisional;
                        let is_new = early.heard(&self.shared, &dialling, &invite.original, &response);
                        match &mut giving_up {
                            Some(up) => Box::pin(self.cancel(&invite, &mut dialling.flow, up)).await,
                            None if is_new => self.ringing(&response),
                            None => {}
                        }
                        inbox.put(invite);
                    }
                    StatusCodeKind::Successful => {
                        let dialling = *dialling;
                        let answered = Answered {
                            invite,
                            response,
                            flow: dialling.flow,
                            contact: dialling.contact,
                            challenges: dialling.challenges,
                            wish: dialling.wish,
                            early,
                        };
                        return Box::pin(self.answered(answered, giving_up.map(|up| up.ending))).await;
                    }
                    StatusCodeKind::Redirection
                    | StatusCodeKind::RequestFailure
                    | StatusCodeKind::ServerFailure
                    | StatusCodeKind::GlobalFailure
                    | StatusCodeKind::Other => {
                        let next = match giving_up {
                            None => Box::pin(self.next_try(&mut dialling, &invite, &response)).await,
                            Some(_) => Next::Nothing,
                        };
                        match next {
                            Next::Sent(next) => {
                                progress = Progress::Silent;
                                inbox.put(next);
                                continue;
                            }
                            Next::Over(ending) => return Setup::Over(ending),
                            Next::Nothing => {}
                        }
                        let own = match giving_up {
                            // Before the CANCEL is sent the far side knows nothing of it, so this is its own decision.
                            Some(up) if up.cancel.is_some() || is_timeout(&response) => {
                                Some(given_up(up.ending, progress, dialling.flow.hop))
                            }
                            _ => None,
                        };
                        return Setup::Over(own.unwrap_or_else(|| match is_timeout(&response) {
                            true => silence(dialling.flow.hop),
                            false => refused(&response),
                        }));
                    }
                },
                Step::Asked(request) => {
                    if let Some(ending) = Box::pin(self.asked_early(request)).await {
                        return Setup::Over(giving_up.map_or(ending, |up| up.ending));
                    }
                }
                Step::Told(command) => {
                    if let Some(ending) = self.told_early(command) {
                        giving_up = Some(self.give_up(ending, progress));
                        inbox.poke();
                    }
                }
                Step::Sound(told) => {
                    if let Some(ending) = Box::pin(self.heard_early(told)).await
                        && giving_up.is_none()
                    {
                        giving_up = Some(self.give_up(ending, progress));
                        inbox.poke();
                    }
                }
                Step::Tell => {
                    if let Some(up) = &mut giving_up {
                        up.tell = None;
                        let ending = given_up(up.ending.clone(), progress, dialling.flow.hop);
                        self.end_early(ending).await;
                    }
                }
                Step::Late => {
                    if let Some(up) = giving_up {
                        return Setup::Over(given_up(up.ending, progress, dialling.flow.hop));
                    }
                }
            }
        }
    }

    fn give_up(&self, ending: Ending, progress: Progress) -> GivingUp {
        let now = Instant::now();
        GivingUp {
            ending,
            cancel: None,
            until: now + self.shared.patience(),
            tell: Some(now + self.grace(progress)),
        }
    }

    /// What the sound tells before the answer: where it is heard. Keys and the like nobody asked for.
    async fn heard_early(&mut self, told: Told) -> Option<Ending> {
        match told {
            Told::Event(event @ (LegEvent::Joined { .. } | LegEvent::Left)) => self.events.tell(event),
            Told::Event(_) | Told::Nothing | Told::Silent => {}
            Told::Failed => {
                self.sound.close().await;
                return Some(sound_failed());
            }
        }
        None
    }

    /// How long whoever gives up waits for the far side to agree. One that rings is cancelled, and says so in the
    /// end; of one that never said anything there is not much to hope for.
    fn grace(&self, progress: Progress) -> std::time::Duration {
        match progress {
            Progress::Provisional => 8 * self.shared.t1(),
            Progress::Silent => 4 * self.shared.t1(),
        }
    }

    fn ringing(&mut self, response: &Response) {
        let code = response.status_code.code();
        // 100 only says that somebody received the request.
        if code > 100 {
            let early_media = !response.body.is_empty() && self.sound.early(&response.body);
            self.events.ringing(code, early_media);
        }
    }

    /// What the engine may want before the answer is an end.
    pub(super) fn told_early(&mut self, command: Option<LegCommand>) -> Option<Ending> {
        match command {
            Some(LegCommand::HangUp { ending }) => Some(ending),
            Some(LegCommand::Tap(tap)) => {
                self.sound.tap(tap);
                None
            }
            // Whoever rings us for somebody may hear the sound that comes before the answer.
            Some(LegCommand::Join(joining)) if self.sound.is_running() => {
                self.sound.join(joining);
                None
            }
            Some(LegCommand::Leave) if self.sound.is_running() => {
                self.sound.leave();
                None
            }
            Some(
                LegCommand::Answer
                | LegCommand::Play { .. }
                | LegCommand::StopPlaying
                | LegCommand::SendDigits { .. }
                | LegCommand::Join(_)
                | LegCommand::Leave
                | LegCommand::Mute(_)
                | LegCommand::Listen(_)
                | LegCommand::Hold(_)
                | LegCommand::Transfer { .. },
            ) => {
                tracing::warn!("a command for an answered leg came before the answer and is dropped");
                None
            }
            None => Some(let_go()),
        }
    }

    /// Sends the CANCEL, once, over a new connection where that of the INVITE is gone: whoever was told to ring rings on.
    async fn cancel(&self, invite: &Transaction, flow: &mut Flow, up: &mut GivingUp) {
        if up.cancel.is_some() {
            return;
        }
        up.until = Instant::now() + self.shared.patience();
        if let Err(error) = flow.refresh(&self.shared).await {
            tracing::warn!(%error, "a CANCEL could not be sent: its connection is gone, and there is no other");
            return;
        }
        match invite::cancel(&self.shared, invite, flow) {
            Ok(mut cancel) => match cancel.send().await {
                Ok(()) => up.cancel = Some(Box::new(cancel)),
                Err(error) => tracing::warn!(%error, "a CANCEL could not be sent"),
            },
            Err(error) => tracing::warn!(%error, "no CANCEL can be made"),
        }
    }

    /// Somebody picked up, maybe after we gave up.
    async fn answered(&mut self, answered: Answered, given_up: Option<Ending>) -> Setup {
        let Answered {
            invite,
            response,
            flow,
            contact,
            challenges,
            wish,
            early,
        } = answered;
        let mut dialog =
            match Dialog::of_answer(&invite.original, &response, &flow, contact.clone(), challenges.clone()) {
                Ok(dialog) => dialog,
                Err(error) => return Setup::Over(failed(format!("the far side's answer cannot be used: {error}"))),
            };
        early.go_on_in(&mut dialog);
        let forks = Box::new(Forks::new(&dialog, invite, flow, contact, challenges));
        let agreed = match given_up {
            Some(ending) => Err(crossed(ending)),
            None => self.sound.answered(&response.body).map_err(|error| {
                let why = headers::left_out(&response).unwrap_or_else(|| error.to_string());
                failed(format!("the far side answered, but {why}"))
            }),
        };
        if self.events.is_over() {
            tracing::warn!(
                call = dialog.call_id,
                "a far side answered after its leg had ended, and is hung up on"
            );
        }
        match agreed {
            Ok(codec) => {
                self.events.tell(answered_with(codec));
                Setup::Answered(Box::new(Talk {
                    dialog,
                    timer: SessionTimer::of_answer(&response.headers, StdInstant::now()),
                    wish,
                    takes_update: allows(&response, "UPDATE"),
                    ours: true,
                    sequence: 0,
                    forks: Some(forks),
                    transfer: None,
                }))
            }
            Err(ending) => {
                forks.linger(self.shared.clone());
                self.part(dialog).await;
                Setup::Over(ending)
            }
        }
    }
}

struct Answered {
    invite: Box<Transaction>,
    response: Response,
    flow: Flow,
    contact: Uri,
    challenges: Challenges,
    wish: Wish,
    early: Early,
}

/// What the engine is told of an answer.
pub(super) fn answered_with(codec: Codec) -> LegEvent {
    LegEvent::Answered {
        codec: codec.name(),
        sample_rate: codec.sample_rate(),
    }
}

/// Drives the CANCEL until the time is up. Never ends while nobody gives up.
async fn run_out(giving_up: &mut Option<GivingUp>) {
    let Some(up) = giving_up else {
        return std::future::pending().await;
    };
    let until = up.until;
    let drive = async {
        if let Some(cancel) = &mut up.cancel {
            while Box::pin(cancel.receive()).await.is_some() {}
        }
        std::future::pending::<()>().await;
    };
    let _ = tokio::time::timeout_at(until, drive).await;
}

/// Waits until the engine is to be told of the end. Never ends where it is not to be told.
async fn to_be_told(tell: Option<Instant>) {
    match tell {
        Some(moment) => tokio::time::sleep_until(moment).await,
        None => std::future::pending().await,
    }
}

fn stop_repeating(invite: &mut Transaction) {
    if let Some(timer) = invite.timer_a.take() {
        invite.endpoint_inner.timers.cancel(timer);
    }
}
