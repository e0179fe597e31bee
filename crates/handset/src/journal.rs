//! All that happened, in memory for those who wait and in the ring log for those who come later.

use std::collections::{HashMap, VecDeque};
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::{broadcast, watch};

use crate::clock;
use crate::event::{EventKind, PhoneEvent};
use crate::heard::HeardCall;

/// How often a number was rung, and by which calls.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rings {
    /// INVITEs that reached the phone. Retransmissions and challenged ones are not among them; a new INVITE with a known Call-ID is.
    pub count: u64,
    /// The Call-ID of each, in order.
    pub call_ids: Vec<String>,
}

/// So many events, and so many calls, are remembered; the ring log has them all.
const REMEMBERED: usize = 100_000;

#[derive(Debug, Default)]
struct Known {
    rings: HashMap<String, Rings>,
    events: Memory<PhoneEvent>,
    calls: Memory<HeardCall>,
    /// How many calls of each number are over.
    over: HashMap<String, usize>,
}

/// The latest of something, numbered from the first that ever was.
#[derive(Debug)]
struct Memory<T> {
    latest: VecDeque<T>,
    forgotten: usize,
}

impl<T> Default for Memory<T> {
    fn default() -> Self {
        Self {
            latest: VecDeque::new(),
            forgotten: 0,
        }
    }
}

impl<T> Memory<T> {
    fn push(&mut self, item: T) {
        if self.latest.len() == REMEMBERED {
            self.latest.pop_front();
            self.forgotten += 1;
        }
        self.latest.push_back(item);
    }

    /// How many there ever were.
    fn count(&self) -> usize {
        self.forgotten + self.latest.len()
    }

    /// Those from this number on, as far as they are remembered.
    fn since(&self, number: usize) -> impl Iterator<Item = &T> {
        self.latest.iter().skip(number.saturating_sub(self.forgotten))
    }
}

/// The memory of a set of phones. Every event is in the ring log before it is told to anybody.
#[derive(Debug)]
pub(crate) struct Journal {
    known: Mutex<Known>,
    log: Option<Mutex<File>>,
    changes: watch::Sender<()>,
    finished: broadcast::Sender<HeardCall>,
}

impl Journal {
    pub(crate) fn open(path: Option<&Path>) -> std::io::Result<Self> {
        let log = path.map(|path| OpenOptions::new().create(true).append(true).open(path));
        Ok(Self {
            known: Mutex::default(),
            log: log.transpose()?.map(Mutex::new),
            changes: watch::Sender::new(()),
            finished: broadcast::Sender::new(4096),
        })
    }

    /// Counts a ring and returns which one of this number it is.
    pub(crate) fn ring(&self, number: &str, call_id: &str, from: &str) -> u64 {
        let ring = {
            let mut known = self.known();
            let rings = known.rings.entry(number.to_owned()).or_default();
            rings.count += 1;
            rings.call_ids.push(call_id.to_owned());
            rings.count
        };
        let from = from.to_owned();
        self.tell(number, call_id, ring, EventKind::Invite { from });
        ring
    }

    pub(crate) fn tell(&self, number: &str, call_id: &str, ring: u64, kind: EventKind) {
        let event = PhoneEvent {
            time: clock::now(),
            number: number.to_owned(),
            call_id: call_id.to_owned(),
            ring,
            kind,
        };
        if let Some(log) = &self.log {
            write_line(log, &event);
        }
        self.known().events.push(event);
        self.changes.send_replace(());
    }

    pub(crate) fn finish(&self, call: HeardCall) {
        let kind = EventKind::Ended { by: call.ended_by };
        {
            let mut known = self.known();
            *known.over.entry(call.number.clone()).or_default() += 1;
            known.calls.push(call.clone());
        }
        self.tell(&call.number, &call.call_id, call.ring, kind);
        // Nobody listening is as good as everybody.
        let _ = self.finished.send(call);
    }

    pub(crate) fn rings(&self, number: &str) -> Rings {
        self.known().rings.get(number).cloned().unwrap_or_default()
    }

    pub(crate) fn all_rings(&self) -> u64 {
        self.known().rings.values().map(|rings| rings.count).sum()
    }

    pub(crate) fn events(&self) -> Vec<PhoneEvent> {
        self.known().events.since(0).cloned().collect()
    }

    pub(crate) fn calls(&self, number: &str) -> Vec<HeardCall> {
        let known = self.known();
        known
            .calls
            .since(0)
            .filter(|call| call.number == number)
            .cloned()
            .collect()
    }

    pub(crate) fn subscribe(&self) -> broadcast::Receiver<HeardCall> {
        self.finished.subscribe()
    }

    /// Waits until an event, past or to come, satisfies `wanted`. Each event is shown once, in order.
    pub(crate) async fn wait_until(&self, mut wanted: impl FnMut(&PhoneEvent) -> bool) -> PhoneEvent {
        let mut changes = self.changes.subscribe();
        let mut seen = 0;
        loop {
            changes.mark_unchanged();
            {
                let known = self.known();
                if let Some(event) = known.events.since(seen).find(|event| wanted(event)) {
                    return event.clone();
                }
                seen = known.events.count();
            }
            if changes.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }

    /// Waits until so many calls of a number are over, and returns the last of them.
    pub(crate) async fn finished(&self, number: &str, ordinal: usize) -> HeardCall {
        let mut changes = self.changes.subscribe();
        loop {
            changes.mark_unchanged();
            {
                let known = self.known();
                let over = known.over.get(number).copied().unwrap_or_default();
                if over >= ordinal.max(1) {
                    let later = over - ordinal.max(1);
                    let mut calls = known.calls.latest.iter().rev().filter(|call| call.number == number);
                    if let Some(call) = calls.nth(later) {
                        return call.clone();
                    }
                }
            }
            if changes.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        // Nothing panics while holding it, and what is in it is whole after every line.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes the event as one line with one system call, so that lines of several programs on one file do not mix.
fn write_line(log: &Mutex<File>, event: &PhoneEvent) {
    let Ok(mut line) = serde_json::to_vec(event) else {
        return;
    };
    line.push(b'\n');
    let mut log = log.lock().unwrap_or_else(PoisonError::into_inner);
    if let Err(error) = log.write_all(&line) {
        tracing::error!(%error, "cannot write the ring log; is the disk full?");
    }
}
