//! What a phone does by itself.

use std::{sync::Arc, time::Duration};

use outdial_domain::{EndedBy, Ending, Outcome};
use outdial_engine::ports::{Clip, LegCommand, LegEvent};
use tokio::time::Instant;

use super::FakeLeg;

/// What a phone does when it is rung.
#[derive(Debug, Clone)]
pub enum Script {
    /// Nothing by itself: the test takes the leg from [`super::FakeCarrier::leg`] and moves it.
    ByHand,
    /// It does this.
    Phone(Phone),
}

/// A phone that acts by itself.
#[derive(Debug, Clone, Default)]
pub struct Phone {
    /// Refused at once with this ending.
    refuses: Option<Ending>,
    /// Rings and is never answered.
    never_answers: bool,
    /// The keys pressed as soon as something is played, once.
    presses: String,
    /// Hangs up as soon as something was heard to its end.
    hangs_up: bool,
    /// Does not end when it is told to.
    never_ends: bool,
}

impl Script {
    /// Every sample of what a phone says, to those who tap it.
    pub const SAYS: i16 = 1_000;
    /// Every sample of what a phone hears, to those who tap it.
    pub const HEARS: i16 = 300;

    /// It is answered, and listens until it is hung up.
    #[must_use]
    pub fn answers() -> Self {
        Self::Phone(Phone::default())
    }

    /// It is busy (SIP 486).
    #[must_use]
    pub fn busy() -> Self {
        Self::rejects(486, "Busy Here")
    }

    /// The far side refuses with this SIP status.
    #[must_use]
    pub fn rejects(code: u16, phrase: &str) -> Self {
        Self::Phone(Phone {
            refuses: Some(Ending::from_sip(code, None, phrase)),
            ..Phone::default()
        })
    }

    /// It rings and nobody answers.
    #[must_use]
    pub fn rings() -> Self {
        Self::Phone(Phone {
            never_answers: true,
            ..Phone::default()
        })
    }

    /// It is answered, and these keys are pressed as soon as something is played.
    #[must_use]
    pub fn presses(keys: &str) -> Self {
        Self::Phone(Phone {
            presses: keys.to_owned(),
            ..Phone::default()
        })
    }

    /// It is answered, and whoever answered hangs up after the first thing heard.
    #[must_use]
    pub fn hangs_up() -> Self {
        Self::Phone(Phone {
            hangs_up: true,
            ..Phone::default()
        })
    }

    /// It is answered, and does not end when it is told to.
    #[must_use]
    pub fn never_ends() -> Self {
        Self::Phone(Phone {
            never_ends: true,
            ..Phone::default()
        })
    }

    pub(super) fn phone(self) -> Option<Phone> {
        match self {
            Self::ByHand => None,
            Self::Phone(phone) => Some(phone),
        }
    }
}

impl Phone {
    /// Acts until the leg is over, or the engine lets go of it.
    pub(super) async fn follow(mut self, mut leg: FakeLeg) {
        leg.sent().await;
        if let Some(ending) = self.refuses.take() {
            return leg.end(ending).await;
        }
        leg.ring().await;
        if !self.never_answers {
            leg.answer().await;
        }
        let mut taps = Vec::new();
        let mut playing: Option<(u64, Instant)> = None;
        loop {
            let heard = async {
                match playing {
                    Some((_, until)) => tokio::time::sleep_until(until).await,
                    None => std::future::pending().await,
                }
            };
            let command = tokio::select! {
                biased;
                command = leg.command() => command,
                () = heard => {
                    if let Some((play, _)) = playing.take() {
                        leg.tell(LegEvent::PlayDone { play }).await;
                    }
                    if self.hangs_up {
                        let ending = Ending::new(Outcome::Completed, EndedBy::Callee, "the far side hung up");
                        return leg.end(ending).await;
                    }
                    continue;
                }
            };
            let Some(command) = command else { return };
            match command {
                // Whoever taps it hears a second of it at once, and no more.
                LegCommand::Tap(mut tap) => {
                    for _ in 0..50 {
                        tap.put(Some(&[Script::HEARS; 160]), Some(&[Script::SAYS; 160]));
                    }
                    taps.push(tap);
                }
                LegCommand::Play { play, clips } => {
                    playing = Some((play, Instant::now() + length(&clips)));
                    leg.press(&std::mem::take(&mut self.presses)).await;
                }
                LegCommand::StopPlaying => playing = None,
                LegCommand::SendDigits { .. } => leg.tell(LegEvent::DigitsSent).await,
                LegCommand::Join(joining) => leg.tell(LegEvent::Joined { room: joining.room }).await,
                LegCommand::Leave => leg.tell(LegEvent::Left).await,
                LegCommand::Hold(held) => leg.tell(LegEvent::OnHold(held)).await,
                LegCommand::Transfer { .. } => leg.tell(LegEvent::Transferred(Ok(()))).await,
                LegCommand::HangUp { ending } if !self.never_ends => return leg.end(ending).await,
                LegCommand::HangUp { .. } | LegCommand::Answer | LegCommand::Mute(_) | LegCommand::Listen(_) => {}
            }
        }
    }
}

/// How long clips last one after the other.
fn length(clips: &[Arc<Clip>]) -> Duration {
    let length = |clip: &Arc<Clip>| {
        let micros = clip.samples.len() as u64 * 1_000_000 / u64::from(clip.rate.max(1));
        Duration::from_micros(micros)
    };
    clips.iter().map(length).sum()
}
