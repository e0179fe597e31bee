//! A carrier that sends no texts and remembers all of them.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures_util::future::{BoxFuture, FutureExt};
use outdial_domain::{
    message::{PartFate, ReceiptState},
    text::Concatenation,
};
use outdial_engine::ports::{Arrival, Arrived, LostText, TextAsk, TextCarrier, TextOrder, TextQuestion, TextTrunk};
use tokio::{
    sync::{Notify, mpsc, oneshot},
    time::Instant,
};

/// Answers texts as told. What nobody said anything about is accepted, under names that count.
#[derive(Debug, Default)]
pub struct FakeTexts {
    state: Mutex<State>,
    sent: Notify,
}

#[derive(Debug, Default)]
struct State {
    orders: Vec<TextOrder>,
    answers: VecDeque<Vec<PartFate>>,
    down: Vec<(String, String)>,
    pauses: Vec<(String, Instant)>,
    refuses: Vec<String>,
    looked_up: Option<ReceiptState>,
    finds: Option<String>,
    names: usize,
    silent: bool,
    without_receipts: bool,
    /// Where the newest engine hears of what comes in.
    arrivals: Option<mpsc::Sender<Arrival>>,
}

impl FakeTexts {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the next text that is sent comes to.
    pub fn next(&self, fates: Vec<PartFate>) {
        self.state().answers.push_back(fates);
    }

    /// From now on nothing is answered any more: as when the process is killed before the answer.
    pub fn fall_silent(&self) {
        self.state().silent = true;
    }

    /// What is sent from now on is answered again.
    pub fn speak_again(&self) {
        self.state().silent = false;
    }

    /// From now on no trunk is asked for receipts.
    pub fn ask_for_no_receipts(&self) {
        self.state().without_receipts = true;
    }

    /// From now on this trunk is down for this reason; `None` brings it up.
    pub fn down(&self, trunk: &str, why: Option<&str>) {
        let mut state = self.state();
        state.down.retain(|(down, _)| down != trunk);
        state.down.extend(why.map(|why| (trunk.to_owned(), why.to_owned())));
    }

    /// For so long this trunk takes nothing.
    pub fn pause(&self, trunk: &str, time: Duration) {
        self.state().pauses.push((trunk.to_owned(), Instant::now() + time));
    }

    /// From now on this trunk can send no text at all.
    pub fn refuse(&self, trunk: &str) {
        self.state().refuses.push(trunk.to_owned());
    }

    /// What the far side says of every part that it is asked for.
    pub fn known_as(&self, state: ReceiptState) {
        self.state().looked_up = Some(state);
    }

    /// From now on the far side can be asked for texts whose answers were lost: it has those to this receiver, and no
    /// others.
    pub fn finds(&self, to: &str) {
        self.state().finds = Some(to.to_owned());
    }

    /// All texts that were to be sent.
    #[must_use]
    pub fn orders(&self) -> Vec<TextOrder> {
        self.state().orders.clone()
    }

    /// Waits until so many texts were to be sent.
    pub async fn sent(&self, texts: usize) -> Vec<TextOrder> {
        loop {
            let notified = self.sent.notified();
            let orders = self.orders();
            if orders.len() >= texts {
                return orders;
            }
            notified.await;
        }
    }

    /// Something comes in over a trunk. Says whether it was taken.
    pub async fn arrive(&self, trunk: &str, what: Arrived) -> bool {
        let (taken, answer) = oneshot::channel();
        let arrival = Arrival {
            trunk: trunk.to_owned(),
            what,
            taken,
        };
        let Some(arrivals) = self.state().arrivals.clone() else {
            return false;
        };
        arrivals.send(arrival).await.is_ok() && answer.await.is_ok()
    }
}

impl TextCarrier for FakeTexts {
    fn trunk(&self, name: &str) -> Option<TextTrunk> {
        let state = self.state();
        let down = state.down.iter().find(|(down, _)| down == name);
        let pauses = state.pauses.iter().filter(|(pauses, _)| pauses == name);
        let pause = pauses
            .map(|(_, until)| until.saturating_duration_since(Instant::now()))
            .max();
        Some(TextTrunk {
            concatenation: Concatenation::Udh8,
            receipts: !state.without_receipts,
            down: down.map(|(_, why)| why.clone()),
            pauses: pause.filter(|left| !left.is_zero()),
        })
    }

    fn can(&self, ask: &TextAsk<'_>) -> Result<(), String> {
        match self.state().refuses.iter().any(|refuses| refuses == ask.trunk) {
            true => Err("it sends no texts".to_owned()),
            false => Ok(()),
        }
    }

    fn send(&self, order: TextOrder) -> BoxFuture<'static, Vec<PartFate>> {
        let parts = order.composed.parts.len();
        let mut state = self.state();
        let have = order.have.clone();
        state.orders.push(order);
        if state.silent {
            drop(state);
            self.sent.notify_waiters();
            return std::future::pending().boxed();
        }
        let fates = state.answers.pop_front().unwrap_or_else(|| {
            let fates = (0..parts).map(|part| match have.contains(&part) {
                true => PartFate::Had,
                false => {
                    state.names += 1;
                    PartFate::Accepted {
                        id: Some(format!("name-{}", state.names)),
                    }
                }
            });
            fates.collect()
        });
        drop(state);
        self.sent.notify_waiters();
        std::future::ready(fates).boxed()
    }

    fn look_up(&self, _question: TextQuestion) -> BoxFuture<'static, Option<ReceiptState>> {
        std::future::ready(self.state().looked_up).boxed()
    }

    fn find(&self, lost: LostText) -> Option<BoxFuture<'static, Option<Vec<PartFate>>>> {
        let state = self.state();
        let finds = state.finds.as_ref()?;
        let mut sent = state.orders.iter().filter(|order| order.message == lost.message);
        let found = sent.find(|order| order.to == *finds).map(|order| {
            let id = |part| Some(format!("found-{part}"));
            let fates = (0..order.composed.parts.len()).map(|part| PartFate::Accepted { id: id(part) });
            fates.collect()
        });
        Some(std::future::ready(found).boxed())
    }

    fn arriving(&self) -> Option<mpsc::Receiver<Arrival>> {
        let (arrivals, arriving) = mpsc::channel(64);
        self.state().arrivals = Some(arrivals);
        Some(arriving)
    }
}
