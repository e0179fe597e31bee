//! One leg, from its INVITE to its end. One task owns it.
//!
//! It is dialled ([`dial`]), and if somebody answers, talked to ([`talk`]); requests of the far side
//! are answered meanwhile ([`requests`]). However it goes, [`LegEvent::Ended`] is told exactly once,
//! and no later than the timers of SIP allow: every wait has its end.

mod dial;
mod early;
mod endings;
mod events;
mod forks;
mod hand_over;
mod inbox;
mod means;
mod redirect;
mod refresh;
mod requests;
mod retry;
mod ringing;
mod route;
mod session;
mod sound;
mod take;
mod talk;
mod transfer;
mod wishes;

use std::{
    net::{IpAddr, SocketAddr},
    sync::{Arc, PoisonError},
    time::Duration,
};

use outdial_domain::{EndedBy, Ending, LegId, Outcome};
use outdial_engine::ports::{LegCommand, LegEnd, LegEvent, LegHandle, LegOrder, RingError};
use outdial_media::codec::Codec;
use rsipstack::transaction::Transaction;
use tokio::{
    sync::{OwnedSemaphorePermit, mpsc},
    time::Instant,
};

use crate::{
    bucket::Bucket,
    carrier::is_past,
    challenge::Challenges,
    dialog::Dialog,
    flow::OURSELVES,
    invite,
    legs::{Legs, Line, call_id},
    sdp::{self, Srtp},
    session_timer::Wish,
    start::Shared,
    target::Target,
    trace::Trace,
    trunk::Trunk,
};

pub(crate) use self::take::take;

use self::{
    dial::Dialling,
    events::Events,
    means::{Means, means},
    redirect::Redirects,
    ringing::Ringing,
    route::Route,
    sound::Sound,
    talk::Talk,
};

/// Commands and requests that may wait for the leg's task.
const WAITING: usize = 32;

/// Messages of one leg that are looked at per second. The busiest far sides send a few.
const PER_SECOND: f64 = 100.0;

/// What the leg's task owns.
struct Leg {
    shared: Arc<Shared>,
    events: Events,
    commands: mpsc::Receiver<LegCommand>,
    requests: mpsc::Receiver<Box<Transaction>>,
    sound: Sound,
    line: Arc<Line>,
    /// The trunk that it goes by.
    trunk: Option<Arc<Trunk>>,
    entry: Entry,
    /// Its place among all legs, which one that rings here takes with its answer.
    _place: Option<OwnedSemaphorePermit>,
}

/// How a leg begins.
enum Begun {
    /// Its INVITE was sent.
    Dialled(Box<Transaction>, Box<Dialling>),
    /// Somebody calls us.
    RingsHere(Box<Ringing>),
}

/// How that went.
enum Setup {
    Answered(Box<Talk>),
    Over(Ending),
}

/// The leg's place among all legs, given up when this is dropped.
struct Entry {
    legs: Arc<Legs>,
    call_id: String,
    leg: LegId,
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.legs.leave(&self.call_id);
    }
}

/// Sends the INVITE of a leg and starts its task.
pub(crate) async fn ring(shared: &Arc<Shared>, order: &LegOrder, target: Target) -> Result<LegHandle, RingError> {
    let Means { place, stream } = means(shared, order.leg).await.map_err(RingError::Exhausted)?;
    let mut route = Route::of(shared, &target).await?;
    let flow = route
        .next(shared)
        .await
        .map_err(|reasons| RingError::Exhausted(format!("the far side cannot be reached: {reasons}")))?;

    let (line, requests) = line();
    let call_id = call_id(order.leg);
    // The journal would have to be wrong for this, but nothing rings the same leg twice.
    if !shared.legs.enter(&call_id, Arc::clone(&line)) {
        return Err(RingError::Refused(format!("{} is under way already", order.leg)));
    }
    let entry = Entry {
        legs: Arc::clone(&shared.legs),
        call_id,
        leg: order.leg,
    };
    let (local, random) = local(shared, stream.local(), flow.reach.ip(), target.trunk.as_deref());
    let wish = wish(target.trunk.as_deref());
    let mut transaction = invite::make(shared, order.leg, &target, &flow, wish, sdp::offer(&local))
        .and_then(|request| flow.transaction(shared, request))
        .map_err(|error| RingError::Refused(format!("no INVITE can be made: {error}")))?;

    let (command_sender, commands) = mpsc::channel(WAITING);
    let (events, receiver) = Events::new();
    let mut leg = Leg {
        shared: Arc::clone(shared),
        events,
        commands,
        requests,
        sound: Sound::new(Some(stream), local, random, silent_after(target.trunk.as_deref())),
        line,
        trunk: target.trunk.clone(),
        entry,
        _place: Some(place),
    };
    if is_past(order.send_before) {
        return Err(RingError::TooLate);
    }
    // Between the send and the task nothing waits, so the INVITE never goes out without an owner.
    transaction
        .send()
        .await
        .map_err(|error| RingError::Exhausted(error.to_string()))?;
    leg.events.tell(LegEvent::Sent);
    let challenges = Challenges::new(target.password(), target.way());
    let dialling = Dialling {
        contact: flow.contact(OURSELVES),
        flow,
        route,
        challenges,
        wish,
        redirects: redirects(&target),
        target,
        send_before: order.send_before,
    };
    tokio::spawn(Box::new(leg).run(Begun::Dialled(Box::new(transaction), Box::new(dialling))));
    Ok(LegHandle {
        events: receiver,
        commands: command_sender,
    })
}

/// Where messages of a leg go, and where its task hears of them.
fn line() -> (Arc<Line>, mpsc::Receiver<Box<Transaction>>) {
    let (sender, requests) = mpsc::channel(WAITING);
    let now = std::time::Instant::now();
    let line = Line {
        trace: Trace::default().into(),
        requests: sender,
        asking: Bucket::new(PER_SECOND, now).into(),
        ringing: Bucket::new(PER_SECOND, now).into(),
        places: Vec::new().into(),
    };
    (Arc::new(line), requests)
}

/// Our side of a session, and what its stream draws its numbers from. `bound` is where its sound comes and goes,
/// `ours` our address as the far side sees it.
fn local(shared: &Shared, bound: SocketAddr, ours: IpAddr, trunk: Option<&Trunk>) -> (sdp::Local, u128) {
    let random = shared.ids.secret();
    let mut secrets = [0; 64];
    for half in secrets.chunks_exact_mut(32) {
        half.copy_from_slice(&shared.ids.secret());
    }
    let (first, rest) = random.split_at(16);
    let number = |octets: &[u8]| {
        octets
            .iter()
            .fold(0_u128, |number, octet| number << 8 | u128::from(*octet))
    };
    let local = sdp::Local {
        address: SocketAddr::new(media_address(shared, bound.ip(), ours), bound.port()),
        // Only the lower half, because some far sides read it as a signed number.
        session: (number(rest) as u32) >> 1,
        version: 1,
        codecs: match trunk {
            Some(trunk) => trunk.settings.codecs.clone(),
            None => Codec::G711.to_vec(),
        },
        packet_time: trunk.map_or(20, |trunk| trunk.settings.packet_time),
        srtp: trunk.map_or(Srtp::Off, |trunk| trunk.settings.srtp),
        keys: sdp::keys(&secrets),
        holds: false,
        telephone_event: sdp::TELEPHONE_EVENT,
    };
    (local, number(first))
}

/// How long a far side may send nothing at all.
fn silent_after(trunk: Option<&Trunk>) -> Option<Duration> {
    trunk.and_then(|trunk| trunk.settings.silent_after)
}

/// What we want of session timers.
fn wish(trunk: Option<&Trunk>) -> Wish {
    trunk.map_or(Wish::USUAL, |trunk| trunk.settings.session())
}

/// Where the leg may be sent on to.
fn redirects(target: &Target) -> Redirects {
    match &target.trunk {
        Some(trunk) => Redirects {
            left: trunk.settings.redirects,
            hosts: trunk.settings.redirect_hosts.clone(),
            other_numbers: trunk.settings.redirect_other_numbers,
        },
        None => Redirects {
            left: 3,
            hosts: Vec::new(),
            other_numbers: false,
        },
    }
}

/// Where sound is to be sent: to what we advertise, to the address of the media, or to the one that
/// leads to the far side.
fn media_address(shared: &Shared, bound: IpAddr, ours: IpAddr) -> IpAddr {
    match shared.advertise {
        Some(advertised) => advertised,
        None if bound.is_unspecified() => ours,
        None => bound,
    }
}

impl Leg {
    async fn run(mut self: Box<Self>, begun: Begun) {
        let stop = self.shared.stop.clone();
        let ending = tokio::select! {
            ending = self.live(begun) => ending,
            // Nobody turns the timers of SIP any more, so nothing would ever end it.
            () = stop.cancelled() => Ending::new(
                Outcome::Unknown,
                EndedBy::System,
                "the SIP carrier was stopped while the leg was under way; the far side was not told",
            ),
        };
        Box::pin(self.finish(ending)).await;
    }

    async fn live(&mut self, begun: Begun) -> Ending {
        // Boxed one after the other, so that the task is as large as the larger of them, not as both.
        let setup = match begun {
            Begun::Dialled(invite, dialling) => Box::pin(self.dial(invite, dialling)).await,
            Begun::RingsHere(ringing) => Box::pin(self.ring_here(*ringing)).await,
        };
        match setup {
            Setup::Answered(talk) => Box::pin(self.talk(talk)).await,
            Setup::Over(ending) => ending,
        }
    }

    /// Ends an established leg: silence, then BYE. Waits for the answer, so that the trace shows it,
    /// but not for long; the BYE is repeated without us if it has to be.
    async fn part(&mut self, dialog: Dialog) {
        self.sound.close().await;
        let until = Instant::now() + 8 * self.shared.t1();
        let mut bye = Box::pin(dialog.bye(Arc::clone(&self.shared)));
        loop {
            tokio::select! {
                biased;
                () = &mut bye => return,
                Some(request) = self.requests.recv() => self.answer_parting(request).await,
                () = tokio::time::sleep_until(until) => break,
            }
        }
        tokio::spawn(bye);
    }

    /// Tells that the leg is over, and gives its means back, while the far side is still seen to.
    async fn end_early(&mut self, ending: Ending) {
        self.sound.close().await;
        self._place = None;
        tell_end(&mut self.events, &self.sound, &self.line, ending);
    }

    async fn finish(mut self: Box<Self>, ending: Ending) {
        self.sound.close().await;
        // A response that is still on its way to the trace is there by now or not at all.
        drop(self.entry);
        tell_end(&mut self.events, &self.sound, &self.line, ending);
        // Requests that came too late are answered as those of a stranger would be.
        self.requests.close();
        while let Some(request) = self.requests.recv().await {
            requests::unknown(request).await;
        }
    }
}

/// Tells how a leg ended, unless that was told before.
fn tell_end(events: &mut Events, sound: &Sound, line: &Line, ending: Ending) {
    let trace = line.trace.lock().unwrap_or_else(PoisonError::into_inner).take();
    events.end(LegEnd {
        ending,
        quality: sound.quality(),
        trace,
        far_sound: sound.far(),
    });
}
