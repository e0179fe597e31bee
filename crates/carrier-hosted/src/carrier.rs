//! The ports, over the trunks of one service.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, PoisonError},
};

use axum::Router;
use futures_util::future::{BoxFuture, FutureExt, ready};
use outdial_domain::{
    message::{PartFate, ReceiptState, Refusal},
    text::Concatenation,
};
use outdial_engine::ports::{
    Answer, Arrival, Ask, Clock, LeftBehind, LegHandle, LegOrder, LostText, RingError, TextAsk, TextCarrier, TextOrder,
    TextQuestion, TextTrunk, VoiceCarrier, WholeOrder,
};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::{
    WrongTrunk,
    bells::{self, Bells},
    leg::Leg,
    service::Service,
    texts::Texts,
};

/// So few things happen to a leg that nobody has to wait here.
const EVENTS: usize = 16;

/// What may have come in and not been looked at by the engine.
const MOST_ARRIVALS: usize = 1024;

/// Hands calls and texts to one kind of service, over trunks that are accounts there.
pub struct HostedCarrier<S> {
    trunks: BTreeMap<String, Arc<S>>,
    bells: Bells,
    clock: Arc<dyn Clock>,
    arrivals: mpsc::Sender<Arrival>,
    arriving: Mutex<Option<mpsc::Receiver<Arrival>>>,
    stop: CancellationToken,
}

impl<S> std::fmt::Debug for HostedCarrier<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HostedCarrier")
            .field("trunks", &self.trunks.keys())
            .finish_non_exhaustive()
    }
}

impl<S> Drop for HostedCarrier<S> {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl<S: Service> HostedCarrier<S> {
    /// A carrier with these trunks, for calls, texts, or both.
    pub(crate) fn of(trunks: impl IntoIterator<Item = S>, clock: Arc<dyn Clock>) -> Result<Self, WrongTrunk> {
        let mut known = BTreeMap::new();
        for trunk in trunks {
            let name = trunk.trunk().to_owned();
            if known.insert(name.clone(), Arc::new(trunk)).is_some() {
                let reason = "there are two of this name: give each its own".to_owned();
                return Err(WrongTrunk { trunk: name, reason });
            }
        }
        let (arrivals, arriving) = mpsc::channel(MOST_ARRIVALS);
        Ok(Self {
            trunks: known,
            bells: Bells::default(),
            clock,
            arrivals,
            arriving: Mutex::new(Some(arriving)),
            stop: CancellationToken::new(),
        })
    }

    /// Where the service says that something has happened: to be served where [`Reach::callbacks`](crate::Reach)
    /// says that it reaches this server.
    pub fn bells(&self) -> Router {
        let doors = self.trunks.values().filter_map(|trunk| {
            let secret = trunk.secret()?;
            trunk.reach().callbacks.as_ref()?;
            Some((bells::door(trunk.trunk(), secret), trunk.trunk().to_owned()))
        });
        let doors: HashMap<String, String> = doors.collect();
        let (trunks, texts) = (self.trunks.clone(), self.texts());
        let unheard = move |trunk: &str, body: &[u8]| {
            if let Some(service) = trunks.get(trunk)
                && let Some(name) = service.text_of_callback(body)
            {
                texts.once(Arc::clone(service), name);
            }
        };
        bells::router(S::WORD, doors, self.bells.clone(), Arc::new(unheard))
    }

    /// The trunk of this name.
    pub(crate) fn of_name(&self, trunk: &str) -> Result<&Arc<S>, String> {
        let found = self.trunks.get(trunk);
        found.ok_or_else(|| format!("there is no trunk `{trunk}` to {}", S::NAME))
    }

    fn texts(&self) -> Texts {
        Texts {
            bells: self.bells.clone(),
            clock: Arc::clone(&self.clock),
            arrivals: self.arrivals.clone(),
            stop: self.stop.clone(),
        }
    }

    fn leg(&self, trunk: &Arc<S>) -> (Leg<S>, LegHandle) {
        let (events, happens) = mpsc::channel(EVENTS);
        let (tell, commands) = mpsc::channel(EVENTS);
        let leg = Leg {
            service: Arc::clone(trunk),
            bells: self.bells.clone(),
            clock: Arc::clone(&self.clock),
            events,
            commands,
        };
        let handle = LegHandle {
            events: happens,
            commands: tell,
        };
        (leg, handle)
    }
}

impl<S: Service> VoiceCarrier for HostedCarrier<S> {
    fn can(&self, ask: &Ask<'_>) -> Answer {
        let Some(trunk) = ask.trunk.and_then(|name| self.trunks.get(name)) else {
            return Answer::No(format!("{} is reached by its own trunks only", S::NAME));
        };
        match trunk.express(ask) {
            Ok(_) => Answer::Whole,
            Err(reason) => Answer::No(reason),
        }
    }

    fn ring(&self, order: LegOrder) -> BoxFuture<'_, Result<LegHandle, RingError>> {
        let reason = format!("{} takes whole calls and gives no legs, as for {}", S::NAME, order.to);
        ready(Err(RingError::Refused(reason))).boxed()
    }

    fn take(&self, order: WholeOrder) -> BoxFuture<'_, Result<LegHandle, RingError>> {
        let name = order.leg.trunk.as_deref().unwrap_or_default();
        let Some(trunk) = self.trunks.get(name) else {
            let reason = format!("there is no trunk `{name}` to {}", S::NAME);
            return ready(Err(RingError::Refused(reason))).boxed();
        };
        let (leg, handle) = self.leg(trunk);
        // Nobody breaks it off: the service has the call, whoever still listens.
        tokio::spawn(async move { Box::pin(leg.run(order)).await });
        ready(Ok(handle)).boxed()
    }

    fn take_up(&self, left: LeftBehind) -> Option<LegHandle> {
        if !S::FINDS_CALLS {
            return None;
        }
        let (leg, handle) = self.leg(self.trunks.get(&left.trunk)?);
        tokio::spawn(async move { Box::pin(leg.take_up(left)).await });
        Some(handle)
    }
}

impl<S: Service> TextCarrier for HostedCarrier<S> {
    fn trunk(&self, name: &str) -> Option<TextTrunk> {
        self.trunks.get(name).map(|trunk| TextTrunk {
            // The service splits it.
            concatenation: Concatenation::Payload,
            receipts: true,
            down: None,
            pauses: trunk.pauses(),
        })
    }

    fn can(&self, ask: &TextAsk<'_>) -> Result<(), String> {
        match self.trunks.get(ask.trunk) {
            Some(trunk) => trunk.can_text(ask),
            None => Err(no_trunk(ask.trunk)),
        }
    }

    fn send(&self, order: TextOrder) -> BoxFuture<'static, Vec<PartFate>> {
        let Some(trunk) = self.trunks.get(&order.trunk).cloned() else {
            let reason = no_trunk(&order.trunk);
            let refusal = Refusal::Elsewhere;
            return ready(vec![PartFate::Refused { refusal, reason }]).boxed();
        };
        if !order.have.is_empty() {
            return ready(vec![PartFate::Had]).boxed();
        }
        let texts = self.texts();
        async move { vec![texts.send(trunk, order).await] }.boxed()
    }

    fn look_up(&self, question: TextQuestion) -> BoxFuture<'static, Option<ReceiptState>> {
        let trunk = self.trunks.get(&question.trunk).cloned();
        async move { trunk?.look_at_text(&question.id).await.ok().map(|(state, _)| state) }.boxed()
    }

    fn find(&self, lost: LostText) -> Option<BoxFuture<'static, Option<Vec<PartFate>>>> {
        let trunk = self.trunks.get(&lost.trunk).filter(|_| S::FINDS_TEXTS)?;
        let (trunk, texts) = (Arc::clone(trunk), self.texts());
        Some(async move { texts.find(trunk, lost).await.map(|fate| vec![fate]) }.boxed())
    }

    fn arriving(&self) -> Option<mpsc::Receiver<Arrival>> {
        self.arriving.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

fn no_trunk(name: &str) -> String {
    format!("there is no SMS trunk `{name}`")
}
