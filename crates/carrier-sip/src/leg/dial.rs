//! From the INVITE to its final response.

use std::{net::SocketAddr, time::Instant as StdInstant};

use outdial_domain::{EndedBy, Ending, Outcome};
use outdial_engine::ports::{LegCommand, LegEvent};
use rsipstack::{
    sip::{Response, SipMessage, StatusCodeKind, Uri},
    transaction::Transaction,
};
use tokio::time::Instant;

use crate::{carrier::is_past, challenge::Challenges, dialog::Established, headers::to_tag, invite, reason};

use super::{Leg, forks::Forks, inbox::Inbox, sound::RATE, talk::Talk};

/// What is needed to dial.
pub(super) struct Dialling {
    /// The INVITE, which has been sent.
    pub(super) invite: Box<Transaction>,
    pub(super) contact: Uri,
    pub(super) challenges: Challenges,
    pub(super) destination: SocketAddr,
    pub(super) send_before: Option<StdInstant>,
}

/// How dialling went.
pub(super) enum Dialled {
    Answered(Box<Talk>),
    Over(Ending),
}

/// How far an INVITE has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Progress {
    /// No response came. A CANCEL may not be sent yet (RFC 3261, section 9.1).
    Silent,
    /// It is worked at.
    Provisional,
}

/// The leg is to end before it was answered.
struct GivingUp {
    ending: Ending,
    cancel: Option<Box<Transaction>>,
    until: Instant,
}

enum Step {
    Heard(Box<Transaction>, Option<SipMessage>),
    Asked(Box<Transaction>),
    Told(Option<LegCommand>),
    /// Keys and the like before the answer, which nobody asked for.
    Sound,
    Late,
}

impl Leg {
    pub(super) async fn dial(&mut self, mut dialling: Dialling) -> Dialled {
        let patience = self.shared.patience();
        let mut progress = Progress::Silent;
        let mut giving_up: Option<GivingUp> = None;
        let contact = dialling.contact.clone();
        let mut inbox = Inbox::new(dialling.invite);
        loop {
            let step = tokio::select! {
                biased;
                (invite, message) = inbox.next() => Step::Heard(invite, message),
                Some(request) = self.requests.recv() => Step::Asked(request),
                command = self.commands.recv(), if giving_up.is_none() => Step::Told(command),
                () = run_out(&mut giving_up) => Step::Late,
                _ = self.sound.next(), if self.sound.is_running() => Step::Sound,
            };
            match step {
                Step::Heard(mut invite, None) => {
                    if !inbox.was_poked() || invite.is_terminated() {
                        return Dialled::Over(giving_up.map_or_else(|| silence(dialling.destination), |up| up.ending));
                    }
                    match (&mut giving_up, progress) {
                        (Some(up), Progress::Provisional) => Box::pin(self.cancel(&invite, up)).await,
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
                        match &mut giving_up {
                            Some(up) => Box::pin(self.cancel(&invite, up)).await,
                            None => self.ringing(&response),
                        }
                        inbox.put(invite);
                    }
                    StatusCodeKind::Successful => {
                        let credential = dialling.challenges.credential.take();
                        let answered = Answered {
                            invite,
                            response,
                            credential,
                            contact,
                        };
                        return Box::pin(self.answered(answered, giving_up.map(|up| up.ending))).await;
                    }
                    StatusCodeKind::RequestFailure
                        if giving_up.is_none() && matches!(response.status_code.code(), 401 | 407) =>
                    {
                        let code = response.status_code.code();
                        match Box::pin(dialling.challenges.answer(&invite, response)).await {
                            Err(unanswered) => {
                                return Dialled::Over(Ending {
                                    sip_code: Some(code),
                                    ..Ending::new(
                                        Outcome::Failed,
                                        EndedBy::Network,
                                        format!("the far side answered {code}: {unanswered}"),
                                    )
                                });
                            }
                            Ok(_) if is_past(dialling.send_before) => return Dialled::Over(too_late()),
                            Ok(mut again) => {
                                if let Err(error) = Box::pin(again.send()).await {
                                    return Dialled::Over(Ending::new(
                                        Outcome::Congestion,
                                        EndedBy::System,
                                        format!("the request with the password could not be sent: {error}"),
                                    ));
                                }
                                progress = Progress::Silent;
                                inbox.put(Box::new(again));
                            }
                        }
                    }
                    StatusCodeKind::Redirection
                    | StatusCodeKind::RequestFailure
                    | StatusCodeKind::ServerFailure
                    | StatusCodeKind::GlobalFailure
                    | StatusCodeKind::Other => {
                        let own = match giving_up {
                            // Before the CANCEL is sent the far side knows nothing of it, so this is its own decision.
                            Some(up) if up.cancel.is_some() || is_timeout(progress, &response) => Some(up.ending),
                            _ => None,
                        };
                        return Dialled::Over(own.unwrap_or_else(|| {
                            if is_timeout(progress, &response) {
                                silence(dialling.destination)
                            } else {
                                refused(&response)
                            }
                        }));
                    }
                },
                Step::Asked(request) => {
                    if let Some(ending) = Box::pin(self.asked_early(request)).await {
                        return Dialled::Over(giving_up.map_or(ending, |up| up.ending));
                    }
                }
                Step::Told(command) => {
                    if let Some(ending) = self.told_early(command) {
                        giving_up = Some(GivingUp {
                            ending,
                            cancel: None,
                            until: Instant::now() + patience,
                        });
                        inbox.poke();
                    }
                }
                Step::Sound => {}
                Step::Late => {
                    if let Some(up) = giving_up {
                        return Dialled::Over(up.ending);
                    }
                }
            }
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
    fn told_early(&self, command: Option<LegCommand>) -> Option<Ending> {
        match command {
            Some(LegCommand::HangUp { ending }) => Some(ending),
            Some(
                LegCommand::Answer | LegCommand::Play { .. } | LegCommand::StopPlaying | LegCommand::SendDigits { .. },
            ) => {
                tracing::warn!("a command for an answered leg came before the answer and is dropped");
                None
            }
            None => Some(let_go()),
        }
    }

    /// Sends the CANCEL, once.
    async fn cancel(&self, invite: &Transaction, up: &mut GivingUp) {
        if up.cancel.is_some() {
            return;
        }
        up.until = Instant::now() + self.shared.patience();
        match invite::cancel(&self.shared, invite) {
            Ok(mut cancel) => match cancel.send().await {
                Ok(()) => up.cancel = Some(Box::new(cancel)),
                Err(error) => tracing::warn!(%error, "a CANCEL could not be sent"),
            },
            Err(error) => tracing::warn!(%error, "no CANCEL can be made"),
        }
    }

    /// Somebody picked up, maybe after we gave up.
    async fn answered(&mut self, answered: Answered, given_up: Option<Ending>) -> Dialled {
        let Answered {
            invite,
            response,
            credential,
            contact,
        } = answered;
        let established = match Established::new(&invite.original, &response, credential.clone(), contact.clone()) {
            Ok(established) => established,
            Err(error) => return Dialled::Over(failed(format!("the far side's answer cannot be used: {error}"))),
        };
        let forks = Forks::new(&established, credential, contact);
        let agreed = match given_up {
            Some(ending) => Err(ending),
            None => self
                .sound
                .answered(&response.body)
                .map_err(|error| failed(format!("the far side answered, but {error}"))),
        };
        match agreed {
            Ok(codec) => {
                self.events.tell(LegEvent::Answered {
                    codec: codec.name(),
                    sample_rate: RATE,
                });
                Dialled::Answered(Box::new(Talk {
                    established,
                    forks,
                    inbox: Some(Inbox::new(invite)),
                }))
            }
            Err(ending) => {
                forks.linger(self.shared.clone(), invite);
                self.part(established).await;
                Dialled::Over(ending)
            }
        }
    }
}

struct Answered {
    invite: Box<Transaction>,
    response: Response,
    credential: Option<rsipstack::dialog::authenticate::Credential>,
    contact: Uri,
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

fn stop_repeating(invite: &mut Transaction) {
    if let Some(timer) = invite.timer_a.take() {
        invite.endpoint_inner.timers.cancel(timer);
    }
}

/// The library tells its own timeout as a 408 that nobody signed.
fn is_timeout(progress: Progress, response: &Response) -> bool {
    progress == Progress::Silent && response.status_code.code() == 408 && to_tag(response).is_none()
}

/// Nobody said that it did not ring, so it may have.
fn silence(destination: SocketAddr) -> Ending {
    Ending::new(
        Outcome::NoAnswer,
        EndedBy::Network,
        format!(
            "{destination} did not answer the INVITE at all; it may have rung. \
             Check that a SIP server listens there over UDP and that no firewall is between"
        ),
    )
}

fn refused(response: &Response) -> Ending {
    let phrase = response.reason_phrase().unwrap_or_else(|| response.status_code.text());
    let phrase: String = phrase.chars().filter(|c| !c.is_control()).take(100).collect();
    Ending::from_sip(response.status_code.code(), reason::q850(&response.headers), &phrase)
}

fn too_late() -> Ending {
    Ending::new(
        Outcome::Failed,
        EndedBy::System,
        "the far side asked for a password, and the moment until which this leg might be sent had passed; it has not rung",
    )
}

fn failed(reason: String) -> Ending {
    Ending::new(Outcome::Failed, EndedBy::System, reason)
}

/// Whoever owned the leg is gone.
pub(super) fn let_go() -> Ending {
    Ending::new(Outcome::Canceled, EndedBy::System, "the leg was let go of by its owner")
}
