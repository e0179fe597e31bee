//! SIP with an ear on it: the calls are the engine's own, and `doctor` hears both sides of them.

use std::sync::{Arc, Mutex, PoisonError};

use futures_util::future::BoxFuture;
use outdial_engine::ports::{
    Answer, Ask, FarSound, IncomingLeg, LeftBehind, LegCommand, LegEvent, LegHandle, LegOrder, RingError, Tap,
    VoiceCarrier, WholeOrder, tap,
};
use tokio::sync::mpsc;

/// Frames of a tap: a minute, longer than any test call.
const FRAMES: usize = 3_000;
/// Events that may wait for the engine.
const WAITING: usize = 32;
/// The sample rate that is taken where nothing tells another.
const USUAL_RATE: u32 = 8_000;
/// Frames in a second.
const PER_SECOND: usize = 50;

/// A carrier between the engine and SIP that taps every leg it rings.
pub(super) struct Tapped {
    inner: Arc<dyn VoiceCarrier>,
    ear: Ear,
}

/// What was heard of the last leg.
#[derive(Clone, Default)]
pub(super) struct Ear(Arc<Mutex<Heard>>);

#[derive(Default)]
struct Heard {
    tap: Option<Tap>,
    far: Option<FarSound>,
}

/// Both sides of a call on one clock, with silence where there was nothing.
#[derive(Debug, Default)]
pub(super) struct Recording {
    pub(super) rate: u32,
    pub(super) sent: Vec<i16>,
    pub(super) received: Vec<i16>,
}

impl Tapped {
    pub(super) fn new(inner: Arc<dyn VoiceCarrier>, ear: Ear) -> Self {
        Self { inner, ear }
    }
}

impl Ear {
    /// What was heard since the leg was rung.
    pub(super) fn recording(&self) -> Recording {
        let mut heard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut recording = Recording {
            rate: USUAL_RATE,
            ..Recording::default()
        };
        while let Some(frame) = heard.tap.as_mut().and_then(Tap::next) {
            let (sent, received) = (frame.sent(), frame.received());
            let count = sent.or(received).map_or(0, <[i16]>::len);
            let rate = u32::try_from(count * PER_SECOND).unwrap_or(USUAL_RATE);
            if count > 0 && rate != recording.rate {
                // A change of the codec begins a new recording: what follows is what the call stays with.
                recording = Recording {
                    rate,
                    ..Recording::default()
                };
            }
            let length = recording.sent.len() + recording.rate as usize / PER_SECOND;
            recording.sent.extend(sent.unwrap_or_default());
            recording.received.extend(received.unwrap_or_default());
            recording.sent.resize(length, 0);
            recording.received.resize(length, 0);
        }
        recording
    }

    /// Where the far side's sound came from.
    pub(super) fn far_sound(&self) -> Option<FarSound> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).far
    }

    /// Listens to a leg from its beginning. What happens to it goes on to whoever has the handle.
    async fn listen(&self, mut leg: LegHandle) -> LegHandle {
        let (sink, tap) = tap(FRAMES);
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Heard {
            tap: Some(tap),
            far: None,
        };
        // A leg that is over already needs no ear.
        let _ = leg.commands.send(LegCommand::Tap(sink)).await;
        let (teller, events) = mpsc::channel(WAITING);
        let heard = Arc::clone(&self.0);
        tokio::spawn(async move {
            while let Some(event) = leg.events.recv().await {
                if let LegEvent::Ended(end) = &event {
                    heard.lock().unwrap_or_else(PoisonError::into_inner).far = end.far_sound;
                }
                if teller.send(event).await.is_err() {
                    return;
                }
            }
        });
        LegHandle {
            events,
            commands: leg.commands,
        }
    }
}

impl VoiceCarrier for Tapped {
    fn can(&self, ask: &Ask<'_>) -> Answer {
        self.inner.can(ask)
    }

    fn ring(&self, order: LegOrder) -> BoxFuture<'_, Result<LegHandle, RingError>> {
        Box::pin(async move {
            let leg = self.inner.ring(order).await?;
            Ok(self.ear.listen(leg).await)
        })
    }

    fn take(&self, order: WholeOrder) -> BoxFuture<'_, Result<LegHandle, RingError>> {
        self.inner.take(order)
    }

    fn take_up(&self, left: LeftBehind) -> Option<LegHandle> {
        self.inner.take_up(left)
    }

    fn incoming(&self) -> Option<mpsc::Receiver<IncomingLeg>> {
        self.inner.incoming()
    }
}
