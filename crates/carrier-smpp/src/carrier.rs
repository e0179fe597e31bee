//! The carrier: its trunks, and what the engine asks of them.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures_util::future::{BoxFuture, join_all};
use outdial_domain::message::{PartFate, ReceiptState, Refusal};
use outdial_engine::ports::{Arrival, TextAsk, TextCarrier, TextOrder, TextQuestion, TextTrunk};
use tokio::{
    sync::{mpsc, oneshot},
    time::timeout,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    config::{Binds, SmppTrunk, WrongTrunk},
    link, numbers,
    tls::Tls,
    trunk::{Asker, Job, Trunk, Wanted},
    wire::{self, BindKind, Text},
};

/// What may have come in and not been looked at by the engine; more is refused, and comes again.
const MOST_ARRIVALS: usize = 4096;

/// Sends texts over SMPP 3.4.
///
/// Its binds are made as soon as it is, and kept up until [`SmppCarrier::stop`].
#[derive(Debug)]
pub struct SmppCarrier {
    trunks: BTreeMap<String, Arc<Trunk>>,
    arrivals: Mutex<Option<mpsc::Receiver<Arrival>>>,
    stop: CancellationToken,
    links: TaskTracker,
}

impl SmppCarrier {
    /// Starts to bind. Must be called within a runtime.
    ///
    /// # Errors
    ///
    /// [`WrongTrunk`] for the first trunk that could never send anything; nothing is connected then.
    pub fn start(trunks: Vec<SmppTrunk>) -> Result<Self, WrongTrunk> {
        let (arrivals, arriving) = mpsc::channel(MOST_ARRIVALS);
        let mut known = BTreeMap::new();
        let mut ready = Vec::new();
        for settings in trunks {
            settings.check()?;
            let wrong = |reason: String| WrongTrunk {
                trunk: settings.name.clone(),
                reason,
            };
            let tls = settings.tls.as_ref().map(|tls| Tls::new(tls, &settings.host));
            let tls = tls.transpose().map_err(|error| wrong(error.to_string()))?;
            let name = settings.name.clone();
            let trunk = Arc::new(Trunk::new(settings, arrivals.clone()));
            if known.insert(name.clone(), Arc::clone(&trunk)).is_some() {
                let reason = "there are two of this name: give each its own".to_owned();
                return Err(WrongTrunk { trunk: name, reason });
            }
            ready.push((trunk, tls));
        }
        let carrier = Self {
            trunks: known,
            arrivals: Mutex::new(Some(arriving)),
            stop: CancellationToken::new(),
            links: TaskTracker::new(),
        };
        for (trunk, tls) in ready {
            for kind in kinds(trunk.settings.binds) {
                let link = link::keep(Arc::clone(&trunk), kind, tls.clone(), carrier.stop.clone());
                carrier.links.spawn(link);
            }
        }
        Ok(carrier)
    }

    /// Unbinds, once the texts that are under way are answered; waits for that at most so long.
    pub async fn stop(&self, within: Duration) {
        self.stop.cancel();
        self.links.close();
        if timeout(within, self.links.wait()).await.is_err() {
            tracing::warn!("an SMSC did not let us go in time");
        }
    }
}

impl Drop for SmppCarrier {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

fn kinds(binds: Binds) -> Vec<BindKind> {
    match binds {
        Binds::Transceivers(count) => vec![BindKind::Transceiver; count],
        Binds::Separate {
            transmitters,
            receivers,
        } => {
            let mut kinds = vec![BindKind::Transmitter; transmitters];
            kinds.resize(transmitters + receivers, BindKind::Receiver);
            kinds
        }
    }
}

impl TextCarrier for SmppCarrier {
    fn trunk(&self, name: &str) -> Option<TextTrunk> {
        self.trunks.get(name).map(|trunk| TextTrunk {
            concatenation: trunk.settings.concatenation,
            receipts: trunk.settings.receipts,
            down: trunk.down(),
            pauses: trunk.pauses(link::now()),
        })
    }

    fn can(&self, ask: &TextAsk<'_>) -> Result<(), String> {
        let trunk = self.trunks.get(ask.trunk).ok_or_else(|| no_trunk(ask.trunk))?;
        wire::sender(&trunk.settings, ask.from)?;
        numbers::number(&trunk.settings.receivers, ask.to)?;
        Ok(())
    }

    fn send(&self, order: TextOrder) -> BoxFuture<'static, Vec<PartFate>> {
        let trunk = self.trunks.get(&order.trunk).cloned();
        Box::pin(async move {
            match trunk {
                Some(trunk) => send(&trunk, &order).await,
                None => vec![never(no_trunk(&order.trunk)); order.composed.parts.len()],
            }
        })
    }

    fn look_up(&self, question: TextQuestion) -> BoxFuture<'static, Option<ReceiptState>> {
        let trunk = self.trunks.get(&question.trunk).cloned();
        Box::pin(async move {
            let trunk = trunk.filter(|trunk| trunk.settings.query)?;
            let from = wire::sender(&trunk.settings, question.from.as_deref()).ok()?;
            let id = trunk.settings.message_ids.to_ask(&question.id);
            let (told, answer) = oneshot::channel();
            let job = Job {
                what: Wanted::Query(Box::new(wire::query(&id, &from))),
                asker: Asker::Question(told),
                high: false,
                send_before: None,
            };
            trunk.push(job, link::now());
            answer.await.ok().flatten()
        })
    }

    fn arriving(&self) -> Option<mpsc::Receiver<Arrival>> {
        self.arrivals.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

async fn send(trunk: &Trunk, order: &TextOrder) -> Vec<PartFate> {
    let text = Text {
        from: order.from.as_deref(),
        to: &order.to,
        composed: &order.composed,
        reference: order.reference,
        good_for: order.good_for,
        high: order.high,
    };
    let submissions = match wire::submissions(&trunk.settings, text) {
        Ok(submissions) => submissions,
        Err(reason) => return vec![never(reason); order.composed.parts.len()],
    };
    let fates = submissions.into_iter().enumerate().map(|(number, one)| {
        let answer = (!order.have.contains(&number)).then(|| {
            let (told, answer) = oneshot::channel();
            let job = Job {
                what: Wanted::Submit(Box::new(one)),
                asker: Asker::Text(told),
                high: order.high,
                send_before: order.send_before,
            };
            trunk.push(job, link::now());
            answer
        });
        async move {
            match answer {
                None => PartFate::Had,
                // The link went away with it, so it may have left.
                Some(answer) => answer.await.unwrap_or_else(|_| PartFate::Unknown {
                    reason: "the trunk was taken away".to_owned(),
                }),
            }
        }
    });
    join_all(fates.collect::<Vec<_>>()).await
}

fn never(reason: String) -> PartFate {
    PartFate::Refused {
        refusal: Refusal::Elsewhere,
        reason,
    }
}

fn no_trunk(name: &str) -> String {
    format!("there is no SMS trunk `{name}`")
}
