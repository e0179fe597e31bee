//! Texts: sent once, looked for when their answer was lost, and followed until nothing changes any more.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use outdial_domain::message::{PartFate, Receipt};
use outdial_engine::ports::{Arrival, Arrived, Clock, LostText, TextOrder};
use tokio::{
    sync::{mpsc, oneshot},
    time::{Instant, sleep},
};
use tokio_util::sync::CancellationToken;

use crate::{
    bells::{Bell, Bells},
    leg::{callback, pause, since},
    service::Service,
};

/// Texts take their time, so the pauses between questions double up to this.
const LONGEST_PAUSE: Duration = Duration::from_secs(600);
/// A text that nobody gave an end to is asked for so long; its end is then the engine's affair.
const USUAL_LIFE: Duration = Duration::from_secs(24 * 3600);
/// A text is at the service within so long, or never.
const SENT_WITHIN: Duration = Duration::from_secs(300);
/// How long to wait before a receipt is brought again that was not taken.
const AGAIN: Duration = Duration::from_secs(1);

/// What texts need of their carrier.
#[derive(Clone)]
pub(crate) struct Texts {
    pub(crate) bells: Bells,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) arrivals: mpsc::Sender<Arrival>,
    pub(crate) stop: CancellationToken,
}

impl Texts {
    /// Sends a text, and follows it where the service took it.
    pub(crate) async fn send<S: Service>(self, service: Arc<S>, order: TextOrder) -> PartFate {
        let subject = order.message.to_string();
        let bell = self.bells.hang(&subject);
        let begun = self.clock.now();
        let callback = callback(&*service, &subject);
        let life = order.good_for.unwrap_or(USUAL_LIFE);
        let mut fate = service.text(&order, callback).await;
        if let PartFate::Unknown { .. } = fate {
            let made = since(begun)..=self.clock.now();
            sleep(service.reach().polling.first).await;
            if let Some(name) = service.find_text(order.message, made).await {
                fate = PartFate::Accepted { id: Some(name) };
            }
        }
        if let PartFate::Accepted { id: Some(name) } = &fate {
            tokio::spawn(self.follow(service, name.clone(), bell, life));
        }
        fate
    }

    /// Looks for a text of an earlier run, and follows it where the service has it.
    pub(crate) async fn find<S: Service>(self, service: Arc<S>, lost: LostText) -> Option<PartFate> {
        let bell = self.bells.hang(&lost.message.to_string());
        let sent = lost.since.saturating_add(SENT_WITHIN).unwrap_or(Timestamp::MAX);
        let made = since(lost.since)..=sent.min(self.clock.now());
        let name = service.find_text(lost.message, made).await?;
        let life = lost.good_for.unwrap_or(USUAL_LIFE);
        tokio::spawn(self.follow(service, name.clone(), bell, life));
        Some(PartFate::Accepted { id: Some(name) })
    }

    /// Looks once at a text of an earlier run, of which a callback came.
    pub(crate) fn once<S: Service>(&self, service: Arc<S>, name: String) {
        let texts = self.clone();
        tokio::spawn(async move {
            if let Ok((state, error)) = service.look_at_text(&name).await
                && state.is_final()
            {
                texts.bring(service.trunk(), Receipt { id: name, state, error }).await;
            }
        });
    }

    async fn follow<S: Service>(self, service: Arc<S>, name: String, bell: Bell, life: Duration) {
        let until = Instant::now() + life;
        let mut wait = service.reach().polling.first;
        loop {
            tokio::select! {
                () = self.stop.cancelled() => return,
                () = tokio::time::sleep_until(until) => return,
                () = pause(wait, &bell) => {}
            }
            match service.look_at_text(&name).await {
                Ok((state, error)) if state.is_final() => {
                    return self.bring(service.trunk(), Receipt { id: name, state, error }).await;
                }
                Ok(_) => {}
                Err(trouble) => tracing::debug!(trunk = service.trunk(), ?trouble, "a text cannot be asked for now"),
            }
            wait = (wait * 2).min(LONGEST_PAUSE);
        }
    }

    /// Brings a receipt until it is taken.
    async fn bring(&self, trunk: &str, receipt: Receipt) {
        loop {
            let (taken, answer) = oneshot::channel();
            let arrival = Arrival {
                trunk: trunk.to_owned(),
                what: Arrived::Receipt(receipt.clone()),
                taken,
            };
            let brought = tokio::select! {
                () = self.stop.cancelled() => return,
                sent = self.arrivals.send(arrival) => sent.is_ok() && answer.await.is_ok(),
            };
            if brought {
                return;
            }
            tokio::select! {
                () = self.stop.cancelled() => return,
                () = sleep(AGAIN) => {}
            }
        }
    }
}
