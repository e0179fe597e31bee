//! The newest events in memory, for whoever follows them as they come: a live reader costs the disk
//! and the reader threads nothing. The table is the truth; whoever is further behind reads it.

use std::{
    collections::VecDeque,
    sync::{PoisonError, RwLock},
};

use jiff::Timestamp;
use outdial_domain::{AccountId, Event};
use outdial_engine::ports::StoredEvent;

/// How many events are kept. A live reader is some hundred behind when thousands come in a second.
const KEPT: usize = 2_048;

#[derive(Debug)]
pub(super) struct Recent(RwLock<Kept>);

#[derive(Debug)]
struct Kept {
    /// Every event after this position is here.
    since: i64,
    events: VecDeque<StoredEvent>,
}

impl Kept {
    fn newest(&self) -> i64 {
        self.events.back().map_or(self.since, |newest| newest.position)
    }
}

impl Recent {
    /// Nothing, as long as the newest event has this position.
    pub(super) fn new(newest: i64) -> Self {
        let events = VecDeque::new();
        Self(RwLock::new(Kept { since: newest, events }))
    }

    /// Adds what was saved, of which the last has this position. Must be called in the order of saving.
    pub(super) fn add(&self, position: i64, saved: Vec<Event>) {
        let mut kept = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let first = position - i64::try_from(saved.len()).unwrap_or(i64::MAX) + 1;
        if kept.newest() + 1 != first {
            // Something was saved although the disk said that it was not: only the table has it.
            kept.events.clear();
            kept.since = first - 1;
        }
        kept.events.extend((first..).zip(saved).map(|(position, event)| {
            let at = as_kept(event.at);
            StoredEvent {
                position,
                event: Event { at, ..event },
            }
        }));
        let surplus = kept.events.len().saturating_sub(KEPT);
        let last = kept.events.drain(..surplus).next_back();
        kept.since = last.map_or(kept.since, |last| last.position);
    }

    /// Events of this account after a position; `None` when some of them may be in the table only.
    pub(super) fn after(&self, account: AccountId, position: i64, most: usize) -> Option<Vec<StoredEvent>> {
        let kept = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if position < kept.since {
            return None;
        }
        let first = kept.events.partition_point(|stored| stored.position <= position);
        let new = kept
            .events
            .range(first..)
            .filter(|stored| stored.event.account == account);
        Some(new.take(most).cloned().collect())
    }
}

/// The time as the table keeps it, so that an event is the same wherever it is read.
fn as_kept(at: Timestamp) -> Timestamp {
    Timestamp::from_microsecond(at.as_microsecond()).unwrap_or(at)
}

#[cfg(test)]
mod tests {
    use outdial_domain::{CallId, EventId, EventKind, Subject};
    use uuid::Uuid;

    use super::*;

    fn event(account: u128, sequence: u32) -> Event {
        Event {
            id: EventId::from_uuid(Uuid::from_u128(u128::from(sequence))),
            account: AccountId::from_uuid(Uuid::from_u128(account)),
            subject: Subject::Call(CallId::from_uuid(Uuid::nil())),
            sequence,
            at: Timestamp::from_nanosecond(1_234_567).unwrap(),
            kind: EventKind::HangUpRequested {
                by: "x".into(),
                why: None,
            },
        }
    }

    fn positions(recent: &Recent, account: u128, after: i64, most: usize) -> Option<Vec<i64>> {
        let account = AccountId::from_uuid(Uuid::from_u128(account));
        let events = recent.after(account, after, most)?;
        Some(events.iter().map(|stored| stored.position).collect())
    }

    #[test]
    fn an_account_reads_its_own_events_from_where_it_stopped() {
        let recent = Recent::new(10);
        recent.add(13, vec![event(1, 1), event(2, 1), event(1, 2)]);
        recent.add(14, vec![event(1, 3)]);
        assert_eq!(positions(&recent, 1, 10, 9), Some(vec![11, 13, 14]));
        assert_eq!(positions(&recent, 1, 11, 1), Some(vec![13]));
        assert_eq!(positions(&recent, 1, 14, 9), Some(vec![]));
        assert_eq!(positions(&recent, 2, 10, 9), Some(vec![12]));
        assert_eq!(positions(&recent, 1, 9, 9), None, "that is older than what is kept");
        let kept = recent.after(event(1, 1).account, 13, 1).unwrap();
        assert_eq!(kept[0].event.at.as_nanosecond(), 1_234_000);
    }

    #[test]
    fn what_makes_room_is_read_from_the_table() {
        let recent = Recent::new(0);
        for position in 1..=KEPT as i64 + 5 {
            recent.add(position, vec![event(1, 1)]);
        }
        assert_eq!(positions(&recent, 1, 4, 9), None);
        assert_eq!(positions(&recent, 1, 5, 2), Some(vec![6, 7]));
    }

    #[test]
    fn a_gap_is_not_passed_over() {
        let recent = Recent::new(0);
        recent.add(1, vec![event(1, 1)]);
        recent.add(5, vec![event(1, 2)]);
        assert_eq!(positions(&recent, 1, 1, 9), None);
        assert_eq!(positions(&recent, 1, 4, 9), Some(vec![5]));
    }
}
