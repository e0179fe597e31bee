//! From the answer to the end.

use outdial_domain::{EndedBy, Ending, Outcome};
use outdial_engine::ports::LegCommand;
use rsipstack::{sip::SipMessage, transaction::Transaction};

use crate::dialog::Dialog;

use super::{Leg, dial::let_go, forks::Forks, inbox::Inbox, requests::Asked, sound::Told};

/// An answered leg.
pub(super) struct Talk {
    pub(super) dialog: Dialog,
    pub(super) forks: Forks,
    /// The INVITE's transaction, for 64 × T1 after the answer: it acknowledges repeated answers.
    pub(super) inbox: Option<Inbox>,
}

enum Step {
    Asked(Box<Transaction>),
    Told(Option<LegCommand>),
    Sound(Told),
    Heard(Box<Transaction>, Option<SipMessage>),
    Acknowledged,
}

/// Who ends it, and how.
enum End {
    Theirs(Ending),
    Ours(Ending),
}

impl Leg {
    pub(super) async fn talk(&mut self, mut talk: Talk) -> Ending {
        // A re-INVITE that we answered and that is not acknowledged yet.
        let mut unacknowledged: Option<Box<Transaction>> = None;
        let mut sequence = 0;
        let end = loop {
            let step = tokio::select! {
                biased;
                Some(request) = self.requests.recv() => Step::Asked(request),
                command = self.commands.recv() => Step::Told(command),
                told = self.sound.next(), if self.sound.is_running() => Step::Sound(told),
                (invite, message) = heard(&mut talk.inbox) => Step::Heard(invite, message),
                () = acknowledged(&mut unacknowledged) => Step::Acknowledged,
            };
            match step {
                Step::Asked(request) => {
                    let busy = unacknowledged.is_some();
                    match Box::pin(self.asked(request, &talk.dialog, &mut sequence, busy)).await {
                        Asked::Done => {}
                        Asked::Unacknowledged(transaction) => unacknowledged = Some(transaction),
                        Asked::Over(ending) => break End::Theirs(ending),
                    }
                }
                Step::Told(Some(LegCommand::HangUp { ending })) => break End::Ours(ending),
                Step::Told(None) => break End::Ours(let_go()),
                Step::Told(Some(LegCommand::Play { play, clips })) => self.sound.play(play, &clips),
                Step::Told(Some(LegCommand::Answer)) => tracing::debug!("told to answer a leg that is answered"),
                Step::Told(Some(LegCommand::StopPlaying)) => self.sound.stop_playing(),
                Step::Told(Some(LegCommand::SendDigits { digits })) => self.sound.send_digits(digits),
                Step::Sound(Told::Event(event)) => self.events.tell(event),
                Step::Sound(Told::Nothing) => {}
                Step::Sound(Told::Failed) => {
                    break End::Ours(Ending::new(
                        Outcome::Failed,
                        EndedBy::System,
                        "the sound of the leg failed, which is a fault of ours: see the log",
                    ));
                }
                Step::Heard(_, None) => talk.inbox = None,
                Step::Heard(invite, Some(message)) => {
                    talk.forks.heard(&self.shared, &invite.original, &message);
                    if let Some(inbox) = &mut talk.inbox {
                        inbox.put(invite);
                    }
                }
                Step::Acknowledged => unacknowledged = None,
            }
        };
        let Talk { dialog, forks, inbox } = talk;
        if let Some(mut inbox) = inbox {
            inbox.poke();
            // Whatever was heard before the poke is looked at first; it is not waited for.
            let shared = self.shared.clone();
            tokio::spawn(async move {
                let mut forks = forks;
                loop {
                    match inbox.next().await {
                        (invite, Some(message)) => {
                            forks.heard(&shared, &invite.original, &message);
                            inbox.put(invite);
                        }
                        (invite, None) => return forks.linger(shared, invite),
                    }
                }
            });
        }
        match end {
            End::Theirs(ending) => ending,
            End::Ours(ending) => {
                Box::pin(self.part(dialog)).await;
                ending
            }
        }
    }
}

async fn heard(inbox: &mut Option<Inbox>) -> (Box<Transaction>, Option<SipMessage>) {
    match inbox {
        Some(inbox) => inbox.next().await,
        None => std::future::pending().await,
    }
}

/// Waits for the ACK of a re-INVITE, and repeats its answer until then. An answer that is never
/// acknowledged changes nothing: the session goes on as it was agreed on.
async fn acknowledged(transaction: &mut Option<Box<Transaction>>) {
    match transaction {
        Some(transaction) => {
            // The wait is large and rare, so it is not part of the leg's task.
            let _ = Box::pin(transaction.receive()).await;
        }
        None => std::future::pending().await,
    }
}
