//! A carrier whose phones do as they are told.

mod leg;
mod script;

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use futures_util::future::{BoxFuture, FutureExt, ready};
use outdial_domain::{Address, LegId};
use outdial_engine::ports::{Answer, Ask, IncomingLeg, LeftBehind, LegHandle, LegOrder, RingError, VoiceCarrier};
use tokio::sync::{Mutex as AsyncMutex, mpsc};

use super::FakeClock;
pub use leg::FakeLeg;
pub use script::Script;

/// A carrier whose phones do as they are told, without a network.
///
/// Each phone follows the next of the given [`Script`]s, and [`Script::answers`] when there is none.
/// A leg rung under [`Script::ByHand`] is given to the test by [`FakeCarrier::leg`].
pub struct FakeCarrier {
    clock: Arc<FakeClock>,
    told: Mutex<Told>,
    hand: mpsc::UnboundedSender<FakeLeg>,
    in_hand: AsyncMutex<mpsc::UnboundedReceiver<FakeLeg>>,
    callers: mpsc::Sender<IncomingLeg>,
    calls: Mutex<Option<mpsc::Receiver<IncomingLeg>>>,
}

struct Told {
    scripts: VecDeque<Script>,
    refusals: VecDeque<RingError>,
    can: Answer,
    takes_up: bool,
    rung: Vec<LegOrder>,
}

impl FakeCarrier {
    /// A carrier that stamps its messages with this clock.
    #[must_use]
    pub fn new(clock: Arc<FakeClock>) -> Self {
        let (hand, in_hand) = mpsc::unbounded_channel();
        let (callers, calls) = mpsc::channel(16);
        let told = Told {
            scripts: VecDeque::new(),
            refusals: VecDeque::new(),
            can: Answer::Legs,
            takes_up: false,
            rung: Vec::new(),
        };
        Self {
            clock,
            told: Mutex::new(told),
            hand,
            in_hand: AsyncMutex::new(in_hand),
            callers,
            calls: Mutex::new(Some(calls)),
        }
    }

    /// The phone after those already told will do this.
    pub fn next(&self, script: Script) {
        self.told().scripts.push_back(script);
    }

    /// The next order is refused with this reason, and nothing rings.
    pub fn refuse(&self, reason: RingError) {
        self.told().refusals.push_back(reason);
    }

    /// From now on this is said to whoever asks what the carrier can do.
    pub fn answer_asks(&self, answer: Answer) {
        self.told().can = answer;
    }

    /// From now on it can follow legs of earlier runs: each is a leg in the hand of the test.
    pub fn takes_up(&self) {
        self.told().takes_up = true;
    }

    /// Every order that was accepted: each of them is a phone that rang.
    #[must_use]
    pub fn rung(&self) -> Vec<LegOrder> {
        self.told().rung.clone()
    }

    /// The next leg that was rung under [`Script::ByHand`].
    ///
    /// # Panics
    ///
    /// Never: the sender lives as long as the carrier.
    pub async fn leg(&self) -> FakeLeg {
        self.in_hand
            .lock()
            .await
            .recv()
            .await
            .expect("the sender lives as long as the carrier")
    }

    /// Somebody calls this number over this trunk: the far side of that call.
    ///
    /// # Panics
    ///
    /// When the engine takes no calls any more.
    pub async fn call_in(&self, leg: LegId, trunk: &str, from: Option<Address>, to: Address) -> FakeLeg {
        let order = LegOrder {
            leg,
            trunk: Some(trunk.to_owned()),
            to: to.clone(),
            from: from.clone(),
            send_before: None,
        };
        let (far_side, handle) = FakeLeg::new(order, Arc::clone(&self.clock));
        let trunk = trunk.to_owned();
        let call = IncomingLeg {
            leg,
            trunk,
            from,
            to,
            handle,
        };
        self.callers.send(call).await.expect("the engine takes calls");
        far_side
    }

    fn told(&self) -> MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl VoiceCarrier for FakeCarrier {
    fn can(&self, _: &Ask<'_>) -> Answer {
        self.told().can.clone()
    }

    fn ring(&self, order: LegOrder) -> BoxFuture<'_, Result<LegHandle, RingError>> {
        let mut told = self.told();
        if let Some(reason) = told.refusals.pop_front() {
            return ready(Err(reason)).boxed();
        }
        told.rung.push(order.clone());
        let script = told.scripts.pop_front().unwrap_or_else(Script::answers);
        let (leg, handle) = FakeLeg::new(order, Arc::clone(&self.clock));
        match script.phone() {
            Some(phone) => drop(tokio::spawn(phone.follow(leg))),
            // The test may have dropped nothing: the carrier itself holds the other end.
            None => drop(self.hand.send(leg)),
        }
        ready(Ok(handle)).boxed()
    }

    fn take_up(&self, left: LeftBehind) -> Option<LegHandle> {
        let told = self.told();
        if !told.takes_up {
            return None;
        }
        let order = told.rung.iter().find(|order| order.leg == left.leg)?.clone();
        let (leg, handle) = FakeLeg::new(order, Arc::clone(&self.clock));
        drop(self.hand.send(leg));
        Some(handle)
    }

    fn incoming(&self) -> Option<mpsc::Receiver<IncomingLeg>> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}
