//! Does the steps of a script on a call.

use std::sync::Arc;
use std::time::{Duration, Instant};

use outdial_media::digit::Digit;
use outdial_media::{sip_info, tones};
use rsipstack::dialog::invite_dialog::InviteDialog;
use rsipstack::sip::Header;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{sleep, sleep_until, timeout};

use crate::line::{Order, Voice};
use crate::script::{PressWay, Step};
use crate::sip::exchange::Exchange;
use crate::sound::{Clip, RATE};

/// How long a key is held, and the pause after it, where they are not telephone events.
const TONE: Duration = Duration::from_millis(100);
const PAUSE: Duration = Duration::from_millis(80);

/// How the steps came out.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Done {
    /// All of them are done; the phone stays on the line.
    Stay,
    /// They said to hang up.
    HangUp,
    /// One could not be done: hang up, for this reason.
    GaveUp(String),
}

/// What the steps of a call need. It owns no call: dropping it stops the steps and nothing else.
pub(super) struct Hands {
    pub(super) exchange: Arc<Exchange>,
    pub(super) dialog: InviteDialog,
    /// Missing where the phone has no RTP.
    pub(super) orders: Option<mpsc::UnboundedSender<Order>>,
    pub(super) voice: Option<watch::Receiver<Voice>>,
    /// Whether telephone events were agreed on.
    pub(super) events: bool,
    /// Until when the far side's voice has been waited for already.
    pub(super) heeded: Option<Instant>,
}

impl Hands {
    pub(super) async fn perform(mut self, steps: Vec<Step>) -> Done {
        for step in steps {
            match step {
                Step::Wait(length) => sleep(length).await,
                Step::WaitForPrompt { limit, silence } => {
                    if timeout(limit, self.silence_after_speech(silence)).await.is_err() {
                        let problem = format!("no prompt was heard to its end within {limit:?}; the phone hung up");
                        return Done::GaveUp(problem);
                    }
                }
                Step::Listen { limit, silence } => {
                    // The limit is a message of full length, not a failure.
                    let _ = timeout(limit, self.silence_after_speech(silence)).await;
                }
                Step::Press { digits, way } => {
                    if let Err(problem) = self.press(&digits, way).await {
                        return Done::GaveUp(problem);
                    }
                }
                Step::Speak(sound) => {
                    let clip = self.exchange.sounds.clip(&sound);
                    self.play(clip).await;
                }
                Step::HangUp => return Done::HangUp,
            }
        }
        Done::Stay
    }

    /// Waits until a voice not heeded yet was heard, and then nothing for so long.
    async fn silence_after_speech(&mut self, silence: Duration) {
        let Some(voice) = &mut self.voice else {
            return std::future::pending().await;
        };
        loop {
            let last = voice.borrow_and_update().last;
            let fresh = last.filter(|last| self.heeded.is_none_or(|heeded| *last > heeded));
            let quiet = async {
                match fresh {
                    Some(last) => sleep_until((last + silence).into()).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = quiet => {
                    self.heeded = last;
                    return;
                }
                changed = voice.changed() => if changed.is_err() {
                    return std::future::pending().await;
                }
            }
        }
    }

    async fn press(&self, digits: &str, way: PressWay) -> Result<(), String> {
        let digits = Digit::parse_all(digits).map_err(|error| error.to_string())?;
        match way {
            PressWay::Info => {
                for digit in digits {
                    self.send_info(digit).await?;
                    sleep(TONE + PAUSE).await;
                }
            }
            PressWay::Rtp if self.events => self.order(|done| Order::Press(digits, done)).await,
            PressWay::Rtp | PressWay::InBand => {
                let pause = vec![0; (RATE / 1000) as usize * PAUSE.as_millis() as usize];
                let tone = |digit| tones::dtmf(RATE, digit, -10.0, TONE.as_millis() as u32);
                let samples: Vec<i16> = digits
                    .into_iter()
                    .flat_map(|digit| [tone(digit), pause.clone()])
                    .flatten()
                    .collect();
                self.play(Clip::once(samples)).await;
            }
        }
        Ok(())
    }

    async fn send_info(&self, digit: Digit) -> Result<(), String> {
        let headers = vec![Header::ContentType(sip_info::DTMF_RELAY.into())];
        let body = sip_info::write(digit, TONE).into_bytes();
        match self.dialog.info(Some(headers), Some(body)).await {
            Ok(Some(response)) if response.status_code.code() < 300 => Ok(()),
            Ok(Some(response)) => Err(format!("the far side refused a key by INFO: {}", response.status_code)),
            Ok(None) => Err("a key by INFO was not answered".to_owned()),
            Err(error) => Err(format!("a key by INFO could not be sent: {error}")),
        }
    }

    async fn play(&self, clip: Clip) {
        self.order(|done| Order::Play(clip, done)).await;
    }

    /// Gives an order and waits until it is done. Without RTP there is nothing to wait for.
    async fn order(&self, order: impl FnOnce(oneshot::Sender<()>) -> Order) {
        let (done, finished) = oneshot::channel();
        if let Some(orders) = &self.orders
            && orders.send(order(done)).is_ok()
        {
            // An error means that the line is gone, and with it the call.
            let _ = finished.await;
        }
    }
}
