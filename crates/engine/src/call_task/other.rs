//! The other party of a call: where it stands from its limits to its end.

use std::{collections::VecDeque, time::Duration};

use futures_util::future::BoxFuture;
use outdial_domain::{Address, Ending, LegId, RoomId};
use outdial_flow::Dial;
use tokio::time::Instant;

use super::sound::Sound;
use crate::{
    pacing::admission::Permit,
    ports::{LegEvent, LegHandle, LegOrder, RingError},
    routing::Route,
};

/// How long the other party may take to press the key that it is to be connected by.
pub(super) const SCREENING: Duration = Duration::from_secs(10);

/// The other party that is dialled or talked to.
pub(super) struct Other {
    /// What the flow wants.
    pub(super) dial: Dial,
    /// The numbers that were not tried yet.
    pub(super) left: VecDeque<Address>,
    pub(super) stage: Stage,
    /// Whether the call goes on without it: how it ends changes nothing any more.
    pub(super) retired: bool,
}

/// Where the other party stands.
pub(super) enum Stage {
    /// It waits for its limits.
    Waiting {
        /// What is rung then.
        order: Box<LegOrder>,
        admitted: BoxFuture<'static, Result<(Route, Permit), Ending>>,
    },
    /// Its leg is given to the journal, and not on disk yet.
    Journalling {
        order: Box<LegOrder>,
        route: Route,
        permit: Permit,
        /// How many events of the call are on disk when it is.
        mark: u32,
    },
    /// The carrier is taking it. This is not broken off: it may send at any moment.
    Sending {
        leg: LegId,
        permit: Permit,
        ringing: BoxFuture<'static, Result<LegHandle, RingError>>,
        /// Why it is to end as soon as it can be told.
        doomed: Option<Ending>,
    },
    /// It is the carrier's.
    Leg(Box<OtherLeg>),
}

/// The leg of the other party, once the carrier has it.
pub(super) struct OtherLeg {
    pub(super) leg: LegId,
    pub(super) handle: LegHandle,
    pub(super) sound: Sound,
    pub(super) phase: Phase,
    /// When the phase is over.
    pub(super) until: Option<Instant>,
    /// The sample rate that it takes clips at.
    pub(super) rate: u32,
    /// Where the first party hears what comes before its answer.
    pub(super) early: Option<RoomId>,
    _until_it_has_ended: Permit,
}

/// How far the leg of the other party is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// It rings.
    Ringing,
    /// It hears what it is to hear before it is connected.
    Whispering,
    /// It is to press a key.
    Screening,
    /// Both were told to enter the room, and so many have.
    Connected { entered: u8 },
    /// It was told to end.
    Ending,
}

/// What there is to know of the other party.
pub(super) enum News {
    Admitted(Result<(Route, Permit), Ending>),
    Rung(Result<LegHandle, RingError>),
    Event(LegEvent),
    /// The carrier lost it.
    Lost,
}

impl OtherLeg {
    pub(super) fn new(leg: LegId, handle: LegHandle, permit: Permit, until: Instant) -> Self {
        Self {
            leg,
            sound: Sound::new(handle.commands.clone()),
            handle,
            phase: Phase::Ringing,
            until: Some(until),
            rate: super::USUAL_RATE,
            early: None,
            _until_it_has_ended: permit,
        }
    }
}

impl OtherLeg {
    /// Whether it talks to the first party.
    pub(super) fn is_connected(&self) -> bool {
        matches!(self.phase, Phase::Connected { .. })
    }
}

impl Other {
    /// When something is to be done about it.
    pub(super) fn until(&self) -> Option<Instant> {
        match &self.stage {
            Stage::Waiting { .. } | Stage::Journalling { .. } | Stage::Sending { .. } => None,
            Stage::Leg(leg) => leg.until,
        }
    }

    /// Whether the two talk.
    pub(super) fn is_connected(&self) -> bool {
        self.connected().is_some()
    }

    /// Its leg, while the two talk.
    pub(super) fn connected(&self) -> Option<&OtherLeg> {
        match &self.stage {
            Stage::Leg(leg) if leg.is_connected() => Some(leg),
            Stage::Waiting { .. } | Stage::Journalling { .. } | Stage::Sending { .. } | Stage::Leg(_) => None,
        }
    }

    /// Whether the first party hears what comes before its answer.
    pub(super) fn is_early(&self) -> bool {
        matches!(&self.stage, Stage::Leg(leg) if leg.early.is_some())
    }

    /// Its leg, once there is one in the journal.
    pub(super) fn leg(&self) -> Option<LegId> {
        match &self.stage {
            Stage::Waiting { .. } => None,
            Stage::Journalling { order, .. } => Some(order.leg),
            Stage::Sending { leg, .. } => Some(*leg),
            Stage::Leg(leg) => Some(leg.leg),
        }
    }
}

/// The next news of the other party. Safe to drop and call again.
pub(super) async fn news_of(other: &mut Option<Box<Other>>) -> News {
    let Some(other) = other else {
        return std::future::pending().await;
    };
    match &mut other.stage {
        Stage::Waiting { admitted, .. } => News::Admitted(admitted.await),
        // The recorder says when it is on disk.
        Stage::Journalling { .. } => std::future::pending().await,
        Stage::Sending { ringing, .. } => News::Rung(ringing.await),
        Stage::Leg(leg) => leg.handle.events.recv().await.map_or(News::Lost, News::Event),
    }
}
