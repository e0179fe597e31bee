//! A leg that is handed over to a service, from its request to its end.

use std::{ops::RangeInclusive, sync::Arc, time::Duration};

use jiff::{SignedDuration, Timestamp};
use outdial_domain::{EndedBy, Ending, Outcome};
use outdial_engine::ports::{Ask, Clock, LeftBehind, LegCommand, LegEnd, LegEvent, WholeOrder};
use tokio::{
    sync::mpsc,
    time::{Instant, sleep, sleep_until},
};

use crate::{
    bells::{self, Bell, Bells},
    ending::{not_dialled, not_now, unknown},
    service::{Found, HungUp, Placed, Seen, Service, Trouble},
};

/// How long after the longest that a call can take its end may be told.
const LATE: Duration = Duration::from_secs(30);
/// How long we go on after a call was to end. The engine waits a little longer.
const LAST: Duration = Duration::from_secs(30);
/// How long a request waits for a service that takes none at the moment.
const PATIENCE: Duration = Duration::from_secs(60);
/// After so many looks that found nothing, a call whose request was not answered is given up.
const LOOKS: u32 = 6;
/// After so many answers that there is no such call, nothing is expected any more.
const GONE: u32 = 3;
/// How much the clocks of services may differ from ours.
const CLOCKS_DIFFER: SignedDuration = SignedDuration::from_secs(2);
/// The sample rate that stands for sound which we never see.
const RATE: u32 = 8_000;

/// A leg that is about to be handed over, or was.
pub(crate) struct Leg<S> {
    pub(crate) service: Arc<S>,
    pub(crate) bells: Bells,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) events: mpsc::Sender<LegEvent>,
    pub(crate) commands: mpsc::Receiver<LegCommand>,
}

/// What is to be said when the service tells an end.
#[derive(Default)]
struct Told {
    /// It was ended for this reason.
    hung_up: Option<Ending>,
    /// It was to be ended, and goes on, because of this.
    goes_on: Option<String>,
    /// Its longest duration is over, and only its end is waited for.
    last: bool,
}

impl<S: Service> Leg<S> {
    /// Hands it over and stays with it to its end.
    pub(crate) async fn run(mut self, order: WholeOrder) {
        let ending = self.handed_over(order).await;
        self.ended(ending).await;
    }

    /// Looks for a leg of an earlier run and stays with it. Says nothing of its end when nobody can know it. Nothing is
    /// ever sent again.
    pub(crate) async fn take_up(mut self, left: LeftBehind) {
        let bell = self.bells.hang(&left.leg.to_string());
        let request = match self.service.express(&ask(&left.order)) {
            Ok(request) => self.named(request, &left.order).await,
            Err(reason) => Err(reason),
        };
        let request = match request {
            Ok(request) => request,
            Err(reason) => {
                tracing::warn!(leg = %left.leg, reason, "an interrupted call cannot be looked for");
                return;
            }
        };
        let until = Instant::now() + left.longest + LATE;
        let made = since(left.since)..=self.clock.now();
        let mut told = Told::default();
        match self.search(&request, made, until, &mut told).await {
            Ok(name) => {
                let _ = self.events.send(LegEvent::Sent).await;
                let ending = self.follow(&name, &bell, until, told).await;
                self.ended(ending).await;
            }
            Err(reason) => tracing::warn!(leg = %left.leg, reason, "an interrupted call was not found"),
        }
    }

    async fn handed_over(&mut self, order: WholeOrder) -> Ending {
        let bell = self.bells.hang(&order.leg.leg.to_string());
        let send_before = order.leg.send_before.map(Instant::from_std);
        let dialled: Duration = order.flow.dials().iter().map(|dial| dial.longest(order.ring)).sum();
        let longest = order.ring + order.talk + dialled;
        let request = match self.service.express(&ask(&order)) {
            Ok(request) => self.named(request, &order).await,
            Err(reason) => Err(reason),
        };
        let request = match request {
            Ok(request) => request,
            Err(reason) => return not_dialled(reason),
        };
        let begun = self.clock.now();
        let placed = match self.placed(&request, send_before).await {
            Ok(placed) => placed,
            Err(ending) => return ending,
        };
        // Whoever listened may have gone; the service has the call all the same.
        let _ = self.events.send(LegEvent::Sent).await;
        let until = Instant::now() + longest + LATE;
        let mut told = Told::default();
        let name = match placed {
            Ok(name) => name,
            Err(lost) if !S::FINDS_CALLS => return unknown(lost),
            Err(lost) => {
                tracing::warn!(leg = %order.leg.leg, lost, "a request for a call was not answered: the call is looked for");
                let made = since(begun)..=self.clock.now();
                match self.search(&request, made, until, &mut told).await {
                    Ok(name) => name,
                    Err(reason) => return unknown(format!("{lost}, and the call was looked for: {reason}")),
                }
            }
        };
        self.follow(&name, &bell, until, told).await
    }

    /// The request with the name of the leg in it.
    async fn named(&self, request: S::Request, order: &WholeOrder) -> Result<S::Request, String> {
        let (service, order) = (Arc::clone(&self.service), order.clone());
        let callback = callback(&*service, &order.leg.leg.to_string());
        let made = tokio::task::spawn_blocking(move || service.name(request, &order, callback)).await;
        made.expect("it does not panic, and nobody aborts it")
    }

    /// Sends the request in its turn, again only when the service says that it did not take it. Gives the name of the
    /// call at the service, or why nobody knows it; or how it ended before anything was taken.
    async fn placed(
        &mut self,
        request: &S::Request,
        send_before: Option<Instant>,
    ) -> Result<Result<String, String>, Ending> {
        let patient_until = Instant::now() + PATIENCE;
        loop {
            let turn = self.turn(send_before).await?;
            if send_before.is_some_and(|until| until <= Instant::now()) {
                return Err(too_late());
            }
            match self.service.place(turn, request).await {
                Placed::Yes(name) => return Ok(Ok(name)),
                Placed::Lost(reason) => return Ok(Err(reason)),
                Placed::No(ending) => return Err(ending),
                Placed::Later(wait, reason) => {
                    let again = Instant::now() + wait;
                    if again > patient_until || send_before.is_some_and(|until| again >= until) {
                        return Err(not_now(format!("{reason}. Nobody was rung")));
                    }
                    self.unless_hung_up(sleep_until(again)).await?;
                }
            }
        }
    }

    async fn turn(&mut self, send_before: Option<Instant>) -> Result<S::Turn, Ending> {
        let service = Arc::clone(&self.service);
        let turn = async {
            match send_before {
                Some(until) => tokio::time::timeout_at(until, service.turn())
                    .await
                    .unwrap_or_else(|_| Err(String::new())),
                None => service.turn().await,
            }
        };
        let turn = self.unless_hung_up(turn).await?;
        turn.map_err(|reason| match reason.is_empty() {
            true => too_late(),
            false => not_now(format!("{reason}. Nobody was rung")),
        })
    }

    /// Waits for something before anything was sent. Whoever hangs up meanwhile has prevented the call.
    async fn unless_hung_up<T>(&mut self, wait: impl Future<Output = T>) -> Result<T, Ending> {
        tokio::pin!(wait);
        loop {
            tokio::select! {
                done = &mut wait => return Ok(done),
                command = self.commands.recv() => match command {
                    Some(LegCommand::HangUp { ending }) => return Err(ending),
                    Some(_) => {}
                    None => return Err(not_dialled("nobody wanted this call any more before it was handed over")),
                }
            }
        }
    }

    /// Looks for the call of a request that was not answered.
    async fn search(
        &mut self,
        request: &S::Request,
        made: RangeInclusive<Timestamp>,
        until: Instant,
        told: &mut Told,
    ) -> Result<String, String> {
        let service = Arc::clone(&self.service);
        let polling = service.reach().polling;
        let (mut pause, mut looks) = (polling.first, 0);
        let mut commanded = true;
        loop {
            let next = Instant::now() + pause;
            loop {
                tokio::select! {
                    () = sleep_until(next) => break,
                    command = self.commands.recv(), if commanded => match command {
                        Some(LegCommand::HangUp { ending }) => told.hung_up = Some(ending),
                        Some(_) => {}
                        None => commanded = false,
                    }
                }
            }
            let trouble = match service.find(request, made.clone()).await {
                Found::Name(name) => return Ok(name),
                Found::Several => return Err(format!("{} has several calls that it could be", S::NAME)),
                Found::Nothing => {
                    looks += 1;
                    if looks == LOOKS {
                        return Err(format!("{} shows no such call", S::NAME));
                    }
                    None
                }
                Found::Trouble(reason) => Some(reason),
            };
            if let Some(reason) = trouble
                && Instant::now() >= until
            {
                return Err(reason);
            }
            pause = polling.after(pause);
        }
    }

    /// Asks again and again what became of the call, until it is over.
    async fn follow(&mut self, name: &str, bell: &Bell, mut until: Instant, mut told: Told) -> Ending {
        let service = Arc::clone(&self.service);
        let polling = service.reach().polling;
        let mut pause = polling.first;
        let mut next = Instant::now() + pause;
        let (mut answered, mut commanded, mut gone) = (false, true, 0);
        if let Some(ending) = told.hung_up.take() {
            // It was to be ended before it was found.
            if let Some(over) = self.hang_up(name, ending, &mut told).await {
                return over;
            }
            if told.hung_up.is_some() {
                until = Instant::now() + LAST;
            }
        }
        loop {
            tokio::select! {
                () = sleep_until(next) => {}
                () = bell.rung() => {}
                command = self.commands.recv(), if commanded => {
                    let Some(command) = command else {
                        commanded = false;
                        continue;
                    };
                    if let LegCommand::HangUp { ending } = command {
                        if let Some(over) = self.hang_up(name, ending, &mut told).await {
                            return over;
                        }
                        if told.hung_up.is_some() {
                            until = Instant::now() + LAST;
                            // What follows is asked for at once, and often.
                            pause = polling.first;
                            next = Instant::now() + pause;
                        }
                    }
                    continue;
                }
                () = sleep_until(until) => {
                    if told.last || told.hung_up.is_some() {
                        return lost::<S>(told);
                    }
                    told.last = true;
                    let reason = "the longest duration of this call was reached";
                    let ending = Ending::new(Outcome::Completed, EndedBy::System, reason);
                    if let Some(over) = self.hang_up(name, ending, &mut told).await {
                        return over;
                    }
                    until = Instant::now() + LAST;
                    continue;
                }
            }
            match service.look(name).await {
                Ok(seen) => {
                    gone = 0;
                    if let Some(ending) = self.seen(seen, &mut answered, &mut told).await {
                        return ending;
                    }
                }
                Err(Trouble::Gone(reason)) => {
                    gone += 1;
                    if gone == GONE {
                        return unknown(format!("{} has lost this call: {reason}", S::NAME));
                    }
                }
                Err(Trouble::Passing(reason)) => {
                    tracing::debug!(
                        trunk = service.trunk(),
                        reason,
                        "what became of a call cannot be asked for now"
                    );
                }
            }
            pause = polling.after(pause);
            next = Instant::now() + pause;
        }
    }

    /// Takes in what is known. Gives the ending, if it is over.
    async fn seen(&self, seen: Seen, answered: &mut bool, told: &mut Told) -> Option<Ending> {
        let completed = |ending: &Ending| ending.outcome == Outcome::Completed;
        if (seen.answered || seen.ended.as_ref().is_some_and(completed)) && !*answered {
            *answered = true;
            let codec = "chosen by the service";
            let _ = self
                .events
                .send(LegEvent::Answered {
                    codec,
                    sample_rate: RATE,
                })
                .await;
        }
        let ended = seen.ended?;
        Some(match told.hung_up.take() {
            // Whether it had been answered is known only now.
            Some(told) if completed(&ended) => Ending {
                outcome: Outcome::Completed,
                ..told
            },
            Some(told) if completed(&told) => ended,
            Some(told) => told,
            None => ended,
        })
    }

    /// Wants the call to end, and says whether it does. Gives the ending where nothing more will be heard of it.
    async fn hang_up(&self, name: &str, ending: Ending, told: &mut Told) -> Option<Ending> {
        let (said, over) = match self.service.hang_up(name).await {
            HungUp::Yes => {
                told.hung_up.get_or_insert(ending);
                (Ok(()), None)
            }
            HungUp::Perhaps(reason) => (Err(reason.clone()), Some(unknown(reason))),
            HungUp::No(reason) => {
                told.goes_on = Some(reason.clone());
                (Err(reason), None)
            }
        };
        // Whoever listened may have gone.
        let _ = self.events.send(LegEvent::HungUp(said)).await;
        over
    }

    /// Says the last thing that is said of the leg.
    async fn ended(&self, ending: Ending) {
        // Whoever listened may have gone, and learns of the end by looking it up.
        let _ = self
            .events
            .send(LegEvent::Ended(Box::new(LegEnd::unsent(ending))))
            .await;
    }
}

/// Where the service says that something has happened to a leg or a message, where it can.
pub(crate) fn callback<S: Service>(service: &S, subject: &str) -> Option<String> {
    let ours = service.reach().callbacks.as_deref()?;
    let path = bells::path(S::WORD, service.trunk(), service.secret()?, subject);
    Some(format!("{}{path}", ours.trim_end_matches('/')))
}

/// From when on a request may have been made by the clock of the service.
pub(crate) fn since(begun: Timestamp) -> Timestamp {
    begun.checked_sub(CLOCKS_DIFFER).unwrap_or(Timestamp::MIN)
}

/// Waits before it is asked again.
pub(crate) async fn pause(length: Duration, bell: &Bell) {
    tokio::select! {
        () = sleep(length) => {}
        () = bell.rung() => {}
    }
}

fn ask(order: &WholeOrder) -> Ask<'_> {
    Ask {
        trunk: order.leg.trunk.as_deref(),
        to: &order.leg.to,
        from: order.leg.from.as_ref(),
        ring: order.ring,
        talk: order.talk,
        flow: &order.flow,
    }
}

fn too_late() -> Ending {
    not_dialled("the moment until which this leg might be sent has passed")
}

fn lost<S: Service>(told: Told) -> Ending {
    unknown(match told.goes_on {
        Some(reason) => reason,
        None => format!("{} was told to end this call, and did not say that it did", S::NAME),
    })
}
