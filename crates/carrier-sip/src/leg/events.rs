//! What the engine hears of a leg.

use outdial_engine::ports::{LegEnd, LegEvent};
use tokio::sync::mpsc;

/// Events that may wait for the engine.
const WAITING: usize = 64;

/// The way to the engine. The place for the last event is kept free from the beginning, so that
/// however many others wait, the end is told.
pub(super) struct Events {
    /// Nothing once the end was told.
    sender: Option<mpsc::Sender<LegEvent>>,
    last: Option<mpsc::OwnedPermit<LegEvent>>,
    ringing: Option<(Option<u16>, bool)>,
}

impl Events {
    pub(super) fn new() -> (Self, mpsc::Receiver<LegEvent>) {
        let (sender, receiver) = mpsc::channel(WAITING);
        let last = sender.clone().try_reserve_owned().ok();
        let events = Self {
            sender: Some(sender),
            last,
            ringing: None,
        };
        (events, receiver)
    }

    pub(super) fn tell(&mut self, event: LegEvent) {
        let Some(sender) = &self.sender else { return };
        if let Err(mpsc::error::TrySendError::Full(event)) = sender.try_send(event) {
            tracing::warn!(
                ?event,
                "an event of a leg is lost, because too many wait for the engine"
            );
        }
    }

    /// Tells of ringing, unless that is known. A far side may say it ten thousand times.
    pub(super) fn ringing(&mut self, code: u16, early_media: bool) {
        let news = (Some(code), early_media || self.ringing.is_some_and(|(_, early)| early));
        if self.ringing != Some(news)
            && self
                .sender
                .as_ref()
                .is_some_and(|sender| sender.capacity() > WAITING / 2)
        {
            self.ringing = Some(news);
            self.tell(LegEvent::Ringing {
                sip_code: news.0,
                early_media: news.1,
            });
        }
    }

    /// Whether the far side said that it rings.
    pub(super) fn has_rung(&self) -> bool {
        self.ringing.is_some()
    }

    /// Whether the end was told.
    pub(super) fn is_over(&self) -> bool {
        self.last.is_none()
    }

    pub(super) fn end(&mut self, end: LegEnd) {
        self.sender = None;
        if let Some(last) = self.last.take() {
            last.send(LegEvent::Ended(Box::new(end)));
        }
    }
}
