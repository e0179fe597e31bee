//! Looks after one trunk: where its name leads, whether it knows us, whether it answers.

use std::{future::Future, sync::Arc, time::Duration};

use outdial_engine::ports::Ids;
use tokio::time::Instant;

use crate::{flow::Flow, probe, start::Shared};

use super::{
    Trunk,
    pace::{pause, renewal},
    register::{Binding, Granted, Refused},
    state::RegistrationState,
};

/// How often it is looked where the name leads. What name servers said is kept as long as they wish,
/// so most looks cost nothing.
const LOOK: Duration = Duration::from_secs(60);

/// The first pause after a registration that failed, in multiples of T1: 30 s.
const FIRST_PAUSE: u32 = 60;

/// What is to be done next, and when.
struct Due {
    look: Instant,
    register: Option<Instant>,
    ask: Option<Instant>,
    ping: Option<Instant>,
}

#[derive(Clone, Copy)]
enum Work {
    Look,
    Register,
    Ask,
    Ping,
}

impl Due {
    fn next(&self) -> (Instant, Work) {
        let others = [
            (self.register, Work::Register),
            (self.ask, Work::Ask),
            (self.ping, Work::Ping),
        ];
        others
            .into_iter()
            .filter_map(|(at, work)| Some((at?, work)))
            .fold(
                (self.look, Work::Look),
                |first, other| if other.0 < first.0 { other } else { first },
            )
    }
}

/// Looks after a trunk until the carrier closes, and then withdraws what it registered.
pub(crate) async fn keep(shared: Arc<Shared>, trunk: Arc<Trunk>) {
    let settings = &trunk.settings;
    let now = Instant::now();
    let mut due = Due {
        look: now,
        register: settings.register.map(|_| now),
        ask: settings.keep_alive.map(|_| now),
        ping: settings.nat_keep_alive.map(|pause| now + pause),
    };
    let mut expires = settings.register.unwrap_or_default();
    let mut failures = 0;
    let mut binding = Binding::new(&shared, &trunk);
    loop {
        let (at, work) = due.next();
        tokio::select! {
            () = tokio::time::sleep_until(at) => {}
            () = shared.closing.cancelled() => break,
        }
        let now = Instant::now();
        match work {
            Work::Look => {
                due.look = now + LOOK;
                look(&shared, &trunk).await;
            }
            Work::Ask => {
                let (asked, whom) = (Arc::clone(&shared), Arc::clone(&trunk));
                let Some(answer) = unless_closing(&shared, async move { probe::probe(&asked, &whom).await }).await
                else {
                    break;
                };
                let answer = answer.map(|report| report.took).map_err(|error| error.to_string());
                trunk.heard(answer, shared.ids.now());
                due.ask = settings.keep_alive.map(|pause| now + pause);
            }
            Work::Ping => {
                due.ping = settings.nat_keep_alive.map(|pause| now + pause);
                if let Ok(hops) = shared.names.hops(&settings.place()).await
                    && let Some(hop) = hops.first()
                    && let Ok(flow) = Flow::open(&shared, *hop, &trunk.door).await
                    && let Err(error) = flow.ping(&shared).await
                {
                    tracing::debug!(trunk = settings.name, %error, "a trunk's way could not be kept open");
                }
            }
            Work::Register => {
                let (teller, whom) = (Arc::clone(&shared), Arc::clone(&trunk));
                let telling = async move {
                    let told = binding.tell(&teller, &whom, expires).await;
                    (binding, told)
                };
                // What is granted now is to be withdrawn, so it is waited for.
                let telling = tokio::spawn(telling);
                let told = tokio::select! {
                    told = telling => told.ok(),
                    () = shared.stop.cancelled() => None,
                };
                let Some((kept, told)) = told else {
                    return;
                };
                binding = kept;
                let next = match told {
                    Ok(granted) => {
                        failures = 0;
                        registered(&shared.ids, &trunk, granted)
                    }
                    Err(Refused::Brief(least)) => {
                        expires = least;
                        Duration::ZERO
                    }
                    Err(Refused::For(reason, later)) => {
                        failures += 1;
                        tracing::warn!(trunk = settings.name, reason, "a trunk does not let us register");
                        trunk.not_registered(reason, shared.ids.now());
                        pause(failures, FIRST_PAUSE * shared.t1(), later, shared.ids.secret()[0])
                    }
                };
                due.register = Some(Instant::now() + next);
            }
        }
    }
    if trunk.is_registered() {
        tokio::select! {
            _ = binding.tell(&shared, &trunk, Duration::ZERO) => trunk.set_registration(RegistrationState::Withdrawn),
            // Nobody turns the timers of SIP any more.
            () = shared.stop.cancelled() => {}
        }
    }
}

/// Does it in a task of its own, which goes on if nobody waits for it any more: requests must not be
/// dropped halfway.
async fn unless_closing<T: Send + 'static>(
    shared: &Shared,
    work: impl Future<Output = T> + Send + 'static,
) -> Option<T> {
    let work = tokio::spawn(work);
    tokio::select! {
        done = work => done.ok(),
        () = shared.closing.cancelled() => None,
    }
}

async fn look(shared: &Shared, trunk: &Trunk) {
    match shared.names.hops(&trunk.settings.place()).await {
        Ok(hops) => {
            let addresses = hops.into_iter().map(|hop| hop.address).collect();
            shared.sources.lead(&trunk.settings.name, addresses);
        }
        // What was known last is better than nothing.
        Err(reason) => tracing::debug!(trunk = trunk.settings.name, reason, "a trunk's name leads nowhere"),
    }
}

fn registered(ids: &Ids, trunk: &Trunk, granted: Granted) -> Duration {
    let Granted { lasting, routes } = granted;
    let until = ids
        .now()
        .saturating_add(jiff::SignedDuration::try_from(lasting).unwrap_or(jiff::SignedDuration::MAX));
    trunk.set_routes(routes);
    trunk.set_registration(RegistrationState::Registered {
        until: until.unwrap_or(jiff::Timestamp::MAX),
    });
    renewal(lasting)
}
