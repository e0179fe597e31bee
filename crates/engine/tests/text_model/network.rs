//! Networks that live on while engines crash: what they have they have, and what they have to say they say until
//! somebody has taken it.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use futures_util::{
    FutureExt,
    future::{BoxFuture, join_all},
};
use outdial_domain::{
    message::{PartFate, Receipt, ReceiptState, Refusal},
    text::Concatenation,
};
use outdial_engine::ports::{Arrival, Arrived, ArrivedText, TextAsk, TextCarrier, TextOrder, TextQuestion, TextTrunk};
use tokio::{
    sync::{mpsc, oneshot},
    time::{Instant, sleep, sleep_until},
};

use super::life::{Fate, Reply};

/// For how many milliseconds a trunk takes nothing after it had too much.
const PAUSE: u64 = 250;

/// All networks, behind two trunks.
#[derive(Debug, Default)]
pub(crate) struct Network(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    replies: VecDeque<Reply>,
    taken: Vec<Taken>,
    down: Vec<String>,
    /// Until when each trunk takes nothing.
    pauses: BTreeMap<String, Instant>,
    names: usize,
    /// What is to be said, of which somebody has heard or not.
    sayings: Vec<(Saying, bool)>,
    arrivals: Option<mpsc::Sender<Arrival>>,
}

/// A part that a network has.
#[derive(Debug, Clone)]
pub(crate) struct Taken {
    pub(crate) to: String,
    /// Which part of its text, from 0.
    pub(crate) part: usize,
    /// Whether it answered in a way that says so, while somebody listened.
    pub(crate) said: bool,
}

#[derive(Debug, Clone)]
struct Saying {
    trunk: String,
    what: Arrived,
}

impl Network {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    /// What is done with the parts that come from now on.
    pub(crate) fn next(&self, replies: &[Reply]) {
        let mut state = self.state();
        state.replies = replies.iter().copied().collect();
        state.down.clear();
        state.pauses.clear();
    }

    pub(crate) fn trunk_is(&self, trunk: &str, up: bool) {
        let mut state = self.state();
        state.down.retain(|down| down != trunk);
        state.down.extend((!up).then(|| trunk.to_owned()));
    }

    /// The parts that networks have, in the order in which they came.
    pub(crate) fn taken(&self) -> Vec<Taken> {
        self.state().taken.clone()
    }

    /// Which parts the network says were delivered, and whether somebody said that it was heard. Whoever crashed before
    /// it could say so may have written it down all the same.
    pub(crate) fn delivered(&self) -> BTreeMap<String, bool> {
        let state = self.state();
        let said = state.sayings.iter().filter_map(|(saying, heard)| match &saying.what {
            Arrived::Receipt(receipt) if receipt.state == ReceiptState::Delivered => Some((receipt.id.clone(), *heard)),
            Arrived::Receipt(_) | Arrived::Text(_) => None,
        });
        let mut delivered = BTreeMap::new();
        for (name, heard) in said {
            *delivered.entry(name).or_default() |= heard;
        }
        delivered
    }

    /// Says what nobody has heard, in this life of an engine.
    pub(crate) fn say_again(self: &Arc<Self>) {
        let unheard: Vec<usize> = {
            let state = self.state();
            let sayings = state.sayings.iter().enumerate();
            sayings
                .filter(|(_, (_, heard))| !heard)
                .map(|(place, _)| place)
                .collect()
        };
        for place in unheard {
            self.say_at(place, Instant::now());
        }
    }

    /// Somebody wants no more texts.
    pub(crate) fn stop(self: &Arc<Self>, from: String) {
        let what = Arrived::Text(ArrivedText {
            from,
            to: "+6561234567".to_owned(),
            text: "STOP".into(),
            place: None,
        });
        let trunk = "one".to_owned();
        self.say(Saying { trunk, what }, Instant::now());
    }

    fn say(self: &Arc<Self>, saying: Saying, at: Instant) {
        let place = {
            let mut state = self.state();
            state.sayings.push((saying, false));
            state.sayings.len() - 1
        };
        self.say_at(place, at);
    }

    fn say_at(self: &Arc<Self>, place: usize, at: Instant) {
        let network = Arc::clone(self);
        tokio::spawn(async move {
            sleep_until(at).await;
            loop {
                let (arrivals, saying) = {
                    let state = network.state();
                    (state.arrivals.clone(), state.sayings[place].0.clone())
                };
                let (taken, is_taken) = oneshot::channel();
                let arrival = Arrival {
                    trunk: saying.trunk,
                    what: saying.what,
                    taken,
                };
                if let Some(arrivals) = arrivals
                    && arrivals.send(arrival).await.is_ok()
                    && is_taken.await.is_ok()
                {
                    network.state().sayings[place].1 = true;
                    return;
                }
                sleep(Duration::from_secs(1)).await;
            }
        });
    }

    /// One part comes to a network, which answers in a while.
    fn submitted(self: &Arc<Self>, order: &TextOrder, part: usize) -> BoxFuture<'static, PartFate> {
        let mut state = self.state();
        let reply = state.replies.pop_front().unwrap_or(Reply {
            after: 20,
            fate: Fate::Takes {
                receipt: Some((500, ReceiptState::Delivered)),
                times: 1,
            },
        });
        if matches!(reply.fate, Fate::Refuses(Refusal::Slower)) {
            let until = Instant::now() + Duration::from_millis(reply.after + PAUSE);
            state.pauses.insert(order.trunk.clone(), until);
        }
        let has_it = matches!(reply.fate, Fate::Takes { .. } | Fate::TakesSilently);
        let place = state.taken.len();
        state.names += 1;
        let name = format!("name-{}", state.names);
        if has_it {
            state.taken.push(Taken {
                to: order.to.clone(),
                part,
                said: false,
            });
        }
        drop(state);
        if let Fate::Takes {
            receipt: Some((after, became)),
            times,
        } = reply.fate
        {
            for _ in 0..times {
                let what = Arrived::Receipt(Receipt {
                    id: name.clone(),
                    state: became,
                    error: None,
                });
                let trunk = order.trunk.clone();
                let at = Instant::now() + Duration::from_millis(after);
                self.say(Saying { trunk, what }, at);
            }
        }
        let network = Arc::clone(self);
        async move {
            sleep(Duration::from_millis(reply.after)).await;
            let reason = "the model says so".to_owned();
            match reply.fate {
                Fate::Takes { .. } => {
                    network.state().taken[place].said = true;
                    PartFate::Accepted { id: Some(name) }
                }
                Fate::TakesSilently => PartFate::Unknown { reason },
                Fate::Refuses(refusal) => PartFate::Refused { refusal, reason },
                Fate::NotSent => PartFate::NotSent { reason },
            }
        }
        .boxed()
    }
}

/// The way to them.
#[derive(Debug)]
pub(crate) struct Carrier(pub(crate) Arc<Network>);

impl TextCarrier for Carrier {
    fn trunk(&self, name: &str) -> Option<TextTrunk> {
        let state = self.0.state();
        let down = state.down.iter().any(|down| down == name);
        let until = state.pauses.get(name).copied();
        let pause = until.map(|until| until.saturating_duration_since(Instant::now()));
        Some(TextTrunk {
            concatenation: Concatenation::Udh8,
            receipts: true,
            down: down.then(|| "the model says so".to_owned()),
            pauses: pause.filter(|left| !left.is_zero()),
        })
    }

    fn can(&self, _ask: &TextAsk<'_>) -> Result<(), String> {
        Ok(())
    }

    fn send(&self, order: TextOrder) -> BoxFuture<'static, Vec<PartFate>> {
        let fates = (0..order.composed.parts.len()).map(|part| match order.have.contains(&part) {
            true => std::future::ready(PartFate::Had).boxed(),
            false => self.0.submitted(&order, part),
        });
        join_all(fates.collect::<Vec<_>>()).boxed()
    }

    fn look_up(&self, _question: TextQuestion) -> BoxFuture<'static, Option<ReceiptState>> {
        std::future::ready(None).boxed()
    }

    fn arriving(&self) -> Option<mpsc::Receiver<Arrival>> {
        let (arrivals, arriving) = mpsc::channel(4);
        self.0.state().arrivals = Some(arrivals);
        Some(arriving)
    }
}
