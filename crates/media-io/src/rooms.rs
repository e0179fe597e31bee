//! The rooms of an engine: which there are, on which thread each is, and who is in them.

use std::{
    collections::HashMap,
    fmt,
    sync::{
        Arc, Mutex, PoisonError, Weak,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use outdial_domain::{LegId, RoomId};
use outdial_engine::ports::{Clip, Joining, RoomKind};
use outdial_media::{
    mixer::Band,
    resample::{RateOutOfRange, resample},
};

use crate::engine::Workers;

/// No thread yet.
const NOWHERE: usize = usize::MAX;

/// All rooms that somebody is in or on the way to. Locked when somebody joins or a room is asked for, never per packet.
#[derive(Debug, Default)]
pub(crate) struct Rooms {
    entries: Mutex<HashMap<RoomId, Weak<Entry>>>,
}

/// One room as everybody knows it. It is there as long as somebody is in it or on the way to it.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) id: RoomId,
    pub(crate) kind: RoomKind,
    /// The number of its thread.
    home: AtomicUsize,
    present: Mutex<Vec<Weak<Presence>>>,
}

/// That a leg is in a room, as long as it is.
#[derive(Debug)]
pub(crate) struct Presence {
    leg: LegId,
    speaks: AtomicBool,
}

/// What a stream takes with it on its way into a room.
pub(crate) struct Join {
    pub(crate) entry: Arc<Entry>,
    pub(crate) presence: Arc<Presence>,
    pub(crate) muted: bool,
    pub(crate) workers: Arc<Workers>,
}

impl fmt::Debug for Join {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Join({})", self.entry.id)
    }
}

impl Rooms {
    /// The room with this id, made if it is not there.
    pub(crate) fn enter(&self, joining: Joining) -> Arc<Entry> {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(entry) = entries.get(&joining.room).and_then(Weak::upgrade) {
            return entry;
        }
        // Rooms that are gone leave their names behind, which are swept out before they need more memory.
        if entries.len() == entries.capacity() {
            entries.retain(|_, entry| entry.strong_count() > 0);
        }
        let entry = Arc::new(Entry {
            id: joining.room,
            kind: joining.kind,
            home: AtomicUsize::new(NOWHERE),
            present: Mutex::default(),
        });
        entries.insert(joining.room, Arc::downgrade(&entry));
        entry
    }

    pub(crate) fn get(&self, room: RoomId) -> Option<Arc<Entry>> {
        let entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        entries.get(&room)?.upgrade()
    }
}

impl Entry {
    /// The number of its thread, once it has one.
    pub(crate) fn home(&self) -> Option<usize> {
        Some(self.home.load(Ordering::Acquire)).filter(|home| *home != NOWHERE)
    }

    /// Gives it a thread, unless somebody else was faster; returns the one it has.
    pub(crate) fn settle(&self, home: usize) -> usize {
        let settled = self
            .home
            .compare_exchange(NOWHERE, home, Ordering::AcqRel, Ordering::Acquire);
        settled.map_or_else(|before| before, |_| home)
    }

    /// Notes that a leg is on its way.
    pub(crate) fn announce(&self, leg: LegId) -> Arc<Presence> {
        let presence = Arc::new(Presence {
            leg,
            speaks: AtomicBool::new(false),
        });
        let mut present = self.present.lock().unwrap_or_else(PoisonError::into_inner);
        if present.len() == present.capacity() {
            present.retain(|presence| presence.strong_count() > 0);
        }
        present.push(Arc::downgrade(&presence));
        presence
    }

    /// Who speaks.
    pub(crate) fn speaking(&self) -> Vec<LegId> {
        let present = self.present.lock().unwrap_or_else(PoisonError::into_inner);
        let present = present.iter().filter_map(Weak::upgrade);
        present
            .filter(|presence| presence.speaks.load(Ordering::Relaxed))
            .map(|presence| presence.leg)
            .collect()
    }
}

impl Presence {
    pub(crate) fn set_speaking(&self, speaks: bool) {
        if self.speaks.load(Ordering::Relaxed) != speaks {
            self.speaks.store(speaks, Ordering::Relaxed);
        }
    }
}

/// What a clip holds.
type Samples = Arc<[i16]>;

/// Clips as a room plays them: all in one band. Those of other rates are converted here, away from the pacing threads.
pub(crate) fn in_one_band(clips: &[Arc<Clip>]) -> Result<(Band, Vec<Samples>), RateOutOfRange> {
    let rate = match clips.iter().all(|clip| clip.rate == 8_000) {
        true => 8_000,
        false => 16_000,
    };
    let samples = clips.iter().map(|clip| {
        if clip.rate == rate {
            return Ok(Arc::clone(&clip.samples));
        }
        resample(&clip.samples, clip.rate, rate).map(Arc::from)
    });
    let band = Band::of(rate).unwrap_or(Band::Narrow);
    Ok((band, samples.collect::<Result<_, _>>()?))
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    fn joining(number: u8) -> Joining {
        Joining {
            room: RoomId::new(Timestamp::UNIX_EPOCH, [number; 10]),
            kind: RoomKind::Bridge,
            muted: false,
        }
    }

    #[test]
    fn a_room_is_there_while_somebody_is_in_it() {
        let rooms = Rooms::default();
        let leg = LegId::new(Timestamp::UNIX_EPOCH, [1; 10]);
        let entry = rooms.enter(joining(1));
        let again = rooms.enter(Joining {
            kind: RoomKind::Conference,
            ..joining(1)
        });
        assert!(Arc::ptr_eq(&entry, &again));
        assert_eq!((again.kind, again.home()), (RoomKind::Bridge, None));
        assert_eq!((entry.settle(3), again.settle(5), again.home()), (3, 3, Some(3)));
        let presence = entry.announce(leg);
        assert_eq!(again.speaking(), []);
        presence.set_speaking(true);
        assert_eq!(again.speaking(), [leg]);
        drop(presence);
        assert_eq!(again.speaking(), []);
        drop((entry, again));
        assert!(rooms.get(joining(1).room).is_none());
    }

    #[test]
    fn names_of_rooms_that_are_gone_take_no_memory() {
        let rooms = Rooms::default();
        for number in 0..=250 {
            drop(rooms.enter(joining(number)));
        }
        assert!(rooms.entries.lock().unwrap().capacity() < 50);
    }

    #[test]
    fn clips_of_any_rate_are_played_in_one_band() {
        let clip = |rate, samples: usize| {
            Arc::new(Clip {
                rate,
                samples: vec![100; samples].into(),
            })
        };
        let bands = |clips: &[Arc<Clip>]| {
            let (band, clips) = in_one_band(clips).unwrap();
            (band, clips.iter().map(|clip| clip.len()).collect::<Vec<_>>())
        };
        assert_eq!(bands(&[clip(8_000, 80), clip(8_000, 8)]), (Band::Narrow, vec![80, 8]));
        assert_eq!(bands(&[clip(16_000, 80), clip(8_000, 80)]), (Band::Wide, vec![80, 160]));
        assert_eq!(bands(&[clip(48_000, 480)]), (Band::Wide, vec![160]));
        assert!(in_one_band(&[clip(0, 80)]).is_err());
    }
}
