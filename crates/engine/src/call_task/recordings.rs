//! The recordings of one leg, as the task that owns its call sees them.

use std::time::Duration;

use outdial_domain::{
    AccountId, CallId, Channels, EventKind, LegId, Recording, RecordingEnd, RecordingId, RecordingState,
    recording::Made,
};
use outdial_flow::{Record, RecordingAction};
use tokio::{
    sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
    time::timeout,
};

use crate::{
    Engine,
    ports::{TapSink, tap},
    recording::{
        finished_event,
        keeper::Keeper,
        writer::{Order, ROOM},
    },
};

/// How long the end of a call waits for the disk to have the end of its recordings.
const ENDING: Duration = Duration::from_secs(5);

/// How long the end of a call waits for the rows of its recordings.
const SAVING: Duration = Duration::from_secs(2);

/// The recordings of one leg.
pub(super) struct Recordings {
    running: Vec<Running>,
    /// Those that are complete and perhaps not yet saved.
    closing: Vec<Keeper>,
    teller: UnboundedSender<(RecordingId, Made)>,
    told: UnboundedReceiver<(RecordingId, Made)>,
    /// The one that the flow waits for.
    message: Option<RecordingId>,
}

struct Running {
    recording: Recording,
    keeper: Keeper,
}

/// Whose recording it will be.
#[derive(Debug, Clone, Copy)]
pub(super) struct Of {
    pub(super) account: AccountId,
    pub(super) call: CallId,
    pub(super) leg: LegId,
}

/// A recording that has begun: give the sink to its leg, and write the event down.
pub(super) struct Begun {
    pub(super) recording: Recording,
    pub(super) sink: TapSink,
    pub(super) event: EventKind,
}

/// A recording that is complete.
pub(super) struct Complete {
    pub(super) event: EventKind,
    /// What the flow is told, where it waits for this one.
    pub(super) message: Option<(RecordingEnd, Duration)>,
}

impl Recordings {
    pub(super) fn new() -> Self {
        let (teller, told) = unbounded_channel();
        Self {
            running: Vec::new(),
            closing: Vec::new(),
            teller,
            told,
            message: None,
        }
    }

    /// Begins a recording; the flow waits for it where it says until when.
    ///
    /// # Errors
    ///
    /// The reason, in words.
    pub(super) fn begin(&mut self, engine: &Engine, of: Of, record: Record, by: &str) -> Result<Begun, String> {
        if self.running.len() >= Recording::MOST_AT_ONCE {
            let most = Recording::MOST_AT_ONCE;
            return Err(format!(
                "{most} recordings of this call are under way, the most there may be: stop one"
            ));
        }
        let id = engine.ids.make(RecordingId::new);
        let (sink, tap) = tap(ROOM);
        let order = Order {
            id,
            tap,
            channels: record.channels,
            most: record.most,
            silence: record.until.and_then(|until| until.silence),
            done: self.teller.clone(),
        };
        let begun = engine.inner().writer.begin(order);
        begun.map_err(|error| format!("no recording can begin on this node: {error}"))?;
        let recording = new(engine, of, id, record.name, record.channels);
        if record.until.is_some() {
            self.message = Some(id);
        }
        let event = EventKind::RecordingStarted {
            recording: id,
            leg: of.leg,
            name: recording.name.clone(),
            channels: recording.channels,
            by: by.to_owned(),
        };
        self.running.push(Running {
            keeper: Keeper::start(engine, recording.clone()),
            recording: recording.clone(),
        });
        Ok(Begun { recording, sink, event })
    }

    /// Waits until one is complete. Safe to drop and call again.
    async fn next(&mut self) -> (RecordingId, Made) {
        match self.told.recv().await {
            Some(told) => told,
            // A sender of it is kept here.
            None => std::future::pending().await,
        }
    }

    /// Takes over what a recording came to.
    pub(super) fn complete(&mut self, engine: &Engine, id: RecordingId, made: Made) -> Option<Complete> {
        let place = self.running.iter().position(|running| running.recording.id == id)?;
        let Running { mut recording, keeper } = self.running.swap_remove(place);
        recording.finish(made, engine.ids.now());
        let event = finished_event(&recording);
        keeper.tell(recording);
        self.closing.push(keeper);
        let message = self.message.take_if(|message| *message == id);
        Some(Complete {
            event,
            message: message.map(|_| (made.end, made.length)),
        })
    }

    /// Ends the message that the flow waits for.
    pub(super) fn end_message(&self, engine: &Engine) {
        if let Some(id) = self.message {
            engine.inner().writer.stop(id, RecordingEnd::Key);
        }
    }

    /// Does this to all that are under way, as the flow wants it.
    pub(super) fn all(&mut self, engine: &Engine, action: RecordingAction) -> Vec<EventKind> {
        let ids: Vec<RecordingId> = self.running.iter().map(|running| running.recording.id).collect();
        let acts = ids
            .into_iter()
            .filter_map(|id| self.one(engine, id, action, "the flow", RecordingEnd::Flow).ok());
        acts.flat_map(|(_, event)| event).collect()
    }

    /// Does this to one of them. Doing it again changes nothing.
    ///
    /// # Errors
    ///
    /// When it is not under way.
    pub(super) fn one(
        &mut self,
        engine: &Engine,
        id: RecordingId,
        action: RecordingAction,
        by: &str,
        end: RecordingEnd,
    ) -> Result<(Recording, Option<EventKind>), NotRunning> {
        let running = self.running.iter_mut().find(|running| running.recording.id == id);
        let Running { recording, keeper } = running.ok_or(NotRunning)?;
        let by = by.to_owned();
        let (state, event) = match (action, recording.state) {
            (RecordingAction::Stop, _) => {
                engine.inner().writer.stop(id, end);
                return Ok((recording.clone(), None));
            }
            (RecordingAction::Pause, RecordingState::Recording) => {
                engine.inner().writer.pause(id, true);
                (RecordingState::Paused, EventKind::RecordingPaused { recording: id, by })
            }
            (RecordingAction::Resume, RecordingState::Paused) => {
                engine.inner().writer.pause(id, false);
                (
                    RecordingState::Recording,
                    EventKind::RecordingResumed { recording: id, by },
                )
            }
            (RecordingAction::Pause | RecordingAction::Resume, _) => return Ok((recording.clone(), None)),
        };
        recording.state = state;
        keeper.tell(recording.clone());
        Ok((recording.clone(), Some(event)))
    }

    /// Ends all of them with the leg, and waits for a moment until they are on the disk. Gives the events.
    ///
    /// A disk that stands still is waited for behind the call's back; the events are missing then.
    pub(super) async fn settle(mut self, engine: &Engine) -> Vec<EventKind> {
        for running in &self.running {
            engine.inner().writer.stop(running.recording.id, RecordingEnd::HungUp);
        }
        let mut events = Vec::new();
        let all = async {
            while !self.running.is_empty() {
                let (id, made) = self.next().await;
                events.extend(self.complete(engine, id, made).map(|complete| complete.event));
            }
        };
        if timeout(ENDING, all).await.is_err() {
            tracing::error!("the disk takes too long for the end of a recording; the call does not wait for it");
            let engine = engine.clone();
            engine
                .inner()
                .tasks
                .clone()
                .spawn(async move { self.settle_later(&engine).await });
            return events;
        }
        let saved = futures_util::future::join_all(self.closing.into_iter().map(Keeper::written));
        // They go on by themselves.
        let _ = timeout(SAVING, saved).await;
        events
    }

    async fn settle_later(mut self, engine: &Engine) {
        let stopping = engine.inner().left.clone();
        while !self.running.is_empty() {
            tokio::select! {
                () = stopping.cancelled() => return,
                (id, made) = self.next() => { self.complete(engine, id, made); }
            }
        }
    }
}

/// Waits until one of these is complete, where there are any. Safe to drop and call again.
pub(super) async fn recorded(recordings: &mut Option<Box<Recordings>>) -> (RecordingId, Made) {
    match recordings {
        Some(recordings) => recordings.next().await,
        None => std::future::pending().await,
    }
}

/// There is no such recording under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NotRunning;

fn new(engine: &Engine, of: Of, id: RecordingId, name: String, channels: Channels) -> Recording {
    Recording {
        id,
        account: of.account,
        call: of.call,
        leg: of.leg,
        name,
        channels,
        node: engine.settings.node.clone(),
        state: RecordingState::Recording,
        end: None,
        rate: 0,
        length: Duration::ZERO,
        bytes: 0,
        begun_at: engine.ids.now(),
        ended_at: None,
        delete_at: None,
    }
}
