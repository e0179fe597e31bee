//! A call whose time has come waits until its limits allow it.

use std::time::Duration;

use jiff::Timestamp;
use outdial_domain::{AccountId, Call, CallId, CallState, EndedBy, Ending, EventKind, Outcome, Plan};
use outdial_flow::Flow;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use crate::{
    Engine,
    pacing::{
        admission::Permit,
        limits::{Key, Limit, Want},
        queue::Waiting,
        rules,
    },
    ports::{Change, Job},
    routing::{self, NoRoute, Route},
};

/// A call that goes on sooner leaves no word of its wait in the event log.
const WORTH_TELLING: Duration = Duration::from_secs(1);
/// How often it is looked whether a call waits for something else by now.
const LOOK: Duration = Duration::from_secs(10);

/// Why a call does not go.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotAdmitted {
    /// There is no way, or none any more.
    #[error(transparent)]
    NoRoute(#[from] NoRoute),
    /// It was changed while it waited, and waits anew elsewhere.
    #[error("it was changed while it waited")]
    Changed,
    /// Its own deadline passed while it waited.
    #[error("its time was over before it could be dialled{}", because(.0))]
    Expired(Option<Want>),
}

fn because(want: &Option<Want>) -> String {
    want.as_ref()
        .map_or_else(String::new, |want| format!(": {}", want.in_words()))
}

impl NotAdmitted {
    /// How the call ends for this reason, if it ends.
    pub(super) fn ending(&self) -> Option<Ending> {
        let outcome = match self {
            Self::NoRoute(_) => Outcome::Refused,
            Self::Expired(_) => Outcome::Expired,
            Self::Changed => return None,
        };
        Some(Ending::new(outcome, EndedBy::System, self.to_string()))
    }
}

/// Chooses the way, and waits until all limits on it allow the call. A way that is closed by then, because
/// its trunk went down, is chosen anew.
pub(super) async fn admitted(engine: &Engine, call: &mut Call, flow: &Flow) -> Result<(Route, Permit), NotAdmitted> {
    let route = |call: &Call| routing::route(&call.plan, flow, &engine.settings, &engine.carriers);
    let mut chosen = route(call)?;
    loop {
        let permit = permitted(engine, call, &chosen).await?;
        let now = route(call)?;
        if now.name() == chosen.name() {
            return Ok((now, permit));
        }
        chosen = now;
    }
}

async fn permitted(engine: &Engine, call: &mut Call, route: &Route) -> Result<Permit, NotAdmitted> {
    let inner = engine.inner();
    let mut allowances = inner.allowed.changes();
    let mut allowed = inner.allowed.of(engine, call.account).await;
    let mut ticket = inner.admission.enter(waiting(engine, call, allowed, route));
    let mut told: Option<Key> = None;
    let mut look = Instant::now() + WORTH_TELLING;
    loop {
        let left = time_left(call, engine.ids.now());
        if left.is_zero() {
            return Err(NotAdmitted::Expired(inner.admission.reason(call.id.into())));
        }
        tokio::select! {
            permit = ticket.permit() => return permit.ok_or(NotAdmitted::Changed),
            Ok(()) = allowances.changed() => {
                let now = inner.allowed.of(engine, call.account).await;
                if now != allowed {
                    allowed = now;
                    ticket = inner.admission.enter_again(waiting(engine, call, allowed, route));
                }
                continue;
            }
            () = sleep_until(look) => {}
            () = sleep(left) => continue,
        }
        look += LOOK;
        if let Some(want) = inner.admission.reason(call.id.into())
            && told.as_ref() != Some(&want.key)
        {
            tell(engine, call, &want).await;
            told = Some(want.key);
        }
    }
}

/// What the call counts against when its account is allowed so much.
fn waiting(engine: &Engine, call: &Call, allowed: Limit, route: &Route) -> Waiting {
    let wants = rules::wants(&engine.settings, call.account, allowed, &call.plan, route);
    Waiting {
        subject: call.id.into(),
        account: call.account,
        priority: call.plan.priority,
        due: call.plan.due.as_microsecond(),
        wants: wants.common.into(),
        number: wants.number,
    }
}

/// How long another party of a live call waits at most for its limits. The first party waits too, and what it
/// takes may be just what is waited for.
const OTHER_WAITS: Duration = Duration::from_secs(30);

/// Chooses the way for another leg of a live call, and waits until all limits on it allow it.
pub(super) async fn another_admitted(
    engine: Engine,
    (call, account): (CallId, AccountId),
    plan: Plan,
) -> Result<(Route, Permit), Ending> {
    let refused = |error: NoRoute| Ending::new(Outcome::Refused, EndedBy::System, error.to_string());
    let route = routing::route_leg(&plan, &engine.settings, &engine.carriers).map_err(refused)?;
    let inner = engine.inner();
    let allowed = inner.allowed.of(&engine, account).await;
    let wants = rules::wants(&engine.settings, account, allowed, &plan, &route);
    let mut ticket = inner.admission.enter(Waiting {
        subject: call.into(),
        account,
        priority: plan.priority,
        due: engine.ids.now().as_microsecond(),
        wants: wants.common.into(),
        number: wants.number,
    });
    let permit = timeout(OTHER_WAITS, ticket.permit()).await;
    permit.ok().flatten().map(|permit| (route, permit)).ok_or_else(|| {
        let reason = inner.admission.reason(call.into());
        let reason = reason.map_or_else(|| "its limits are used up".to_owned(), |want| want.in_words());
        Ending::new(
            Outcome::Congestion,
            EndedBy::System,
            format!("it could not be dialled within {OTHER_WAITS:?}: {reason}"),
        )
    })
}

/// How long the call may still wait.
fn time_left(call: &Call, now: Timestamp) -> Duration {
    call.plan.expires.map_or(Duration::MAX, |expires| {
        Duration::try_from(expires.duration_since(now)).unwrap_or_default()
    })
}

/// Writes into the event log what the call waits for. While the disk fails nothing goes anyway, so what
/// cannot be written is left out.
async fn tell(engine: &Engine, call: &mut Call, want: &Want) {
    let mut told = call.clone();
    told.state = CallState::Queued;
    let kind = EventKind::Queued {
        because: want.in_words(),
    };
    let events = vec![engine.record(&mut told, kind)];
    let saved = engine.store.commit(Change {
        call: told.clone(),
        since: Some(call.events),
        flow: None,
        attempt: None,
        legs: Vec::new(),
        events,
        traces: Vec::new(),
        job: Job::Keep,
        answer: None,
    });
    // From here on the call is as it was told to be: the change is saved even when nobody waits for it.
    let before = std::mem::replace(call, told);
    if let Err(error) = saved.await {
        tracing::warn!(%error, call = %call.id, "cannot write down what the call waits for");
        *call = before;
    }
}
