//! The port, over the trunks of this carrier.

use std::{collections::BTreeMap, sync::Arc};

use futures_util::future::{BoxFuture, ready};
use outdial_callfile::{Spool, WatchError};
use outdial_domain::{Ending, LegId};
use outdial_engine::ports::{
    Answer, Ask, LeftBehind, LegCommand, LegEnd, LegEvent, LegHandle, LegOrder, RingError, VoiceCarrier, WholeOrder,
};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, mpsc},
    time::Instant,
};

use crate::{
    AsteriskTrunk, Way, WrongTrunk,
    ending::not_dialled,
    files::{self, FileLeg, blocking, too_late},
    manager::{self, ManagedLeg, Manager},
    order,
    watcher::Watcher,
};

/// So few things happen to a leg that nobody has to wait here.
const EVENTS: usize = 16;

/// Rings through Asterisks, each a trunk.
pub struct AsteriskCarrier {
    trunks: BTreeMap<String, Arc<Trunk>>,
}

pub(crate) struct Trunk {
    pub(crate) settings: AsteriskTrunk,
    room: Arc<Semaphore>,
    link: Link,
}

enum Link {
    Files(Watcher),
    Manager(Arc<Manager>),
}

impl AsteriskCarrier {
    /// A carrier with these trunks. It must be made where tokio runs.
    ///
    /// # Errors
    ///
    /// [`WrongTrunk`] when settings make no sense. That an Asterisk is not there is no error: its trunk
    /// refuses calls until it is.
    pub fn new(trunks: Vec<AsteriskTrunk>) -> Result<Self, WrongTrunk> {
        let trunk = |settings: AsteriskTrunk| {
            settings.check()?;
            let link = match &settings.way {
                Way::Files(spool) => {
                    tokio::spawn(clear(settings.name.clone(), spool.clone()));
                    Link::Files(Watcher::new(spool.clone()))
                }
                Way::Manager(login) => Link::Manager(Arc::new(Manager::start(login.clone()))),
            };
            let room = Arc::new(Semaphore::new(settings.in_flight.min(Semaphore::MAX_PERMITS)));
            Ok((settings.name.clone(), Arc::new(Trunk { settings, room, link })))
        };
        Ok(Self {
            trunks: trunks.into_iter().map(trunk).collect::<Result<_, _>>()?,
        })
    }

    pub(crate) fn trunk(&self, name: &str) -> Option<&Arc<Trunk>> {
        self.trunks.get(name)
    }
}

impl VoiceCarrier for AsteriskCarrier {
    fn can(&self, ask: &Ask<'_>) -> Answer {
        let Some(trunk) = ask.trunk.and_then(|name| self.trunk(name)) else {
            return Answer::No("Asterisk rings over its own trunks only".to_owned());
        };
        let refusal = trunk.settings.can(ask).err().or_else(|| trunk.absent());
        refusal.map_or(Answer::Whole, Answer::No)
    }

    fn ring(&self, order: LegOrder) -> BoxFuture<'_, Result<LegHandle, RingError>> {
        let reason = format!("Asterisk takes whole calls and gives no legs, as for {}", order.to);
        Box::pin(ready(Err(RingError::Refused(reason))))
    }

    fn take(&self, order: WholeOrder) -> BoxFuture<'_, Result<LegHandle, RingError>> {
        let name = order.leg.trunk.as_deref().unwrap_or_default();
        let Some(trunk) = self.trunk(name) else {
            let reason = format!("there is no trunk `{name}` to an Asterisk");
            return Box::pin(ready(Err(RingError::Refused(reason))));
        };
        let trunk = Arc::clone(trunk);
        let (events, happens) = mpsc::channel(EVENTS);
        let (tell, commands) = mpsc::channel(EVENTS);
        // Asterisk has no use for a handle that is dropped, but its files want to be looked after.
        tokio::spawn(async move { trunk.take(order, events, commands).await });
        Box::pin(ready(Ok(LegHandle {
            events: happens,
            commands: tell,
        })))
    }

    fn take_up(&self, left: LeftBehind) -> Option<LegHandle> {
        let trunk = Arc::clone(self.trunk(&left.trunk)?);
        let (events, happens) = mpsc::channel(EVENTS);
        let (tell, commands) = mpsc::channel(EVENTS);
        tokio::spawn(async move { trunk.take_up(left, events, commands).await });
        Some(LegHandle {
            events: happens,
            commands: tell,
        })
    }
}

impl Trunk {
    /// Why no call can be handed over at all at this moment.
    fn absent(&self) -> Option<String> {
        match &self.settings.way {
            Way::Files(spool) if !spool.dir().is_dir() => Some(format!(
                "the spool directory {} is not there: start Asterisk with pbx_spool, or name the right one",
                spool.dir().display()
            )),
            Way::Files(_) => None,
            Way::Manager(_) => self.manager()?.refusal(),
        }
    }

    async fn take(
        self: Arc<Self>,
        order: WholeOrder,
        events: mpsc::Sender<LegEvent>,
        mut commands: mpsc::Receiver<LegCommand>,
    ) {
        let room = match self.room(&mut commands).await {
            Ok(room) => room,
            Err(ending) => return ended(&events, ending).await,
        };
        let leg = order.leg.leg;
        let send_before = order.leg.send_before;
        let written = {
            let trunk = Arc::clone(&self);
            blocking(move || order::write(&trunk.settings, &order)).await
        };
        let order = match written {
            Ok(_) if send_before.is_some_and(|until| until <= Instant::now().into_std()) => Err(too_late()),
            Ok(order) => Ok(order),
            Err(reason) => Err(not_dialled(reason)),
        };
        let order = match order {
            Ok(order) => order,
            Err(ending) => return ended(&events, ending).await,
        };
        match &self.link {
            Link::Manager(manager) => {
                let leg = ManagedLeg {
                    manager: Arc::clone(manager),
                    id: leg.to_string(),
                    order,
                    send_before,
                    room: Some(room),
                    events,
                    commands,
                };
                Box::pin(leg.run()).await;
            }
            Link::Files(watcher) => match file_leg(watcher, leg, events, commands) {
                Ok(leg) => {
                    Box::pin(leg.run(order)).await;
                    drop(room);
                }
                Err((events, error)) => ended(&events, not_dialled(error.to_string())).await,
            },
        }
    }

    /// Stays with a leg of an earlier run. It takes the room of one, but waits for none: Asterisk has it.
    async fn take_up(
        self: Arc<Self>,
        left: LeftBehind,
        events: mpsc::Sender<LegEvent>,
        commands: mpsc::Receiver<LegCommand>,
    ) {
        let _room = Arc::clone(&self.room).try_acquire_owned().ok();
        match &self.link {
            Link::Manager(manager) => manager::take_up(manager, &left, events).await,
            Link::Files(watcher) => match file_leg(watcher, left.leg, events, commands) {
                Ok(leg) => Box::pin(leg.take_up(&left)).await,
                Err((_, error)) => {
                    tracing::warn!(%error, leg = %left.leg, "what became of an interrupted call cannot be found out");
                }
            },
        }
    }

    pub(crate) fn manager(&self) -> Option<&Manager> {
        match &self.link {
            Link::Manager(manager) => Some(manager),
            Link::Files(_) => None,
        }
    }

    /// Waits until Asterisk may be given one call more. Who hangs up meanwhile was never handed over.
    async fn room(&self, commands: &mut mpsc::Receiver<LegCommand>) -> Result<OwnedSemaphorePermit, Ending> {
        let room = Arc::clone(&self.room).acquire_owned();
        tokio::pin!(room);
        loop {
            tokio::select! {
                room = &mut room => return Ok(room.expect("nobody closes it")),
                command = commands.recv() => match command {
                    Some(LegCommand::HangUp { ending }) => return Err(ending),
                    Some(_) => {}
                    None => return Err(not_dialled("nobody wanted this call any more before it was handed over")),
                }
            }
        }
    }
}

/// Clears away what an earlier run had written and not put into the queue.
async fn clear(trunk: String, spool: Spool) {
    let files = blocking(move || spool.clear()).await;
    if files > 0 {
        tracing::warn!(
            trunk,
            files,
            "an earlier run was interrupted: call files that it had not spooled yet were removed, and nobody was rung for them"
        );
    }
}

/// A leg of this spool, whose result is waited for from now on.
fn file_leg(
    watcher: &Watcher,
    leg: LegId,
    events: mpsc::Sender<LegEvent>,
    commands: mpsc::Receiver<LegCommand>,
) -> Result<FileLeg, (mpsc::Sender<LegEvent>, WatchError)> {
    let name = files::name(leg);
    match watcher.expect(&name) {
        Ok(result) => Ok(FileLeg {
            spool: watcher.spool().clone(),
            name,
            result,
            events,
            commands,
        }),
        Err(error) => Err((events, error)),
    }
}

/// Says the last thing that is said of a leg.
pub(crate) async fn ended(events: &mpsc::Sender<LegEvent>, ending: Ending) {
    let end = LegEnd {
        ending,
        quality: None,
        trace: Vec::new(),
        far_sound: None,
    };
    // Whoever listened may have gone, and learns of the end by looking it up.
    let _ = events.send(LegEvent::Ended(Box::new(end))).await;
}
