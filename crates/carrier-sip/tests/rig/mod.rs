//! A carrier on loopback, and one leg of it told as words.

#![allow(
    dead_code,
    clippy::allow_attributes,
    reason = "each test file uses a part of it, and which one differs"
)]

pub(crate) mod far;
pub(crate) mod rung;
pub(crate) mod sound;

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use outdial_carrier_sip::{SipCarrier, SipConfig, SipTrunk};
use outdial_domain::{Address, EndedBy, Ending, LegId, Outcome};
use outdial_engine::ports::{
    Clip, Ids, LegCommand, LegEnd, LegEvent, LegHandle, LegOrder, RingError, SystemClock, SystemEntropy, VoiceCarrier,
};
use outdial_media_io::MediaEngine;
use outdial_testkit::peers::{PortLease, lease_ports};

/// Longer than any signal takes to come; a test that waits for this long has failed.
const PATIENCE: Duration = Duration::from_secs(40);

pub(crate) struct Rig {
    pub(crate) carrier: SipCarrier,
    pub(crate) media: MediaEngine,
    ids: Ids,
    _ports: PortLease,
}

/// A carrier with one trunk named `far`.
pub(crate) fn rig(far: SocketAddr) -> Rig {
    rig_with(|config| config.trunks = vec![trunk(far)])
}

pub(crate) fn trunk(far: SocketAddr) -> SipTrunk {
    SipTrunk::new("far", far.ip().to_string(), far.port())
}

pub(crate) fn rig_with(change: impl FnOnce(&mut SipConfig)) -> Rig {
    let here = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let ports = lease_ports(100).expect("there are ports");
    let media = MediaEngine::start(1, here, ports.first()..=ports.last()).expect("the media start");
    let ids = Ids::new(Arc::new(SystemClock), Arc::new(SystemEntropy));
    let mut config = SipConfig {
        bind: SocketAddr::new(here, 0),
        ..SipConfig::default()
    };
    change(&mut config);
    Rig {
        carrier: SipCarrier::start(config, media.clone(), ids.clone()).expect("the carrier starts"),
        media,
        ids,
        _ports: ports,
    }
}

impl Rig {
    pub(crate) fn ids(&self) -> Ids {
        self.ids.clone()
    }

    pub(crate) fn order(&self, to: &str) -> LegOrder {
        LegOrder {
            leg: self.ids.make(LegId::new),
            trunk: Some("far".to_owned()),
            to: Address::parse(to).expect("an address"),
            from: None,
            send_before: None,
        }
    }

    pub(crate) async fn try_ring(&self, order: LegOrder) -> Result<Call, RingError> {
        Ok(Call {
            handle: self.carrier.ring(order).await?,
            words: Vec::new(),
        })
    }

    pub(crate) async fn ring(&self) -> Call {
        self.try_ring(self.order("+6561234567")).await.expect("it rings")
    }
}

pub(crate) struct Call {
    pub(crate) handle: LegHandle,
    words: Vec<String>,
}

impl Call {
    /// A leg that was begun elsewhere.
    pub(crate) fn of(handle: LegHandle) -> Self {
        Self {
            handle,
            words: Vec::new(),
        }
    }

    /// The next event.
    pub(crate) async fn next(&mut self) -> LegEvent {
        let event = tokio::time::timeout(PATIENCE, self.handle.events.recv())
            .await
            .unwrap_or_else(|_| panic!("nothing more happens after {:?}", self.words))
            .unwrap_or_else(|| panic!("the leg is gone after {:?}", self.words));
        self.words.push(word(&event));
        event
    }

    /// Goes on until an event that reads like this.
    pub(crate) async fn until(&mut self, wanted: &str) {
        loop {
            self.next().await;
            let last = self.words.last().expect("there was one");
            if last.starts_with(wanted) {
                return;
            }
            assert!(!last.starts_with("ended"), "no `{wanted}` in {:?}", self.words);
        }
    }

    /// What has happened so far.
    pub(crate) fn words(&self) -> &[String] {
        &self.words
    }

    pub(crate) async fn tell(&self, command: LegCommand) {
        self.handle.commands.send(command).await.expect("the leg listens");
    }

    /// Plays silence for so long, and waits until it is over: the media clock tells the time.
    pub(crate) async fn play(&mut self, millis: usize) {
        let clip = Clip {
            rate: 8000,
            samples: vec![0; 8 * millis].into(),
        };
        self.tell(LegCommand::Play {
            play: 1,
            clips: vec![Arc::new(clip)],
        })
        .await;
        self.until("played 1").await;
    }

    pub(crate) async fn hang_up(&self, outcome: Outcome) {
        self.tell(LegCommand::HangUp {
            ending: Ending::new(outcome, EndedBy::Flow, "the test is over"),
        })
        .await;
    }

    /// Everything that happened, to the end, after which nothing comes.
    pub(crate) async fn end(mut self) -> (Vec<String>, LegEnd) {
        let end = loop {
            if let LegEvent::Ended(end) = self.next().await {
                break *end;
            }
        };
        let after = tokio::time::timeout(PATIENCE, self.handle.events.recv()).await;
        assert!(matches!(after, Ok(None)), "something follows the end: {after:?}");
        (self.words, end)
    }
}

fn word(event: &LegEvent) -> String {
    match event {
        LegEvent::Sent => "sent".into(),
        LegEvent::Ringing { sip_code, early_media } => {
            format!("ringing {} {early_media}", sip_code.unwrap_or(0))
        }
        LegEvent::Answered { codec, sample_rate } => format!("answered {codec} {sample_rate}"),
        LegEvent::PlayDone { play } => format!("played {play}"),
        LegEvent::DigitsSent => "digits sent".into(),
        LegEvent::Joined { .. } => "joined".into(),
        LegEvent::Left => "left".into(),
        LegEvent::Session(terms) => format!(
            "session {} {}",
            terms.srtp.unwrap_or("unprotected"),
            terms.refresh.map_or(0, |(every, _)| every.as_secs())
        ),
        LegEvent::FarHold(held) => format!("far hold {held}"),
        LegEvent::OnHold(held) => format!("on hold {held}"),
        LegEvent::HoldRefused => "hold refused".into(),
        LegEvent::Transferred(Ok(())) => "transferred".into(),
        LegEvent::Transferred(Err(reason)) => format!("not transferred: {reason}"),
        LegEvent::HungUp(said) => format!("hung up: {}", said.is_ok()),
        LegEvent::Digit { digit, way } => format!("digit {digit} {}", way.as_str()),
        LegEvent::Ended(end) => {
            let Ending {
                outcome, by, sip_code, ..
            } = &end.ending;
            format!("ended {} {} {}", outcome.as_str(), by.as_str(), sip_code.unwrap_or(0))
        }
    }
}
