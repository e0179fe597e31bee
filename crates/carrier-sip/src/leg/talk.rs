//! From the answer to the end.

use std::time::Instant;

use outdial_domain::{EndedBy, Ending, Outcome};
use outdial_engine::ports::{LegCommand, LegEvent};
use rsipstack::{
    sip::{Method, Response, SipMessage},
    transaction::{Transaction, transaction::TransactionEvent},
};

use crate::{
    dialog::Dialog,
    session_timer::{Due, SessionTimer, Wish},
};

use super::{
    Leg,
    endings::{let_go, sound_failed},
    forks::Forks,
    inbox::Inbox,
    refresh::{Refresh, Refreshed},
    requests::Asked,
    session,
    sound::Told,
    transfer::Transfer,
    wishes::{self, Wishes},
};

/// An answered leg.
pub(super) struct Talk {
    pub(super) dialog: Dialog,
    /// For 64 × T1 after the answer to an INVITE of ours.
    pub(super) forks: Option<Box<Forks>>,
    /// Whether somebody has to show that the session lives.
    pub(super) timer: Option<SessionTimer>,
    pub(super) wish: Wish,
    /// Whether the far side takes UPDATE.
    pub(super) takes_update: bool,
    /// Whether the call, and so its Call-ID, is ours.
    pub(super) ours: bool,
    /// The highest number of the far side's requests.
    pub(super) sequence: u32,
    /// Whether the far side is to say what became of a transfer.
    pub(super) transfer: Option<Transfer>,
}

impl Talk {
    /// Notes that this answer to an INVITE of ours refreshed the session.
    pub(super) fn refreshed(&mut self, answer: &Response) {
        let now = Instant::now();
        let timer = SessionTimer::of_answer(&answer.headers, now);
        self.timer = timer.or(self.timer.map(|timer| timer.again(now)));
    }
}

enum Step {
    Asked(Box<Transaction>),
    Told(Option<LegCommand>),
    Sound(Told),
    Heard(Option<TransactionEvent>),
    Acknowledged(Option<SipMessage>),
    Due(Due),
    Refreshed(Refreshed),
    Wished,
    Came(Option<wishes::Came>),
    TransferUnknown,
}

/// Who ends it, and how.
enum End {
    Theirs(Ending),
    Ours(Ending),
}

/// A re-INVITE that we answered and that is not acknowledged yet.
pub(super) struct Unacknowledged {
    pub(super) inbox: Inbox,
    /// Whether our answer was an offer, so that the ACK answers it.
    pub(super) late: bool,
}

impl Leg {
    pub(super) async fn talk(&mut self, mut talk: Box<Talk>) -> Ending {
        let mut unacknowledged: Option<Unacknowledged> = None;
        let mut refresh = Refresh::default();
        let mut wishes = Wishes::default();
        let mut told = session::Told::new(self.sound.wanted_srtp());
        let end = loop {
            told.tell(&mut self.events, &self.sound, talk.timer.as_ref());
            let due = refresh.due(talk.timer.as_ref());
            let is_free = unacknowledged.is_none() && !refresh.is_under_way();
            let wish = wishes.due(Instant::now()).filter(|_| is_free);
            let step = tokio::select! {
                biased;
                Some(request) = self.requests.recv() => Step::Asked(request),
                command = self.commands.recv() => Step::Told(command),
                told = self.sound.next(), if self.sound.is_running() => Step::Sound(told),
                event = heard(&mut talk.forks) => Step::Heard(event),
                message = acknowledged(&mut unacknowledged) => Step::Acknowledged(message),
                due = wait(due) => Step::Due(due),
                refreshed = refresh.done(), if refresh.is_under_way() => Step::Refreshed(refreshed),
                came = wishes.done(), if wishes.is_under_way() => Step::Came(came),
                () = until(wish) => Step::Wished,
                () = until(talk.transfer.map(Transfer::until)) => Step::TransferUnknown,
            };
            match step {
                Step::Asked(request) => {
                    let busy = unacknowledged.is_some() || refresh.offers() || wishes.offers();
                    match Box::pin(self.asked(request, &mut talk, busy)).await {
                        Asked::Done => {}
                        Asked::Unacknowledged(waiting) => unacknowledged = Some(waiting),
                        Asked::Over(ending) => break End::Theirs(ending),
                    }
                }
                Step::Told(Some(LegCommand::HangUp { ending })) => break End::Ours(ending),
                Step::Told(None) => break End::Ours(let_go()),
                Step::Told(Some(LegCommand::Play { play, clips })) => self.sound.play(play, &clips),
                Step::Told(Some(LegCommand::Answer)) => tracing::debug!("told to answer a leg that is answered"),
                Step::Told(Some(LegCommand::Tap(tap))) => self.sound.tap(tap),
                Step::Told(Some(LegCommand::StopPlaying)) => self.sound.stop_playing(),
                Step::Told(Some(LegCommand::Join(joining))) => self.sound.join(joining),
                Step::Told(Some(LegCommand::Leave)) => self.sound.leave(),
                Step::Told(Some(LegCommand::Mute(muted))) => self.sound.mute(muted),
                Step::Told(Some(LegCommand::Listen(listens))) => self.sound.listen(listens),
                Step::Told(Some(LegCommand::Hold(held))) => wishes.add(wishes::Wish::Hold(held)),
                Step::Told(Some(LegCommand::Transfer { to })) => wishes.add(wishes::Wish::Transfer(*to)),
                Step::Wished => self.send_wish(&mut wishes, &mut talk),
                Step::Came(came) => {
                    if let Some(ending) = self.wish_done(&mut wishes, &mut talk, came) {
                        break End::Ours(ending);
                    }
                }
                Step::TransferUnknown => {
                    talk.transfer = None;
                    let reason = "the far side never said what became of it".to_owned();
                    self.events.tell(LegEvent::Transferred(Err(reason)));
                }
                Step::Told(Some(LegCommand::SendDigits { digits })) => self.sound.send_digits(digits),
                Step::Sound(Told::Event(event)) => self.events.tell(event),
                Step::Sound(Told::Nothing) => {}
                Step::Sound(Told::Silent) => {
                    break End::Ours(Ending::new(
                        Outcome::Failed,
                        EndedBy::Network,
                        "nothing was heard of the far side for too long (`silent_after` of the trunk), so it is taken to be gone",
                    ));
                }
                Step::Sound(Told::Failed) => {
                    break End::Ours(sound_failed());
                }
                Step::Heard(event) => {
                    if let Some(forks) = &mut talk.forks {
                        Box::pin(forks.take(&self.shared, event)).await;
                    }
                    talk.forks = talk.forks.take_if(|forks| !forks.is_over());
                }
                Step::Acknowledged(message) => {
                    let late = unacknowledged.take().is_some_and(|waiting| waiting.late);
                    if late && let Some(SipMessage::Request(ack)) = message {
                        self.late_answer(&ack.body);
                    }
                }
                Step::Due(Due::Refresh) => {
                    if unacknowledged.is_none() && !wishes.is_under_way() {
                        let description = self.sound.current();
                        refresh.start(&self.shared, &mut talk, description);
                    } else {
                        refresh.later(&self.shared, talk.ours);
                    }
                }
                Step::Due(Due::Expire) => {
                    break End::Ours(Ending::new(
                        Outcome::Failed,
                        EndedBy::Network,
                        "the session was not refreshed in time, so the far side is taken to be gone",
                    ));
                }
                Step::Refreshed(refreshed) => {
                    if let Some(ending) = self.refreshed(refreshed, &mut refresh, &mut talk) {
                        break End::Ours(ending);
                    }
                }
            }
        };
        if let Some(forks) = talk.forks {
            forks.linger(self.shared.clone());
        }
        match end {
            End::Theirs(ending) => ending,
            End::Ours(ending) => {
                Box::pin(self.part(talk.dialog)).await;
                ending
            }
        }
    }

    /// The answer to an offer of ours that came in an ACK. One that cannot be used changes nothing.
    pub(super) fn late_answer(&mut self, body: &[u8]) {
        if let Err(error) = self.sound.answered(body) {
            tracing::info!(%error, "the far side's answer to our offer cannot be used");
        }
    }

    /// What a refresh of ours came to; an ending if the far side is gone.
    fn refreshed(&mut self, refreshed: Refreshed, refresh: &mut Refresh, talk: &mut Talk) -> Option<Ending> {
        match refreshed {
            Refreshed::Lives(response, dialog, method) => {
                talk.dialog.went_on(&dialog);
                if method == Method::Invite {
                    self.late_answer(&response.body);
                }
                talk.dialog.retarget(&*response);
                talk.refreshed(&response);
                None
            }
            Refreshed::TooBrief(least, dialog) => {
                talk.dialog.went_on(&dialog);
                match &mut talk.timer {
                    Some(timer) if timer.interval < least => {
                        talk.wish.least = least;
                        timer.interval = least;
                        refresh.now();
                    }
                    _ => refresh.refused(),
                }
                None
            }
            Refreshed::Glare(dialog) => {
                talk.dialog.went_on(&dialog);
                refresh.later(&self.shared, talk.ours);
                None
            }
            Refreshed::NotByUpdate(dialog) => {
                talk.dialog.went_on(&dialog);
                talk.takes_update = false;
                refresh.now();
                None
            }
            Refreshed::Refused(dialog) => {
                talk.dialog.went_on(&dialog);
                refresh.refused();
                None
            }
            Refreshed::Gone(reason) => Some(Ending::new(Outcome::Failed, EndedBy::Network, reason)),
        }
    }
}

async fn wait(due: Option<(Instant, Due)>) -> Due {
    match due {
        Some((at, due)) => {
            tokio::time::sleep_until(at.into()).await;
            due
        }
        None => std::future::pending().await,
    }
}

async fn until(moment: Option<Instant>) {
    match moment {
        Some(moment) => tokio::time::sleep_until(moment.into()).await,
        None => std::future::pending().await,
    }
}

async fn heard(forks: &mut Option<Box<Forks>>) -> Option<TransactionEvent> {
    match forks {
        Some(forks) => forks.next().await,
        None => std::future::pending().await,
    }
}

/// Waits for the ACK of a re-INVITE, and repeats its answer until then. An answer that is never
/// acknowledged changes nothing: the session goes on as it was agreed on.
async fn acknowledged(waiting: &mut Option<Unacknowledged>) -> Option<SipMessage> {
    match waiting {
        Some(waiting) => waiting.inbox.next().await.1,
        None => std::future::pending().await,
    }
}
