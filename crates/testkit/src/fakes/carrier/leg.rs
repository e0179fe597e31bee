//! The far side of a leg, moved by a test or by a script.

use std::sync::Arc;

use outdial_domain::{Digit, Ending, Quality};
use outdial_engine::ports::{
    Clock, DigitWay, LegCommand, LegEnd, LegEvent, LegHandle, LegOrder, WireMessage, WireTransport,
};
use tokio::sync::mpsc;

use crate::fakes::FakeClock;

/// The far side of a leg.
///
/// What is done after the engine has let go of the leg is lost, as on a network. A leg that is
/// dropped without [`FakeLeg::end`] is one that the carrier lost.
#[derive(Debug)]
pub struct FakeLeg {
    /// What was ordered.
    pub order: LegOrder,
    events: mpsc::Sender<LegEvent>,
    commands: mpsc::Receiver<LegCommand>,
    clock: Arc<FakeClock>,
    trace: Vec<WireMessage>,
}

impl FakeLeg {
    pub(super) fn new(order: LegOrder, clock: Arc<FakeClock>) -> (Self, LegHandle) {
        let (events, event_receiver) = mpsc::channel(16);
        let (command_sender, commands) = mpsc::channel(16);
        let handle = LegHandle {
            events: event_receiver,
            commands: command_sender,
        };
        (
            Self {
                order,
                events,
                commands,
                clock,
                trace: Vec::new(),
            },
            handle,
        )
    }

    /// Tells that something happened.
    pub async fn tell(&self, event: LegEvent) {
        // The engine lets go of a leg whenever it likes; nobody is left to be told then.
        let _ = self.events.send(event).await;
    }

    /// The request has left.
    pub async fn sent(&mut self) {
        self.note(true, format!("INVITE {} SIP/2.0", self.order.to));
        self.tell(LegEvent::Sent).await;
    }

    /// The phone rings.
    pub async fn ring(&mut self) {
        self.note(false, "SIP/2.0 180 Ringing".to_owned());
        self.tell(LegEvent::Ringing {
            sip_code: Some(180),
            early_media: false,
        })
        .await;
    }

    /// The network plays something before the answer.
    pub async fn ring_with_sound(&mut self) {
        self.note(false, "SIP/2.0 183 Session Progress".to_owned());
        self.tell(LegEvent::Ringing {
            sip_code: Some(183),
            early_media: true,
        })
        .await;
    }

    /// Somebody answers.
    pub async fn answer(&mut self) {
        self.note(false, "SIP/2.0 200 OK".to_owned());
        self.tell(LegEvent::Answered {
            codec: "PCMU",
            sample_rate: 8_000,
        })
        .await;
    }

    /// Somebody presses keys.
    ///
    /// # Panics
    ///
    /// When a character stands on no key.
    pub async fn press(&self, keys: &str) {
        for key in keys.chars() {
            let digit = Digit::from_char(key).expect("the test presses keys that there are");
            self.tell(LegEvent::Digit {
                digit,
                way: DigitWay::Rtp,
            })
            .await;
        }
    }

    /// What the leg is told to do next; `None` when the engine has let go of it.
    pub async fn command(&mut self) -> Option<LegCommand> {
        self.commands.recv().await
    }

    /// It is over.
    pub async fn end(self, ending: Ending) {
        let quality = Quality {
            received: 500,
            lost: 0,
            sent: 500,
            jitter_ms: 1.5,
            round_trip_ms: Some(20.0),
            far_loss: Some(0.0),
            far_jitter_ms: Some(2.5),
            mos: Some(4.25),
        };
        let end = LegEnd {
            ending,
            quality: Some(quality),
            trace: self.trace,
            far_sound: None,
        };
        let _ = self.events.send(LegEvent::Ended(Box::new(end))).await;
    }

    fn note(&mut self, sent: bool, text: String) {
        self.trace.push(WireMessage {
            at: self.clock.now(),
            sent,
            transport: WireTransport::Udp,
            local: ([127, 0, 0, 1], 5060).into(),
            peer: "127.0.0.1:5062".to_owned(),
            text,
        });
    }
}
